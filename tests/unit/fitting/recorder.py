"""A tracker that remembers what a fit told it."""

from collections.abc import Mapping

from geratriz.tracking import NullTracker


class Recorder(NullTracker):
    def __init__(self) -> None:
        self.rounds: list[Mapping[str, float]] = []
        self.notes: list[str] = []

    def metrics(self, values: Mapping[str, float], *, step: int, steps: int) -> None:
        self.rounds.append(values)

    def note(self, text: str) -> None:
        self.notes.append(text)
