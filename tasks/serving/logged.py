"""What a server writes of its predictions: one log a model and process, masked before anything reaches the disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core.errors import NotLogged
from tasks.core.expressions import declared_row, names_in, with_declared
from tasks.core.model_records import ModelCard
from tasks.core.predictions.layout import folder_of
from tasks.core.predictions.masking import Logged, home_key, masker
from tasks.core.predictions.segment import Header, Role, Segment, arrow_frame, rows_frame
from tasks.core.records import Column, ColumnType
from tasks.serving.model import Identity, Model, Output
from tasks.serving.section import Log as Section

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

    from tasks.scoring.scorer import Floats
    from tasks.serving.group import Asked


MADE: dict[str, ColumnType] = {"number": "number", "boolean": "boolean", "date": "date"}
"""The type of the column in which a declared feature of that kind is logged; all others are texts."""


class Form:
    """What of a model's rows is logged, and how: the header of its segments, and frames of many rows."""

    def __init__(
        self, home: Path, identity: Identity, card: ModelCard, role: Role, prefix: str, section: Section
    ) -> None:
        """`identity` has the whole digest here; `prefix` begins the ids of all rows."""
        self.folder = folder_of(home, identity.name)
        masked = treatments(card, section)
        # What the model made of a column that is not kept as it is, the title of a name, can be looked at for drift.
        made = [f for f in card.features if f.expression is not None and names_in(f.expression) & masked.keys()]
        known = {column.name for column in card.inputs}
        self._made = [feature for feature in made if feature.name not in known]
        more = (Column(name=f.name, type=MADE.get(f.kind, "text"), n_missing=0) for f in self._made)
        columns, self._mask, self._mask_batch = masker(
            (*card.inputs, *more), masked, home_key(home), self.folder, section.sync
        )
        self.header = Header(
            project=identity.name,
            version=identity.version,
            digest=identity.digest,
            role=role,
            columns=columns,
            hashed=tuple(name for name, what in masked.items() if what == "hash"),
            classes=card.target.classes,
            problem=card.target.problem,
            prefix=prefix,
        )

    def bulk_frame(
        self,
        first: int,
        time_us: int,
        latency_us: int | None,
        rows: pl.DataFrame,
        labels: Sequence[Any],
        outputs: Floats,
        keys: Sequence[str | None] | None,
    ) -> bytes:
        """Many rows and what was answered, by columns; it may be asked in any thread. Raises NotLogged."""
        if self._made:
            names = (*rows.columns, *(feature.name for feature in self._made))
            rows = with_declared(rows, self._made).select(names)
        batch = _batch(rows, labels, outputs, keys)
        return arrow_frame(first, time_us, latency_us, batch if self._mask_batch is None else self._mask_batch(batch))


class Log(Form):
    """The log of one model's predictions. `append` raises NotLogged when `keep` is `required` and there is no room."""

    def __init__(self, home: Path, model: Model, role: Role, prefix: str, section: Section) -> None:
        identity = Identity(model.identity.name, model.identity.version, model.digest)
        super().__init__(home, identity, model.card, role, prefix, section)
        self._required = section.keep == "required"
        self.lost = 0
        """Rows that were answered and could not be logged (`best_effort`)."""
        self._complete = declared_row(self._made) if self._made else None
        self._segment = Segment.create(self.folder, self.header, sync=section.sync)

    def rows(self, values: Sequence[dict[str, Any]]) -> list[tuple[Any, ...]] | None:
        """Rows as they are logged, images and sounds on file; it may be asked in any thread. Raises NotLogged.

        None where there was no room and `best_effort` goes on all the same.
        """
        if self._complete is None:
            rows = [tuple(each.values()) for each in values]
        else:
            completed = map(self._complete, values)
            rows = [
                (*given.values(), *(each[feature.name] for feature in self._made))
                for given, each in zip(values, completed, strict=True)
            ]
        if self._mask is None:
            return rows
        try:
            return [self._mask(row) for row in rows]
        except NotLogged:
            if self._required:
                raise
            self.lost += len(rows)
            return None

    def frame(self, first: int, time_us: int, latency_us: int, asked: Asked, outputs: Sequence[Output]) -> bytes:
        """The rows of a request and what was answered, ready to be appended; nothing of what `rows` gave up."""
        rows = self.rows(asked.values) if asked.logged is None else asked.logged
        if not rows:
            return b""
        numbers, predictions = [numbers for _, numbers in outputs], [prediction for prediction, _ in outputs]
        return rows_frame(first, time_us, latency_us, rows, numbers, predictions, asked.keys)

    def append(self, frames: list[bytes], n_rows: int) -> None:
        """Have the frames, of so many rows, on file before anybody is answered. Raises NotLogged."""
        try:
            self._segment.append(frames)
        except NotLogged:
            if self._required:
                raise
            self.lost += n_rows

    def tick(self) -> None:
        """Close the file that has grown old, so that it can be compacted."""
        self._segment.tick()

    def close(self) -> None:
        """Close the file."""
        self._segment.close()


def treatments(card: ModelCard, section: Section) -> dict[str, Logged]:
    """What becomes of each column that is not kept as it is."""
    said: dict[str, Logged] = {each.name: section.personal for each in card.inputs if each.personal}
    said |= section.columns
    return {name: what for name, what in said.items() if what != "keep"}


def _batch(
    rows: pl.DataFrame, labels: Sequence[Any], outputs: Floats, keys: Sequence[str | None] | None
) -> pa.RecordBatch:
    """Typed rows and what was answered as the log has them."""
    import numpy as np
    import polars as pl
    import pyarrow as pa

    table = rows.to_arrow(compat_level=pl.CompatLevel.oldest()).combine_chunks()
    columns = dict(zip(table.schema.names, (column.combine_chunks() for column in table.columns), strict=True))
    offsets = np.arange(len(outputs) + 1, dtype=np.int32) * (outputs.size // len(outputs))
    columns["__prediction__"] = pa.array(labels)
    columns["__outputs__"] = pa.ListArray.from_arrays(pa.array(offsets), pa.array(outputs.ravel()))
    if keys is not None:
        columns["__key__"] = pa.array(keys, pa.string())
    return pa.RecordBatch.from_pydict(columns)
