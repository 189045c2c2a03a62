"""How much of an answer a column explains by itself, with an interval and the level of chance: one figure for all.

The share is 1 minus the variance within the column's bins over the whole. For numbers it is of their ranks (the
correlation ratio; its test is Kruskal and Wallis's, 1952), for classes of their indicators (Goodman and Kruskal's
tau; Light and Margolin's analysis of variance for categorical data, 1971). It is corrected for what bins explain by
chance (Kelley, 1935).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]

LEVEL = 0.05
"""The share of false discoveries among columns that are said to tell something."""
_WIDTH = 1.96


@dataclass(frozen=True)
class Explained:
    """The share explained, its 95 % bounds, the level that chance stays below in 95 of 100 cases, and its p-value."""

    share: float
    low: float
    high: float
    chance: float
    p: float


NOTHING = Explained(0.0, 0.0, 0.0, 0.0, 1.0)


@dataclass(frozen=True)
class _Parts:
    """The mean squares within bins and in all, the variance of their ratio, and the answer's spread over directions.

    `effective` is 1 for numbers and two classes, nearly the number of classes less one where these are alike.
    """

    within: float
    total: float
    variance: float
    effective: float


def explained(codes: Codes, answer: Numbers | Codes) -> Explained:
    """What the column's codes explain of an answer: ranks as floats, or classes as integers; negative: not known."""
    classes = answer.dtype.kind == "i"
    known = (codes >= 0) & (answer >= 0) if classes else codes >= 0
    codes, answer = codes[known], answer[known]
    there = np.bincount(codes, minlength=1) > 0
    codes = (np.cumsum(there) - 1)[codes]
    n_rows, n_bins = len(codes), int(there.sum())
    if n_bins < 2 or n_rows <= n_bins:
        return NOTHING
    parts = _of_classes(codes, answer.astype(np.int64)) if classes else _of_ranks(codes, answer.astype(np.float64))
    return NOTHING if parts is None else _judged(parts, n_rows, n_bins)


def _judged(parts: _Parts, n_rows: int, n_bins: int) -> Explained:
    from scipy.special import chdtrc, chdtri

    raw = 1 - parts.within / parts.total
    # Under chance (n - 1) times the share is a sum of chi-squares, one a direction of the answer; Satterthwaite's
    # approximation of it keeps mean and variance.
    freedom = (n_bins - 1) * parts.effective
    p = float(chdtrc(freedom, (n_rows - 1) * raw * parts.effective))
    highest = float(chdtri(freedom, LEVEL)) / parts.effective / (n_rows - 1)
    share = _corrected(raw, n_rows, n_bins)
    # Near zero the estimate's own variance vanishes and that of chance remains.
    error = (parts.variance / n_rows + 2 * (n_bins - 1) / parts.effective / n_rows**2) ** 0.5 * (raw < 1)
    low, high = max(0.0, share - _WIDTH * error), min(1.0, share + _WIDTH * error)
    return Explained(share, low, high, _corrected(highest, n_rows, n_bins), p)


def _corrected(share: float, n_rows: int, n_bins: int) -> float:
    return min(1.0, max(0.0, 1 - (1 - share) * (n_rows - 1) / (n_rows - n_bins)))


def _of_ranks(codes: Codes, ranks: Numbers) -> _Parts | None:
    middle = ranks.mean()
    means = np.bincount(codes, ranks) / np.bincount(codes)
    within, total = (ranks - means[codes]) ** 2, (ranks - middle) ** 2
    if not total.any():
        return None
    ratio = float(within.mean() / total.mean())
    influence = (within - ratio * total) / total.mean()
    return _Parts(float(within.mean()), float(total.mean()), float(influence.var()), 1.0)


def _of_classes(codes: Codes, classes: Codes) -> _Parts | None:
    n_classes = int(classes.max()) + 1
    counts = np.bincount(codes * n_classes + classes).astype(np.float64)
    counts = np.resize(np.append(counts, np.zeros(-len(counts) % n_classes)), (codes.max() + 1, n_classes))
    shares = counts.sum(0) / counts.sum()
    total = 1 - float((shares**2).sum())
    if total <= 0:
        return None
    here = counts / counts.sum(1, keepdims=True)
    weights = counts / counts.sum()
    # The squared distance of a class's indicator to the shares in its bin, and to those in all rows.
    from_bin = 1 - 2 * here + (here**2).sum(1, keepdims=True)
    from_all = 1 - 2 * shares + (shares**2).sum()
    within = float((weights * from_bin).sum())
    influence = (from_bin - within / total * from_all) / total
    squares = float((shares**2).sum() - 2 * (shares**3).sum() + (shares**2).sum() ** 2)
    return _Parts(within, total, float((weights * influence**2).sum()), total**2 / squares)


def beyond_chance(p_values: Sequence[float], level: float = LEVEL) -> list[bool]:
    """Which of many tests hold when this share of those that do may be false (Benjamini and Hochberg, 1995)."""
    p = np.asarray(p_values, np.float64)
    ranked = np.sort(p)
    held = np.flatnonzero(ranked <= level * np.arange(1, len(p) + 1) / max(len(p), 1))
    limit = ranked[held[-1]] if len(held) else -1.0
    return (p <= limit).tolist()
