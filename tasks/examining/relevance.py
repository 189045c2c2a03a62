"""Relevant: which columns tell something about the target, how much, and how sure that is; on training rows alone."""

from __future__ import annotations

import numpy as np

from tasks.core.appraisal import Association, Criterion
from tasks.core.figures import percent, ranged
from tasks.core.records import Target
from tasks.examining import verdicts
from tasks.examining.association import Codes, Numbers, beyond_chance, explained
from tasks.examining.codes import UNJUDGED, coded
from tasks.examining.glance import TRAIN, Glance
from tasks.examining.words import counted, listed

MOST_NAMED = 5


def associations(seen: Glance) -> tuple[Association, ...]:
    """What each judged feature explains of the target by itself, the strongest first."""
    train = seen.part == TRAIN
    answer = _answer(seen.numbers[seen.splits.target.name][train], seen.splits.target)
    numbers, levels = seen.numbers, seen.levels
    found = [(name, explained(coded(numbers[name][train], name in levels), answer)) for name in seen.features]
    real = beyond_chance([each.p for _, each in found])
    every = [
        Association(
            feature=name,
            share=round(each.share, 6),
            low=round(each.low, 6),
            high=round(each.high, 6),
            chance=round(each.chance, 6),
            beyond_chance=held,
        )
        for (name, each), held in zip(found, real, strict=True)
    ]
    return tuple(sorted(every, key=lambda each: (-each.share, -each.high, each.feature)))


def _answer(values: Numbers, target: Target) -> Codes | Numbers:
    import polars as pl

    if target.problem != "regression":
        return values.astype(np.int64)
    return pl.Series(values).rank("average").cast(pl.Float64).to_numpy()


def relevant(seen: Glance, found: tuple[Association, ...]) -> Criterion:
    """How many of the columns tell something about the target."""
    target = seen.splits.target.name
    unjudged = [each.name for each in seen.splits.features if each.kind in UNJUDGED]
    aside = f"Not judged here, as texts, images and sounds are no single values: {listed(unjudged)}."
    facts = (aside,) if unjudged else ()
    if not found:
        return Criterion(name="relevant", value=None, word="not judged", headline="not judged", facts=facts)
    telling, silent = [e for e in found if e.beyond_chance], sorted(e.feature for e in found if not e.beyond_chance)
    share = len(telling) / len(found)
    word = verdicts.rising(share, verdicts.TELLING)
    if unjudged and word == "poor":
        word = "fair"  # what a text or an image tells is not known here
    return Criterion(
        name="relevant",
        value=share,
        word=word,
        headline=f"{len(telling):,} of {counted(len(found), 'column')} tell something",
        facts=(_main(len(telling), silent, len(found), target), *_best(telling, target), *facts),
        action=_action(word, silent, target),
    )


def _main(n_telling: int, silent: list[str], n_columns: int, target: str) -> str:
    if n_columns == 1:
        return f"The only column tells {'something' if n_telling else 'nothing beyond chance'} about `{target}`."
    if not silent:
        return f"Each of the {n_columns:,} columns tells something about `{target}`."
    if not n_telling:
        return f"None of the {n_columns:,} columns tells anything about `{target}` beyond chance by itself."
    verb = "tells" if n_telling == 1 else "tell"
    rest = f"{len(silent):,} {'tells' if len(silent) == 1 else 'tell'} nothing beyond chance by themselves"
    rest = rest.replace("themselves", "itself") if len(silent) == 1 else rest
    return f"{n_telling:,} of {n_columns:,} columns {verb} something about `{target}`; {rest}: {listed(silent)}."


def _best(telling: list[Association], target: str) -> tuple[str, ...]:
    if not telling:
        return ()
    best = telling[0]
    bounds = ranged(100 * best.low, 100 * best.high)
    return (
        f"The most by itself tells `{best.feature}`: it explains {percent(best.share)} of `{target}` ({bounds} %).",
    )


def _action(word: str, silent: list[str], target: str) -> str:
    if word == "good":
        return ""
    if word == "poor":
        return f"Add columns, or declare features, that bear on `{target}`; of these none does by itself."
    if not silent:
        return ""
    return (
        f"Look whether {listed(silent)} can bear on `{target}` at all: name what cannot under `drop`, "
        "and declare features of the rest."
    )
