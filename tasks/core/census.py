"""Counts while rows stream by: how many, how many missing, how much of a text column is numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from tasks.core import markers
from tasks.core.arrow import column_type
from tasks.core.media import HEAD, Medium, medium_of
from tasks.core.records import Column, ColumnType, Dataset

if TYPE_CHECKING:
    import pyarrow as pa

NUMBERS = 0.9
"""A text column of which this share parses as numbers is meant to be one; the rest are mistakes for `check`.

Words that stand for a missing number, like `?` and `NA`, count neither way.
"""


MOSTLY = 0.5
"""Bytes of which this share begin like images are meant to be images; the rest are mistakes for `check`."""


class Census:
    """What is known of a stream's columns once it is over."""

    def __init__(self, schema: pa.Schema, *, find_numbers: bool) -> None:
        self._types: dict[str, ColumnType] = {field.name: column_type(field.type) for field in schema}
        self._missing = dict.fromkeys(self._types, 0)
        self._identifiers = {field.name for field in schema if (field.metadata or {}).get(b"role") == b"identifier"}
        # A field with a role is named by the source itself: its digits are no quantity.
        roles = {field.name for field in schema if b"role" in (field.metadata or {})}
        texts = [name for name, kind in self._types.items() if kind == "text" and name not in roles]
        self.numbers = dict.fromkeys(texts, 0) if find_numbers else {}
        """For each text column, how many of its values are numbers."""
        self.words = dict.fromkeys(self.numbers, 0)
        """For each text column, how many of its values stand for a missing number."""
        self._media: dict[str, Counter[Medium | None]] = {
            name: Counter() for name, kind in self._types.items() if find_numbers and kind == "binary"
        }
        self.n_rows = 0

    def counting(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The same batches, counted."""
        import polars as pl

        for batch in batches:
            self.n_rows += batch.num_rows
            for name in self._missing:
                self._missing[name] += batch.column(name).null_count
            for name in self.numbers:
                texts = pl.Series(batch.column(name)).str.strip_chars()
                numbers = texts.cast(pl.Float64, strict=False)
                self.numbers[name] += len(numbers) - numbers.null_count()
                short = texts.filter(numbers.is_null() & (texts.str.len_bytes() <= markers.LONGEST))
                self.words[name] += len(short.filter(short.str.to_lowercase().is_in(markers.NO_NUMBER)))
            for name, media in self._media.items():
                heads = pl.Series(batch.column(name)).drop_nulls().bin.slice(0, HEAD)
                media.update(medium_of(head) for head in heads)
            yield batch

    def add(self, dataset: Dataset, numbers: Mapping[str, int], words: Mapping[str, int]) -> None:
        """Take rows into account that were counted before, of which so many texts are numbers or stand for none."""
        self.n_rows += dataset.n_rows
        for column in dataset.columns:
            self._missing[column.name] += column.n_missing
            if column.name in self._media:
                medium = column.type if column.type in ("image", "sound") else None
                self._media[column.name][medium] += dataset.n_rows - column.n_missing
        for name, n_numbers in numbers.items():
            self.numbers[name] += n_numbers
        for name, n_words in words.items():
            self.words[name] += n_words

    def columns(self) -> tuple[Column, ...]:
        """The columns as they were found."""
        columns: list[Column] = []
        for name, kind in self._types.items():
            n_present = self.n_rows - self._missing[name]
            n_numbers, n_meant = self.numbers.get(name, 0), n_present - self.words.get(name, 0)
            are_numbers = n_numbers > 0 and n_numbers >= NUMBERS * n_meant
            meant: ColumnType = "number" if are_numbers else kind
            if media := self._media.get(name):
                ((medium, n_of_it),) = media.most_common(1)
                meant = medium if medium is not None and n_of_it >= MOSTLY * media.total() else kind
            named = name in self._identifiers
            columns.append(Column(name=name, type=meant, n_missing=self._missing[name], identifier=named))
        return tuple(columns)
