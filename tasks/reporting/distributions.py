"""Reference and window drawn over each other, from the counts of the profile's cells: no row is read for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from tasks.core.figures import figure, percent
from tasks.monitoring.cells import MISSING, NEW, RARE, Cells, Floats, Ints
from tasks.monitoring.daily import Daily
from tasks.reporting.charts import Axis, Chart

BINS = 40
FEW = 12
"""Different values of a number up to which each has a bar of its own, as a category's levels have."""
MOST_LEVELS = 12
TAIL = 0.002
"""Of reference and window on each side: drawn in the last bin, or a few far values would squeeze all others."""


@dataclass(frozen=True)
class Level:
    """A value or a level, and its share among the rows of the reference and of the window."""

    name: str
    reference: float
    current: float


@dataclass(frozen=True)
class Distribution:
    """A column of both: a `chart` of a number, `levels` of a category; `words` say what neither shows."""

    chart: Markup | None
    levels: tuple[Level, ...]
    words: str


def distribution(cells: Cells, total: Daily, window: Daily, column: int) -> Distribution:
    """The column, by its place among the cells', in the reference and in the window."""
    known, asked = _shares(total, column), _shares(window, column)
    words = _beside("missing", known[MISSING], asked[MISSING])
    if column >= cells.n_numbers:
        names = cells.levels[column - cells.n_numbers]
        odd = [Level("other levels", known[RARE], asked[RARE]), Level("new levels", known[NEW], asked[NEW])]
        levels = [Level(name or "(empty)", *pair) for name, *pair in zip(names, known, asked, strict=False)]
        return Distribution(None, (*_told(levels), *(each for each in odd if each.reference or each.current)), words)
    edges = np.clip(cells.edges[column], -1e150, 1e150)
    n = len(edges)
    if not n:
        return Distribution(None, (), "The reference has no value.")
    outside = known[0] + known[n], asked[0] + asked[n]
    words = " ".join(each for each in (words, _beside("outside the reference's range", *outside)) if each)
    inner = [np.asarray(each[1:n]) for each in (known, asked)]
    if n - 1 <= FEW:
        levels = [Level(figure(value), *pair) for value, *pair in zip(edges.tolist(), *inner, strict=False)]
        odd = [Level("below", known[0], asked[0]), Level("above", known[n], asked[n])]
        return Distribution(None, (*levels, *(each for each in odd if each.current)), words)
    return Distribution(_histogram(cells.names[column], edges, known[: n + 1], asked[: n + 1]), (), words)


def _shares(each: Daily, column: int) -> Floats:
    counts: Ints = each.counts[column]
    return counts / max(each.n_rows, 1)


def _beside(what: str, known: float, asked: float) -> str:
    if not known and not asked:
        return ""
    return f"{percent(float(asked))} {what}, {percent(float(known))} in the reference."


def _told(levels: list[Level]) -> list[Level]:
    """The commonest levels, and those of which the share moved most, the commonest first."""
    if len(levels) > MOST_LEVELS:
        moved = sorted(levels, key=lambda each: -abs(each.current - each.reference))[: MOST_LEVELS // 2]
        common = sorted(levels, key=lambda each: -each.reference)
        levels = [*moved, *(each for each in common if each not in moved)][:MOST_LEVELS]
    return sorted(levels, key=lambda each: (-each.reference, -each.current))


def binned(edges: Floats, known: Floats, asked: Floats) -> tuple[Floats, Floats, Floats]:
    """The edges of bins of one width, and what lies in each of both; within a cell its rows are taken as evenly spread.

    What lies beyond the bins is in the outer ones.
    """
    sums = [np.concatenate([[0.0], np.cumsum(each[1:-1])]) for each in (known, asked)]
    bounds: list[tuple[float, float]] = []
    for each in sums:
        if each[-1] > 0:
            low, high = np.interp([TAIL * each[-1], (1 - TAIL) * each[-1]], each, edges)
            bounds.append((float(low), float(high)))
    low, high = min(low for low, _ in bounds), max(high for _, high in bounds)
    if not high - low > 1e-12 * max(abs(low), abs(high)):
        low, high = float(edges[0]), float(edges[-1])
    places = np.linspace(low, high, BINS + 1)
    shares: list[Floats] = []
    for each, cells in zip(sums, (known, asked), strict=True):
        inside = np.interp(places, edges, each)
        inside[0], inside[-1] = 0.0, each[-1]
        heights = np.diff(inside)
        heights[0] += cells[0]
        heights[-1] += cells[-1]
        shares.append(heights)
    return places, shares[0], shares[1]


def _histogram(name: str, edges: Floats, known: Floats, asked: Floats) -> Markup:
    places, *shares = binned(edges, known, asked)
    low, high = float(places[0]), float(places[-1])
    top = max(float(each.max()) for each in shares) * 1.05 or 1.0
    title = f"{name}: reference and this window"
    chart = Chart(title, Axis("", low, high), Axis("share of rows", 0.0, top, form=_percent), height=170)
    chart.area(places.tolist(), shares[0].tolist(), "reference", "reference")
    chart.line(np.repeat(places, 2)[1:-1], np.repeat(shares[1], 2), "two", "this window")
    return chart.svg()


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
