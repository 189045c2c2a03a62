"""Diverse: whether each class, level and range has rows enough to learn from and to be judged by."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from statistics import NormalDist

import numpy as np
import polars as pl

from tasks.core.appraisal import Association, Criterion, Word
from tasks.core.figures import figure, percent
from tasks.core.slices import LEAST_ROWS
from tasks.examining import verdicts
from tasks.examining.association import Numbers
from tasks.examining.combinations import empty_combination
from tasks.examining.glance import TEST, Glance
from tasks.examining.words import counted, listed, shown

TAILS = 0.05
"""The share of rows on each side of a hole: beyond it a far value makes one."""
_Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Rarest:
    """The rarest class: its rows in all and in test, and how many more rows would halve its recall's interval."""

    name: str
    n_rows: int
    n_test: int
    n_more: int

    @property
    def width(self) -> float:
        """Of the 95 % interval of a recall of one half."""
        return recall_width(self.n_test)


@dataclass(frozen=True)
class _Covered:
    """How much of one column is covered, and what is not: its thin levels, or its hole."""

    column: str
    share: float
    n_thin: int = 0
    hole: tuple[float, float] | None = None


def recall_width(n_rows: int) -> float:
    """The width of Wilson's 95 % interval of a recall of one half over so many rows of the class: 1 without any."""
    return _Z / (n_rows + _Z**2) ** 0.5


def rarest(seen: Glance) -> Rarest:
    """The class with the fewest rows in test, of a classification."""
    classes = pl.DataFrame({"name": seen.splits.target.classes})
    target = seen.rows[seen.splits.target.name]
    rows = pl.DataFrame({"name": target.cast(pl.String), "test": seen.part == TEST})
    counts = rows.group_by("name").agg(pl.len(), pl.col("test").sum())
    counts = classes.join(counts, on="name", how="left").fill_null(0).sort("test", "len", "name")
    name, n_rows, n_test = counts.row(0)
    n_rows, n_test = round(n_rows * seen.scale), round(n_test * seen.scale)
    share = max(seen.splits.test.n_rows / max(seen.n_rows, 1), 1e-9)
    # Half the width needs four times n + z squared.
    return Rarest(str(name), n_rows, n_test, _rounded(3 * (n_test + _Z**2) / share))


def _rounded(n: float) -> int:
    """Upwards, to two digits: the answer is no more exact than that."""
    scale = 10 ** max(0, len(str(int(n))) - 2)
    return ceil(n / scale) * scale


def diverse(seen: Glance, found: tuple[Association, ...]) -> Criterion:
    """How much of what could come the rows cover, and what the rarest class lacks."""
    splits, target = seen.splits, seen.splits.target
    kinds = {each.name: each.kind for each in splits.features}
    names = [*seen.features, *([target.name] if target.classes else [])]
    covered = [_covered(seen, name) for name in names]
    if not covered:
        return Criterion(name="diverse", value=None, word="not judged", headline="not judged", facts=())
    value = float(np.mean([each.share for each in covered]))
    rare = rarest(seen) if target.classes else None
    thin, holes = [each for each in covered if each.n_thin], [each for each in covered if each.hole]
    slices: Word = "fair" if holes and value >= verdicts.COVERED[0] else verdicts.rising(value, verdicts.COVERED)
    recall: Word = verdicts.falling(rare.width, verdicts.RECALL) if rare else "good"
    word = verdicts.worst(slices, recall)
    headline = f"{percent(value)} of values covered"
    if rare and recall != "good" and recall == word:
        headline = f"recall of the rarest class to {100 * rare.width:.0f} points"
    together = [each.feature for each in found if kinds[each.feature] in ("category", "boolean")]
    return Criterion(
        name="diverse",
        value=value,
        word=word,
        headline=headline,
        facts=(*_classes(seen, rare), *_thin(thin), *_holes(holes), *empty_combination(seen, together)),
        action="" if word == "good" else _action(rare, thin, holes, target.name),
    )


def _covered(seen: Glance, name: str) -> _Covered:
    values = seen.numbers[name]
    values = values[~np.isnan(values)]
    if not len(values):
        return _Covered(name, 0.0)
    if name not in seen.levels:
        return _range(name, np.sort(values))
    counts = np.bincount(values.astype(np.int64))
    thin = counts[(counts > 0) & (counts * seen.scale < LEAST_ROWS)]
    return _Covered(name, 1 - int(thin.sum()) / len(values), n_thin=len(thin))


def _range(name: str, ordered: Numbers) -> _Covered:
    """How much of what a number covers, less one row in twenty at each end, is not one wide hole."""
    at = int(TAILS * len(ordered))
    inner = ordered[at : len(ordered) - at]
    with np.errstate(over="ignore"):
        width, steps = inner[-1] - inner[0], np.diff(inner)
    # A few values, such as a rating's, have steps and no holes.
    if np.count_nonzero(steps) < verdicts.FEW or not np.isfinite(width):
        return _Covered(name, 1.0)
    widest = int(steps.argmax())
    share = float(steps[widest] / width)
    if share < verdicts.GAP:
        return _Covered(name, 1.0)
    return _Covered(name, 1 - share, hole=(float(inner[widest]), float(inner[widest + 1])))


def _classes(seen: Glance, rare: Rarest | None) -> tuple[str, ...]:
    if rare is None:
        return ()
    counts = seen.rows[seen.splits.target.name].value_counts()["count"].to_numpy()
    shares = counts / counts.sum()
    effective = float(np.exp(-(shares * np.log(shares)).sum()))
    n_classes = len(seen.splits.target.classes)
    return (
        f"The {n_classes:,} classes are as diverse as {effective:.3g} of equal size.",
        f"The rarest class {shown(rare.name)} has {counted(rare.n_rows, 'row')}, {rare.n_test:,} of them in test: the "
        f"95 % interval of its recall is about {100 * rare.width:.0f} points wide.",
    )


def _thin(thin: list[_Covered]) -> tuple[str, ...]:
    if not thin:
        return ()
    most, n_levels = min(thin, key=lambda each: (each.share, each.column)), sum(each.n_thin for each in thin)
    where = f", most of all of `{most.column}`" if len(thin) > 1 else ""
    have = (
        f"{counted(n_levels, 'level')} of {listed([each.column for each in thin])} {'has' if n_levels == 1 else 'have'}"
    )
    return (f"{have} fewer than {LEAST_ROWS} rows{where}: {percent(1 - most.share)} of its rows.",)


def _holes(holes: list[_Covered]) -> tuple[str, ...]:
    return tuple(
        f"`{each.column}` has no value between {figure(each.hole[0])} and {figure(each.hole[1])}, "
        f"{percent(1 - each.share)} of its range."
        for each in sorted(holes, key=lambda each: (each.share, each.column))[:3]
        if each.hole
    )


def _action(rare: Rarest | None, thin: list[_Covered], holes: list[_Covered], target: str) -> str:
    if rare is not None and verdicts.falling(rare.width, verdicts.RECALL) != "good":
        return (
            f"The rarest class {shown(rare.name)} of `{target}` has {counted(rare.n_test, 'test row')}: about "
            f"{rare.n_more:,} more rows of it would halve the interval of its recall."
        )
    if thin and (most := min(thin, key=lambda each: (each.share, each.column))).share < verdicts.COVERED[0]:
        return f"Merge the rare levels of `{most.column}` into coarser ones, or collect more of them."
    if holes:
        return f"Collect rows where `{holes[0].column}` has no value, or do not ask the model there."
    return ""
