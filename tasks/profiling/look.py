"""The figures of a data set: one pass over its rows, and another over the few columns that may be keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.core import cells, loading
from tasks.core.records import Dataset
from tasks.profiling.columns import BATCH_ROWS, looked, meant
from tasks.profiling.figures import SELDOM, ColumnFigures, Relation, TableFigures
from tasks.profiling.keys import key
from tasks.profiling.relations import counted, relations

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAYBE = 0.9
"""The share of different values among the rows looked at from which a column may be a key."""


def profiled(dataset: Dataset) -> TableFigures:
    """The figures of all columns and of what holds between them; memory is a few bytes a row."""
    columns, sample = looked(dataset)
    if sample.height < dataset.n_rows:
        columns = [_with_repeats(dataset, one) for one in columns]
    found = [one for one in counted(dataset, relations(columns, sample)) if one.usual or one.n_rows <= SELDOM * one.n]
    if (named := key(columns, sample)) is not None:
        found.append(_recounted(dataset, named) if sample.height < dataset.n_rows else named)
    return TableFigures(n_rows=dataset.n_rows, columns=tuple(columns), relations=tuple(found))


def _with_repeats(dataset: Dataset, one: ColumnFigures) -> ColumnFigures:
    """The column with its repeated values counted in all rows, if it may be a key."""
    if one.counted or one.distinct < MAYBE * max(one.n_looked, 1) or one.type not in ("text", "integer", "date"):
        return one
    hashes = _hashes(dataset, (one.name,))
    missing = one.n_missing if one.n_missing > 1 else 0  # missing values are equal to each other alone
    return one.model_copy(update={"n_repeated": _n_repeated(hashes) - missing})


def _recounted(dataset: Dataset, relation: Relation) -> Relation:
    """A key with its broken rows counted in all rows."""
    n_rows = _n_repeated(_hashes(dataset, relation.columns))
    return relation.model_copy(update={"n": dataset.n_rows, "n_rows": n_rows})


def _hashes(dataset: Dataset, columns: tuple[str, ...]) -> NDArray[np.uint64]:
    import numpy as np

    cleaning = cells.Cleaning.of(dataset)
    return np.concatenate(
        [meant(frame, cleaning).hash_rows().to_numpy() for frame in loading.frames(dataset, columns, BATCH_ROWS)]
    )


def _n_repeated(hashes: NDArray[np.uint64]) -> int:
    """How many values come more than once, counting each row."""
    import numpy as np

    hashes.sort()
    same = hashes[1:] == hashes[:-1]
    return int((np.concatenate([[False], same]) | np.concatenate([same, [False]])).sum())
