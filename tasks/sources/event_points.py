"""The prediction points of a log: which entities become rows, as seen from which moment, with what label.

The table `points`: `point` numbers the rows in their order, by `entity`, `moment` and `label`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator

from tasks.core.errors import DataError
from tasks.core.intake import Intake
from tasks.core.nearest import perhaps
from tasks.core.records import Record
from tasks.sources import event_labels
from tasks.sources.event_features import duration
from tasks.sources.event_labels import LabelledBy
from tasks.sources.event_sql import quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def _duration(text: str) -> str:
    duration(text)
    return text


Duration = Annotated[str, AfterValidator(_duration)]


class AfterEvent(Record):
    """The point is so long after an entity's first event of this name."""

    event: str
    after: Duration = "0s"


class HappensWithin(Record):
    """The label is whether an event of this name comes within so long from the point on."""

    name: str = "label"
    event: str
    within: Duration


At = AfterEvent | datetime | tuple[datetime, ...]
_INFERRED = (("BIGINT", "BIGINT"), ("DOUBLE", "DOUBLE"), ("BOOLEAN", "BOOLEAN"))


def place(
    connection: DuckDBPyConnection,
    at: At | None,
    labels: LabelledBy | None,
    label: HappensWithin | None,
    intake: Intake,
    title: str,
) -> str | None:
    """Make the table `points`; the answer is the type of `label`, None when there is none."""
    if labels is not None:
        event_labels.read(connection, labels, intake)
    connection.execute(
        f"""
        CREATE TABLE points AS
        SELECT CAST(row_number() OVER (ORDER BY entity, moment, label) AS INTEGER) AS point, *
        FROM (SELECT DISTINCT entity, moment, label FROM ({_points(at, labels)}))
        """
    )
    if isinstance(at, AfterEvent):
        _leave_out(connection, "moment > last", "whose point is after the end of the log; left out", intake)
    if label is not None:
        _label(connection, label, intake, title)
        return "BOOLEAN"
    return _typed(connection) if labels is not None else None


def _points(at: At | None, labels: LabelledBy | None) -> str:
    """SQL for entities, moments and labels."""
    match at:
        case None:
            return "SELECT entity, moment, label FROM labels"
        case AfterEvent():
            after = f"min(moment) + {duration(at.after)}"
            moments = f"SELECT entity, {after} AS moment FROM events WHERE event = {quoted(at.event)} GROUP BY entity"
            if labels is None:
                return f"SELECT *, NULL::VARCHAR AS label FROM ({moments})"
            return f"SELECT entity, later.moment, label FROM labels JOIN ({moments}) AS later USING (entity)"
        case datetime() | tuple():
            each = at if isinstance(at, tuple) else (at,)
            moments = f"(SELECT unnest([{', '.join(str(_microseconds(one)) for one in each)}]) AS moment)"
            if labels is None:
                known = "SELECT entity, min(moment) AS first FROM events GROUP BY entity"
                before = f"({known}) JOIN {moments} AS asked ON first < asked.moment"
                return f"SELECT entity, asked.moment, NULL::VARCHAR AS label FROM {before}"
            return f"SELECT entity, asked.moment, label FROM labels CROSS JOIN {moments} AS asked"


def _label(connection: DuckDBPyConnection, label: HappensWithin, intake: Intake, title: str) -> None:
    """Whether it happened; an entity whose time is not over yet has no label, and is left out."""
    within = duration(label.within)
    names = [name for (name,) in connection.execute("SELECT DISTINCT event FROM events ORDER BY 1").fetchall()]
    if label.event not in names:
        known = [name for name in names if name is not None]
        raise DataError(
            f"{title} has no event {label.event!r}, of which the label is made",
            found=f"events like {', '.join(known[:10]) or 'none with a name'}",
            action=perhaps(label.event, known, "Correct `label.event` or `event` in the source"),
        )
    text = f"for which {label.within} after the point are not over at the end of the log; left out"
    _leave_out(connection, f"moment + {within} > last", text, intake)
    connection.execute(
        f"""
        CREATE TABLE happened AS
        SELECT DISTINCT point FROM events JOIN points USING (entity) WHERE event = {quoted(label.event)}
            AND events.moment >= points.moment AND events.moment < points.moment + {within}
        """
    )
    connection.execute("UPDATE points SET label = point IN (SELECT point FROM happened)")


def _leave_out(connection: DuckDBPyConnection, condition: str, text: str, intake: Intake) -> None:
    found = connection.execute(
        f"""
        DELETE FROM points WHERE rowid IN (
            SELECT points.rowid FROM points, (SELECT max(moment) AS last FROM events) WHERE {condition}
        )
        """
    ).fetchone()
    if found and found[0]:
        intake.note("missing", f"entities {text}", found[0])


def _typed(connection: DuckDBPyConnection) -> str:
    """The narrowest type that holds all labels."""
    for name, wider in _INFERRED:
        query = f"SELECT count(label), count(TRY_CAST(label AS {name})) FROM points"
        n_labels, n_fitting = connection.execute(query).fetchall()[0]
        if n_labels == n_fitting:
            return wider
    return "VARCHAR"


def _microseconds(at: datetime) -> int:
    moment = at if at.tzinfo else at.replace(tzinfo=UTC)
    gap = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (gap.days * 86_400 + gap.seconds) * 1_000_000 + gap.microseconds
