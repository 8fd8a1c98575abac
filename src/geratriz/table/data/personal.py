"""Personal columns: never learnt, replaced by new values of the same form, none of which is real.

A generator stores only a :class:`Source` of such a column: made-up values, or beginnings that no real value has, and
the share of missing values. It stores no real value, no hash of one and no list of excluded values. Nor can it be
inferred which made-up values were excluded because they are real: they are drawn under a key that is a hash of the
table and is not stored, and they are a small part of what could have been drawn.
"""

import dataclasses
import functools
import itertools
import re
import string
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from geratriz import config
from geratriz.column import Column
from geratriz.errors import ConfigError, DataError, nearest
from geratriz.table.data import forms, masks

if TYPE_CHECKING:
    from faker import Faker

POOL_SIZE = 1000  # made-up names, addresses or texts in a pool
MAX_POOL_CHARACTERS = 200_000  # characters of all texts in a pool
MIN_POOL_SIZE = 100  # new values in a pool; with fewer, values are made from more parts
MAX_DUPLICATES = 30  # per POOL_SIZE draws: at least 1,000**2 / (2 * 30), about 16,000, distinct values can be drawn
DRAWS_PER_VALUE = 5  # maximum number of draws, as a multiple of the size of the pool
RESERVED = ("example.org", "example.com", "example.net")  # RFC 2606: never assigned to anyone
TEXT_LENGTHS = (20, 2000)  # shortest and longest made-up text in characters

