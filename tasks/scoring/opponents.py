"""The new model against the champion, on rows that neither was fitted on.

By hash, group or name the test rows are such rows, as long as both were split by the same rule. By time they are not: a
champion that serves knows all rows up to its own training. So each model carries what it has seen, and where a champion
knows of the newest rows, what was judged in its place (its proxy) is judged again.
"""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import polars as pl

from tasks.core import store
from tasks.core.chronology import times
from tasks.core.errors import DataError, KeepfitError
from tasks.core.metrics import Codes, compare
from tasks.core.model_records import Champion, Comparison, ModelCard, TrainedModel
from tasks.core.records import Blob, Splits, Target
from tasks.core.weighted import Rows
from tasks.modalities.matrix import width
from tasks.scoring.judging import CELLS_AT_ONCE, Answered, frames
from tasks.scoring.scorer import Scorer

FEWEST_ROWS = 30
"""With fewer a comparison says nothing."""
FEWEST_DAYS, BLOCKS = 10, 20
"""Rows of fewer days are taken in so many blocks instead."""
DAY = 86_400e6
Moments = tuple[npt.NDArray[np.float64], bool]
"""When the test rows were, and whether these are dates."""
Mask = npt.NDArray[np.bool_]


def against_champion(
    metric: str, test: Answered, splits: Splits, champion: Champion | None, seed: int, card: ModelCard
) -> tuple[Comparison | None, str]:
    """Against what the champion answers for the same rows, or why it cannot be asked."""
    if champion is None:
        return None, ""
    name = f"champion version {champion.version}"
    try:
        moments = _times(splits)
        scorer, rows = _fair(
            Scorer.open(store.path(champion.artifact), champion.artifact.digest), splits, test, moments
        )
        name += ", without its newest rows" if scorer.digest != champion.artifact.digest else ""
        theirs = _answers(scorer, splits, card.target)
        blocks = None if moments is None else _blocks(*moments, rows)
        ours = test.predicted[rows]
        thresholds = (card.threshold, scorer.card.threshold)
        found = compare(
            metric, test.y[rows], ours, theirs[rows], seed, against=name, thresholds=thresholds, blocks=blocks
        )
        return found, ""
    except FileNotFoundError:
        return None, f"The file of {name} is gone from the store"
    except KeepfitError as exc:
        return None, f"The {name} could not be asked: {exc}"


def of_record(
    metric: str, test: Answered, splits: Splits, champion: Champion | None, seed: int, model: TrainedModel
) -> Comparison | None:
    """The model that is to serve, and was fitted on the test rows, against the champion as it serves.

    On the test rows that are new to the champion; None where they are too few, or a proxy did not stand in for it.
    """
    if champion is None or model.proxy is None:
        return None
    ours, theirs = (Scorer.open(store.path(each), each.digest) for each in (model.artifact, champion.artifact))
    moments = _times(splits)
    rows = _unseen(theirs.card, splits, test, moments)
    if rows.sum() < FEWEST_ROWS:
        return None
    target, blocks = ours.card.target, None if moments is None else _blocks(*moments, rows)
    fresh, stale = (_answers(each, splits, target)[rows] for each in (ours, theirs))
    against, thresholds = f"champion version {champion.version}", (ours.card.threshold, theirs.card.threshold)
    return compare(metric, test.y[rows], fresh, stale, seed, against=against, thresholds=thresholds, blocks=blocks)


def _fair(served: Scorer, splits: Splits, test: Answered, moments: Moments | None) -> tuple[Scorer, Mask]:
    """The champion, or its proxy where the champion knows rows which the new model's own proxy was not fitted on.

    With the test rows that it was not fitted on; DataError when these are too few, or cannot be told.
    """
    rows = _unseen(served.card, splits, test, moments)
    if not rows.all() and (proxy := _file(served.card.proxy)) is not None:
        judged = Scorer.open(store.path(proxy), proxy.digest)
        if (fair := _unseen(judged.card, splits, test, moments)).sum() > rows.sum():
            served, rows = judged, fair
    if (n_rows := int(rows.sum())) < FEWEST_ROWS:
        raise DataError(
            "It has seen the test rows",
            expected=f"at least {FEWEST_ROWS} rows that neither model was fitted on",
            found=f"{n_rows} of {len(rows):,}",
            action="Train again when more rows have come",
        )
    return served, rows


