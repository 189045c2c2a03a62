"""What a cell holds: as a number where a text is meant as one, and in words where a reason must show it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import PrivateAttr

from tasks.core import markers, store
from tasks.core.catalogue import Scope
from tasks.core.expectation import Expectation
from tasks.core.records import BYTES, Column, Dataset

if TYPE_CHECKING:
    import polars as pl

LONGEST = 60
"""Characters of a text that a reason shows."""
EXAMPLES = 5
"""Values that are told of a broken expectation."""


def rows_at_once(dataset: Dataset, columns: Collection[str], wanted: int) -> int:
    """How many rows fit into memory together: few when there are images or sounds among them."""
    heavy = {column.name for column in dataset.columns if column.type in BYTES}
    return wanted if heavy.isdisjoint(columns) else 1_000


class Meant(Expectation):
    """That a value is what its column is meant to hold: always expected, and of each row."""

    @property
    def scope(self) -> Scope:
        return "rows"

    @abstractmethod
    def found(self, frame: pl.DataFrame) -> pl.Series:
        """For each row in words what it holds instead; null where it holds what is meant."""

    @classmethod
    def _arguments(cls, name: str, kind: str) -> dict[str, Any]:
        arguments = {"column": name, "type_": kind}
        return {"type": "expect_column_type_to_be", "arguments": arguments, "severity": "reject"}


class IsNumber(Meant):
    """That a text is a number, where its column is meant to hold numbers."""

    _markers: tuple[str, ...] = PrivateAttr(default=())

    @classmethod
    def of(cls, column: Column) -> IsNumber:
        """The column's own markers of a missing value are no mistakes."""
        made = cls(**cls._arguments(column.name, "number"))
        made._markers = column.missing_values
        return made

    @property
    def claim(self) -> str:
        return f"{self.columns[0]}: expected a number"

    def found(self, frame: pl.DataFrame) -> pl.Series:
        import polars as pl

        name = self.columns[0]
        wrong = no_number(name)
        if known := markers.texts(self._markers):
            wrong &= ~pl.col(name).str.strip_chars(markers.SPACES).is_in(known)
        return frame.select(pl.when(wrong).then(shown(frame, [name]))).to_series()


class IsReadable(Meant):
    """That bytes can be read as what their column is meant to hold: an image, a sound."""

    _fault: Callable[[bytes], str | None] = PrivateAttr()

    @classmethod
    def of(cls, column: Column, fault: Callable[[bytes], str | None]) -> IsReadable:
        """`fault` says why bytes cannot be read, None when they can; it is asked from several threads."""
        made = cls(**cls._arguments(column.name, column.type))
        made._fault = fault
        return made

    @property
    def claim(self) -> str:
        return f"{self.columns[0]}: expected {'an' if self.arguments['type_'] == 'image' else 'a'} " + str(
            self.arguments["type_"]
        )

    def found(self, frame: pl.DataFrame) -> pl.Series:
        import polars as pl

        values = frame[self.columns[0]]
        with ThreadPoolExecutor() as pool:
            faults = pool.map(lambda value: None if value is None else self._fault(value), values)
            return pl.Series(values.name, list(faults), dtype=pl.String)


def meant_as_numbers(dataset: Dataset) -> tuple[str, ...]:
    """The columns that are numbers by their type but texts in the file."""
    import polars as pl

    stored = store.scan(dataset).collect_schema()
    return tuple(
        column.name for column in dataset.columns if column.type == "number" and stored[column.name] == pl.String
    )


def cast(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """The frame with these columns as numbers: null where a text is no number, is empty, or says `nan`."""
    import polars as pl

    return frame.with_columns(
        pl.col(name).str.strip_chars().cast(pl.Float64, strict=False).fill_nan(None)
        for name in names
        if name in frame.columns
    )


@dataclass(frozen=True)
class Cleaning:
    """What makes of rows as they came rows as they are meant: no markers of missing values, numbers for texts."""

    columns: tuple[Column, ...]
    numbers: tuple[str, ...]

    @classmethod
    def of(cls, dataset: Dataset) -> Cleaning:
        """What the data set needs; nothing where `changes` is false."""
        marked = tuple(column for column in dataset.columns if column.missing_values)
        return cls(marked, meant_as_numbers(dataset))

    @property
    def changes(self) -> bool:
        return bool(self.columns or self.numbers)

    def of_rows(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame's rows, clean; a frame need not have all columns."""
        texts = [name for name in self.numbers if name in frame.columns]
        clean = self._unmarked(frame)
        # A text such as "-999.0" is a marker once it is a number.
        return self._unmarked(cast(clean, texts)) if texts else clean

    def _unmarked(self, frame: pl.DataFrame) -> pl.DataFrame:
        schema = frame.schema
        marked = (
            markers.present(column.name, schema[column.name], column.missing_values)
            for column in self.columns
            if column.name in schema
        )
        return frame.with_columns(each for each in marked if each is not None)


def no_number(name: str) -> pl.Expr:
    """Whether the text is there and is no number."""
    import polars as pl

    text = pl.col(name).str.strip_chars()
    return (text != "").fill_null(False) & text.cast(pl.Float64, strict=False).is_null()


def found(frame: pl.DataFrame, expectation: Expectation) -> pl.Series:
    """In words what each of these rows, which broke the expectation, holds in its columns."""
    if isinstance(expectation, Meant):
        return expectation.found(frame)
    return frame.select(shown(frame, expectation.columns)).to_series()


def shown(frame: pl.DataFrame, names: Sequence[str]) -> pl.Expr:
    """What the row holds in these columns, like `'abc'`, `130.0`, `nothing`, or `a 1, b 2`."""
    import polars as pl

    def cell(name: str) -> pl.Expr:
        kind = frame.schema[name]
        if kind == pl.Binary:
            return pl.when(pl.col(name).is_null()).then(pl.lit("nothing")).otherwise(pl.lit("bytes"))
        text = pl.col(name).cast(pl.String)
        if kind == pl.String:
            cut = pl.when(text.str.len_chars() > LONGEST).then(text.str.head(LONGEST) + "…").otherwise(text)
            text = pl.format("'{}'", cut)
        return text.fill_null("nothing")

    if len(names) == 1:
        return cell(names[0])
    return pl.concat_str([pl.format("{} {}", pl.lit(name), cell(name)) for name in names], separator=", ")
