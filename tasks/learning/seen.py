"""What a model was fitted on, to be told by later ones: row by row, and until when."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tasks.core import store
from tasks.core.chronology import times
from tasks.core.records import Blob, Dataset, Splits
from tasks.core.splits import PARTS


def of(splits: Splits, parts: Sequence[str] = PARTS) -> dict[str, object]:
    """What a card says of the rows of these parts: `seen`, `seen_by` and `seen_until`."""
    found: list[Dataset] = [getattr(splits, name) for name in parts]
    newest = None
    if splits.time_column is not None:
        name = splits.time_column
        newest = max(float(times(b.column(name), name).max()) for part in found for b in store.batches(part, [name]))
    return {"seen": _rows(found), "seen_by": splits.row_rule, "seen_until": newest}


def _rows(parts: Sequence[Dataset]) -> Blob:
    hashes = [
        batch.column("__row__").to_numpy(zero_copy_only=False)
        for part in parts
        for batch in store.batches(part, ["__row__"])
    ]
    return store.put(np.unique(np.concatenate(hashes)).astype("<u8").tobytes(), ".rows")
