"""Does the privacy verdict say leak where there is one, and only there? Many divisions of Adult, run by run.py.

Rows are divided at random into training, unseen and fresh ones, as many as the pipeline has. Judged in the place of
synthetic rows: fresh real rows; columns drawn independently, which learnt nothing of anybody; and the same with a share
of rows replaced by training rows, the generator that leaks.
"""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from geratriz.scoring.content import metrics_json
from geratriz.scoring.landmarks import Landmarks
from geratriz.scoring.metric import limited, measure
from geratriz.scoring.verdict import check_metrics
from geratriz.table.data.table import Table
from geratriz.table.evaluate.suite import METRICS
from geratriz.table.evaluate.trio import EvaluateConfig, Trio


def judged(table: Table, seed: int, shares: tuple[float, ...]) -> dict[str, Any]:
    """What the verdict is on each kind of rows, leaking ones by the share that is copied; value and high end of each
    attack."""
    return {name: _verdict(trio) for name, trio in _trios(table, seed, shares)}


def _trios(table: Table, seed: int, shares: tuple[float, ...]) -> Iterator[tuple[str, Trio]]:
    rng = np.random.default_rng(seed)
    turned = rng.permutation(len(table))
    tenth = len(table) // 10
    test, fresh, train = (table.take(part) for part in np.split(turned, [tenth, 2 * tenth]))
    config = EvaluateConfig(seed=seed)
    yield "fresh", Trio(train=train, test=test, synthetic=fresh, config=config)
    alone = Table(
        pd.DataFrame({name: train.frame[name].iloc[rng.permutation(len(train))].array for name in train.frame}),
        table.schema,
    )
    yield "independent", Trio(train=train, test=test, fresh=fresh, synthetic=alone, config=config)
    for share in shares:
        copied = train.frame.iloc[rng.choice(len(train), round(share * len(train)), replace=False)]
        frame = pd.concat([copied, alone.frame.iloc[len(copied) :]], ignore_index=True)
        leaking = Table(frame, table.schema)
        yield f"copies {share:.0%}", Trio(train=train, test=test, fresh=fresh, synthetic=leaking, config=config)


def _verdict(trio: Trio) -> dict[str, Any]:
    started = time.process_time()  # the work of one thread, whatever else the machine does
    attacks = limited(METRICS, None)
    measured = measure(attacks, trio)
    seconds = time.process_time() - started
    metrics = metrics_json(measured, Landmarks(rows=trio.size, floor={}, ceiling={}), METRICS)
    return {
        "outcome": check_metrics(metrics, None, attacks).privacy,
        "seconds": round(seconds, 1),
        "attacks": {name: [round(score.value, 4), round(score.high, 4)] for name, score in measured.items()},
    }
