"""New values arranged like real ones, AB-1234 as QX-7083: none of them real, however many are made, none kept.

What is kept of a column are *stems*, beginnings that no real value has. A value is a stem and, behind it, digits and
letters that count the rows: it cannot be real, and two rows differ as long as the arrangement has room for it.
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
MASKS = 8  # of a column, at most: its most frequent ones
STEMS = 500
TRIES = 2500  # draws of a stem
HOPELESS = 50  # draws without a stem: too few are left
SPARSE = 20  # times as many beginnings there must be: what is not among the stems may be unused as well
ROOM = 20_000  # different values a mask must have room for, or it is made looser
COUNTED = 2**31  # rows after which values repeat, where there is room for so many
LONGEST = 40  # characters; where a longer mask has no room either, there is none
GOLDEN = 0.6180339887498949  # of the room, the step from row to row: no two digits follow each other in turn
SHARED = 20  # a beginning that so many different values share tells of none of them


@dataclass(frozen=True, kw_only=True, slots=True)
class Pattern:
    """One arrangement, and the share of values that have it."""

    share: float
    stems: tuple[str, ...]
    rest: str
    """What follows a stem: 9, A and a stand for a digit and a letter, anything else for itself."""

    @property
    def counting(self) -> int:
        """How many of the slots behind the stem, the first ones, count rows; the others are drawn."""
        room, slots = len(self.stems), 0
        for each in _slots(self.rest):
            room *= len(SLOTS[each])
            if room > COUNTED:
                break
            slots += 1
        return slots

    @property
    def room(self) -> int:
        """Rows after which values may repeat."""
        return len(self.stems) * math.prod(len(SLOTS[each]) for each in _slots(self.rest)[: self.counting])

    def values(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Texts for the row numbers ``rows``, shape (N,); different rows get different texts while there is room."""
        room, counting = self.room, self.counting
        stride = next(each for each in range(max(int(room * GOLDEN), 1), 2 * room) if math.gcd(each, room) == 1)
        number = ((rows.astype(np.int64) % room) * stride + stride // 2) % room
        built = np.array(self.stems, dtype=object)[number % len(self.stems)]
        number //= len(self.stems)
        place = 0
        for each in self.rest:
            if each not in SLOTS:
                built = built + each
                continue
            letters = np.array(list(SLOTS[each]), dtype=object)
            if place < counting:
                number, digit = np.divmod(number, len(letters))
            else:
                digit = rng.integers(0, len(letters), len(rows))
            built, place = built + letters[digit], place + 1
        return built


def patterns(
    texts: Sequence[str],
    taken: Collection[str],
    least: int,
    key: int,
    *,
    as_cell: Callable[[str], str | None],
    kept: str = "",
) -> list[Pattern]:
    """The arrangements of at least ``least`` of the different ``texts``, each with stems drawn under ``key``.

    Args:
        texts: the real values, none twice.
        taken: what a value must not be, case folded.
        least: an arrangement of fewer values may tell whose they are.
        key: seeds the stems; who does not know it cannot tell which were left out.
        as_cell: how a text reads once it is a cell of the column's dtype, None where the dtype has no room for it;
            must keep the order of numbers of one arrangement.
        kept: letters that belong to the arrangement, of ASCII and no a.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for text in filter(None, texts):
        groups[mask(text, kept)].append(text)
    frequent = sorted(groups, key=lambda each: (-len(groups[each]), each))[:MASKS]
    common = [each for each in frequent if len(groups[each]) >= least]
    total = sum(len(groups[each]) for each in common)
    found = []
    for each in common:
        shared = _beginning(groups[each]) if len(groups[each]) >= SHARED else ""
        made = pattern(each, shared, taken, random.Random(f"{key}/{each}"), as_cell=as_cell)
        if made is not None:
            found.append(Pattern(share=len(groups[each]) / total, stems=made.stems, rest=made.rest))
    return found


def pattern(
    arrangement: str, shared: str, taken: Collection[str], rng: random.Random, *, as_cell: Callable[[str], str | None]
) -> Pattern | None:
    """A pattern of ``arrangement``, beginning with ``shared``; a looser one where that has no room, None if none has.

    ``taken`` are the real values, case folded.
    """
    longer = [arrangement + "9" * more for more in range(1, LONGEST - len(arrangement))]
    best = None
    for each, start in [(arrangement, shared), (arrangement, ""), *((each, shared) for each in longer)]:
        made = _with_stems(each, start, taken, rng, as_cell)
        if made is not None and made.room >= ROOM:
            return made
        best = best or made
    return best


def mask(text: str, kept: str = "") -> str:
    """``text`` with 9, A and a for its digits and letters, those in ``kept`` left as they are."""
    slots = ("9" if each.isdecimal() else "A" if each.isupper() else "a" if each.isalpha() else each for each in text)
    return "".join(each if each in kept else slot for each, slot in zip(text, slots, strict=True))


def _with_stems(
    arrangement: str, shared: str, taken: Collection[str], rng: random.Random, as_cell: Callable[[str], str | None]
) -> Pattern | None:
    """The shortest stems of which there are enough, and many times as many that might have been stems."""
    beginnings = 1
    for end in range(len(shared), len(arrangement)):
        if arrangement[end] not in SLOTS:
            continue
        beginnings *= len(SLOTS[arrangement[end]])
        if beginnings < SPARSE * STEMS:
            continue
        width = len(shared.casefold()) + end + 1 - len(shared)  # folding makes some letters two
        used = {each[:width] for each in taken}
        stems: dict[str, None] = {}
        for tried in range(TRIES):
            if tried == HOPELESS and not stems:
                break
            stem = shared + "".join(_fill(each, rng) for each in arrangement[len(shared) : end + 1])
            if stem.casefold() not in used and _stays(stem, arrangement[end + 1 :], as_cell):
                stems[stem] = None
            if len(stems) == STEMS:
                return Pattern(share=1.0, stems=tuple(stems), rest=arrangement[end + 1 :])
    return None


def _beginning(texts: Sequence[str]) -> str:
    """What all ``texts``, of one length, begin with: what the first and the last in order do."""
    pairs = zip(min(texts), max(texts), strict=True)
    return "".join(a for a, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


def _stays(stem: str, rest: str, as_cell: Callable[[str], str | None]) -> bool:
    """Whether every value with this stem keeps it as a cell: the smallest and the largest do, so those between do."""
    for which in (0, -1):
        text = stem + "".join(SLOTS[each][which] if each in SLOTS else each for each in rest)
        cell = as_cell(text)
        if cell is None or len(cell) != len(text) or not cell.startswith(stem):
            return False
    return True


def _fill(slot: str, rng: random.Random) -> str:
    return rng.choice(SLOTS[slot]) if slot in SLOTS else slot


def _slots(rest: str) -> list[str]:
    return [each for each in rest if each in SLOTS]
