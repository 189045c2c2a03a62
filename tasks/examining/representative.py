"""Representative: how far validation, test and the newest rows lie from the rest, column by column, beyond chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tasks.core.appraisal import Criterion, Distance
from tasks.core.expressions import names_in
from tasks.core.figures import percent
from tasks.core.records import Splits
from tasks.examining import verdicts
from tasks.examining.association import Codes, beyond_chance, explained
from tasks.examining.codes import coded
from tasks.examining.glance import PARTS, Glance, split_column
from tasks.examining.words import listed

NEWEST = 0.1
LEVEL = 0.04
"""Of false alarms among splits at random. Far out the tests promise a little too much where levels are rare: at 0.05
there were 5.9 alarms in 100 runs (1,500 runs, 20 columns, 1,000 rows)."""
LEAST_ROWS = 20
"""Rows that both sides of a comparison must have."""


@dataclass(frozen=True)
class _Comparison:
    """Sets of rows to compare (`which` says whose each row is), and the columns that differ by construction."""

    names: tuple[str, ...]
    which: Codes
    aside: set[str]


def time_column(splits: Splits) -> str | None:
    """The column that says when a row is from: what is split by, else the only feature that is a date."""
    dates = [each.name for each in splits.features if each.kind == "date" and each.expression is None]
    return splits.time_column or (dates[0] if len(dates) == 1 else None)


def distances(seen: Glance) -> tuple[Distance, ...]:
    """How far apart each judged feature and the target lie, the surest differences first.

    Rows that are split together count once: of a group one row, or the same customer's rows would look like proof.
    """
    comparisons = _comparisons(seen)
    found: list[tuple[float, Distance]] = []
    for name in (*seen.features, seen.splits.target.name):
        codes = coded(seen.numbers[name][seen.units], name in seen.levels)
        for each in comparisons:
            if name not in each.aside:
                p = explained(codes, each.which).p
                found.append((p, _farthest(name, codes, each)))
    real = beyond_chance([p for p, _ in found], LEVEL)
    every = [one.model_copy(update={"beyond_chance": held}) for (_, one), held in zip(found, real, strict=True)]
    return tuple(sorted(every, key=lambda one: (not one.beyond_chance, -one.apart, one.column, one.between)))


def _comparisons(seen: Glance) -> list[_Comparison]:
    splits, part = seen.splits, seen.part[seen.units]
    time = time_column(splits)
    made = {each.name for each in splits.features if each.expression and time in names_in(each.expression)}
    by_time = made | {time} if time else set[str]()
    found = [_Comparison(PARTS, part, by_time if splits.time_column else set())]
    # Split by time the test rows are the newest already.
    if time is not None and splits.time_column is None:
        moments = np.nan_to_num(seen.numbers[time][seen.units], nan=-np.inf)
        newest = (moments > np.quantile(moments, 1 - NEWEST, method="lower")).astype(np.int64)
        if min(newest.sum(), len(newest) - newest.sum()) >= LEAST_ROWS:
            found.append(_Comparison(("older", "newest"), newest, by_time))
    return found


def _farthest(name: str, codes: Codes, sets: _Comparison) -> Distance:
    """The set that is farthest from the first, as a multiple of what chance makes."""
    best = Distance(column=name, between=_between(sets.names, 1), apart=0.0, chance=0.0, beyond_chance=False)
    ratio, n_codes = -1.0, int(codes.max(initial=0)) + 1
    known = codes >= 0
    counts = np.bincount(sets.which[known] * n_codes + codes[known], minlength=len(sets.names) * n_codes)
    counts = counts.reshape(len(sets.names), n_codes)
    for other in range(1, len(sets.names)):
        apart, chance = _apart(counts[[0, other]])
        if apart / max(chance, 1e-12) > ratio and chance > 0:
            ratio = apart / chance
            best = best.model_copy(
                update={"between": _between(sets.names, other), "apart": round(apart, 6), "chance": round(chance, 6)}
            )
    return best


def _between(names: tuple[str, ...], other: int) -> str:
    return f"{names[0]} and {names[other]}"


def _apart(counts: Codes) -> tuple[float, float]:
    """The total variation distance of two rows of counts, and what 95 % of equal ones stay below."""
    sizes = counts.sum(1)
    if sizes.min() < LEAST_ROWS:
        return 0.0, 0.0
    shares, pooled = counts / sizes[:, None], counts.sum(0) / sizes.sum()
    spread = np.sqrt(pooled * (1 - pooled) * (1 / sizes).sum())
    # Half the sum of absolute values of nearly normal differences.
    mean, error = np.sqrt(2 / np.pi) * spread.sum() / 2, np.sqrt((1 - 2 / np.pi) * (spread**2).sum()) / 2
    return float(np.abs(shares[0] - shares[1]).sum() / 2), float(mean + 1.645 * error)


def representative(seen: Glance, found: tuple[Distance, ...]) -> Criterion:
    """How much alike the sets of rows are in the column that differs most, 1 when none does beyond chance."""
    splits = seen.splits
    columns = {each.column for each in found}
    apart = [each for each in found if each.beyond_chance]
    if not apart:
        when = any(each.between == "older and newest" for each in found)
        newest = f", and so are the newest tenth of the rows by `{time_column(splits)}` and the rest" if when else ""
        text = f"Train, validation and test are as alike as chance makes them in {_columns(len(columns))}{newest}."
        headline = "as alike as chance makes them"
        return Criterion(name="representative", value=1.0, word="good", headline=headline, facts=(text,))
    first, n_apart = apart[0], len({each.column for each in apart})
    word = verdicts.falling(first.apart, verdicts.APART)
    facts = (
        f"`{first.column}` differs most between {_said(first.between)}: {percent(first.apart)} of the rows would have "
        f"to lie elsewhere for both to be alike; chance makes at most {percent(first.chance)}.",
        f"{n_apart:,} of {_columns(len(columns))} differ beyond chance.",
    )
    action = "" if word == "good" else _action(splits, apart)
    return Criterion(
        name="representative",
        value=1 - first.apart,
        word=word,
        headline=f"{percent(first.apart)} apart in `{first.column}`",
        facts=facts,
        action=action,
    )


def _columns(n: int) -> str:
    return f"{n:,} columns" if n != 1 else "the one column"


def _said(between: str) -> str:
    return "the newest tenth of the rows and the rest" if between == "older and newest" else f"{between} rows"


def _action(splits: Splits, apart: list[Distance]) -> str:
    names = list(dict.fromkeys(each.column for each in apart))
    if splits.time_column is not None:
        return (
            f"The newest rows are unlike the older ones in {listed(names)}: train on newer rows and train again often, "
            "or describe what changed in a column."
        )
    if apart[0].between == "older and newest":
        time = time_column(splits)
        return (
            f"The newest rows are unlike the rest in {listed(names)}: say `split: {{by: time, column: {time}}}`, so "
            "that the test tells what the model will meet."
        )
    if split_column(splits, "group") is not None:
        return f"The groups in test are unlike those in train in {listed(names)}: collect more groups."
    return f"Rows split at random should not differ in {listed(names)}: find out what ties rows together there."
