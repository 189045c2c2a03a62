"""Which rows and columns tell a window from the reference: a classifier told to tell them apart, as an explanation.

It raises no alarm: rows of one day resemble each other, and it would find that in every window. Pairs of scores see
what it sees, and their chances can be promised (judging.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tasks.core.errors import DataError
from tasks.core.records import Record
from tasks.monitoring.cells import MISSING, NEW, RARE, WIDTH, Cells, Floats

ROWS = 20_000
"""Rows of each side that are learnt from, evenly out of all."""
LEAST_ROWS = 50
FOLDS = 3
TYPICAL = 10
SETTINGS: dict[str, Any] = {"max_iter": 40, "max_leaf_nodes": 15, "min_samples_leaf": 20, "early_stopping": False}


class Telling(Record):
    """A column and how much worse the rows are told apart when its values are shuffled, in AUC."""

    column: str
    importance: float


class Explanation(Record):
    """How well rows are told apart (0.5: not at all), with a 95 % interval that takes rows as independent; the columns
    by which, and the places of the window's rows that are most unlike the reference."""

    auc: float
    low: float
    high: float
    columns: tuple[Telling, ...]
    rows: tuple[int, ...]
    n_reference: int
    n_current: int


def explain(
    cells: Cells,
    reference: Iterable[pa.RecordBatch],
    current: Iterable[pa.RecordBatch],
    seed: int = 0,
    most: int = ROWS,
) -> Explanation:
    """Tell rows of the reference from those of a window, cross-fitted; the rows' places count from 0.

    `most` bounds the rows of each side, and so the time that it takes.

    Raises DataError where a side has fewer than 50 rows.
    """
    import threadpoolctl
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import StratifiedKFold

    (known, _), (asked, places) = _rows(cells, reference, most), _rows(cells, current, most)
    if min(len(known), len(asked)) < LEAST_ROWS:
        raise DataError(
            "The window cannot be explained",
            expected=f"{LEAST_ROWS} rows of reference and window",
            found=f"{len(known)} and {len(asked)}",
            action="Take a longer window",
        )
    values, current_row = np.concatenate([known, asked]), np.repeat([0, 1], [len(known), len(asked)])
    rng = np.random.default_rng(seed)
    chance = np.zeros(len(values))
    shuffled = np.zeros((len(cells.names), len(values)))
    # Its threads wait for each other on a busy machine: 4,000 rows took 30 s on two of them, and 1 s on one.
    with threadpoolctl.threadpool_limits(1):
        for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(values, current_row):
            model = HistGradientBoostingClassifier(**SETTINGS, random_state=seed).fit(values[train], current_row[train])
            chance[test] = model.predict_proba(values[test])[:, 1]
            for column in range(len(cells.names)):
                other = values[test].copy()
                other[:, column] = rng.permutation(other[:, column])
                shuffled[column, test] = model.predict_proba(other)[:, 1]
    auc, error = area(chance[: len(known)], chance[len(known) :])
    lost = [auc - area(each[: len(known)], each[len(known) :])[0] for each in shuffled]
    ranked = sorted(zip(cells.names, lost, strict=True), key=lambda each: -each[1])
    typical = np.argsort(-chance[len(known) :], kind="stable")[:TYPICAL]
    return Explanation(
        auc=auc,
        low=max(auc - 1.96 * error, 0.0),
        high=min(auc + 1.96 * error, 1.0),
        columns=tuple(Telling(column=name, importance=float(loss)) for name, loss in ranked),
        rows=tuple(int(places[row]) for row in typical),
        n_reference=len(known),
        n_current=len(asked),
    )


def area(below: Floats, above: Floats) -> tuple[float, float]:
    """The area under the ROC curve and its standard error (DeLong, 1988)."""
    from scipy.stats import rankdata

    n, m = len(below), len(above)
    together = rankdata(np.concatenate([below, above]))
    beyond = (together[:n] - rankdata(below)) / m
    within = (together[n:] - rankdata(above)) / n
    error = float(np.sqrt(beyond.var(ddof=1) / n + within.var(ddof=1) / m))
    return float(within.mean()), error


def _rows(cells: Cells, batches: Iterable[pa.RecordBatch], most: int) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Rows x columns of cells, in their order (NaN where missing), evenly out of all, and the rows' places."""
    places = np.empty(0, np.int64)
    found = np.empty((0, len(cells.names)))
    stride, seen = 1, 0
    first = WIDTH * np.arange(len(cells.names))[:, None]
    for batch in batches:
        rows = np.arange(-seen % stride, batch.num_rows, stride)
        local = (cells.codes(batch.take(pa.array(rows))) - first).T.astype(np.float64)
        local[local == MISSING] = np.nan
        local[(local == NEW) | (local == RARE)] = WIDTH - 1
        found, places = np.concatenate([found, local]), np.concatenate([places, rows + seen])
        seen += batch.num_rows
        while len(found) > most:
            found, places, stride = found[::2], places[::2], stride * 2
    return found, places
