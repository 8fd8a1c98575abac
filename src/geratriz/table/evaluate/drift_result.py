"""The result of holding new rows against known ones, and the settings that say what counts as drift."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class DriftConfig:
    """The section ``monitor`` of params.yaml: what counts as drift."""

    seed: int = 0
    alpha: float = 0.01
    """The chance that some column is called drifted when nothing has changed, at most."""
    effect: float = 0.1
    """A column's difference, as a share of the rows, that matters."""
    auc: float = 0.55
    """What the classifier may reach; 0.5 is a guess."""
    max_rows: int = 10_000
    """Rows a side that the classifier is given at most."""
    ignore: tuple[str, ...] = ()
    """Columns that change by nature, such as the day a row was written."""

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1 or not 0 <= self.effect < 1:
            raise ValueError(f"alpha is {self.alpha} and effect {self.effect}, expected numbers between 0 and 1")
        if not 0.5 <= self.auc < 1:
            raise ValueError(f"auc is {self.auc}, expected at least 0.5, a guess, and under 1")
        if self.max_rows < 10:
            raise ValueError(f"max_rows is {self.max_rows}, expected at least 10")


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """What one test found."""

    size: float
    """By how much a probability differs at most, 0 to 1; of categories, beyond what chance alone gives."""
    p: float
    """Corrected over all tests."""
    drifted: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ColumnDrift:
    """One column, before and now. Values that fewer rows share than its ``rare`` are not named."""

    name: str
    kind: str
    values: Difference | None
    """None where a side has no value."""
    missing: Difference | None
    """None where nothing is missing."""
    missing_share: tuple[float, float]
    """Before and now."""
    new_share: float
    """Rows whose category was never seen before."""
    new: tuple[str, ...]
    """Those categories, the most frequent first."""
    drawing: Mapping[str, Any]
    """``histogram`` or ``levels``: shares of rows with a value, ``before`` and ``now``; empty where there are none."""

    @property
    def drifted(self) -> bool:
        """Whether values or what is missing have drifted."""
        return any(each is not None and each.drifted for each in (self.values, self.missing))

    @property
    def size(self) -> float:
        """The larger difference."""
        return max((each.size for each in (self.values, self.missing) if each is not None), default=0.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Together:
    """What a classifier over all columns made of rows it was not fitted to."""

    auc: float
    low: float
    high: float
    rows: int
    """A side."""
    columns: Mapping[str, float]
    """How much of the AUC is lost when a column is shuffled, the most first."""
    drifted: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Broken:
    """A critical expectation of the contract that new data break; values are not shown."""

    column: str | None
    description: str
    rows: int
    """Rows that break it; 0 where it is about the table."""
    observed: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Drift:
    """The verdict, why, and what it rests on."""

    drifted: bool
    reasons: tuple[str, ...]
    """Empty when nothing has drifted."""
    before: int
    """Rows of the reference."""
    now: int
    """Rows of the new data."""
    judged: int
    """Of these, rows that were compared: where the table has grown, those that were not in it before."""
    schema: tuple[str, ...]
    """Columns that are gone, new or of another type, in words."""
    left_out: tuple[str, ...]
    """Columns that were not looked at: ids, personal ones, and those to ignore."""
    columns: tuple[ColumnDrift, ...]
    """The most telling first."""
    together: Together | None
    """None where no column can be compared."""
    contract: str | None
    """Its name, where there is one."""
    broken: tuple[Broken, ...]
    config: DriftConfig = field(default_factory=DriftConfig)

    def to_json(self) -> dict[str, Any]:
        """A JSON mapping."""
        columns = [{**asdict(each), "drifted": each.drifted, "size": each.size} for each in self.columns]
        return {**asdict(self), "columns": columns}
