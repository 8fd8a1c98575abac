"""Reports made by hand, of the form that `evaluate` writes, and a reader that checks a page's structure."""

from html.parser import HTMLParser
from typing import Any

from tests.verdicts import ATTACKS, attacked, privacy

VOID = {"meta", "br", "img"}


class Reader(HTMLParser):
    """Parses a page, holds every end tag against the tag that is open, and keeps what tests ask for."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.text: list[str] = []
        self.rows: list[int] = []
        self.feed(page)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute stands twice in {self.get_starttag_text()}"
        for name, value in attrs:
            assert not name.startswith("on"), f"a script in {self.get_starttag_text()}"
            if name == "id":
                self.ids.append(value or "")
            if name in ("href", "src", "xlink:href", "srcset", "data", "action"):
                self.references.append(value or "")
        if tag == "tr":
            self.rows.append(0)
        if tag in ("td", "th"):
            self.rows[-1] += 1

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.text.append(data)

    @property
    def words(self) -> str:
        """What a person reads."""
        return " ".join(" ".join(self.text).split())


def metric(value: float, *, floor: float | None, ceiling: float | None, better: str = "higher") -> dict[str, Any]:
    return {
        "value": value, "low": value * 0.9, "high": value * 1.1, "floor": floor, "ceiling": ceiling, "better": better
    }  # fmt: skip


def number_column(name: str, **changed: Any) -> dict[str, Any]:
    bars = {"edges": [-0.5, 0.5, 1.5, 2.5], "step": 1.0, "real": [0.2, 0.5, 0.3], "synthetic": [0.3, 0.4, 0.3]}
    kept = {"name": name, "kind": "integer", "shape_error": 10.0, "missing": {"real": 0.0, "synthetic": 0.0}}
    return {**kept, "histogram": bars, **changed}


def category_column(name: str, levels: int = 3, **changed: Any) -> dict[str, Any]:
    shown = [{"level": f"level {i}", "real": 1 / levels, "synthetic": 1 / levels} for i in range(min(levels, 20))]
    kept = {"name": name, "kind": "category", "shape_error": 5.0, "missing": {"real": 0.0, "synthetic": 0.0}}
    return {**kept, "levels": shown, "levels_in_all": levels, **changed}


def report(*columns: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """The content of metrics.json for a table of these columns."""
    names = [column["name"] for column in columns]
    matrix = [[0.0 if i == j else float(abs(i - j) % 40) for j in range(len(names))] for i in range(len(names))]
    row = dict.fromkeys(names, "7")
    numbers = {"columns": names[:2], "error": 40.0, "correlation": {"real": 0.61, "synthetic": -0.02}}
    places = [{"from": None, "to": 25.0}, {"level": "level 1"}]
    cells = {"columns": names[:2], "error": 9.0, "cells": [{"places": places, "real": 0.12, "synthetic": 0.03}] * 2}
    worst = [numbers, cells]
    details = {
        "columns": list(columns),
        "pairs": {"names": names, "matrix": matrix, "worst": worst} if len(names) > 1 else None,
        "utility": {"target": names[0], "measure": "AUC", "values": None, "classes": []},
        "detection": {"auc": 0.62, "columns": {name: 0.2 / (i + 1) for i, name in enumerate(names)}},
        "nearest": [{"distance": 1.25, "synthetic": row, "train": {**row, names[0]: None}}],
        "contract": None,
        "attacks": {
            **{
                name: {"attacks": {"distance ratio": 0.51, "classifier": 0.5}, "members": 9000, "strangers": 4000}
                for name in ATTACKS
                if name.startswith("mia")
            },
            "attribute_advantage": {
                "secrets": [
                    {"secret": name, "advantage": 0.01, "members": 0.6, "strangers": 0.59}
                    | {"holdout_members": 0.58, "holdout_strangers": 0.57}
                    for name in names
                ]
            },
            "copy_excess": {
                each: {"train": 0.002, "expected": 0.001, "excess": 0.001, "error": 0.001} for each in ("exact", "near")
            },
            "rare_excess": {"synthetic": 0.0, "unseen": 0.001, "values": 3},
            "singling_out": {"guesses": 812, "train": 0.21, "unseen": 0.2},
        },
    }
    metrics = {
        **attacked(),
        "detection": metric(0.7, floor=0.1, ceiling=0.98),
        "shape_error": metric(3.0, floor=2.0, ceiling=1.5, better="lower"),
        "utility": metric(0.88, floor=0.5, ceiling=0.91),
        "utility_real": metric(0.92, floor=0.92, ceiling=0.92),
    }
    verdict = {"release": True, "reasons": ["detection is 0.700: passed."]}
    rows = {"train": 4000, "test": 500, "synthetic": 4000, "compared": 500}
    content = {"metrics": metrics, "privacy": privacy(metrics), "verdict": verdict, "rows": rows, "details": details}
    return {**content, **changed}
