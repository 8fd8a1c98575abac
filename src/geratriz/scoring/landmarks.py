"""The landmarks that scores stand between, and the JSON in which they do."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from geratriz import config
from geratriz.scoring.score import Score, bare

SIDES = ("floor", "ceiling", "blurred", "copycat")


@dataclass(frozen=True, kw_only=True, slots=True)
class Landmarks:
    """The scores of data without structure (floor) and of fresh real data (ceiling); for images, two more."""

    rows: int
    """Rows or images per side, so that a generator is scored on as many."""
    floor: Mapping[str, Score]
    """Columns drawn independently; for images, every pixel."""
    ceiling: Mapping[str, Score]
    blurred: Mapping[str, Score] = field(default_factory=dict)
    """For images: blurred real ones, which hold everything but detail."""
    copycat: Mapping[str, Score] = field(default_factory=dict)
    """For images: training images in the generator's place."""

    def to_json(self) -> dict[str, Any]:
        """A JSON mapping; :meth:`from_json` is its inverse."""
        return {
            "rows": self.rows,
            **{
                side: {name: bare(score) for name, score in getattr(self, side).items()}
                for side in SIDES
                if side == "floor" or getattr(self, side)
            },
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Landmarks":
        """The landmarks in a mapping that :meth:`to_json` made."""
        sides = {
            side: {name: config.load(Score, score, side) for name, score in content[side].items()}
            for side in SIDES
            if side in content
        }
        return cls(rows=content["rows"], **sides)

    @classmethod
    def read(cls, path: Path) -> "Landmarks":
        """Read what the stage ``landmarks`` wrote."""
        return cls.from_json(json.loads(path.read_text(encoding="utf-8")))
