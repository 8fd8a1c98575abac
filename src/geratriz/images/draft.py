"""Draft a contract from a manifest of images: a description that a person turns into requirements."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from geratriz.errors import ConfigError, DataError
from geratriz.images.data.manifest import manifest

MAX_FAULTY = 0.01  # share of unreadable or unlabelled images above which the pipeline stops; any is a warning
MIN_CLASS_SHARE = 0.5  # minimum share of a class, relative to its share in the draft's data
SLACK = 0.1  # allowed excess on both sides, as a share of the range of sizes
MAX_CLASSES = 1000  # labels; with more, there is no expectation of a set


def draft(path: Path, name: str, declared: Mapping[str, Any]) -> dict[str, Any]:
    """Draft a suite called ``name`` that the manifest of the images at ``path`` satisfies.

    Raises:
        ConfigError: columns are declared.
    """
    if declared:
        raise ConfigError("--schema is about tables, and the data are images.")
    return suite_of(manifest(path), name)


def suite_of(manifest: pd.DataFrame, name: str) -> dict[str, Any]:
    """Draft a suite for :func:`geratriz.contract.check` from a :func:`geratriz.images.data.manifest.manifest`.

    Critical: all but a few images can be read and have a known label; mode, channels, and size if all have the same,
    are as observed. Warnings: an image that cannot be read, files that are equal byte for byte, sizes out of range,
    new formats and depths, a class that lost half of its share, half the number of images.

    Raises:
        DataError: no image can be read.
    """
    readable = manifest[manifest["readable"].astype(bool)]
    if not len(readable):
        raise DataError(f"none of {len(manifest):,} images can be read, for example {manifest['problem'].iloc[0]}.")
    mostly = 1 - MAX_FAULTY
    expectations = [
        _expect(
            "expect_column_values_to_be_null", "critical", "problem", "nearly all images can be read", mostly=mostly
        ),
        _expect("expect_column_values_to_be_null", "warning", "problem", "every image can be read"),
        _size("height", readable),
        _size("width", readable),
        _in_set("channels", "critical", readable),
        _in_set("mode", "critical", readable),
        _in_set("bits", "warning", readable),
        _in_set("format", "warning", readable),
        _expect("expect_column_values_to_be_unique", "warning", "sha256", "no two files are equal byte for byte"),
    ]
    shares = readable["label"].value_counts() / len(manifest)
    meta: dict[str, Any] = {"names": "path"}
    if len(shares):
        expectations.append(_expect("expect_column_values_to_not_be_null", "critical", "label", mostly=mostly))
    if 0 < len(shares) <= MAX_CLASSES:
        expectations.append(_in_set("label", "critical", readable))
        least = {str(name): _floor(MIN_CLASS_SHARE * float(shares[name])) for name in sorted(shares.index)}
        meta["shares"] = {"label": {"severity": "warning", "least": least}}
    expectations.append(_expect("expect_table_row_count_to_be_between", "warning", min_value=len(manifest) // 2))
    return {"name": name, "meta": meta, "expectations": expectations}


def _size(column: str, readable: pd.DataFrame) -> dict[str, Any]:
    values = readable[column].dropna().astype(int)
    if values.nunique() < 2:
        return _in_set(column, "critical", readable)
    slack = SLACK * (values.max() - values.min())
    low, high = math.floor(max(values.min() - slack, 1)), math.ceil(values.max() + slack)
    return _expect("expect_column_values_to_be_between", "warning", column, min_value=low, max_value=high)


def _in_set(column: str, severity: str, readable: pd.DataFrame) -> dict[str, Any]:
    values = sorted(value if isinstance(value, str) else int(value) for value in readable[column].dropna().unique())
    return _expect("expect_column_values_to_be_in_set", severity, column, value_set=values)


def _floor(share: float) -> float:
    """Round down to two significant digits."""
    digits = 1 - math.floor(math.log10(share))
    return float(math.floor(share * 10**digits) / 10**digits)


def _expect(
    kind: str, severity: str, column: str | None = None, notes: str | None = None, **kwargs: Any
) -> dict[str, Any]:
    found: dict[str, Any] = {"type": kind, "kwargs": kwargs if column is None else {"column": column, **kwargs}}
    return {**found, "severity": severity, **({"meta": {"notes": notes}} if notes else {})}
