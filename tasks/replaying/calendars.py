"""The policies that look at nothing: never to train, and to train whenever so many windows are over."""

from __future__ import annotations

from tasks.replaying.walk import Trained, Wish
from tasks.retraining.correction import Correction


class Calendar:
    """Train at the start of every `every`th window; 0: never."""

    gated = False

    def __init__(self, name: str, title: str, every: int) -> None:
        self.name, self.title, self.every, self.seconds = name, title, every, 0.0

    def wish(self, number: int, champion: int) -> Wish | None:
        if not self.every or number % self.every:
            return None
        return Wish("schedule", self.title, evidence=False)

    def trained(self, what: Trained) -> None:
        """A calendar does not care."""

    def correction(self, number: int, champion: int) -> Correction | None:
        return None

    def said(self) -> str:
        return ""