Number = Literal["integer", "float"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Source of new values for one personal column."""

    form: str
    missing: float = 0.0
    """Share of missing values."""
    number: Number | None = None
    """Type that a text is converted to before it takes the column's dtype, if that is not text."""
    pool: tuple[str, ...] = ()
    """Complete values; for e-mail addresses the part before the row's number."""
    domain: str | None = None
    """Domain of e-mail addresses."""
    patterns: tuple[masks.Pattern, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """JSON mapping; :meth:`from_json` is its inverse."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Source":
        """Source from a mapping made by :meth:`to_json`."""
        return config.load(cls, content, "personal")

    def texts(self, first_row: int, rows: int, rng: np.random.Generator) -> np.ndarray:
        """New values for ``rows`` rows from ``first_row`` on, as text, shape (rows,)."""
        numbers = np.arange(first_row, first_row + rows)
        if self.patterns:
            shares = np.cumsum([pattern.share for pattern in self.patterns[:-1]])
            which = np.searchsorted(shares, rng.random(rows), side="right")
            made = np.stack([pattern.values(numbers, rng) for pattern in self.patterns])
            chosen: np.ndarray = made[which, np.arange(rows)]
            return chosen
        drawn = np.array(self.pool, dtype=object)[rng.integers(0, len(self.pool), rows)]
        if self.domain is not None:  # the row's number makes it unique: no other part ends in a digit
            drawn = drawn + (numbers + 1).astype(str).astype(object) + f"@{self.domain}"
        return drawn


def fit(column: Column, values: pd.Series, key: int) -> tuple[Column, Source]:
    """Return ``column`` without its values, and the source of its new values; only this function reads ``values``.

    A pandas ``category`` column stays one; some of the new values are its categories.

    Args:
        column: of kind personal, with the ``form`` that the user declared, if any, and a ``locale``.
        values: real values: new values have their form and differ from all of them.
        key: seeds all made-up values; must be unknown to users of the result.

    Raises:
        ConfigError: the form or the locale is unknown.
        DataError: the values are neither text nor numbers, or their dtype cannot hold new ones.
    """
    if column.form is not None and column.form not in forms.FORMS:
        raise ConfigError(
            f"data.schema.{column.name}.form is {column.form!r}, which is not a form of a personal column."
            f"{nearest(column.form, forms.FORMS)}"
        )
    cells = pd.Series(values.cat.categories) if isinstance(values.dtype, pd.CategoricalDtype) else values.dropna()
    missing = int(values.isna().sum())
    number = _number(column, cells)
    source = Source(
        form=column.form or forms.form_of(cells, column.name),
        missing=missing / len(values) if missing >= column.rare else 0.0,
        number=number,
    )
    if not len(cells):
        return dataclasses.replace(column, categories=None), dataclasses.replace(source, missing=1.0)
    source = _source(column, cells, source, key)
    if column.dtype != "category":
        return column, source
    made = pd.unique(_cells(source, source.texts(0, POOL_SIZE, np.random.default_rng(key)))).tolist()
    empty = Source(form=source.form, missing=source.missing, number=number)
    return dataclasses.replace(column, categories=tuple(made), ordered=False), empty


def issue(column: Column, source: Source, first_row: int, rows: int, rng: np.random.Generator) -> pd.Series:
    """Issue new values for ``rows`` rows from ``first_row`` on, in the column's dtype."""
    absent = rng.random(rows) < source.missing
    if absent.all():
        return column.restore(pd.Series([None] * rows, dtype="object"))
    if column.categories:
        made = np.array(column.categories, dtype=object)[rng.integers(0, len(column.categories), rows)]
    else:
        made = _cells(source, source.texts(first_row, rows, rng))
    made[absent] = None
    return column.restore(pd.Series(made, dtype="object"))


def _source(column: Column, cells: pd.Series, blank: Source, key: int) -> Source:
    """Complete ``blank`` with the pool or patterns that new values are made from."""
    fake, number, form = _faker(column, key), blank.number, blank.form
    real, taken = forms.texts(cells), forms.folded(cells)
    if number is None and form == "email":
        return dataclasses.replace(blank, pool=_users(fake), domain=_domain(taken, fake))
    if number is None and form not in ("phone", "code"):
        return dataclasses.replace(blank, pool=_pool(*_makers(form, fake, real, column.name), taken, fake))
    as_cell = functools.partial(_as_cell, number, cells.dtype)
    used = [_digits_on(text) for text in taken] if number == "float" else taken
    found = masks.patterns(real, used, column.rare, key, as_cell=as_cell, literals="extEXT" if form == "phone" else "")
    if not found and number is None and form == "phone":
        return dataclasses.replace(blank, pool=_pool([fake.phone_number], POOL_SIZE, taken, fake))
    if not found:
        made = masks.pattern("AA999999" if number is None else "9" * 8, "", used, fake.random, as_cell=as_cell)
        if made is None:
            raise DataError(
                f"column {column.name!r} is personal and of type {cells.dtype}, which cannot hold enough numbers "
                "besides the real ones. Convert it to text or to a wider type."
            )
        found = [made]
    return dataclasses.replace(blank, patterns=tuple(found))


def _number(column: Column, present: pd.Series) -> Number | None:
    """Type of the numbers in the column; None if it holds text.

    Raises:
        DataError: it holds neither.
    """
    types = pd.api.types
    if types.is_datetime64_any_dtype(present.dtype) or types.is_bool_dtype(present.dtype):
        raise DataError(
            f"column {column.name!r} is declared personal but is of type {present.dtype}; new values are made of text "
            f"and numbers. Remove data.schema.{column.name}, convert the column to text, or leave it out."
        )
    if types.is_float_dtype(present.dtype):
        if not np.isfinite(present.to_numpy(dtype=np.float64)).all():
            raise DataError(f"column {column.name!r} holds an infinite value. Leave it missing.")
        return "float"
    if types.is_integer_dtype(present.dtype):
        return "integer"
    if all(isinstance(value, str) for value in present):
        return None
    return "integer" if all(isinstance(value, (int, np.integer)) for value in present) else "float"


def _cells(source: Source, texts: np.ndarray) -> np.ndarray:
    """Convert texts to the type that the column holds."""
    if source.number is None:
        return texts
    read: type[int] | type[float] = int if source.number == "integer" else float
    return np.array([read(text) for text in texts], dtype=object)


def _as_cell(number: Number | None, dtype: Any, text: str) -> str | None:
    """Text of the cell of ``dtype`` that holds ``text``; None if there is no such number, or it is 0."""
    if number is None:
        return text
    plain = getattr(dtype, "numpy_dtype", dtype)  # pandas' nullable types have one
    if number == "integer":
        fits = plain.kind not in "iu" or np.iinfo(plain).min <= int(text) <= np.iinfo(plain).max
        return str(int(text)) if fits else None
    with np.errstate(over="ignore"):
        value = float(plain.type(float(text))) if plain.kind == "f" else float(text)
    return f"{value:.{len(text.partition('.')[2])}f}" if value and np.isfinite(value) else None


def _digits_on(text: str) -> str:
    """Append zeros to a decimal number, so that 71.2 begins with 71.20."""
    return text + ("" if "." in text else ".") + "0" * masks.MAX_LENGTH


def _faker(column: Column, key: int) -> "Faker":
    from faker import Faker
    from faker.config import AVAILABLE_LOCALES

    if column.locale not in AVAILABLE_LOCALES:
        raise ConfigError(
            f"data.schema.{column.name}.locale is {column.locale!r}, which Faker does not know."
            f"{nearest(column.locale, AVAILABLE_LOCALES)}"
        )
    fake = Faker(column.locale, use_weighting=False)  # the absence of a frequent value would be noticed
    fake.seed_instance(key)
    return fake


def _pool(makers: Sequence[Callable[[], str]], size: int, taken: Collection[str], fake: "Faker") -> tuple[str, ...]:
    """Make ``size`` distinct values that are not ``taken``, with the first of ``makers`` that has many more."""
    numbered: Callable[[], str] = functools.partial(_numbered, makers[-1], fake)
    candidates: list[Callable[[], str]] = [*makers, numbered]
    for make in candidates:
        drawn = [make().strip() for _ in range(size)]
        if len(drawn) - len(set(drawn)) > MAX_DUPLICATES and make is not numbered:
            continue
        pool: dict[str, None] = {}
        more = (make().strip() for _ in range(DRAWS_PER_VALUE * size))
        for text in itertools.chain(drawn, more):
            if text.casefold() not in taken:
                pool[text] = None
            if len(pool) == size:
                break
        if len(pool) >= min(size, MIN_POOL_SIZE):
            break
    return tuple(pool)


def _numbered(make: Callable[[], str], fake: "Faker") -> str:
    return f"{make()} {fake.random.randrange(10**9)}"


def _makers(form: str, fake: "Faker", real: list[str], name: str) -> tuple[list[Callable[[], str]], int]:
    """Functions that make values of ``form`` in the style of the ``real`` ones, and the number of values to make."""
    if form == "name":
        return _names(fake, real, name), POOL_SIZE
    if form == "address":
        if sum("," in text or "\n" in text for text in real) < len(real) / 2:
            return [fake.street_address], POOL_SIZE
        return [lambda: str(fake.address()).replace("\n", ", ")], POOL_SIZE
    lengths = np.quantile([len(text) for text in real], np.linspace(0.05, 0.95, 10)).clip(*TEXT_LENGTHS)
    size = min(POOL_SIZE, int(MAX_POOL_CHARACTERS / lengths.mean()))
    return [lambda: _text(fake, int(fake.random.choice(lengths)))], size


def _names(fake: "Faker", real: list[str], name: str) -> list[Callable[[], str]]:
    """Functions that make double names in the style of the ``real`` ones; single names are few, and many are real."""
    first, last, style = fake.first_name, fake.last_name, _style(real)
    if median(len(text.split()) for text in real) == 1:
        part = last if any(word in name.lower() for word in ("last", "sur", "family", "nach")) else first
        return [lambda: style(f"{part()}-{part()}")]
    form = "{1}, {0}" if sum("," in text for text in real) > len(real) / 2 else "{0} {1}"
    return [
        lambda: style(form.format(first(), f"{last()}-{last()}")),
        lambda: style(form.format(f"{first()}-{first()}", f"{last()}-{last()}")),
    ]


def _style(real: list[str]) -> Callable[[str], str]:
    """Function that converts text to upper or lower case if most of the ``real`` texts have it."""
    if sum(map(str.isupper, real)) > len(real) / 2:
        return str.upper
    return str.lower if sum(map(str.islower, real)) > len(real) / 2 else str


def _text(fake: "Faker", length: int) -> str:
    """Make sentences of about ``length`` characters, cut between words."""
    text = str(fake.sentence())
    while len(text) < length:
        text += f" {fake.sentence()}"
    return text[:length].rpartition(" ")[0] or text[:length]


def _users(fake: "Faker") -> tuple[str, ...]:
    """Parts of e-mail addresses before the number: a first and a last name, transliterated to ASCII."""
    made = {f"{_ascii(fake.first_name())}.{_ascii(fake.last_name())}" for _ in range(POOL_SIZE)}
    return tuple(sorted(user for user in made if user[0] != "." != user[-1])) or ("user",)


def _ascii(name: str) -> str:
    return re.sub(r"[^a-z]", "", unicodedata.normalize("NFKD", name).lower())


def _domain(taken: Collection[str], fake: "Faker") -> str:
    """Reserved domain that occurs in none of the addresses ``taken``."""
    made = (f"{''.join(fake.random.choices(string.ascii_lowercase, k=8))}.example" for _ in itertools.count())
    candidates = (*RESERVED, *itertools.islice(made, len(taken) + 1))
    return next(domain for domain in candidates if not any(domain in text for text in taken))
