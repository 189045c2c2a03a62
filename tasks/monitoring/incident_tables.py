"""What goes wrong with columns as such and with rows as a whole: gone, empty, of another type, joined to nothing,
exchanged, or the same again and again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import polars as pl

from tasks.core.records import BYTES
from tasks.monitoring.incident_facts import ColumnFacts, Facts
from tasks.monitoring.incident_records import ROW, Incident, incident
from tasks.monitoring.incident_values import GRID, as_text, at_grid, numbers

JUMP = 0.2
"""By which a share of rows must grow to be a join that failed; drift in missing values is slower, or of one column."""
SAME_ROWS = 0.98
FILLERS = ("", "0", "0.0", "-1", "-1.0", "999", "9999", "-999", "-9999", "unknown", "none", "n/a", "null", "nan")


def gone(window: pl.DataFrame, facts: Facts) -> Iterator[Incident]:
    """Columns that the rows do not have any more."""
    for column in facts.columns:
        if column.name not in window.columns:
            told = f"{column.name} is not in the rows any more"
            yield incident("column_gone", window, None, told, column.name, share=1.0)


def joins(window: pl.DataFrame, facts: Facts) -> Iterator[Incident]:
    """Columns that lost their values, or got a filler, in the very same rows."""
    masks: dict[str, pl.Series] = {}
    for column in facts.columns:
        mask = _lost(window[column.name], column) if column.name in window.columns else None
        if mask is not None:
            masks[column.name] = mask
    left = list(masks)
    while left:
        first = left.pop(0)
        group = [first, *(name for name in left if _jaccard(masks[first], masks[name]) >= SAME_ROWS)]
        left = [name for name in left if name not in group]
        if len(group) > 1:
            hit = masks[first]
            names, share = ", ".join(group[:8]), f"{hit.mean():.0%} of the rows"
            told = f"{names} have no values in the same {share}: what they are joined from did not match, or was empty"
            yield incident("broken_join", window, hit, told, *group)


def empty(window: pl.DataFrame, column: ColumnFacts) -> Incident | None:
    """A column whose values are missing where they were not."""
    if window.height < 10:
        return None
    missing = window[column.name].is_null()
    share = float(missing.mean() or 0.0)  # type: ignore[arg-type]
    jumped = column.most_missing < 0.05 and share > 0.5
    if not jumped and not (share > 0.99 and column.most_missing < 0.9):
        return None
    told = f"{column.name} is missing in {share:.0%} of the rows; it was in {column.missing:.1%}"
    return incident("all_missing", window, missing, told, column.name)


def other_type(window: pl.DataFrame, column: ColumnFacts) -> Incident | None:
    """A column whose values are of another type than they were."""
    found = window[column.name].dtype
    values = window[column.name].drop_nulls()
    if found == pl.Null or not len(values) or column.type in BYTES:
        return None
    if column.type == "text":
        same = found == pl.String or bool(column.levels) or column.numeric > 0.5
    elif column.type == "date":
        same = found.is_temporal()
    elif column.type == "boolean":
        same = found == pl.Boolean or found.is_numeric()
    else:
        same = found.is_numeric() or found == pl.Boolean
    if same:
        return None
    like = ", ".join(repr(value)[:30] for value in values.head(3).to_list())
    were = {"number": "numbers", "integer": "numbers", "date": "dates", "boolean": "truth values"}
    told = f"{column.name} arrives as {found} (like {like}) where it had {were.get(column.type, 'texts')}"
    return incident("new_type", window, window[column.name].is_not_null(), told, column.name)


def swapped(window: pl.DataFrame, columns: Sequence[ColumnFacts]) -> Iterator[Incident]:
    """Pairs of columns of which each looks like the other did, and not like itself."""
    taken: set[str] = set()
    strangers = [column for column in columns if _distance(window, column.name, column) > 0.75]
    for one, other in combinations(strangers, 2):
        if {one.name, other.name} & taken or _distance(window, one.name, other) > 0.15:
            continue
        if _distance(window, other.name, one) <= 0.15:
            taken |= {one.name, other.name}
            told = f"{one.name} holds what {other.name} held, and the other way: the two columns are exchanged"
            yield incident("swapped_columns", window, None, told, one.name, other.name)


def repeats(window: pl.DataFrame, facts: Facts) -> tuple[Incident | None, pl.DataFrame]:
    """A flood of equal rows, and the window without what is repeated if there is one."""
    names = [column.name for column in facts.columns]
    if window.height < 20 or not set(names) <= set(window.columns) or _stands_still(window, facts) == 1:
        return None, window  # rows that lack what told them apart are equal, and were not sent again
    usual = [column.name for column in facts.columns if column.missing < 0.05]
    whole = window.drop_nulls(usual)
    if whole.height < 0.5 * window.height:
        return None, window
    repeated, most, again = _repeated(whole, names)
    few = max(20.0, 0.05 * whole.height, 10 * facts.commonest_row * whole.height)
    if repeated < facts.repeated + JUMP and most < few:
        return None, window
    told = (
        f"{repeated:.0%} of the rows are repeated, one of them {most:,} times; {facts.repeated:.1%} were before: "
        "the same rows were sent again"
    )
    hit = window[ROW].is_in(again.implode())
    return incident("repeated_rows", window, hit, told), window.filter(~hit)


def _repeated(rows: pl.DataFrame, names: Sequence[str]) -> tuple[float, int, pl.Series]:
    """The share of the rows that equal an earlier one, how often the commonest comes, and the repeated rows."""
    counts = rows.group_by(names, maintain_order=True).agg(n=pl.len(), row=pl.col(ROW).first())
    repeated = rows.filter(~pl.col(ROW).is_in(counts["row"].implode()))[ROW]
    return len(repeated) / rows.height, int(counts["n"].max() or 0), repeated  # type: ignore[arg-type]


def _stands_still(window: pl.DataFrame, facts: Facts) -> int:
    """How many columns have one value that had several."""
    moving = [
        column.name
        for column in facts.columns
        if column.n_distinct > 2 and column.commonest < 0.8 and column.constant_blocks <= 0.02
    ]
    return sum(window[name].drop_nulls().n_unique() <= 1 for name in moving)


def _lost(values: pl.Series, column: ColumnFacts) -> pl.Series | None:
    """Where the column has no value or a filler, if that is in many more rows than it was."""
    missing = values.is_null()
    if float(missing.mean() or 0.0) >= column.most_missing + JUMP:  # type: ignore[arg-type]
        return missing
    common = as_text(values).drop_nulls().value_counts(sort=True)
    if not common.height or common["count"][0] < JUMP * len(values):
        return None
    value = str(common[values.name][0])
    known = column.levels or (["0"] if column.type not in ("number", "integer") else [])
    is_new = bool(column.levels) and value not in known
    rare = column.commonest < 0.02
    if value.strip().casefold() in FILLERS and (is_new or rare):
        return as_text(values).fill_null("") == value
    return None


def _jaccard(one: pl.Series, other: pl.Series) -> float:
    return float((one & other).sum()) / max(float((one | other).sum()), 1.0)


def _distance(window: pl.DataFrame, name: str, facts: ColumnFacts) -> float:
    """How far the values of a column of the window are from what `facts` tell: 0 alike, from about 1 strangers."""
    values = window[name].drop_nulls()
    if len(values) < 20:
        return float("nan")
    if facts.levels and facts.type != "number":
        return float((~as_text(values).is_in(list(facts.levels))).mean() or 0.0)  # type: ignore[arg-type]
    if not values.dtype.is_numeric() or not facts.quantiles or facts.type not in ("number", "integer"):
        return float("nan") if not values.dtype.is_numeric() else 1.0
    inner = [place for place, share in enumerate(GRID) if 0.04 < share < 0.96]
    known = np.array(facts.quantiles)[inner]
    spread = float(known[14] - known[4]) or float(np.ptp(known)) or 1.0
    return float(np.abs(at_grid(numbers(values))[inner] - known).mean()) / spread
