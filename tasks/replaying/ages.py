"""How the replay's models age: inside the first training, and over the whole history."""

from __future__ import annotations

import numpy as np

from tasks.core.age_curve import AgeCurve, Aged
from tasks.replaying.fits import Fits
from tasks.replaying.history import History
from tasks.retraining import correction
from tasks.retraining.ageing import LONGEST, age_curve, cuts, measured

STARTS = 10
"""Models whose ageing is looked at, evenly over the history."""


def cut_sizes(history: History) -> list[int]:
    """How many rows each of the models inside the first training knows; none where it is too short for that."""
    known = history.moments[: history.n_first]
    cut = cuts(known, known, history.every)
    return [] if isinstance(cut, str) else cut.known(known)


def first_curve(fits: Fits) -> tuple[AgeCurve | None, float]:
    """The curve that a training on the first rows measures, and what its models cost; None where there is none."""
    known = fits.history.moments[: fits.history.n_first]
    cut, problem = cuts(known, known, fits.history.every), fits.history.seen.target.problem
    if isinstance(cut, str):
        return None, 0.0
    sizes, rows = cut.known(known), cut.judged(known)
    y = fits.history.answers(rows)
    losses = [correction.losses(problem, y, fits.answers(size, rows)) for size in sizes]
    return measured(cut, losses), sum(fits.seconds(size) for size in sizes)


def curve(fits: Fits) -> AgeCurve:
    """The loss of models of each age up to eight windows, relative to one trained when the window began."""
    windows = fits.history.windows
    oldest = int(min(LONGEST, len(windows) - 1))
    starts = np.unique(np.linspace(0, len(windows) - 1 - oldest, STARTS).astype(int))
    points: list[Aged] = []
    for age in range(1, oldest + 1):
        found: list[float] = []
        for start in starts.tolist():
            window = windows[start + age]
            if not window.n_rows:
                continue
            fresh = _loss(fits, window.n_labelled, window.rows)
            if fresh > 0:
                found.append(_loss(fits, windows[start].n_labelled, window.rows) / fresh)
        if found:
            points.append(Aged(age=age, relative_loss=float(np.mean(found))))
    return age_curve(points)


def _loss(fits: Fits, n_rows: int, rows: slice) -> float:
    y = fits.history.answers(rows)
    return float(correction.losses(fits.history.seen.target.problem, y, fits.answers(n_rows, rows)).mean())
