"""What came true: outcomes that arrive days after the prediction, by its id or by a key of the caller's own.

They are appended. The same fact again, as a caller sends it who got no answer, is not added; a correction is a newer
row, and the newest wins.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import StrictBool, StrictFloat, StrictInt, StrictStr

from tasks.core import clock, database
from tasks.core.errors import DataError
from tasks.core.records import Record

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlalchemy import Connection

Subject = tuple[str, str]
"""`prediction` or `key`, and which one."""
Fact = tuple[datetime, str]
"""When it was known, and what, as JSON."""
IDS_ASKED = 5_000
"""Ids in one question: SQLite takes 32,766 values, PostgreSQL 65,535."""
LONGEST = {"prediction": 100, "key": 400}


class Outcome(Record):
    """What came true for one prediction, named by its id or by the caller's key; `at` is when that was known."""

    id: str | None = None
    key: str | None = None
    outcome: StrictStr | StrictBool | StrictInt | StrictFloat
    at: datetime | None = None


def add(project: str, rows: Iterable[Outcome]) -> tuple[int, int]:
    """How many of the outcomes were new, and how many were known; all of them are kept then, or none.

    DataError for one that is named neither by an id nor by a key, or by both, or is no finite number.
    """
    from tasks.core.tables import OUTCOMES

    given, received = list(rows), clock.now()
    subjects = [_subject(number, row) for number, row in enumerate(given)]
    new: list[dict[str, Any]] = []
    with database.writing() as connection:
        database.alone(connection, "outcomes", project)  # else the same rows sent twice at once would be new twice
        known = _known(connection, project, subjects)
        for subject, row in zip(subjects, given, strict=True):
            at, value = _utc(row.at) or received, json.dumps(row.outcome)
            facts = known.setdefault(subject, [])
            # Without a moment of its own it says what holds now: news only if something else held.
            if (at, value) in facts if row.at is not None else bool(facts) and _newest(facts)[1] == value:
                continue
            facts.append((at, value))
            named = dict.fromkeys(("prediction", "key")) | {subject[0]: subject[1]}
            new.append({"project": project, **named, "outcome": value, "at": at, "received": received})
        if new:
            connection.execute(OUTCOMES.insert(), new)
    return len(new), len(given) - len(new)


def read(project: str, since: datetime | None = None, until: datetime | None = None) -> pa.Table:
    """Every outcome that became known from `since` on and before `until`, in that order, corrected ones too.

    Columns: id, key, outcome (a text; whole numbers as classes are named, so 1.0 is "1"), at, received.
    """
    import pyarrow as pa
    from sqlalchemy import select

    from tasks.core.tables import OUTCOMES as TABLE

    columns = (TABLE.c.prediction, TABLE.c.key, TABLE.c.outcome, TABLE.c.at, TABLE.c.received)
    query = select(*columns).where(TABLE.c.project == project).order_by(TABLE.c.at, TABLE.c.id)
    if since is not None:
        query = query.where(TABLE.c.at >= _utc(since))
    if until is not None:
        query = query.where(TABLE.c.at < _utc(until))
    with database.reading() as connection:
        rows = [(*row[:2], _as_text(row[2]), *row[3:]) for row in connection.execute(query)]
    moment = pa.timestamp("us", tz="UTC")
    kinds = {"id": pa.string(), "key": pa.string(), "outcome": pa.string(), "at": moment, "received": moment}
    arrays = [pa.array([row[place] for row in rows], kind) for place, kind in enumerate(kinds.values())]
    return pa.Table.from_arrays(arrays, names=list(kinds))


def joined(predictions: pa.Table, project: str) -> pa.Table:
    """The logged predictions with `__outcome__` (as `read` gives it) and `__outcome_at__`, null where none came yet.

    An outcome belongs to the prediction of its id, else to all that were made with its key (`__id__`, `__key__`).
    """
    import pyarrow as pa

    names = {"prediction": "__id__", "key": "__key__"}
    empty = [None] * predictions.num_rows
    columns = {
        kind: predictions[name].to_pylist() if name in predictions.column_names else empty
        for kind, name in names.items()
    }
    subjects = [(kind, value) for kind, values in columns.items() for value in values if value is not None]
    with database.reading() as connection:
        known = _known(connection, project, subjects)
    nothing: list[Fact] = []
    found: list[Fact | None] = []
    for id_, key in zip(columns["prediction"], columns["key"], strict=True):
        facts = known.get(("prediction", id_), nothing) or known.get(("key", key), nothing)
        found.append(_newest(facts) if facts else None)
    texts = pa.array([_as_text(fact[1]) if fact else None for fact in found], pa.string())
    moments = pa.array([fact[0] if fact else None for fact in found], pa.timestamp("us", tz="UTC"))
    return predictions.append_column("__outcome__", texts).append_column("__outcome_at__", moments)


def _known(connection: Connection, project: str, subjects: Sequence[Subject]) -> dict[Subject, list[Fact]]:
    """What was told of each of the subjects, in the order in which it was."""
    from sqlalchemy import select

    from tasks.core.tables import OUTCOMES as TABLE

    known: dict[Subject, list[Fact]] = {}
    for kind in ("prediction", "key"):
        column, values = TABLE.c[kind], list(dict.fromkeys(value for of, value in subjects if of == kind))
        for start in range(0, len(values), IDS_ASKED):
            query = select(column, TABLE.c.at, TABLE.c.outcome).order_by(TABLE.c.id)
            asked = column.in_(values[start : start + IDS_ASKED])
            for value, at, outcome in connection.execute(query.where(TABLE.c.project == project, asked)):
                known.setdefault((kind, value), []).append((at, outcome))
    return known


def _newest(facts: Sequence[Fact]) -> Fact:
    """The one that was known last; of several at one moment the one that was told last."""
    return facts[max(range(len(facts)), key=lambda place: (facts[place][0], place))]


def _subject(number: int, row: Outcome) -> Subject:
    named = [(kind, value) for kind, value in (("prediction", row.id), ("key", row.key)) if value is not None]
    if len(named) != 1 or not 0 < len(named[0][1]) <= LONGEST[named[0][0]] or not _is_kept(named[0][1]):
        raise DataError(
            f"Outcome {number} does not say what it is the outcome of",
            expected=f"either `id`, as the prediction was answered, or `key`, of up to {LONGEST['key']} signs",
            found=" and ".join(f"{kind} {value[:50]!r}" for kind, value in named) or "neither",
        )
    if not _is_kept(row.outcome):
        raise DataError(
            f"Outcome {number} cannot be kept", expected="a text or a finite number", found=f"{row.outcome!r}"[:50]
        )
    return named[0]


def _is_kept(value: str | float) -> bool:
    """Whether a database and Arrow take the value: not infinity, half a sign, or (PostgreSQL) a NUL."""
    try:
        if isinstance(value, str):
            value.encode()
            return "\0" not in value
        return math.isfinite(value)
    except (OverflowError, UnicodeEncodeError):
        return False


def _utc(moment: datetime | None) -> datetime | None:
    """The moment with its zone; without one it is taken for UTC, as everywhere."""
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def _as_text(outcome: str) -> str:
    value = json.loads(outcome)
    if isinstance(value, str):
        return value
    return str(int(value)) if isinstance(value, float) and value.is_integer() else outcome
