"""What the commands print that ask what holds of the data, and which rows are held back."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import PlainSerializer

from tasks.core.expectations import Section
from tasks.core.records import Record


class ExpectationState(Record):
    """How an expectation stands to the data; `held` is null where it could not be asked."""

    section: Section
    claim: str
    severity: str
    held: bool | None
    found: str


class ExpectationChange(Record):
    """A change that today's data suggest."""

    number: int
    section: Section
    diff: tuple[str, ...]
    why: str


class Expectations(Record):
    """`expectations`, or with --update `changes` and the numbers of those that were written."""

    project: str
    expectations: tuple[ExpectationState, ...] = ()
    changes: tuple[ExpectationChange, ...] = ()
    accepted: tuple[int, ...] = ()


def _cell(value: Any) -> Any:
    """What JSON has no type for, like a date, is text."""
    return value if value is None or isinstance(value, bool | int | float | str | list | dict) else str(value)


Cell = Annotated[Any, PlainSerializer(_cell)]


class Rule(Record):
    """A rule that rows broke."""

    rule: str
    expected: str
    n_rows: int
    found: tuple[str, ...]
    can_be_released: bool


class HeldRow(Record):
    """A row that is held back."""

    row: str
    number: int
    reason: str
    values: dict[str, Cell]


class Item(Record):
    """What was no row."""

    where: str
    reason: str


class LeftOut(Record):
    """What of the source was no row."""

    n_items: int
    items: tuple[Item, ...]


class Exported(Record):
    """The file that the rows were written to."""

    exported: str = ""
    n_exported: int = 0


class Released(Record):
    """What was let through, and why the others were not."""

    n_released: int = 0
    released_in: str = ""
    n_not_released: int = 0
    why_not: tuple[str, ...] = ()


class Quarantine(Released, Exported):
    """The rows that the newest check held back, and what was exported or released of them."""

    project: str
    n_rows: int
    stopped: str | None
    n_quarantined: int
    rules: tuple[Rule, ...]
    rows: tuple[HeldRow, ...]
    left_out: LeftOut
