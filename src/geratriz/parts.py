"""The parts that data are divided into: their names, their shares, and what counts as one unit."""

from dataclasses import dataclass

PARTS = ("train", "fresh", "test")


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitConfig:
    """Which share of the rows goes where, and what counts as one unit."""

    by: str = "hash"
    """``hash``: each row by its content and occurrence number. ``group:COLUMN``: all rows of one entity by its key in
    COLUMN; a row without a key is an entity of its own. ``time:COLUMN``: the earliest rows train, then fresh, the
    latest test; rows of one moment stay together."""
    train: float = 0.8
    """Share the generator learns from."""
    fresh: float = 0.1
    """Share that stands in for a perfect synthetic table: the ceiling of every metric."""
    test: float = 0.1
    """Share that synthetic data are judged against."""

    def __post_init__(self) -> None:
        shares = (self.train, self.fresh, self.test)
        if self.by != "hash" and not self.group and not self.time:
            raise ValueError(f"by is {self.by!r}; it must be 'hash', 'group:COLUMN' or 'time:COLUMN'")
        if min(shares) <= 0 or abs(sum(shares) - 1) > 1e-9:
            raise ValueError(f"train, fresh and test are {shares}; they must be positive and add up to 1")

    @property
    def group(self) -> str | None:
        """The column that names a row's entity, where the table is divided by it."""
        return self.by.removeprefix("group:") if self.by.startswith("group:") else None

    @property
    def time(self) -> str | None:
        """The column that says when a row came to be, where the table is divided by it."""
        return self.by.removeprefix("time:") if self.by.startswith("time:") else None
