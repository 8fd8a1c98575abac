"""The port `drift` of images: the columns of a manifest that can drift."""

import pandas as pd

WATCHED = ("format", "mode", "height", "width", "channels", "bits", "label", "bytes")


def watched(observed: pd.DataFrame) -> pd.DataFrame:
    """Formats, sizes and labels in the manifest, without the names of files."""
    return observed[[name for name in WATCHED if observed[name].notna().any()]]
