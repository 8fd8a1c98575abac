"""The benchmark protocol on one synthetic table: SDMetrics errors, XGBoost detection and utility, as one JSON line.

Runs in the environment of requirements.txt, which knows nothing of Geratriz: the judge is not the judged.

    python benchmarks/judge.py --train train.parquet --test test.parquet --synthetic synthetic.parquet --target income
"""

import argparse
import contextlib
import io
import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sdmetrics.reports import QualityReport
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from xgboost import XGBClassifier, XGBRegressor

ROWS_OF_THE_REPORT = 10**9  # above any table here: SDMetrics draws a subsample by default


def main() -> None:
    """Print the figures of one synthetic table."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("train", "test", "synthetic"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--target", required=True)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    train, test, synthetic = read_alike([arguments.train, arguments.test, arguments.synthetic])
    shape, trend = sdmetrics_errors(train, synthetic)
    figures = {
        "shape_error": shape,
        "trend_error": trend,
        "detection_train": detection(train, synthetic),
        "detection_test": detection(test, synthetic),
        "utility": utility(synthetic, test, arguments.target),
        "utility_real": utility(train, test, arguments.target),
    }
    print(json.dumps({name: round(value, 4) for name, value in figures.items()}))


def sdmetrics_errors(real: pd.DataFrame, synthetic: pd.DataFrame) -> tuple[float, float]:
    """Column Shapes and Column Pair Trends as errors in percent, both thresholds 0."""
    columns = {
        name: {"sdtype": "numerical" if pd.api.types.is_numeric_dtype(real[name]) else "categorical"} for name in real
    }
    report = QualityReport()
    report.real_correlation_threshold = report.real_association_threshold = 0
    report.num_rows_subsample = ROWS_OF_THE_REPORT
    with contextlib.redirect_stdout(io.StringIO()):
        report.generate(
            {"table": real}, {"table": synthetic}, {"tables": {"table": {"columns": columns}}}, verbose=False
        )
    scores = report.get_properties().set_index("Property")["Score"]
    return 100 * (1 - scores["Column Shapes"]), 100 * (1 - scores["Column Pair Trends"])


def detection(real: pd.DataFrame, synthetic: pd.DataFrame) -> float:
    """1 - mean(2 max(.5, AUC) - 1) of XGBoost over three shuffled folds; equal sides."""
    rows = min(len(real), len(synthetic))
    both = pd.concat([real.sample(rows, random_state=0), synthetic.sample(rows, random_state=0)], ignore_index=True)
    label = np.repeat([0, 1], rows)
    scores = []
    for fit, held in StratifiedKFold(3, shuffle=True, random_state=0).split(both, label):
        model = XGBClassifier(enable_categorical=True, random_state=0, eval_metric="logloss")
        model.fit(both.iloc[fit], label[fit])
        auc = roc_auc_score(label[held], model.predict_proba(both.iloc[held])[:, 1])
        scores.append(1 - (2 * max(0.5, auc) - 1))
    return float(np.mean(scores))


def utility(fit_on: pd.DataFrame, test: pd.DataFrame, target: str) -> float:
    """XGBoost fitted on ``fit_on``, judged on ``test``: AUC of a two-class target, R2 of a numeric one."""
    if pd.api.types.is_numeric_dtype(test[target]):
        fit_on, test = fit_on.dropna(subset=[target]), test.dropna(subset=[target])
        regressor = XGBRegressor(enable_categorical=True, random_state=0)
        regressor.fit(fit_on.drop(columns=target), fit_on[target])
        return float(r2_score(test[target], regressor.predict(test.drop(columns=target))))
    positive = test[target].value_counts().index[-1]
    classifier = XGBClassifier(enable_categorical=True, random_state=0, eval_metric="logloss")
    classifier.fit(fit_on.drop(columns=target), fit_on[target] == positive)
    chance = classifier.predict_proba(test.drop(columns=target))[:, 1]
    return float(roc_auc_score(test[target] == positive, chance))


def read_alike(paths: list[Path]) -> list[pd.DataFrame]:
    """The frames, words as one category type over all of them, as XGBoost wants it."""
    frames = [pd.read_parquet(path) for path in paths]
    for name in frames[0].columns:
        if not pd.api.types.is_numeric_dtype(frames[0][name]):
            words = sorted(set().union(*(frame[name].dropna().astype(str) for frame in frames)))
            for frame in frames:
                frame[name] = pd.Categorical(frame[name].astype(object).map(str, na_action="ignore"), categories=words)
    return frames


if __name__ == "__main__":
    main()
