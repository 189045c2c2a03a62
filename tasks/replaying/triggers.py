"""The usual triggers: change detectors on the error, and tests of each column against the training rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import thread_time
from typing import Any, Protocol

import numpy as np

from tasks.replaying.calendars import Calendar
from tasks.replaying.differing import Known, p_value, stability
from tasks.replaying.fits import Fits
from tasks.replaying.walk import Trained, Wish

HALF = 0.5
"""Of the columns must differ before Evidently calls the data drifted."""
SIGNIFICANT = 0.05
PSI_LIMIT = 0.2
MOST_ROWS = 20_000
"""Of the training rows that a test compares with: more change its figure in the third digit."""


class Detector(Protocol):
    """One of river's change detectors."""

    @property
    def drift_detected(self) -> bool:
        """Whether the last value showed a change."""
        ...

    def update(self, x: float) -> None:
        """Take note of the next value."""


class OnError(Calendar):
    """Train when a detector finds that the error changes; it begins anew with each model.

    The error of a row is 0 or 1 of a class, and of a value the absolute one in standard deviations of the target.
    """

    def __init__(self, name: str, title: str, fits: Fits, detector: Callable[[], Detector]) -> None:
        super().__init__(name, title, 0)
        self._fits, self._new, self._detector = fits, detector, detector()
        known = fits.history.answers(slice(0, fits.history.n_first))
        self._scale = float(np.std(known)) or 1.0

    def wish(self, number: int, champion: int) -> Wish | None:
        windows = self._fits.history.windows
        rows = slice(windows[number - 1].n_labelled, windows[number].n_labelled)
        if rows.start == rows.stop:
            return None
        y, answers = self._fits.history.answers(rows), self._fits.answers(champion, rows)
        error = np.abs(y - answers) / self._scale if answers.ndim == 1 else answers.argmax(axis=1) != y
        started, found = thread_time(), False
        for each in error.astype(float).tolist():
            self._detector.update(each)
            found |= self._detector.drift_detected
        self.seconds += thread_time() - started
        return Wish(self.name, "the error has changed", evidence=True) if found else None

    def trained(self, what: Trained) -> None:
        self._detector = self._new()


class OnInputs(Calendar):
    """Train when the newest window's columns differ from the rows that the model was trained on."""

    def __init__(self, name: str, title: str, fits: Fits, differs: Callable[[Mapping[str, Known], Any], str]) -> None:
        super().__init__(name, title, 0)
        self._fits, self._differs = fits, differs
        self._known: tuple[int, dict[str, Known]] = (0, {})

    def wish(self, number: int, champion: int) -> Wish | None:
        window = self._fits.history.windows[number - 1]
        if not window.n_rows:
            return None
        started = thread_time()
        if self._known[0] != champion:
            self._known = champion, self._learnt(champion)
        _, reference = self._known
        current = self._fits.history.rows[window.rows].select(*reference)
        found = self._differs(reference, current)
        self.seconds += thread_time() - started
        return Wish(self.name, found, evidence=True) if found else None

    def _learnt(self, champion: int) -> dict[str, Known]:
        inputs, time = self._fits.history.seen.inputs, self._fits.history.seen.time
        names = [column.name for column in inputs if column.type in TESTED and column.name != time]
        rows = self._fits.history.rows[0:champion].select(names).gather_every(max(1, -(-champion // MOST_ROWS)))
        return {name: Known(rows[name]) for name in names}


TESTED = ("number", "integer", "boolean", "text", "date")


def adwin(fits: Fits) -> OnError:
    """ADWIN (Bifet and Gavaldà, 2007) with river's defaults."""
    from river.drift import ADWIN

    return OnError("adwin", "ADWIN on the error", fits, ADWIN)


def page_hinkley(fits: Fits) -> OnError:
    """Page-Hinkley (Page, 1954) with river's defaults, for errors that grow."""
    from river.drift import PageHinkley

    return OnError("page_hinkley", "Page-Hinkley on the error", fits, lambda: PageHinkley(mode="up"))


def ks(fits: Fits) -> OnInputs:
    """Kolmogorov-Smirnov (of categories chi squared) at 5 %, where half of the columns differ: Evidently's rule."""
    return OnInputs("ks", "KS on half of the columns", fits, _half_differ)


def psi(fits: Fits) -> OnInputs:
    """The population stability index of any column above 0.2."""
    return OnInputs("psi", "PSI above 0.2", fits, _unstable)


def _half_differ(reference: Mapping[str, Known], current: Any) -> str:
    differ = [name for name, known in reference.items() if p_value(known, current[name]) < SIGNIFICANT]
    if len(differ) < HALF * len(reference) or not differ:
        return ""
    return f"{len(differ)} of {len(reference)} columns differ"


def _unstable(reference: Mapping[str, Known], current: Any) -> str:
    for name, known in reference.items():
        if (found := stability(known, current[name])) > PSI_LIMIT:
            return f"the PSI of {name} is {found:.2f}"
    return ""
