"""The daily statistics that are watched: linear ones, so that a season in a column does not come in squared.

Of a number the mean and the spread of its normal scores, of a category the arcsine root of its levels' shares, of a
pair Fisher's z of the correlation of scores, and of sizes where both are numbers; of every column the share of missing
values. What is rare is counted (`rare.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from tasks.monitoring.cells import MISSING, WIDTH, Cells, Floats, Ints
from tasks.monitoring.shares import rooted, unrooted

What = Literal["mean", "spread", "share", "missing", "correlation", "size correlation"]
GROUPS: tuple[What, ...] = ("mean", "spread", "share", "missing", "correlation", "size correlation")
EXPECTED = 15
"""Rows that a level must be expected to have in a window; rarer ones are pooled."""


@dataclass(frozen=True)
class Statistic:
    """One watched statistic of column `column` (and `other`, in a pair); `label` is the level or levels."""

    what: What
    column: int
    other: int = -1
    label: str = ""


@dataclass(frozen=True, eq=False)
class Series:
    """Windows x statistics: their `values`, and the `rows` that each stands on."""

    values: Floats
    rows: Floats


@dataclass(frozen=True, eq=False)
class Layout:
    """Which statistics windows of about `n_rows` rows can carry, and how they come out of the windows' summaries."""

    cells: Cells
    total: Floats
    n_rows: float

    @cached_property
    def parts(self) -> dict[str, slice]:
        """Where each part of a summary lies; `daily.summary` writes them in this order."""
        columns, paired = len(self.cells.names), self.cells.n_paired
        pairs = paired * (paired - 1) // 2
        widths = {"rows": 1, "present": columns, "counts": len(self.cells.kept)}
        widths |= dict.fromkeys(("score", "score2", "size", "size2"), columns)
        widths |= {"products": pairs, "size_products": pairs}
        ends = np.cumsum([*widths.values()])
        return {
            name: slice(int(end) - width, int(end)) for (name, width), end in zip(widths.items(), ends, strict=True)
        }

    @cached_property
    def levels(self) -> list[tuple[Statistic, Ints]]:
        """Each watched level or pool of rarer levels, with the places of its counts among the kept ones."""
        kept, found = self.cells.kept, list[tuple[Statistic, Ints]]()
        counts, present = self.total[self.parts["counts"]], self.total[self.parts["present"]]
        for column in range(self.cells.n_numbers, len(self.cells.names)):
            places = np.flatnonzero((kept // WIDTH == column) & (kept % WIDTH < MISSING))
            names = (*self.cells.levels[column - self.cells.n_numbers], "rarer levels", "new levels")
            scale = self.n_rows * present[column] / max(self.total[0], 1) / max(present[column], 1)
            often = counts[places] * scale >= EXPECTED
            groups = [(names[i], places[i : i + 1]) for i in np.flatnonzero(often)]
            if (pooled := places[~often]).size and counts[pooled].sum() * scale >= EXPECTED:
                groups.append((f"{len(pooled) - 1} rarer levels", pooled))
            if len(groups) == 2:
                groups = groups[:1]  # the other share is what is left
            if len(groups) > 1 or counts[places].sum() > sum(counts[group].sum() for _, group in groups):
                found += [(Statistic("share", column, label=label), group) for label, group in groups]
        return found

    @cached_property
    def statistics(self) -> list[Statistic]:
        """All of them, in the order of the series' columns."""
        spread = self.spreading
        found = [Statistic("mean", int(column)) for column in spread]
        found += [Statistic("spread", int(column)) for column in spread]
        found += [statistic for statistic, _ in self.levels]
        found += [Statistic("missing", int(column)) for column in self.lacking]
        found += [Statistic("correlation", int(a), int(b)) for a, b in self.pairs]
        found += [Statistic("size correlation", int(a), int(b)) for a, b in self.pairs[self.sized]]
        return found

    @cached_property
    def spreading(self) -> Ints:
        """The numbers that are not constant."""
        return np.flatnonzero(self.cells.scores[: self.cells.n_numbers].any(axis=1))

    @cached_property
    def lacking(self) -> Ints:
        """The columns with enough missing values for a share; those of others are counted."""
        rows = self.total[0]
        missing = rows - self.total[self.parts["present"]]
        share = missing / max(rows, 1)
        return np.flatnonzero((share * self.n_rows >= 2 * EXPECTED) & ((1 - share) * self.n_rows >= 2 * EXPECTED))

    @cached_property
    def pairs(self) -> Ints:
        """The pairs of columns that both vary, pairs x 2."""
        above = np.column_stack(np.triu_indices(self.cells.n_paired, 1))
        varies = np.asarray(self.cells.scores.any(axis=1))
        return above[varies[above].all(axis=1)]

    @cached_property
    def sized(self) -> Ints:
        """The places among the pairs of those of two numbers: the score of a level has no size that means anything."""
        return np.flatnonzero((self.pairs < self.cells.n_numbers).all(axis=1))

    @cached_property
    def unit(self) -> Floats:
        """The variance that each statistic of one row has if rows are independent; less than this is not believed."""
        scores, shares = self.cells.scores, self.cells.shares
        second, fourth = ((shares * scores**power).sum(axis=1) for power in (2, 4))
        by_what = {"mean": second, "spread": fourth - second**2}
        return np.array([by_what[s.what][s.column] if s.what in by_what else 1.0 for s in self.statistics])

    def series(self, summaries: Floats) -> Series:
        """The statistics of windows, windows x statistics, out of their summaries."""
        part = {name: summaries[:, where] for name, where in self.parts.items()}
        present = np.maximum(part["present"], 1)
        rows = np.maximum(part["rows"], 1)
        mean, spread = part["score"] / present, part["score2"] / present
        spread = spread - mean**2
        values = [mean[:, self.spreading], spread[:, self.spreading]]
        counts = [present[:, self.spreading]] * 2
        if self.levels:
            level = np.column_stack([part["counts"][:, group].sum(axis=1) for _, group in self.levels])
            of = present[:, [s.column for s, _ in self.levels]]
            values.append(rooted(level, of))
            counts.append(of)
        values.append(rooted((rows - part["present"])[:, self.lacking], rows))
        counts.append(np.broadcast_to(rows, (len(rows), len(self.lacking))))
        scores = [part[name] / rows for name in ("score", "score2", "products")]
        sizes = [part[name] / rows for name in ("size", "size2", "size_products")]
        product, variance = self._moments(*scores)
        correlation = product / np.sqrt(variance)
        product, variance = (moments[:, self.sized] for moments in self._moments(*sizes))
        product, variance = self._unmoved(scores[0], correlation[:, self.sized], product, variance)
        for each in (correlation, product / np.sqrt(variance)):
            values.append(np.arctanh(np.clip(each, -0.999, 0.999)))
            counts.append(np.broadcast_to(rows, each.shape))
        return Series(np.concatenate(values, axis=1), np.concatenate(counts, axis=1))

    def _moments(self, mean: Floats, square: Floats, product: Floats) -> tuple[Floats, Floats]:
        """The covariance of each pair, and the product of both variances."""
        paired = self.cells.n_paired
        place = np.zeros((paired, paired), np.int64)
        place[np.triu_indices(paired, 1)] = np.arange(product.shape[1])
        a, b = self.pairs.T
        variance = np.maximum(square - mean**2, 1e-9)
        return product[:, place[a, b]] - mean[:, a] * mean[:, b], variance[:, a] * variance[:, b]

    def _unmoved(self, mean: Floats, rho: Floats, product: Floats, variance: Floats) -> tuple[Floats, Floats]:
        """The moments of sizes as they would be without the day's means a and b.

        To second order, cov(|x + a|, |y + b|) of normal x and y grows by ab E[sign x sign y] - (a² + b²) (1 -
        sqrt(1 - rho²)) / pi, and var |x + a| by the factor 1 + a². Otherwise the seasons of two correlated columns
        come into their sizes as a product.
        """
        x, y = self.pairs[self.sized].T
        a, b = mean[:, x], mean[:, y]
        rho = np.clip(rho, -1, 1)
        product = product - a * b * 2 / np.pi * np.arcsin(rho) + (a**2 + b**2) * (1 - np.sqrt(1 - rho**2)) / np.pi
        return product, variance / ((1 + a**2) * (1 + b**2))

    def sizes(self, values: Floats, expected: Floats) -> Floats:
        """How large the differences are, in the words' units: sd, relative sd, share, correlation."""
        effect = values - expected
        for what in ("spread", "share", "missing", "correlation", "size correlation"):
            chosen = np.array([s.what == what for s in self.statistics], bool)
            now, then = values[:, chosen], np.broadcast_to(expected, values.shape)[:, chosen]
            if what == "spread":
                effect[:, chosen] = np.sqrt(np.maximum(now, 0) / np.maximum(then, 1e-6)) - 1
            elif what in ("share", "missing"):
                effect[:, chosen] = unrooted(now) - unrooted(then)
            else:
                effect[:, chosen] = np.tanh(now) - np.tanh(then)
        return effect
