"""Parts that data are divided into: names, shares, and the unit that is assigned to a part."""

from dataclasses import dataclass

PARTS = ("train", "fresh", "test")


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitConfig:
    """Share of the rows in each part, and the unit that is assigned to a part."""

    by: str = "hash"
    """``hash``: each row by its content and occurrence number. ``group:COLUMN``: all rows of one entity by its key in
    COLUMN; a row without a key is its own entity. ``time:COLUMN``: the earliest rows are train, the next fresh, the
    latest test; rows with equal times stay together."""
    train: float = 0.8
    """Share that the generator is fitted on."""
    fresh: float = 0.1
    """Share that is scored as a perfect synthetic table: the ceiling of every metric."""
    test: float = 0.1
    """Share that synthetic data are evaluated against."""

    def __post_init__(self) -> None:
        shares = (self.train, self.fresh, self.test)
        if self.by != "hash" and not self.group and not self.time:
            raise ValueError(f"by is {self.by!r}; it must be 'hash', 'group:COLUMN' or 'time:COLUMN'")
        if min(shares) <= 0 or abs(sum(shares) - 1) > 1e-9:
            raise ValueError(f"train, fresh and test are {shares}; they must be positive and add up to 1")

    @property
    def group(self) -> str | None:
        """Column of entity keys, if the table is divided by entity."""
        return self.by.removeprefix("group:") if self.by.startswith("group:") else None

    @property
    def time(self) -> str | None:
        """Column of times, if the table is divided by time."""
        return self.by.removeprefix("time:") if self.by.startswith("time:") else None
