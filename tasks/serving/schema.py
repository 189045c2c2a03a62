"""What one row must look like, generated from the model's card: JSON in, checked rows and the model's floats out.

Every input column must be there, so that a forgotten one is a mistake; its value may be null, which is a missing
value, and so is what stood for one in training. The check runs inside msgspec's parser (0.6 µs a row of 20 columns;
pydantic 2.5); only a refused body is looked at a second time, slowly, to say which row and which field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import astuple

from tasks.core import markers
from tasks.core.errors import DataError
from tasks.core.expressions import declared_row
from tasks.core.model_records import ModelCard
from tasks.core.records import Column
from tasks.modalities import MODALITIES, matrix
from tasks.scoring.guard import Guard
from tasks.serving.faults import TYPES, broken, fault_of, misread, moment, unreadable
from tasks.serving.refusal import Refusal

MAX_ROWS = 10_000  # about 70 ms of work: a longer list belongs in `keepfit predict`


class RowSchema:
    """Reads the rows of a request body and packs each into the floats that the model of this card takes."""

    def __init__(self, card: ModelCard) -> None:
        self._columns = card.inputs
        self._names = tuple(column.name for column in card.inputs)
        self._is_slow = any(feature.kind in MODALITIES for feature in card.features)
        self._declared: Callable[[dict[str, Any]], dict[str, Any]] = declared_row(card.features)
        self._floats: Callable[[Mapping[str, Any]], list[float]] = matrix.row(card.features)
        replaced = ((column, markers.replaced(column)) for column in card.inputs)
        self._markers = [(column, replace) for column, replace in replaced if replace is not None]
        self._guard = Guard(card.expectations, card.inputs)
        # msgspec cannot match a key that JSON has to escape: such rows are parsed first and renamed.
        escaped = [name for name in self._names if any(c in '"\\' or c < " " for c in name)]
        self._aliases = {name: f"\ue000{i}" for i, name in enumerate(escaped)}
        row = msgspec.defstruct(
            "Row",
            [(f"f{i}", _accepted(column) | None) for i, column in enumerate(card.inputs)],
            rename={f"f{i}": self._aliases.get(name, name) for i, name in enumerate(self._names)},
            forbid_unknown_fields=True,
        )
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
            raise fault_of(body, self._columns, str(exc)) from exc
        if len(rows) > MAX_ROWS:
            raise Refusal(
                413,
                "Too many rows in one request",
                expected=f"at most {MAX_ROWS:,} rows",
                found=f"{len(rows):,} rows",
                action="Send them in several requests, or use `keepfit predict` for a file.",
            )
        return rows, single

    @property
    def is_slow(self) -> bool:
        """Whether packing takes long: images and sounds are decoded, texts are taken apart."""
        return self._is_slow

    def pack(self, row: Any, number: int = 0) -> list[float]:
        """The model's input floats for the row of this number that `read` gave. Raises Refusal."""
        return self._packed(self._values(row, number), number)

    def packed(self, rows: Sequence[Any], first: int) -> list[list[float]]:
        """The same for several rows, the first of which has that number, if all of them hold what is expected."""
        if not self._guard.rejecting:
            return [self.pack(row, number) for number, row in enumerate(rows, first)]
        floats: list[list[float]] = []
        for number, row in enumerate(rows, first):
            values = self._values(row, number)
            if (rule := self._guard.broken(values)) is not None:
                raise broken(rule, values, number)
            floats.append(self._packed(values, number))
        return floats

    @property
    def warns(self) -> bool:
        """Whether there are expectations of which a row is only told."""
        return bool(self._guard.warning)

    def warnings(self, row: Any) -> list[str]:
        """What is told of the row, which is answered all the same."""
        return self._guard.warnings(self._values(row, 0))

    def _values(self, row: Any, number: int) -> dict[str, Any]:
        """The row's values by column, None for what is missing. Raises Refusal."""
        values = dict(zip(self._names, astuple(row), strict=True))
        for column, replace in self._markers:
            found = values[column.name] = replace(values[column.name])
            if isinstance(found, str) and column.type != "text":
                raise misread(column, found, number)
        return values

    def _packed(self, values: dict[str, Any], number: int) -> list[float]:
        try:
            return self._floats(self._declared(values))
        except DataError as exc:
            raise unreadable(values, self._columns, number, exc) from exc

    def _read_renamed(self, body: bytes, single: bool) -> list[Any]:
        parsed = msgspec.json.decode(body)
        rows = [parsed] if single else parsed
        renamed = [
            {self._aliases.get(key, key): value for key, value in row.items()} if isinstance(row, dict) else row
            for row in rows
        ]
        return msgspec.convert(renamed, list[self._row], dec_hook=moment)


def _accepted(column: Column) -> Any:
    """What msgspec takes for the column: a text too where one stands for a missing number."""
    return TYPES[column.type] | str if markers.words_for(column) else TYPES[column.type]
