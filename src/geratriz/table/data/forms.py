"""What values that tell of a person look like: recognised by themselves, with the column's name as weaker evidence."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import pandas as pd

FORMS = ("name", "email", "phone", "address", "text", "code")
"""``text`` is free text; ``code`` is anything else that letters and digits are arranged in, such as AB-1234."""

ASKED = 2000  # different values looked at: patterns cost time, and more would not change the answer
MOST = 0.8  # of the values match where a pattern alone is believed
MANY = 0.6  # of the values match where it is not
LEAST = 5  # fewer different values match by chance
SEVERAL = 20  # a column called `name` with fewer different values in a long table names no people
WORDS_OF_TEXT = 8  # a median of more words is free text

_EMAIL = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s.,;<>]{2,}")
_PHONE = re.compile(r"\+?[\d\s()./-]{7,25}(?:\s?(?:x|ext\.?)\s?\d{1,6})?")
_NO_PHONE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{1,3}(\.\d{1,3}){3}|\d{3}-\d{2}-\d{4}|97[89][ -].*")
_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")
_SSN = re.compile(r"\d{3}-\d{2}-\d{4}")
_CARD = re.compile(r"\d{13,19}")
_NAME = re.compile(r"[^\W\d_][^\W\d_.'\u2019-]*(?:[ .,'\u2019-]+[^\W\d_]+\.?){0,4}")
_HOUSE = re.compile(r"(?=.*\d)(?=.*[^\W\d_]{3})\w.*[\s,].*", re.DOTALL)  # a number and a word

_BY_NAME = {
    "name": "name firstname lastname fullname surname forename vorname nachname prenom apellido nombre nome sobrenome",
    "email": "email mail",
    "phone": "phone telephone tel telefon telefone mobile fax msisdn",
    "address": "address addr street adresse strasse endereco",
    "text": "comment comments note notes remark remarks message feedback review text memo",
    "code": "ssn iban passport cpf nif tin nino imei ip username login plate",
}
_CLEAR = {"surname", "lastname", "firstname", "forename", "vorname", "nachname", "ssn", "iban", "passport", "cpf"}
FORM_OF_WORD = {word: form for form, words in _BY_NAME.items() for word in words.split()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Suspicion:
    """Why a column seems to tell of persons."""

    form: str
    because: str
    """What was seen, as a sentence without any value."""
    certain: bool
    """Whether the values alone say so."""


def recognise(values: pd.Series, name: str = "") -> Suspicion | None:
    """Whether ``values`` look personal: certainly by their pattern, or perhaps by the column's ``name``."""
    seen = _look(values)
    if len(seen) < LEAST:
        return None
    told_by_text = is_text(values)
    for form, (matches, words) in _CERTAIN.items() if told_by_text else ():
        share = _share(matches, seen)
        if share >= MOST:
            return Suspicion(form=form, because=f"{share:.0%} of its values are {words}", certain=True)
    word = _word_of(name)
    if word is None:
        return None
    needed = LEAST if word in _CLEAR else min(SEVERAL, len(values) / 2)
    by_name = FORM_OF_WORD[word]
    could_be = _PERHAPS[by_name] if told_by_text else _is_key if by_name in ("phone", "code") else None
    if could_be is None or len(pd.unique(values.dropna())) < needed or _share(could_be, seen) < MANY:
        return None
    form = form_of(values, name)
    return Suspicion(form=form, because=f"its name says so, and its values could be of the form {form}", certain=False)


def form_of(values: pd.Series, name: str = "") -> str:
    """The form of a column that is personal: one of :data:`FORMS`, by its values first, then by its ``name``."""
    seen = _look(values)
    by_name = FORM_OF_WORD.get(_word_of(name) or "")
    if not is_text(values) or not seen:
        return "phone" if by_name == "phone" else "code"
    certain = next((form for form, (matches, _) in _CERTAIN.items() if _share(matches, seen) >= MANY), None)
    words = median(len(text.split()) for text in seen)
    if certain is not None:
        return certain
    if by_name in ("phone", "text", "code") or (by_name == "address" and words > 1):
        return by_name
    if _share(_NAME.fullmatch, seen) >= MANY and (by_name == "name" or words > 1 or _share(str.istitle, seen) >= MANY):
        return "name"
    if words > WORDS_OF_TEXT:
        return "text"
    if words > 2 and _share(_HOUSE.fullmatch, seen) >= MANY:
        return "address"
    return "text" if words > 2 else "code"


def text_of(value: Any) -> str:
    """A cell as text: a whole number alike in every dtype, others with the digits they need, no spaces around."""
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        whole = float(value).is_integer()
        return str(int(value)) if whole else np.format_float_positional(value, trim="-")
    return str(value).strip()


def texts(values: pd.Series) -> list[str]:
    """The different values that are there, as :func:`text_of` has them."""
    cells = pd.Series(pd.unique(values)).dropna()
    if isinstance(cells.dtype, pd.CategoricalDtype):
        cells = cells.astype(cells.cat.categories.dtype)
    return list(dict.fromkeys(text_of(each) for each in pd.unique(cells)))


def known(values: pd.Series) -> frozenset[str]:
    """All values that are there in a form in which equal ones are equal: as text, case folded."""
    return frozenset(text.casefold() for text in texts(values))


def _look(values: pd.Series) -> list[str]:
    different = texts(values)
    return different[:: -(-len(different) // ASKED) or 1]


def is_text(values: pd.Series) -> bool:
    """Whether the values that are there are text; one that is missing is nothing."""
    return all(isinstance(each, str) for each in pd.unique(values.dropna()))


def _word_of(name: str) -> str | None:
    words = re.split(r"[^a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())
    return next((word for word in words if word in FORM_OF_WORD), None)


def _share(matches: Callable[[str], Any], seen: list[str]) -> float:
    return sum(bool(matches(text)) for text in seen) / len(seen)


def _digits(text: str) -> int:
    return sum(each.isdigit() for each in text)


def _is_key(text: str) -> bool:
    return 5 <= _digits(text) <= 19


def _is_phone(text: str) -> bool:
    """Digits in groups as telephone numbers have them; neither dates, ranges, addresses of machines nor ISBNs."""
    if not _PHONE.fullmatch(text) or _NO_PHONE.fullmatch(text) or not 7 <= _digits(text) <= 17:
        return False
    groups = re.findall(r"\d+", text)
    return text.startswith(("+", "00")) or "(" in text or len(groups) > 2 or (len(groups) == 2 and text[0] == "0")


def _is_code(text: str) -> bool:
    """A number that is one person's, by a pattern or check digits that others have not."""
    bare = re.sub(r"[ -]", "", text).upper()
    if _SSN.fullmatch(text):
        return True
    if _IBAN.fullmatch(bare):
        return int("".join(str(int(each, 36)) for each in bare[4:] + bare[:4])) % 97 == 1
    if _CARD.fullmatch(bare):  # Luhn
        return sum(sum(divmod(int(each) * (1 + i % 2), 10)) for i, each in enumerate(reversed(bare))) % 10 == 0
    return False


_PERHAPS: dict[str, Callable[[str], Any]] = {
    "name": _NAME.fullmatch,
    "email": lambda text: "@" in text,
    "phone": _is_key,
    "address": lambda text: len(text.split()) > 1,
    "text": lambda text: len(text.split()) > 2,
    "code": lambda text: True,
}
_CERTAIN: dict[str, tuple[Callable[[str], Any], str]] = {
    "email": (_EMAIL.fullmatch, "e-mail addresses"),
    "code": (_is_code, "numbers of accounts, cards or social security"),
    "phone": (_is_phone, "telephone numbers"),
}
