"""Recognise personal values by their pattern, with the column's name as weaker evidence."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import pandas as pd

FORMS = ("name", "email", "phone", "address", "text", "code")
"""``text`` is free text; ``code`` is any other arrangement of letters and digits, such as AB-1234."""

MAX_SAMPLE = 2000  # distinct values examined: patterns cost time, and more would not change the result
MIN_CERTAIN_SHARE = 0.8  # share of matching values if the pattern is the only evidence
MIN_SHARE = 0.6  # share of matching values if there is other evidence
MIN_DISTINCT = 5  # distinct values; fewer match by chance
MIN_DISTINCT_NAMES = 20  # distinct values in a column called `name`; with fewer in a long table it names no people
FREE_TEXT_WORDS = 8  # median number of words above which texts are free text

_EMAIL = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s.,;<>]{2,}")
_PHONE = re.compile(r"\+?[\d\s()./-]{7,25}(?:\s?(?:x|ext\.?)\s?\d{1,6})?")
_NO_PHONE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{1,3}(\.\d{1,3}){3}|\d{3}-\d{2}-\d{4}|97[89][ -].*")
_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")
_SSN = re.compile(r"\d{3}-\d{2}-\d{4}")
_CARD = re.compile(r"\d{13,19}")
_NAME = re.compile(r"[^\W\d_][^\W\d_.'\u2019-]*(?:[ .,'\u2019-]+[^\W\d_]+\.?){0,4}")
_STREET = re.compile(r"(?=.*\d)(?=.*[^\W\d_]{3})\w.*[\s,].*", re.DOTALL)  # a number and a word

_BY_NAME = {
    "name": "name firstname lastname fullname surname forename vorname nachname prenom apellido nombre nome sobrenome",
    "email": "email mail",
    "phone": "phone telephone tel telefon telefone mobile fax msisdn",
    "address": "address addr street adresse strasse endereco",
    "text": "comment comments note notes remark remarks message feedback review text memo",
    "code": "ssn iban passport cpf nif tin nino imei ip username login plate",
}
_UNAMBIGUOUS = {"surname", "lastname", "firstname", "forename", "vorname", "nachname", "ssn", "iban", "passport", "cpf"}
FORM_OF_WORD = {word: form for form, words in _BY_NAME.items() for word in words.split()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Suspicion:
    """Evidence that a column is personal."""

    form: str
    because: str
    """The evidence, as a sentence without any value."""
    certain: bool
    """Whether the values alone are sufficient evidence."""


def recognise(values: pd.Series, name: str = "") -> Suspicion | None:
    """Recognise personal ``values``: certainly by their pattern, or possibly by the column's ``name``."""
    sample = _sample(values)
    if len(sample) < MIN_DISTINCT:
        return None
    textual = is_text(values)
    for form, (matches, description) in _CERTAIN.items() if textual else ():
        share = _share(matches, sample)
        if share >= MIN_CERTAIN_SHARE:
            return Suspicion(form=form, because=f"{share:.0%} of its values are {description}", certain=True)
    word = _word_of(name)
    if word is None:
        return None
    needed = MIN_DISTINCT if word in _UNAMBIGUOUS else min(MIN_DISTINCT_NAMES, len(values) / 2)
    by_name = FORM_OF_WORD[word]
    could_be = _POSSIBLE[by_name] if textual else _is_key if by_name in ("phone", "code") else None
    if could_be is None or len(pd.unique(values.dropna())) < needed or _share(could_be, sample) < MIN_SHARE:
        return None
    form = form_of(values, name)
    return Suspicion(form=form, because=f"its name says so, and its values could be of the form {form}", certain=False)


def form_of(values: pd.Series, name: str = "") -> str:
    """Form of a personal column: one of :data:`FORMS`, by its values first, then by its ``name``."""
    sample = _sample(values)
    by_name = FORM_OF_WORD.get(_word_of(name) or "")
    if not is_text(values) or not sample:
        return "phone" if by_name == "phone" else "code"
    certain = next((form for form, (match, _) in _CERTAIN.items() if _share(match, sample) >= MIN_SHARE), None)
    words = median(len(text.split()) for text in sample)
    if certain is not None:
        return certain
    if by_name in ("phone", "text", "code") or (by_name == "address" and words > 1):
        return by_name
    likely = by_name == "name" or words > 1 or _share(str.istitle, sample) >= MIN_SHARE
    if likely and _share(_NAME.fullmatch, sample) >= MIN_SHARE:
        return "name"
    if words > FREE_TEXT_WORDS:
        return "text"
    if words > 2 and _share(_STREET.fullmatch, sample) >= MIN_SHARE:
        return "address"
    return "text" if words > 2 else "code"


def text_of(value: Any) -> str:
    """Cell as text: equal integers are equal in every dtype, other numbers have the digits they need; stripped."""
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        is_integer = float(value).is_integer()
        return str(int(value)) if is_integer else np.format_float_positional(value, trim="-")
    return str(value).strip()


def texts(values: pd.Series) -> list[str]:
    """Distinct values that are not missing, as text (:func:`text_of`)."""
    cells = pd.Series(pd.unique(values)).dropna()
    if isinstance(cells.dtype, pd.CategoricalDtype):
        cells = cells.astype(cells.cat.categories.dtype)
    return list(dict.fromkeys(text_of(cell) for cell in pd.unique(cells)))


def folded(values: pd.Series) -> frozenset[str]:
    """Distinct values that are not missing, as case-folded text, in which equal values compare equal."""
    return frozenset(text.casefold() for text in texts(values))


def _sample(values: pd.Series) -> list[str]:
    distinct = texts(values)
    return distinct[:: -(-len(distinct) // MAX_SAMPLE) or 1]


def is_text(values: pd.Series) -> bool:
    """Whether all values that are not missing are text."""
    return all(isinstance(value, str) for value in pd.unique(values.dropna()))


def _word_of(name: str) -> str | None:
    words = re.split(r"[^a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())
    return next((word for word in words if word in FORM_OF_WORD), None)


def _share(matches: Callable[[str], Any], sample: list[str]) -> float:
    return sum(bool(matches(text)) for text in sample) / len(sample)


def _digits(text: str) -> int:
    return sum(character.isdigit() for character in text)


def _is_key(text: str) -> bool:
    return 5 <= _digits(text) <= 19


def _is_phone(text: str) -> bool:
    """Whether ``text`` has the digit groups of a telephone number, and is no date, range, IP address or ISBN."""
    if not _PHONE.fullmatch(text) or _NO_PHONE.fullmatch(text) or not 7 <= _digits(text) <= 17:
        return False
    groups = re.findall(r"\d+", text)
    return text.startswith(("+", "00")) or "(" in text or len(groups) > 2 or (len(groups) == 2 and text[0] == "0")


def _is_code(text: str) -> bool:
    """Whether ``text`` identifies a person: a social security number, or an IBAN or card number by its check digits."""
    bare = re.sub(r"[ -]", "", text).upper()
    if _SSN.fullmatch(text):
        return True
    if _IBAN.fullmatch(bare):
        return int("".join(str(int(digit, 36)) for digit in bare[4:] + bare[:4])) % 97 == 1
    if _CARD.fullmatch(bare):  # Luhn
        return sum(sum(divmod(int(digit) * (1 + i % 2), 10)) for i, digit in enumerate(reversed(bare))) % 10 == 0
    return False


_POSSIBLE: dict[str, Callable[[str], Any]] = {
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
