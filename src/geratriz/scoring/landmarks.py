"""Landmarks, the reference scores that a generator is compared with, and their JSON form."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from geratriz import config
from geratriz.scoring.score import Score, without_detail

NAMES = ("floor", "ceiling", "blurred", "copycat")


@dataclass(frozen=True, kw_only=True, slots=True)
class Landmarks:
    """Scores of data without structure (floor) and of fresh real data (ceiling); images have two more."""

    rows: int
    """Rows or images per side; a generator is scored on the same number."""
    floor: Mapping[str, Score]
    """Every column, or every pixel of images, drawn independently."""
    ceiling: Mapping[str, Score]
    blurred: Mapping[str, Score] = field(default_factory=dict)
    """Blurred real images, which lack only detail; empty for tables."""
    copycat: Mapping[str, Score] = field(default_factory=dict)
    """Training images instead of generated ones; empty for tables."""

    def to_json(self) -> dict[str, Any]:
        """A JSON mapping; :meth:`from_json` is its inverse."""
        return {
            "rows": self.rows,
            **{
                landmark: {name: without_detail(score) for name, score in getattr(self, landmark).items()}
                for landmark in NAMES
                if landmark == "floor" or getattr(self, landmark)
            },
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Landmarks":
        """Landmarks from the mapping that :meth:`to_json` returns."""
        scores = {
            landmark: {name: config.load(Score, score, landmark) for name, score in content[landmark].items()}
            for landmark in NAMES
            if landmark in content
        }
        return cls(rows=content["rows"], **scores)

    @classmethod
    def read(cls, path: Path) -> "Landmarks":
        """Read the file that the stage ``landmarks`` wrote."""
        return cls.from_json(json.loads(path.read_text(encoding="utf-8")))