def _unseen(card: ModelCard, splits: Splits, test: Answered, moments: Moments | None) -> Mask:
    """Which test rows the model was not fitted on; DataError when that cannot be told."""
    if card.split_rule != splits.rule and (card.seen is None or _is_tied(card.split_rule) or _is_tied(splits.rule)):
        found = card.split_rule or "none recorded"
        action = "It may have been trained on rows that are now in test"
        raise DataError("Its split", expected=splits.rule, found=found, action=action)
    seen = _file(card.seen)
    if seen is not None and card.seen_by == splits.row_rule:
        return ~np.isin(test.ids, np.frombuffer(store.path(seen).read_bytes(), "<u8"))
    if card.seen_until is not None and moments is not None:
        return moments[0] > card.seen_until
    by_values = card.seen is not None and _by_values(splits.rule)  # other columns, and each row has another place
    if card.split_rule != splits.rule or by_values:
        action = "It may have been trained on rows that are now in test"
        raise DataError("What it has seen", expected=splits.row_rule, found=card.seen_by or "not known", action=action)
    return np.ones(len(test.ids), np.bool_)


def _by_values(rule: str) -> bool:
    """Whether a row's place follows from all of its values."""
    said = json.loads(rule) if rule else {}
    return said.get("by") in ("hash", "stratified") and "key" not in said


def _is_tied(rule: str) -> bool:
    """Whether rows are held together by more than their values: another row of a group that was seen is seen, too."""
    said = json.loads(rule) if rule else {}
    return said.get("by") == "group" or bool(said.keys() & {"key", "near"})


def _file(blob: Blob | None) -> Blob | None:
    return blob if blob is not None and store.path(blob).exists() else None


def _times(splits: Splits) -> Moments | None:
    """The times of the test rows, and whether they are moments; None where rows are not split by time."""
    name = splits.time_column
    if name is None:
        return None
    parts = [batch.column(name) for batch in store.batches(splits.test, [name])]
    import pyarrow as pa

    return np.concatenate([times(part, name) for part in parts]), pa.types.is_temporal(parts[0].type)


def _blocks(moments: npt.NDArray[np.float64], dated: bool, rows: Mask) -> Codes | None:
    """The number of each row's day, or of one of twenty blocks in the order of time where days are few."""
    chosen = moments[rows]
    if dated:
        days = np.unique(chosen // DAY, return_inverse=True)[1]
        if int(days.max()) + 1 >= FEWEST_DAYS:
            return days.astype(np.int64)
    order = np.unique(chosen, return_inverse=True)[1]
    before = np.cumsum(np.bincount(order)) - 1
    blocks = np.unique(before[order] * BLOCKS // len(chosen), return_inverse=True)[1]
    return blocks.astype(np.int64) if int(blocks.max()) + 1 >= FEWEST_DAYS else None


def _answers(scorer: Scorer, splits: Splits, target: Target) -> Rows:
    """What another model answers for the test rows, its classes in the order of `target`.

    A class that it does not know gets probability 0; the classes that only it knows come last.
    """
    card = scorer.card
    asked = [column.name for column in card.inputs]
    kept = {column.name for column in splits.inputs}
    if gone := [name for name in asked if name not in kept]:
        raise DataError("Its inputs", expected=", ".join(asked[:20]), found=f"no column {', '.join(gone[:20])}")
    if card.target.name != target.name or (card.target.problem == "regression") != (target.problem == "regression"):
        raise DataError(
            "Its target",
            expected=f"{target.name!r} ({target.problem})",
            found=f"{card.target.name!r} ({card.target.problem})",
        )
    n_rows = max(256, CELLS_AT_ONCE // max(1, width(card.features), len(asked)))
    answers = pl.concat([scorer.predict(frame) for frame in frames(splits.test, asked, n_rows)])
    if target.problem == "regression":
        return answers["prediction"].to_numpy()
    classes = [*target.classes]
    if target.problem == "multiclass":
        classes += [name for name in card.target.classes if name not in target.classes]
    known = set(card.target.classes)
    columns = [answers[f"probability_{name}"] if name in known else np.zeros(len(answers)) for name in classes]
    return np.column_stack([np.asarray(column, dtype=np.float64) for column in columns])
