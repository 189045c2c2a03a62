"""What one row must look like, generated from the model's card: JSON in, checked rows and the model's floats out.

Every input column must be there, so that a forgotten one is a mistake; its value may be null, which is a missing
value, and so is what stood for one in training. The check runs inside msgspec's parser (0.6 µs a row of 20 columns;
pydantic 2.5); only a refused body is looked at a second time, slowly, to say which row and which field.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import astuple

from tasks.core import markers
from tasks.core.errors import DataError
from tasks.core.expressions import declared_row
from tasks.core.model_records import ModelCard
from tasks.core.records import Column
from tasks.modalities import MODALITIES, matrix
from tasks.scoring import inputs
from tasks.scoring.guard import Guard
from tasks.serving.faults import TYPES, broken, fault_in, fault_of, misread, moment, unreadable
from tasks.serving.refusal import Refusal

if TYPE_CHECKING:
    import polars as pl

MAX_ROWS = 10_000  # about 70 ms of work: a longer list belongs in `keepfit predict`


class RowSchema:
    """Reads the rows of a request body and packs each into the floats that the model of this card takes.

    `key` names columns by which the caller knows a row again: each row may have them besides what the model takes.
    """

    def __init__(self, card: ModelCard, key: Sequence[str] = ()) -> None:
        self.columns = card.inputs
        self.names = tuple(column.name for column in card.inputs)
        self._is_slow = any(feature.kind in MODALITIES for feature in card.features)
        self._declared: Callable[[dict[str, Any]], dict[str, Any]] = declared_row(card.features)
        self._floats: Callable[[Mapping[str, Any]], list[float]] = matrix.row(card.features)
        replaced = ((column, markers.replaced(column)) for column in card.inputs)
        self._markers = [(column, replace) for column, replace in replaced if replace is not None]
        self.guard = Guard(card.expectations, card.inputs)
        self.key = tuple(key)
        besides = [name for name in key if name not in self.names]
        # msgspec cannot match a key that JSON has to escape: such rows are parsed first and renamed.
        names = (*self.names, *besides)
        escaped = [name for name in names if any(c in '"\\' or c < " " for c in name)]
        self._aliases = {name: f"\ue000{i}" for i, name in enumerate(escaped)}
        row = msgspec.defstruct(
            "Row",
            [
                *((f"f{i}", _accepted(column) | None) for i, column in enumerate(card.inputs)),
                *((f"f{i}", str | int | float | None, None) for i in range(len(self.names), len(names))),
            ],
            rename={f"f{i}": self._aliases.get(name, name) for i, name in enumerate(names)},
            forbid_unknown_fields=True,
            gc=False,  # values alone: nothing in them leads back to the row
        )
        self._fields = names
        self._row = row
        self._one = msgspec.json.Decoder(row, dec_hook=moment)
        self._many = msgspec.json.Decoder(list[row], dec_hook=moment)

    def read(self, body: bytes) -> tuple[list[Any], bool]:
        """The rows of a body, and whether it was a list of them. Raises Refusal."""
        single = not body.lstrip(b" \t\r\n").startswith(b"[")
        try:
            if self._aliases:
                rows = self._read_renamed(body, single)
            else:
                rows = [self._one.decode(body)] if single else self._many.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
            raise fault_of(body, self.columns, str(exc), self._fields[len(self.names) :]) from exc
        if len(rows) > MAX_ROWS:
            raise Refusal(
                413,
                "Too many rows in one request",
                expected=f"at most {MAX_ROWS:,} rows",
                found=f"{len(rows):,} rows",
                action="Send them in several requests, or use `keepfit predict` for a file.",
            )
        return rows, single

    def row(self, values: Mapping[str, Any]) -> Any:
        """A row as `read` gives them, of values by column in the types of JSON, bytes as they are. Raises Refusal."""
        try:
            return msgspec.convert(
                {self._aliases.get(name, name): value for name, value in values.items()}, self._row, dec_hook=moment
            )
        except msgspec.ValidationError as exc:
            raise fault_in(values, self.columns, self._fields[len(self.names) :], str(exc)) from exc

    @property
    def is_slow(self) -> bool:
        """Whether packing takes long: images and sounds are decoded, texts are taken apart."""
        return self._is_slow

    def values(self, row: Any, number: int = 0) -> dict[str, Any]:
        """The values by column of the row of this number that `read` gave, None for what is missing. Raises Refusal."""
        values = dict(zip(self.names, astuple(row), strict=False))
        for column, replace in self._markers:
            found = values[column.name] = replace(values[column.name])
            if isinstance(found, str) and column.type != "text":
                raise misread(column, found, number)
        return values

    def frame(self, rows: Sequence[Any]) -> pl.DataFrame:
        """The same values of many rows that `read` gave, as typed columns. Raises Refusal."""
        import polars as pl

        given = {name: list(map(attrgetter(f"f{i}"), rows)) for i, name in enumerate(self.names)}
        for column, replace in self._markers:
            found = given[column.name] = list(map(replace, given[column.name]))
            if column.type != "text" and (wrong := [n for n, value in enumerate(found) if isinstance(value, str)]):
                raise misread(column, found[wrong[0]], wrong[0])
        return pl.DataFrame([pl.Series(c.name, given[c.name], inputs.dtype(c)) for c in self.columns])

    def known(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values that this model takes of those by which another one was asked; what it lacks is missing."""
        return {name: values.get(name) for name in self.names}

    def keys(self, rows: Sequence[Any]) -> list[str | None] | None:
        """By what the caller knows each row that `read` gave; None where no key is declared."""
        return [self._key_of(dict(zip(self._fields, astuple(row), strict=True))) for row in rows] if self.key else None

    def _key_of(self, values: Mapping[str, Any]) -> str | None:
        found = [values[name] for name in self.key]
        if any(value is None for value in found):
            return None
        return key_text(found)

    def packed(self, rows: Sequence[Any], first: int = 0) -> tuple[list[dict[str, Any]], list[list[float]]]:
        """Of rows that `read` gave, the first having that number: values by column, and floats. Raises Refusal."""
        values = [self.values(row, number) for number, row in enumerate(rows, first)]
        return values, [self.pack(each, number) for number, each in enumerate(values, first)]

    def pack(self, values: dict[str, Any], number: int = 0) -> list[float]:
        """The model's input floats for the values of that row, if it holds what is expected. Raises Refusal."""
        if self.guard.rejecting and (rule := self.guard.broken(values)) is not None:
            raise broken(rule, values, number)
        return self.floats(values, number)

    def floats(self, values: dict[str, Any], number: int = 0) -> list[float]:
        """The model's input floats, whatever the expectations say. Raises Refusal."""
        try:
            return self._floats(self._declared(values))
        except DataError as exc:
            raise unreadable(values, self.columns, number, exc) from exc

    @property
    def warns(self) -> bool:
        """Whether there are expectations of which a row is only told."""
        return bool(self.guard.warning)

    def warnings(self, values: Mapping[str, Any]) -> list[str]:
        """What is told of the row with these values, which is answered all the same."""
        return self.guard.warnings(values)

    def _read_renamed(self, body: bytes, single: bool) -> list[Any]:
        parsed = msgspec.json.decode(body)
        rows = [parsed] if single else parsed
        renamed = [
            {self._aliases.get(key, key): value for key, value in row.items()} if isinstance(row, dict) else row
            for row in rows
        ]
        return msgspec.convert(renamed, list[self._row], dec_hook=moment)


def key_text(values: Sequence[Any]) -> str:
    """A key as one text: of a single column as it stands, of several as a JSON list."""
    return str(values[0]) if len(values) == 1 else json.dumps([str(value) for value in values], ensure_ascii=False)


def _accepted(column: Column) -> Any:
    """What msgspec takes for the column: a text too where one stands for a missing number."""
    return TYPES[column.type] | str if markers.words_for(column) else TYPES[column.type]
