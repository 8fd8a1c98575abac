"""The port `drift` of images: what can drift in a manifest of them."""

import pandas as pd

WATCHED = ("format", "mode", "height", "width", "channels", "bits", "label", "bytes")


def watched(observed: pd.DataFrame) -> pd.DataFrame:
    """Formats, sizes and labels of the manifest; not the names of files."""
    return observed[[name for name in WATCHED if observed[name].notna().any()]]
