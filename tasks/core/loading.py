"""The rows that expectations need to see, and no more of them than needed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tasks.core import cells, store
from tasks.core.expectation import Expectation
from tasks.core.records import Dataset

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Group:
    """Expectations (by their places in a list) that are evaluated together, on these columns.

    `what`: all rows; those alone whose values come more than once; or no row, when only the columns' names matter.
    """

    columns: tuple[str, ...]
    what: str = "rows"
    places: tuple[int, ...] = ()


def frames(dataset: Dataset, columns: Collection[str], n_rows: int) -> Iterator[pl.DataFrame]:
    """The rows with these columns, as they are stored, at most `n_rows` at a time."""
    import polars as pl

    names = [column.name for column in dataset.columns if column.name in columns]
    for batch in store.batches(dataset, names, cells.rows_at_once(dataset, names, n_rows)):
        yield pl.DataFrame(batch)


def groups(dataset: Dataset, expectations: Sequence[Expectation], batch_rows: int) -> list[Group]:
    """The expectations together when the rows are few, else by the columns they need, so that memory stays small."""
    everything = tuple(column.name for column in dataset.columns)
    found: dict[Group, Group] = {}
    for place, expectation in enumerate(expectations):
        columns, what = expectation.columns or everything[:1], "rows"  # rows can be counted in any column
        if expectation.scope == "schema":
            columns, what = everything, "names"
        elif expectation.type.endswith("_to_be_unique") and expectation.mostly == 1:
            what = "repeated"
        key = Group(columns, what)
        found[key] = replace(key, places=(*found.get(key, key).places, place))
    if found and dataset.n_rows <= batch_rows:
        columns = tuple(name for key in found for name in key.columns)
        return [Group(tuple(dict.fromkeys(columns)), places=tuple(range(len(expectations))))]
    return list(found.values())


def rows(
    dataset: Dataset, group: Group, kept: NDArray[np.bool_], batch_rows: int
) -> tuple[pl.DataFrame, NDArray[np.intp]]:
    """What the group must see of the `kept` rows, and the positions of these rows in the data set."""
    import numpy as np
    import polars as pl

    cleaning = cells.Cleaning.of(dataset)
    wanted = kept
    if group.what == "repeated":
        wanted = kept & _repeated(dataset, group.columns, kept, batch_rows)
    elif group.what == "names":
        wanted = np.zeros_like(kept)
    n_done = 0
    seen: list[pl.DataFrame] = []
    for frame in frames(dataset, group.columns, batch_rows):
        seen.append(cleaning.of_rows(frame.filter(pl.Series(wanted[n_done : n_done + frame.height]))))
        n_done += frame.height
    return pl.concat(seen) if seen else store.scan(dataset).select(group.columns).collect(), np.flatnonzero(wanted)


def _repeated(
    dataset: Dataset, columns: tuple[str, ...], kept: NDArray[np.bool_], batch_rows: int
) -> NDArray[np.bool_]:
    """Which rows may have values that another kept row has: all those that do, told by 8 bytes each."""
    import numpy as np
    import polars as pl

    cleaning = cells.Cleaning.of(dataset)
    hashes = np.concatenate([cleaning.of_rows(frame).hash_rows() for frame in frames(dataset, columns, batch_rows)])
    repeated = np.zeros_like(kept)
    repeated[kept] = pl.Series(hashes[kept]).is_duplicated().to_numpy()
    return repeated
