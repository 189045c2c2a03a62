"""The usual triggers: change detectors on the error, and tests of each column against the training rows."""

from __future__ import annotations

from collections.abc import Callable
from time import thread_time
from typing import Any, Protocol

import numpy as np

from tasks.replaying.calendars import Calendar
from tasks.replaying.fits import Fits
from tasks.replaying.walk import Trained, Wish

HALF = 0.5
"""Of the columns must differ before Evidently calls the data drifted."""
SIGNIFICANT = 0.05
PSI_LIMIT = 0.2
BINS = 10
MOST_ROWS = 20_000
"""Of the training rows that a test compares with: more change its figure in the third digit."""
SMALLEST_SHARE = 1e-4
"""That stands for an empty bin of the population stability index, as is usual."""


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

    def __init__(self, name: str, title: str, fits: Fits, differs: Callable[[Any, Any], str]) -> None:
        super().__init__(name, title, 0)
        self._fits, self._differs = fits, differs

    def wish(self, number: int, champion: int) -> Wish | None:
        window = self._fits.history.windows[number - 1]
        if not window.n_rows:
            return None
        stride = max(1, -(-champion // MOST_ROWS))
        reference = self._fits.history.rows[0:champion].gather_every(stride)
        current = self._fits.history.rows[window.rows]
        inputs, time = self._fits.history.seen.inputs, self._fits.history.seen.time
        names = [column.name for column in inputs if column.type in TESTED and column.name != time]
        started = thread_time()
        found = self._differs(reference.select(names), current.select(names))
        self.seconds += thread_time() - started
        return Wish(self.name, found, evidence=True) if found else None


TESTED = ("number", "integer", "boolean", "text", "date")
MOST_LEVELS = 50


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


def _half_differ(reference: Any, current: Any) -> str:
    differ = [name for name in reference.columns if _p_value(reference[name], current[name]) < SIGNIFICANT]
    if len(differ) < HALF * len(reference.columns) or not differ:
        return ""
    return f"{len(differ)} of {len(reference.columns)} columns differ"


def _p_value(reference: Any, current: Any) -> float:
    from scipy import stats

    if reference.dtype.is_numeric() or reference.dtype.is_temporal():
        a, b = _numbers(reference), _numbers(current)
        tested: Any = stats.ks_2samp(a, b, method="asymp") if len(a) and len(b) else None
        return 1.0 if tested is None else float(tested.pvalue)
    expected, counts = _levels(reference, current)
    if not counts.sum() or len(counts) < 2:
        return 1.0
    # A level that the training rows do not have is a cell of its own kind; half a row keeps it finite.
    shares = (expected + 0.5) / (expected + 0.5).sum()
    statistic = ((counts - shares * counts.sum()) ** 2 / (shares * counts.sum())).sum()
    return float(stats.chi2.sf(statistic, len(counts) - 1))


def _unstable(reference: Any, current: Any) -> str:
    for name in reference.columns:
        if (found := _stability(reference[name], current[name])) > PSI_LIMIT:
            return f"the PSI of {name} is {found:.2f}"
    return ""


def _stability(reference: Any, current: Any) -> float:
    if reference.dtype.is_numeric() or reference.dtype.is_temporal():
        a, b = _numbers(reference), _numbers(current)
        if not len(a) or not len(b):
            return 0.0
        edges = np.unique(np.quantile(a, np.linspace(0, 1, BINS + 1)[1:-1]))
        expected, counts = (np.bincount(np.searchsorted(edges, x), minlength=len(edges) + 1) for x in (a, b))
    else:
        expected, counts = _levels(reference, current)
        if not counts.sum() or not expected.sum():
            return 0.0
    p, q = (np.maximum(each / each.sum(), SMALLEST_SHARE) for each in (expected, counts))
    return float(((q - p) * np.log(q / p)).sum())


def _numbers(values: Any) -> np.ndarray:
    import polars as pl

    values = values.cast(pl.Datetime("us")).to_physical() if values.dtype.is_temporal() else values
    found = values.drop_nulls().cast(pl.Float64).to_numpy()
    return found[np.isfinite(found)]


def _levels(reference: Any, current: Any) -> tuple[np.ndarray, np.ndarray]:
    """How often each of the commonest levels comes in both, and all others together."""
    import polars as pl

    counts = reference.cast(pl.String).drop_nulls().value_counts(sort=True, name="n").head(MOST_LEVELS)
    names = counts.to_series(0).to_list()
    found = []
    for values in (reference, current):
        texts = values.cast(pl.String).drop_nulls()
        by = dict(texts.value_counts(name="n").iter_rows())
        known = [by.get(name, 0) for name in names]
        found.append(np.array([*known, len(texts) - sum(known)], dtype=float))
    return found[0], found[1]
