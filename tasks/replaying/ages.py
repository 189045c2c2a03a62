"""How the replay's models age: inside the first training, and over the whole history."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from tasks.replaying.fits import Fits
from tasks.retraining import correction
from tasks.retraining.ageing import CUTS, LONGEST, AgeCurve, Aged, age_curve, compared

STARTS = 10
"""Models whose ageing is looked at, evenly over the history."""
FEWEST_BLOCKS, MOST_BLOCKS = 2, 12


def cut_sizes(n_first: int) -> list[int]:
    """How many rows each of the four models inside the first training knows."""
    return [int(share * n_first) for share in CUTS]


def first_curve(fits: Fits) -> tuple[AgeCurve, float]:
    """The curve of the four models on the rows of the first training that none of them knows, and what they cost."""
    history, sizes = fits.history, cut_sizes(fits.history.n_first)
    begin, end = history.at(sizes[-1]), history.at(history.n_first - 1)
    n_blocks = int(np.clip((end - begin) / history.every, FEWEST_BLOCKS, MOST_BLOCKS))
    edges = np.linspace(sizes[-1], history.n_first, n_blocks + 1).astype(int).tolist()
    blocks = [slice(start, stop) for start, stop in pairwise(edges) if stop > start]
    table = [[_loss(fits, size, rows) for rows in blocks] for size in sizes]
    ages = [(begin - history.at(size - 1)) / history.every for size in sizes]
    return age_curve(compared(table, ages)), sum(fits.seconds(size) for size in sizes)


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
