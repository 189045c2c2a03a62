"""Which logged rows the source holds already: by the project's key, else by equal inputs and target."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from tasks.core import store
from tasks.core.predictions.masking import digests, hashed, home_key
from tasks.core.records import Dataset
from tasks.core.row_hash import Hashes, mix, row_hashes, value_hashes

if TYPE_CHECKING:
    from collections.abc import Callable

SEED = 0


class Known:
    """The source's rows as hashes, eight bytes each: one set for the key, and one for each set of logged columns."""

    def __init__(self, source: Dataset, target: str, key: Sequence[str]) -> None:
        self._source = source
        self._target = target
        self._key = [*key]
        self._bytes = {field.name for field in store.schema(source) if str(field.type) == "binary"}
        self._sets: dict[tuple[tuple[str, ...], tuple[str, ...]], Hashes] = {}

    def holds(self, frame: pl.DataFrame, hashes: pl.DataFrame, plain: Sequence[str]) -> npt.NDArray[np.bool_]:
        """For each row of the frame whether the source has it.

        `plain` are the columns that were logged as they are, `hashes` those of which the log has a hash.
        """
        known = np.zeros(frame.height, np.bool_)
        columns, masked = sorted({*plain} - {self._target}), sorted(hashes.columns)
        rows = frame.with_columns(hashes[name].cast(pl.String) for name in masked)
        if columns or masked:
            mine = self._contents(_batch(rows, [*columns, *masked, self._target]), [*columns, *masked])
            known = np.isin(mine, self._of(tuple(columns), tuple(masked)))
        if self._key:
            batch = _batch(frame, self._key)
            keyed = np.all([value_hashes(batch.column(name), name) != 0 for name in self._key], axis=0)
            # A row with a key is that key's, whatever else it is equal to.
            known = np.where(keyed, np.isin(row_hashes(batch, self._key, SEED), self._of((), ())), known)
        return known

    def _of(self, columns: tuple[str, ...], masked: tuple[str, ...]) -> Hashes:
        """The hashes of the source's rows over these columns; over the key without any."""
        if (columns, masked) not in self._sets:
            as_logged: dict[str, Callable[[Any], Any]] = {name: digests for name in columns if name in self._bytes}
            if masked:
                as_logged |= dict.fromkeys(masked, partial(hashed, key=home_key(store.home())))
            names = [*columns, *masked]
            found: list[Hashes] = []
            for batch in store.batches(self._source, [*names, self._target] if names else self._key):
                if not names:
                    found.append(row_hashes(batch, self._key, SEED))
                    continue
                values = {name: batch.column(name) for name in batch.schema.names}
                values |= {name: change(values[name]) for name, change in as_logged.items()}
                found.append(self._contents(pa.RecordBatch.from_pydict(values), names))
            self._sets[columns, masked] = np.unique(np.concatenate(found))
        return self._sets[columns, masked]

    def _contents(self, batch: pa.RecordBatch, columns: Sequence[str]) -> Hashes:
        answers = value_hashes(batch.column(self._target), self._target)
        return mix(row_hashes(batch, columns, SEED)) + answers


def _batch(frame: pl.DataFrame, columns: Sequence[str]) -> pa.RecordBatch:
    """These columns in the types that are hashed."""
    table = frame.select(columns).to_arrow(compat_level=pl.CompatLevel.oldest())
    types = [pa.string() if pa.types.is_large_string(field.type) else field.type for field in table.schema]
    table = table.cast(pa.schema(list(zip(columns, types, strict=True)))).combine_chunks()
    return table.to_batches()[0] if table.num_rows else pa.RecordBatch.from_pylist([], table.schema)
