"""Answers in the data that models contradict which had not seen these rows: wrong labels are among them.

Classes: confident learning (Northcutt, Jiang and Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels,
2021) as cleanlab does it, and of what it finds the rows whose own class is held for improbable. Numbers: errors that
are beyond what the errors of rows with alike predictions reach.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tasks.core import store
from tasks.core.figures import figure, percent
from tasks.core.noise import LabelAudit
from tasks.core.records import Blob, Dataset, Splits, Target
from tasks.examining.located import ROW, located
from tasks.examining.tails import reach

if TYPE_CHECKING:
    import polars as pl

Floats = npt.NDArray[np.float64]

IMPROBABLE = 0.2
"""The class that the data give has at most this probability. With 5 % of the labels flipped, about as many of the
flipped ones are found as without a limit where the model is good, and half of the false alarms are gone elsewhere."""
LEAST_ROWS = 50
MOST_ROWS = 200
"""Doubtful rows that are kept, the most doubtful first: more than a person looks at."""
UNSURE = 0.1
"""With a larger share of wrong answers, most of the doubtful rows were measured to be hard ones, not wrong ones."""
GROUPS = 10
ROWS_A_GROUP = 50

FALSE_ALARMS, DEEPEST = 0.5, 3
"""Of values: how many true ones on a side are called doubtful, and the letter value that up to a twentieth of wrong
ones leaves as it is. People look at the rows anyway, and nothing is left out for it."""

HARD = (
    "The models err in {} of the rows they have not seen, so many of these rows are unusual and not wrong: look at the "
    "first ones, and correct at the source what is wrong"
)
CLEAR = "Look at them, the first ones first: most are likely wrong, and to be corrected at the source"
FAR = "Look at them: wrong ones are to be corrected at the source; true ones say what the columns do not tell"


def audit(dataset: Dataset, splits: Splits, answers: Blob | None) -> LabelAudit:
    """The rows whose answer is doubtful; `answers` is what tuning kept (see `Tuned.answers`)."""
    import polars as pl

    if answers is None:
        return LabelAudit(n_judged=0, n_rows=0, text="no answers to unseen rows were kept")
    table = pl.read_parquet(store.path(answers))
    if table.height < LEAST_ROWS:
        return LabelAudit(n_judged=table.height, n_rows=0, text="too few rows to judge their answers")
    if splits.target.problem == "regression":
        found, advice = _numbers(table), FAR
        words = (
            "are answered so differently, by models that had not seen them, as their errors elsewhere do not explain"
        )
    else:
        found, advice = _classes(table, splits.target)
        words = "are surely of another class for models that had not seen them"
    n_rows = found.height
    shown = found.head(MOST_ROWS)
    rows = store.put_table(_with_values(dataset, splits, shown)) if n_rows else None
    return LabelAudit(n_judged=table.height, n_rows=n_rows, text=words, advice=advice if n_rows else "", rows=rows)


def _classes(table: pl.DataFrame, target: Target) -> tuple[pl.DataFrame, str]:
    """`__row__`, given, likely, confidence: the most doubtful first; and what to do about them."""
    import polars as pl
    from cleanlab.filter import find_label_issues  # it takes a while to import

    given = table["given"].to_numpy().astype(np.int64)
    said = table.drop("__row__", "given").to_numpy().astype(np.float64)
    said /= np.maximum(said.sum(axis=1, keepdims=True), 1e-300)
    answered = said.argmax(axis=1)
    own = said[np.arange(len(given)), given]
    doubtful = own <= IMPROBABLE
    if doubtful.any() and len(np.unique(given)) == len(target.classes):
        doubtful &= find_label_issues(given, said, filter_by="confident_learning", n_jobs=1)
    doubtful &= answered != given
    at = np.flatnonzero(doubtful)
    best = said[at, answered[at]]
    at = at[np.lexsort((table["__row__"].to_numpy()[at], own[at] - best))]
    names = np.array(target.classes, object)
    found = pl.DataFrame(
        {
            "__row__": table["__row__"].to_numpy()[at],
            "given": names[given[at]].tolist(),
            "likely": names[answered[at]].tolist(),
            "confidence": said[at, answered[at]],
        },
        schema={"__row__": pl.UInt64, "given": pl.String, "likely": pl.String, "confidence": pl.Float64},
    )
    wrong = float((answered != given).mean())
    return found, HARD.format(percent(wrong)) if wrong > UNSURE else CLEAR


def _numbers(table: pl.DataFrame) -> pl.DataFrame:
    """The same for values; `confidence` is how many times the usual error of alike rows the value is off."""
    import polars as pl

    given, said = (table[name].to_numpy().astype(np.float64) for name in ("given", "said"))
    off = _in_usual_errors(given - said, said)
    limits = reach(off, len(off), FALSE_ALARMS, DEEPEST)
    at = np.flatnonzero(limits.beyond(off)) if limits is not None else np.empty(0, np.int64)
    at = at[np.lexsort((table["__row__"].to_numpy()[at], -np.abs(off[at])))]
    return pl.DataFrame(
        {
            "__row__": table["__row__"].to_numpy()[at],
            "given": given[at],
            "likely": said[at],
            "confidence": np.abs(off[at]),
        },
        schema_overrides={"__row__": pl.UInt64},
    )


def _in_usual_errors(errors: Floats, said: Floats) -> Floats:
    """Each error over the median error of the rows with alike predictions: large values are often less certain."""
    n_groups = max(1, min(GROUPS, len(errors) // ROWS_A_GROUP))
    edges = np.quantile(said, np.arange(1, n_groups) / n_groups)
    group = np.searchsorted(edges, said, "right")
    everywhere = float(np.median(np.abs(errors))) or 1.0
    usual = np.full(n_groups, everywhere)
    for index in np.unique(group):
        usual[index] = max(float(np.median(np.abs(errors[group == index]))), 0.1 * everywhere)
    return errors / usual[group]


def _with_values(dataset: Dataset, splits: Splits, found: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    raw = located(dataset, splits, found["__row__"].to_list(), found["given"].to_list())
    shown = (
        found.drop("__row__")
        .with_row_index("at")
        .with_columns(*(pl.col(name).map_elements(_told, return_dtype=pl.String) for name in ("given", "likely")))
    )
    names = {name: f"{name} (column)" for name in raw.columns if name in (*shown.columns, "row") and name != "at"}
    joined = shown.join(raw.rename({**names, ROW: "row"}), on="at", how="left", maintain_order="left")
    return joined.drop("at").select("row", pl.exclude("row"))


def _told(value: Any) -> str:
    return figure(value) if isinstance(value, float) else str(value)
