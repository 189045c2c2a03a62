"""Rows from a log of events: one for each entity at its prediction point, made of the events strictly before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from tasks.core import arrow
from tasks.core.errors import DataError
from tasks.core.intake import Intake
from tasks.core.records import Record
from tasks.sources import event_log, event_points, event_rows
from tasks.sources.event_features import OF_NUMBERS, Aggregate, Window, inferred, parsed, window
from tasks.sources.event_labels import LabelledBy
from tasks.sources.event_log import Keys
from tasks.sources.event_points import At, HappensWithin
from tasks.sources.files import File, Places, listed, title

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

ENDINGS = (".jsonl", ".ndjson")
MOST_INFERRED = 20
"""Of so many event names features are made when none are declared: the commonest."""
Key = Annotated[str, Field(min_length=1)]
Span = Annotated[str, AfterValidator(lambda text: window(text).name)]


class Events(Record):
    """JSON lines, an event each: one file, a folder of them or a pattern, plain or gzipped."""

    kind: Literal["events"] = "events"
    path: Places
    entity: Key
    """The key of whom or what a row is about; a dot leads into a nested object, here and below."""
    time: Key
    event: Key = "event"
    """The key of the event's name."""
    id: Key | None = None
    """The key that an event sent twice has twice; without it, lines are the same when every sign is."""
    at: At | None = None
    """The prediction point: a moment, several, or so long after an event. `labels` may say it instead."""
    labels: LabelledBy | None = None
    label: HappensWithin | None = None
    windows: tuple[Span, ...] = Field(default=("7d", "30d", "all"), min_length=1)
    features: Mapping[str, str] = Field(default={})
    """Inferred when there are none: counts and recency of the commonest events, active days, sums of numbers."""

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        if (self.at is None) == (self.labels is None or self.labels.at is None):
            raise ValueError("the prediction point once, as `at` or as `labels.at`")
        if self.labels is not None and self.label is not None:
            raise ValueError("`labels` or `label`, not both")
        if name := self._repeated(self._declared):
            raise ValueError(f"a name of its own for each column, and {name!r} is there twice")
        return self

    @property
    def title(self) -> str:
        return title(self.path)

    def batches(self, intake: Intake) -> Iterator[pa.RecordBatch]:
        """The rows by entity and point; DataError when there are no events, or none that can be used."""
        with TemporaryDirectory(dir=intake.folder, prefix="events-") as place:
            files = listed(self.path, ENDINGS, intake.folder or Path(place))
            for file in files:
                file.fetch()
            files = [file for file in files if file.path.stat().st_size]
            if not files:
                raise DataError(
                    f"{self.title} is empty", expected="one JSON object a line", action="Check what wrote it"
                )
            with event_log.database(files, Path(place)) as connection:
                yield from self._rows(connection, files, intake)

    def _rows(self, connection: DuckDBPyConnection, files: Sequence[File], intake: Intake) -> Iterator[pa.RecordBatch]:
        keys = self._keys(connection, files)
        if n_twice := event_log.read(connection, files, keys, intake, self.title):
            intake.note("duplicates", "events that came more than once; counted once", n_twice)
        kind = event_points.place(connection, self.at, self.labels, self.label, intake, self.title)
        event_rows.remember(connection, len(keys.texts), len(keys.numbers))
        features = self._declared or self._inferred(connection, keys)
        if name := self._repeated(features):
            raise DataError(f"{self.title} makes two columns {name!r}", action="Declare `features` in the source")
        answer = (self._answer, kind) if self._answer and kind else None
        schema: pa.Schema | None = None
        for batch in event_rows.rows(connection, features, self._windows, keys, self.entity, answer):
            schema = schema or self._schema(batch.schema)
            yield arrow.cast(batch, schema, self.title)

    @property
    def _windows(self) -> list[Window]:
        return [window(text) for text in dict.fromkeys(self.windows)]

    @property
    def _declared(self) -> list[Aggregate]:
        return [parsed(name, text) for name, text in self.features.items()]

    @property
    def _answer(self) -> str | None:
        return self.labels.label if self.labels else self.label.name if self.label else None

    def _keys(self, connection: DuckDBPyConnection, files: Sequence[File]) -> Keys:
        """What is to be read of an event: what the features need, or all when they are to be inferred."""
        keys = Keys(self.entity, self.time, self.event, self.id)
        if not self.features:
            every = event_log.leaves(connection, files, keys, self.title)
            return Keys(self.entity, self.time, self.event, self.id, every, every, strict=False)
        needed = {one.prop: None for one in self._declared if one.prop and one.function not in OF_NUMBERS}
        numbers = {one.prop: None for one in self._declared if one.prop and one.function in OF_NUMBERS}
        return Keys(self.entity, self.time, self.event, self.id, list(needed), list(numbers))

    def _inferred(self, connection: DuckDBPyConnection, keys: Keys) -> list[Aggregate]:
        """Features of what is known before the points; what comes later must not even decide what there is."""
        names = event_rows.names(connection, MOST_INFERRED)
        return inferred(names, event_rows.numeric(connection, keys.numbers))

    def _repeated(self, features: Sequence[Aggregate]) -> str | None:
        """A name that two columns of the rows would have."""
        made = [column for one in features for column in one.columns(self._windows)]
        names: Counter[str] = Counter([self.entity, "at", *([self._answer] if self._answer else []), *made])
        return next((name for name, n in names.items() if n > 1), None)

    def _schema(self, found: pa.Schema) -> pa.Schema:
        schema = arrow.normal_schema(found, self.title)
        # Or an entity 007 would be taken for the number 7, and for something to learn from.
        return schema.set(0, schema.field(0).with_metadata({"role": "identifier"}))
