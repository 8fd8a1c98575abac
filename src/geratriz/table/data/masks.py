"""New values arranged like real ones, such as QX-7083 for AB-1234, none of which is real.

A pattern stores *stems* of a column, beginnings that no real value has. A new value is a stem followed by digits and
letters that count the rows: it cannot be real, and rows differ up to the capacity of the arrangement.
"""

import itertools
import math
import random
import string
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

SLOTS = {"9": string.digits, "A": string.ascii_uppercase, "a": string.ascii_lowercase}
MAX_MASKS = 8  # masks per column: its most frequent ones
STEMS = 500  # stems per pattern
MAX_DRAWS = 2500  # draws of candidate stems
MAX_FAILED_DRAWS = 50  # draws without any stem, after which a longer stem is tried
BEGINNINGS_PER_STEM = 20  # minimum: a beginning that is not a stem may simply not have been drawn
MIN_CAPACITY = 20_000  # distinct values that a mask must allow; otherwise a looser mask is tried
MAX_COUNTED_ROWS = 2**31  # rows after which values repeat if the mask has a larger capacity
MAX_LENGTH = 40  # characters of a mask
GOLDEN = 0.6180339887498949  # step from row to row as a share of the capacity: values do not look like a count
MIN_VALUES_PER_BEGINNING = 20  # distinct values; a common beginning of fewer may identify one of them


@dataclass(frozen=True, kw_only=True, slots=True)
class Pattern:
    """One arrangement, and the share of values with it."""

    share: float
    stems: tuple[str, ...]
    rest: str
    """The arrangement after a stem: 9, A and a stand for a digit and a letter, any other character for itself."""

    @property
    def counting_slots(self) -> int:
        """Number of slots, the first ones after the stem, that count rows; the others are drawn."""
        capacity, slots = len(self.stems), 0
        for slot in _slots(self.rest):
            capacity *= len(SLOTS[slot])
            if capacity > MAX_COUNTED_ROWS:
                break
            slots += 1
        return slots

    @property
    def capacity(self) -> int:
        """Number of rows after which values may repeat."""
        return len(self.stems) * math.prod(len(SLOTS[slot]) for slot in _slots(self.rest)[: self.counting_slots])

    def values(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Texts for the row numbers ``rows``, shape (N,); up to the capacity, different rows get different texts."""
        size, counting_slots = self.capacity, self.counting_slots
        stride = next(step for step in range(max(int(size * GOLDEN), 1), 2 * size) if math.gcd(step, size) == 1)
        number = ((rows.astype(np.int64) % size) * stride + stride // 2) % size
        built = np.array(self.stems, dtype=object)[number % len(self.stems)]
        number //= len(self.stems)
        slot = 0
        for character in self.rest:
            if character not in SLOTS:
                built = built + character
                continue
            letters = np.array(list(SLOTS[character]), dtype=object)
            if slot < counting_slots:
                number, digit = np.divmod(number, len(letters))
            else:
                digit = rng.integers(0, len(letters), len(rows))
            built, slot = built + letters[digit], slot + 1
        return built


def patterns(
    texts: Sequence[str],
    taken: Collection[str],
    min_values: int,
    key: int,
    *,
    as_cell: Callable[[str], str | None],
    literals: str = "",
) -> list[Pattern]:
    """Find the arrangements of at least ``min_values`` of the distinct ``texts``, with stems drawn under ``key``.

    Args:
        texts: distinct real values.
        taken: values that must not be made, case folded.
        min_values: an arrangement of fewer values may identify one of them.
        key: seeds the stems; without it nobody can infer which stems were left out.
        as_cell: maps a text to the text of its cell in the column's dtype, None if the dtype cannot hold it; must
            preserve the order of numbers of one arrangement.
        literals: letters that belong to the arrangement, ASCII without "a".
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for text in filter(None, texts):
        groups[mask(text, literals)].append(text)
    frequent = sorted(groups, key=lambda arrangement: (-len(groups[arrangement]), arrangement))[:MAX_MASKS]
    common = {arrangement: groups[arrangement] for arrangement in frequent if len(groups[arrangement]) >= min_values}
    total = sum(map(len, common.values()))
    found = []
    for arrangement, group in common.items():
        shared = _beginning(group) if len(group) >= MIN_VALUES_PER_BEGINNING else ""
        made = pattern(arrangement, shared, taken, random.Random(f"{key}/{arrangement}"), as_cell=as_cell)
        if made is not None:
            found.append(Pattern(share=len(group) / total, stems=made.stems, rest=made.rest))
    return found


def pattern(
    arrangement: str, shared: str, taken: Collection[str], rng: random.Random, *, as_cell: Callable[[str], str | None]
) -> Pattern | None:
    """Find a pattern of ``arrangement`` that begins with ``shared``, or a looser one if its capacity is too small.

    None if there is none. ``taken`` are the real values, case folded.
    """
    longer = [arrangement + "9" * digits for digits in range(1, MAX_LENGTH - len(arrangement))]
    best = None
    for candidate, start in [(arrangement, shared), (arrangement, ""), *((text, shared) for text in longer)]:
        made = _with_stems(candidate, start, taken, rng, as_cell)
        if made is not None and made.capacity >= MIN_CAPACITY:
            return made
        best = best or made
    return best


def mask(text: str, literals: str = "") -> str:
    """``text`` with its digits and letters replaced by 9, A and a, except those in ``literals``."""
    slots = ("9" if char.isdecimal() else "A" if char.isupper() else "a" if char.isalpha() else char for char in text)
    return "".join(char if char in literals else slot for char, slot in zip(text, slots, strict=True))


def _with_stems(
    arrangement: str, shared: str, taken: Collection[str], rng: random.Random, as_cell: Callable[[str], str | None]
) -> Pattern | None:
    """Find the shortest length of stems with enough stems, and many times as many possible beginnings."""
    beginnings = 1
    for end in range(len(shared), len(arrangement)):
        if arrangement[end] not in SLOTS:
            continue
        beginnings *= len(SLOTS[arrangement[end]])
        if beginnings < BEGINNINGS_PER_STEM * STEMS:
            continue
        width = len(shared.casefold()) + end + 1 - len(shared)  # case folding turns some letters into two
        used = {value[:width] for value in taken}
        stems: dict[str, None] = {}
        for draws in range(MAX_DRAWS):
            if draws == MAX_FAILED_DRAWS and not stems:
                break
            stem = shared + "".join(_fill(slot, rng) for slot in arrangement[len(shared) : end + 1])
            if stem.casefold() not in used and _is_preserved(stem, arrangement[end + 1 :], as_cell):
                stems[stem] = None
            if len(stems) == STEMS:
                return Pattern(share=1.0, stems=tuple(stems), rest=arrangement[end + 1 :])
    return None


def _beginning(texts: Sequence[str]) -> str:
    """Common beginning of all ``texts``, which have one length: that of the first and the last in order."""
    pairs = zip(min(texts), max(texts), strict=True)
    return "".join(a for a, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


def _is_preserved(stem: str, rest: str, as_cell: Callable[[str], str | None]) -> bool:
    """Whether every value with this stem keeps it as a cell; the smallest and the largest value decide for all."""
    for index in (0, -1):
        text = stem + "".join(SLOTS[char][index] if char in SLOTS else char for char in rest)
        cell = as_cell(text)
        if cell is None or len(cell) != len(text) or not cell.startswith(stem):
            return False
    return True


def _fill(slot: str, rng: random.Random) -> str:
    return rng.choice(SLOTS[slot]) if slot in SLOTS else slot


def _slots(rest: str) -> list[str]:
    return [char for char in rest if char in SLOTS]
