"""What a cell holds: as a number where a text is meant as one, and in words where a reason must show it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from tasks.core import store
from tasks.core.catalogue import Scope
from tasks.core.expectations import Expectation
from tasks.core.records import Dataset

if TYPE_CHECKING:
    import polars as pl

LONGEST = 60
"""Characters of a text that a reason shows."""


def rows_at_once(dataset: Dataset, columns: Collection[str], wanted: int) -> int:
    """How many rows fit into memory together: few when there are images or sounds among them."""
    return 1_000 if any(one.type == "binary" and one.name in columns for one in dataset.columns) else wanted


class IsNumber(Expectation):
    """That a text is a number, where its column is meant to hold numbers: always expected, and of each row."""

    @classmethod
    def of(cls, name: str) -> IsNumber:
        return cls(type="expect_column_type_to_be", arguments={"column": name, "type_": "number"}, severity="reject")

    @property
    def scope(self) -> Scope:
        return "rows"

    @property
    def claim(self) -> str:
        return f"{self.columns[0]}: expected a number"


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


def no_number(name: str) -> pl.Expr:
    """Whether the text is there and is no number."""
    import polars as pl

    text = pl.col(name).str.strip_chars()
    return (text != "").fill_null(False) & text.cast(pl.Float64, strict=False).is_null()


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
