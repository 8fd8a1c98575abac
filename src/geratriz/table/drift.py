"""The port `drift` of tables, and the measurement of drift itself between any two sets of rows."""

import pandas as pd

from geratriz.table.data.table import Table as Table
from geratriz.table.evaluate.drift import drift as drift
from geratriz.table.evaluate.drift_result import Drift as Drift
from geratriz.table.evaluate.drift_result import DriftConfig as DriftConfig
from geratriz.table.report.drift import DriftPage as DriftPage
from geratriz.table.report.drift import render as render
from geratriz.table.report.drift import rows as rows
from geratriz.table.report.drift import verdict as verdict


def watched(observed: pd.DataFrame) -> pd.DataFrame:
    """All columns of the observed rows."""
    return observed
