"""All metrics of a table, and their landmarks."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from geratriz import seeding
from geratriz.errors import DataError
from geratriz.scoring.landmarks import Landmarks
from geratriz.scoring.metric import Metric, by_name, measure
from geratriz.table.data.entities import entity_of_rows
from geratriz.table.data.split import row_positions
from geratriz.table.data.table import Table
from geratriz.table.evaluate.attributes import ATTRIBUTE_ADVANTAGE
from geratriz.table.evaluate.contract import CONTRACT_VIOLATIONS
from geratriz.table.evaluate.copies import COPY_EXCESS, COPY_RATE, DCR_SHARE, EXTREME_EXCESS, RARE_EXCESS
from geratriz.table.evaluate.detection import DETECTION
from geratriz.table.evaluate.fidelity import SHAPE_ERROR
from geratriz.table.evaluate.membership import MIA_AUC, MIA_AUC_OUTLIERS, MIA_TPR_AT_1PCT, MIA_TPR_AT_1PCT_OUTLIERS
from geratriz.table.evaluate.personal import PERSONAL_OVERLAP
from geratriz.table.evaluate.singling import SINGLING_OUT
from geratriz.table.evaluate.support import ALPHA_PRECISION, BETA_RECALL
from geratriz.table.evaluate.trends import TREND_ERROR
from geratriz.table.evaluate.trio import EvaluateConfig, Trio
from geratriz.table.evaluate.utility import UTILITY, UTILITY_REAL

UTILITY_BASELINE = "utility_real"  # a reference for `utility`; it does not depend on the synthetic rows
METRICS: dict[str, Metric[Trio]] = by_name(
    DETECTION,
    SHAPE_ERROR,
    TREND_ERROR,
    ALPHA_PRECISION,
    BETA_RECALL,
    UTILITY,
    UTILITY_REAL,
    MIA_AUC,
    MIA_TPR_AT_1PCT,
    MIA_AUC_OUTLIERS,
    MIA_TPR_AT_1PCT_OUTLIERS,
    ATTRIBUTE_ADVANTAGE,
    SINGLING_OUT,
    COPY_EXCESS,
    RARE_EXCESS,
    EXTREME_EXCESS,
    PERSONAL_OVERLAP,
    COPY_RATE,
    DCR_SHARE,
    CONTRACT_VIOLATIONS,
)


def landmarks(
    train: Table, fresh: Table, test: Table, config: EvaluateConfig, suite: Mapping[str, Any] | None
) -> Landmarks:
    """The floor, every training column shuffled on its own, and the ceiling, ``fresh`` scored as synthetic rows.

    For the ceiling ``fresh`` is not available as unseen rows, so the intervals of attacks are wider there.
    """
    rows = min(len(train), len(fresh), len(test), config.max_rows)
    rng, count = seeding.generator(config.seed, "floor"), max(rows, len(fresh))
    shuffled = {name: train.frame[name].iloc[rng.permutation(len(train))[:count]].array for name in train.frame.columns}
    floor = Table(pd.DataFrame(shuffled), train.schema)

    def trio(synthetic: Table, unseen: Table | None) -> Trio:
        return Trio(train=train, test=test, fresh=unseen, synthetic=synthetic, config=config, rows=rows, suite=suite)

    scores = measure(METRICS, trio(floor, fresh))
    real = {name: score for name, score in scores.items() if name == UTILITY_BASELINE}
    return Landmarks(rows=rows, floor=scores, ceiling=measure(METRICS, trio(fresh, None), real))


def halve(test: Table) -> tuple[Table, Table]:
    """Divide ``test`` by content into fresh rows for the ceiling and test rows, where there is no part ``fresh``.

    Equal rows may fall into both halves, as in a split: otherwise the halves of a table with few distinct rows would be
    two different tables. Where the schema names an entity, all rows of one fall into the same half.

    Raises:
        DataError: ``test`` has fewer than two rows.
    """
    if len(test) < 2:
        raise DataError(f"the test table has {len(test)} row; at least two are needed, many more for a useful result.")
    if test.schema.entity is not None:
        owners = entity_of_rows(test)
        half = np.random.default_rng(0).permutation(int(owners.max()) + 1)[owners] <= owners.max() // 2
        return test.take(half), test.take(~half)
    first = np.zeros(len(test), dtype=bool)
    first[np.argsort(row_positions(test.frame), kind="stable")[: len(test) // 2]] = True
    return test.take(first), test.take(~first)
