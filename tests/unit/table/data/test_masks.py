"""Values arranged like real ones: never one of them, different in every row, as long as there is room."""

import random
import re

import numpy as np
import pytest

from geratriz.table.data import masks


def same(text: str) -> str:
    return text


def made(texts: list[str], rows: int = 5000, least: int = 5) -> list[str]:
    found = masks.patterns(texts, {text.casefold() for text in texts}, least, key=7, as_cell=same)
    return [text for each in found for text in each.values(np.arange(rows), np.random.default_rng(0))]


def test_a_mask_keeps_what_is_neither_digit_nor_letter() -> None:
    assert masks.mask("AB-12 c/\xdf") == "AA-99 a/a"
    assert masks.mask("123 x4", literals="x") == "999 x9"


def test_the_beginning_that_all_share_is_kept_and_no_other() -> None:
    new = made([f"ID-{i:07d}" for i in range(1, 9_000_000, 701)])
    assert all(re.fullmatch(r"ID-\d{7}", text) for text in new)
    few = made([f"ID-77{i:05d}" for i in range(masks.MIN_VALUES_PER_BEGINNING - 1)])
    assert len({text[:5] for text in few}) > 100


@pytest.mark.parametrize(
    "texts",
    [
        [f"{i:03d}-{i % 97:02d}-{i * 7 % 10_000:04d}" for i in range(1000)],
        [f"{a}{b}-{i:04d}" for a in "ABCDEF" for b in "XYZ" for i in range(0, 10_000, 37)],
        [f"{i:03d}" for i in range(1000)],  # all there are
        [chr(65 + i) for i in range(26)],
        [f"Stra\xdfe{i:05d}" for i in range(500)],
        [f"STRASSE{i:05d}" for i in range(500)] + [f"Stra\xdfe{i:05d}" for i in range(400, 900)],
        ["x" * masks.MAX_LENGTH + str(i) for i in range(10, 99)],
    ],
    ids=["social security", "dense", "every number", "every letter", "folded", "folded alike", "long"],
)
def test_no_value_is_real_and_none_comes_twice(texts: list[str]) -> None:
    real = {text.casefold() for text in texts}
    found = masks.patterns(texts, real, 5, key=7, as_cell=same)
    for each in found:
        new = each.values(np.arange(20_000), np.random.default_rng(0)).tolist()
        assert not real & {text.casefold() for text in new}
        assert len(set(new)) == 20_000
    assert found


def test_an_arrangement_of_few_values_is_not_kept() -> None:
    common = [f"{i:06d}" for i in range(100)]
    assert {masks.mask(text) for text in made([*common, "secret-1234"])} == {"999999"}
    assert made(["secret-1234"]) == []


def test_stems_are_a_small_part_of_what_is_unused_so_that_what_is_absent_says_little() -> None:
    for arrangement in ("999999999", "AA-9999", "9", "a9a9a9a9a9a9a9a9"):
        pattern = masks.pattern(arrangement, "", set(), random.Random(1), as_cell=same)
        assert pattern is not None
        slots = [each for each in masks.mask(pattern.stems[0]) if each in masks.SLOTS]
        assert np.prod([float(len(masks.SLOTS[each])) for each in slots]) >= masks.BEGINNINGS_PER_STEM * masks.STEMS


def test_rows_far_down_are_counted_too() -> None:
    pattern = masks.Pattern(share=1.0, stems=("1", "2", "3"), rest="9999999999999")
    rows = np.arange(10**12, 10**12 + 3000)
    assert len(set(pattern.values(rows, np.random.default_rng(0)))) == 3000
    assert pattern.capacity <= masks.MAX_COUNTED_ROWS
