"""Draft a contract from the manifest of images: what they are, for a person to turn into what they must be."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from geratriz.errors import ConfigError, DataError
from geratriz.images.data.manifest import manifest

TOLERATED = 0.01  # of the images may be unreadable or unlabelled before the pipeline stops; any of them is a warning
KEPT = 0.5  # of its share, what each class must keep
SLACK = 0.1  # of the range of sizes, allowed beyond it
MOST_CLASSES = 1000  # more labels are not held to a set


def draft(path: Path, name: str, declared: Mapping[str, Any]) -> dict[str, Any]:
    """A suite called ``name`` that the manifest of the images at ``path`` keeps.

    Raises:
        ConfigError: columns are declared.
    """
    if declared:
        raise ConfigError("--schema is about tables, and the data are images.")
    return suite_of(manifest(path), name)


def suite_of(manifest: pd.DataFrame, name: str) -> dict[str, Any]:
    """A suite for :func:`geratriz.data.contract.check` from what :func:`geratriz.data.image_files.manifest` says.

    Critical: all but a few images can be read and have a known label; their mode, channels, and size where it is one,
    are those seen. A warning: any image that cannot be read, files that are equal byte for byte, sizes out of range,
    new formats and depths, a class that lost half of its share, half as many images.

    Raises:
        DataError: not one image can be read.
    """
    seen = manifest[manifest["readable"].astype(bool)]
    if not len(seen):
        raise DataError(f"not one of {len(manifest):,} images can be read, for example {manifest['problem'].iloc[0]}.")
    mostly = 1 - TOLERATED
    expectations = [
        _expect(
            "expect_column_values_to_be_null", "critical", "problem", "nearly all images can be read", mostly=mostly
        ),
        _expect("expect_column_values_to_be_null", "warning", "problem", "every image can be read"),
        _size("height", seen),
        _size("width", seen),
        _in_set("channels", "critical", seen),
        _in_set("mode", "critical", seen),
        _in_set("bits", "warning", seen),
        _in_set("format", "warning", seen),
        _expect("expect_column_values_to_be_unique", "warning", "sha256", "no two files are equal byte for byte"),
    ]
    shares = seen["label"].value_counts() / len(manifest)
    meta: dict[str, Any] = {"names": "path"}
    if len(shares):
        expectations.append(_expect("expect_column_values_to_not_be_null", "critical", "label", mostly=mostly))
    if 0 < len(shares) <= MOST_CLASSES:
        expectations.append(_in_set("label", "critical", seen))
        least = {str(each): _floor(KEPT * float(shares[each])) for each in sorted(shares.index)}
        meta["shares"] = {"label": {"severity": "warning", "least": least}}
    expectations.append(_expect("expect_table_row_count_to_be_between", "warning", min_value=len(manifest) // 2))
    return {"name": name, "meta": meta, "expectations": expectations}


def _size(column: str, seen: pd.DataFrame) -> dict[str, Any]:
    values = seen[column].dropna().astype(int)
    if values.nunique() < 2:
        return _in_set(column, "critical", seen)
    slack = SLACK * (values.max() - values.min())
    low, high = math.floor(max(values.min() - slack, 1)), math.ceil(values.max() + slack)
    return _expect("expect_column_values_to_be_between", "warning", column, min_value=low, max_value=high)


def _in_set(column: str, severity: str, seen: pd.DataFrame) -> dict[str, Any]:
    values = sorted(each if isinstance(each, str) else int(each) for each in seen[column].dropna().unique())
    return _expect("expect_column_values_to_be_in_set", severity, column, value_set=values)


def _floor(share: float) -> float:
    """Two digits, rounded down."""
    digits = 1 - math.floor(math.log10(share))
    return float(math.floor(share * 10**digits) / 10**digits)


def _expect(
    kind: str, severity: str, column: str | None = None, notes: str | None = None, **kwargs: Any
) -> dict[str, Any]:
    found: dict[str, Any] = {"type": kind, "kwargs": kwargs if column is None else {"column": column, **kwargs}}
    return {**found, "severity": severity, **({"meta": {"notes": notes}} if notes else {})}
