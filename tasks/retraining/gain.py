"""The measured gain: by how much a model corrected with the newest rows beats the champion, on rows new to both."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from tasks.core.errors import DataError
from tasks.retraining import correction
from tasks.retraining.correction import Answers, Correction, Floats
from tasks.retraining.verdict import Gain

if TYPE_CHECKING:
    import polars as pl

    from tasks.core.records import Column, Feature
    from tasks.scoring.scorer import Scorer

FEWEST_JUDGED = 30
"""Rows with an outcome in a window, for it to have a gain: each is noisy then, and several of them decide."""
FEWEST_BLOCKS, MOST_BLOCKS = 4, 28
"""Of neighbouring rows, whose errors resemble each other: the bounds go by the blocks' differences, not the rows'."""
NORMAL = 1.96


def measured(scorer: Scorer, rows: pl.DataFrame, time: str, start: datetime, end: datetime, seed: int = 0) -> Gain:
    """The gain on the window from `start` to before `end`.

    `rows` are labelled: the model's raw input columns, the target as the project's data have it, and in `time` when
    each came. Those of the windows before `start` teach the correction; those from `end` on are not looked at.
    """
    import polars as pl

    started = perf_counter()
    target, moment = scorer.card.target.name, pl.col(time)
    known = rows.filter(pl.col(target).is_not_null()).sort(time, maintain_order=True)
    past, window = (
        known.filter(moment < _as(known, time, start)),
        known.filter((moment >= _as(known, time, start)) & (moment < _as(known, time, end))),
    )
    if not past.height or not window.height:
        raise DataError(
            f"The gain of a new model over {scorer.digest[:12]} cannot be measured from {start:%Y-%m-%d}",
            expected="rows with an outcome in the window and before it",
            found=f"{window.height:,} and {past.height:,}",
            action="Tell more outcomes, or wait for them",
        )
    made = correct(scorer, newest(past, time, start, end - start), seed)
    x, y, problem = prepared(scorer, window), answers_of(scorer, window), scorer.card.target.problem
    ours = scorer.ask(x)
    return gain_of(
        correction.losses(problem, y, ours),
        correction.losses(problem, y, made.answers(x, ours)),
        start,
        end,
        scorer.digest,
        perf_counter() - started,
    )


def correct(scorer: Scorer, rows: pl.DataFrame, seed: int = 0) -> Correction:
    """The correction by these labelled rows, which are in the order of time."""
    x = prepared(scorer, rows)
    n_trees = correction.n_trees_of(scorer.card)
    return correction.fitted(x, answers_of(scorer, rows), scorer.ask(x), scorer.card.target.problem, n_trees, seed)


def newest(rows: pl.DataFrame, time: str, until: datetime, window: timedelta) -> pl.DataFrame:
    """Those of the labelled rows before `until`, in the order of time, that teach a correction."""
    import polars as pl

    recent = rows.filter(pl.col(time) >= _as(rows, time, until - correction.TAUGHT * window))
    return rows.tail(correction.n_taught(rows.height, recent.height))


def gain_of(
    stale: Floats, corrected: Floats, start: datetime, end: datetime, digest: str, seconds: float = 0.0
) -> Gain:
    """The share of the champion's loss that the correction saves, by the losses of the window's rows in their order."""
    difference, loss = stale - corrected, float(stale.mean())
    scale = loss if loss > 0 else 1.0
    error = blocks_error(difference)
    gain = float(difference.mean()) / scale
    return Gain(
        start=_aware(start),
        end=_aware(end),
        digest=digest,
        n_labelled=len(stale),
        loss=loss,
        corrected_loss=float(corrected.mean()),
        gain=gain,
        low=gain - NORMAL * error / scale,
        high=gain + NORMAL * error / scale,
        seconds=seconds,
    )


def blocks_error(values: Floats, n_blocks: int | None = None) -> float:
    """The standard error of the values' mean, by that of neighbouring rows' means; infinite for a single value."""
    if len(values) < 2:
        return float("inf")
    n_blocks = n_blocks or int(np.clip(len(values) // 20, FEWEST_BLOCKS, MOST_BLOCKS))
    means = np.array([part.mean() for part in np.array_split(values, min(n_blocks, len(values)))])
    return float(means.std(ddof=1) / np.sqrt(len(means)))


def sentence(gain: Gain) -> str:
    """By how much a model trained today would be better, for people."""
    spread = (gain.high - gain.low) / 2
    words = "better" if gain.gain >= 0 else "worse"
    return (
        f"A model trained today would be {abs(gain.gain):.1%} ± {spread:.1%} {words} (of the champion's loss, "
        f"on {gain.n_labelled:,} rows from {gain.start:%Y-%m-%d} to {gain.end:%Y-%m-%d})"
    )


def prepared(scorer: Scorer, rows: pl.DataFrame) -> Floats:
    """The matrix that the model sees of raw rows."""
    return matrix_of(rows, scorer.card.inputs, scorer.card.features)


def matrix_of(rows: pl.DataFrame, inputs: Sequence[Column], features: Sequence[Feature]) -> Floats:
    """The same of every model with these inputs and features."""
    from tasks.core import expressions
    from tasks.modalities.matrix import matrix
    from tasks.scoring.inputs import taken

    return matrix(expressions.with_declared(taken(rows, inputs, True), features), features)


def answers_of(scorer: Scorer, rows: pl.DataFrame) -> Answers:
    """The target as the model learnt it: class codes, or values. DataError for a class that it does not know."""
    import polars as pl

    target = scorer.card.target
    if target.problem == "regression":
        return rows[target.name].cast(pl.Float64).to_numpy()
    codes = {name: code for code, name in enumerate(target.classes)}
    found = rows[target.name].cast(pl.String).replace_strict(codes, default=None, return_dtype=pl.Int64)
    if found.null_count():
        other = rows[target.name].cast(pl.String).filter(found.is_null())[0]
        raise DataError(
            f"The outcome {other!r} is none that the model {scorer.digest[:12]} knows",
            expected=f"one of {', '.join(target.classes[:10])}",
            action="Train anew: a model learns classes from the rows alone",
        )
    return found.to_numpy()


def _as(rows: pl.DataFrame, time: str, moment: datetime) -> datetime:
    """The moment as the column holds moments: with a zone or without."""
    zone = getattr(rows.schema[time], "time_zone", None)
    return _aware(moment) if zone else _aware(moment).replace(tzinfo=None)


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
