"""Columns that give the target away by themselves: copies of it in any coding, with some noise, in bins or in a text.

A strong honest feature is told from a leak by the other columns: it is a leak when it leaves next to nothing open,
and all the others together leave far more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from tasks.core.figures import figure, percent
from tasks.examining.giveaway import BINS, MOST_OTHERS, left_open, left_open_by_all, levels
from tasks.examining.sampled import Codes, Numbers, Sample, is_number, numbers
from tasks.examining.text_parts import parts

RANKS_OPEN = 0.02
"""Of a number's ranks: R² from 0.98. A diamond's price by its carat leaves 0.04 open, and is honest."""
CLASS_OPEN = 0.06
"""Of two classes: an AUC from 0.97. A true one with two of a hundred rows mislabelled has 0.98."""
ONE_OF_MANY_OPEN = 0.03
"""Of one class among several: each is another chance to be wrong."""
UNREAD_OPEN = 0.01
"""When texts, images or sounds, which nobody asks here, may tell as much."""
FAR = 0.3
"""A leak leaves at most this share of what all other columns leave open."""
MOST = 3
"""More columns that tell nearly all, none of them a plain copy, are views of one honest thing, like a tumour's size."""
SURE_ROWS = 20
"""In each of two levels, for bins of the target to be no chance."""


@dataclass(frozen=True)
class Score:
    """What the column's best view leaves open of each answer; whether it is the target itself in another coding."""

    left_open: Numbers
    certain: str = ""
    by_being_there: bool = False


def leaks(sample: Sample, unread: bool = False) -> dict[str, str]:
    """The columns that leak, and why. `unread` says that there are inputs besides those of the sample."""
    scores = {each.name: score(each, sample) for each in sample.train.iter_columns()}
    limit = _limits(sample, unread)
    suspects = [name for name, found in scores.items() if (found.left_open <= limit).any()]
    uncertain = [name for name in suspects if not scores[name].certain]
    if not suspects or len(uncertain) > MOST:
        return {name: found.certain for name, found in scores.items() if found.certain}
    others = _by_others(sample, scores, {*suspects, *(name for name, found in scores.items() if found.certain)})
    found: dict[str, str] = {}
    for name, scored in scores.items():
        which = np.flatnonzero((scored.left_open <= limit) & (scored.left_open <= FAR * others))
        if len(which):
            best = int(which[np.argmin(scored.left_open[which])])
            found[name] = _why(sample, scored, best, float(others[best]))
        elif scored.certain:
            found[name] = scored.certain
    return found


def score(values: pl.Series, sample: Sample) -> Score:
    """What the best of the column's views leaves open."""
    views = levels(values)
    if values.dtype == pl.String and sample.n_different[values.name] > BINS:
        views += [view for part in parts(values) for view in levels(part)]
    best = np.min([left_open(view, sample) for view in views], axis=0)
    certain = ""
    if sample.target.problem == "regression":
        if _are_bins(views[0], sample.values):
            certain = "leaks the target: each of its values stands for a range of the target that no other one has"
        elif is_number(values.dtype) and _is_map(numbers(values), sample.values):
            certain = "leaks the target: it is the target times a number plus a number"
    elif _same_levels(views[0], sample.values):
        certain = "leaks the target: it is the target in another coding"
    by_being_there = False
    if values.has_nulls():
        there = values.is_null().to_numpy().astype(np.int64)
        by_being_there = bool((left_open(there, sample) <= 1.5 * best + 0.001).any())
    return Score(best, certain, by_being_there)


def _limits(sample: Sample, unread: bool) -> float:
    if unread:
        return UNREAD_OPEN
    if sample.target.problem == "regression":
        return RANKS_OPEN
    return CLASS_OPEN if sample.target.problem == "binary" else ONE_OF_MANY_OPEN


def _by_others(sample: Sample, scores: Mapping[str, Score], without: set[str]) -> Numbers:
    """What the columns that are not suspected leave open together, never more than the best of them alone."""
    honest = [name for name in scores if name not in without]
    if not honest:
        return np.ones(sample.answers.shape[1])
    honest.sort(key=lambda name: float(scores[name].left_open.min()))
    together = left_open_by_all([sample.train[name] for name in honest[:MOST_OTHERS]], sample)
    return np.minimum(together, np.min([scores[name].left_open for name in honest], axis=0))


def _why(sample: Sample, scored: Score, which: int, others: float) -> str:
    alone = float(scored.left_open[which])
    if scored.certain:
        return scored.certain
    what = "whether it has a value" if scored.by_being_there else "it"
    if sample.target.problem == "regression":
        told = f"alone {what} explains {percent(1 - alone)} of the target's ranks"
        return f"leaks the target: {told}, all other columns together {percent(max(0.0, 1 - others))}"
    classes = "the classes" if sample.target.problem == "binary" else f"class {sample.classes[which]!r}"
    told = f"alone {what} tells {classes} with an AUC of {figure(1 - alone / 2)}"
    return f"leaks the target: {told}, all other columns together with {figure(1 - others / 2)}"


def _same_levels(view: Codes, values: Numbers) -> bool:
    """Whether levels and classes stand for each other, one to one."""
    places = values.astype(np.int64)
    n_classes = len(np.unique(places))
    return len(np.unique(view)) == n_classes == len(np.unique(view * (places.max() + 1) + places))


def _are_bins(view: Codes, values: Numbers) -> bool:
    """Whether the ranges of the target's values in each level do not touch: that is no chance in levels of 20 rows."""
    counts = np.bincount(view)
    n_levels = int((counts > 0).sum())
    if not 2 <= n_levels <= len(view) / 10 or np.sort(counts)[-2] < SURE_ROWS:
        return False
    least, most = np.full(len(counts), np.inf), np.full(len(counts), -np.inf)
    np.minimum.at(least, view, values)
    np.maximum.at(most, view, values)
    order = np.argsort(least)[:n_levels]
    return bool((most[order][:-1] < least[order][1:]).all())


def _is_map(found: Numbers, values: Numbers) -> bool:
    """Whether the target is the column times a number plus a number, but for rounding in the last bits."""
    if not np.isfinite(found).all() or not found.std() or not values.std():
        return False
    one, other = (found - found.mean()) / found.std(), (values - values.mean()) / values.std()
    return bool(1 - abs(float((one * other).mean())) < 1e-10)
