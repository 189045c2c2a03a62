"""The events of a log as a table of a DuckDB database of their own: read, judged, and each counted once.

The table `events`: `entity` and `event` as text, `moment` in microseconds since 1970 (UTC), and of each property that
is needed `t0`, `t1`, … as text or `n0`, `n1`, … as a decimal number: decimals add up to the same in any order.
"""

from __future__ import annotations

import glob
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core.errors import DataError, Unavailable
from tasks.core.intake import Intake
from tasks.sources.event_quarantine import NOT_JSON, isolate, nothing_left
from tasks.sources.event_sql import lines, moment, pointers, quoted
from tasks.sources.files import File

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SETTINGS: dict[str, Any] = {
    "memory_limit": "1GB",  # beyond it is spilled to the database's folder
    "preserve_insertion_order": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
}
NUMBER = "DECIMAL(28, 9)"
"""Sums of it hold ten thousand million events; a text beyond 10^19 is no number."""
MOST_PROPERTIES = 200


@dataclass(frozen=True)
class Keys:
    """Where in an event is what; a dot leads into a nested object."""

    entity: str
    time: str
    event: str
    id: str | None
    texts: Sequence[str] = ()
    numbers: Sequence[str] = ()
    strict: bool = field(default=True)
    """Whether an event is broken when one of `numbers` is there and is none."""

    @property
    def all(self) -> list[str]:
        keys = [self.entity, self.time, self.event, *([self.id] if self.id else []), *self.texts, *self.numbers]
        return list(dict.fromkeys(keys))


@contextmanager
def database(files: Sequence[File], folder: Path) -> Iterator[DuckDBPyConnection]:
    """An empty database in the folder that can read these files, and nothing else in the world."""
    import duckdb

    settings = {**SETTINGS, "temp_directory": str(folder / "spilled")}
    with duckdb.connect(config=settings) as connection:
        allowed = [path for file in files for path in (str(file.path), glob.escape(str(file.path)))]
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"SET allowed_paths = [{', '.join(map(quoted, allowed))}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        try:
            yield connection
        except (duckdb.IOException, duckdb.InvalidInputException) as exc:
            raise DataError(
                f"{', '.join(file.name for file in files[:3])} cannot be read",
                expected="whole files of JSON lines, plain, gzip or Zstandard",
                found=str(exc).splitlines()[0].removeprefix("IO Error: "),
                action="Check what wrote them, or whether they were copied to the end",
            ) from exc
        except duckdb.OutOfMemoryException as exc:
            found = str(exc).splitlines()[0]
            raise Unavailable("The events do not fit into memory and the disk's free space", found=found) from exc


def read(connection: DuckDBPyConnection, files: Sequence[File], keys: Keys, intake: Intake, title: str) -> int:
    """Make the table `events`. What is no event goes into quarantine; the answer is how many came more than once."""
    place = {key: f"x[{at}]" for at, key in enumerate(keys.all, start=1)}
    entity, event = place[keys.entity], place[keys.event]
    own = f"coalesce(hash({place[keys.id]}), hash(json))" if keys.id else "hash(json)"
    texts = "".join(f", {place[key]} AS t{at}" for at, key in enumerate(keys.texts))
    numbers = "".join(f", TRY_CAST({place[key]} AS {NUMBER}) AS n{at}" for at, key in enumerate(keys.numbers))
    unlike = "".join(
        f" WHEN n{at} IS NULL AND {place[key]} <> '' THEN {quoted(f'its {key} is no number')}"
        for at, key in enumerate(keys.numbers)
        if keys.strict
    )
    connection.execute(
        f"""
        CREATE TABLE events AS
        SELECT * EXCLUDE (json, file, x), CASE WHEN reason IS NOT NULL THEN file END AS file,
            CASE WHEN reason IS NOT NULL THEN left(CAST(json AS VARCHAR), 4096) END AS content
        FROM (
            SELECT *, CASE WHEN json IS NULL THEN {quoted(NOT_JSON)}
                WHEN coalesce(entity, '') = '' THEN {quoted(f"it has no {keys.entity}")}
                WHEN moment IS NULL THEN {quoted(f"its {keys.time} is no time since 1970")}
                WHEN moment > {int((time.time() + 86_400) * 1e6)} THEN {quoted(f"its {keys.time} is in the future")}
                {unlike} END AS reason
            FROM (
                SELECT json, file, x, {entity} AS entity, {moment(place[keys.time])} AS moment, {event} AS event,
                    {own} AS own, hash(json) AS line{texts}{numbers}
                FROM (
                    SELECT json, filename AS file, json_extract_string(json, [{pointers(keys.all)}]) AS x
                    FROM {lines(files)}
                )
            )
        )
        """
    )
    isolate(connection, {str(file.path): file for file in files}, intake)
    if not _number(connection, "SELECT count(*) FROM (SELECT 1 FROM events LIMIT 1)") and intake.reasons:
        raise nothing_left(connection, files, (keys.entity, keys.time), intake, title)
    return _once(connection)


def leaves(connection: DuckDBPyConnection, files: Sequence[File], keys: Keys, title: str) -> list[str]:
    """All properties of the events, nested ones with dots, in the order of their names."""
    found = connection.execute(
        f"SELECT json_group_structure(json) FROM {lines(files)} WHERE json_type(json) = 'OBJECT'"
    ).fetchone()
    names = sorted(set(_leaves(json.loads(found[0] or "{}") if found else {}, "")) - set(keys.all))
    if len(names) > MOST_PROPERTIES:
        raise DataError(
            f"The events of {title} have too many properties to infer features",
            expected=f"at most {MOST_PROPERTIES}",
            found=f"{len(names):,}",
            action="Declare `features` in the source",
        )
    return names


def _once(connection: DuckDBPyConnection) -> int:
    """Take away what is there more than once, but for the earliest; the answer is how many went."""
    connection.execute("CREATE TABLE repeated AS SELECT own FROM events GROUP BY own HAVING count(*) > 1")
    n_gone = 0
    if _number(connection, "SELECT count(*) FROM repeated"):
        # By entity too: two that share an id, or a hash, are two events.
        n_gone = _number(
            connection,
            """
            DELETE FROM events WHERE rowid IN (
                SELECT row FROM (
                    SELECT rowid AS row, row_number() OVER (PARTITION BY entity, own ORDER BY moment, line) AS nth
                    FROM events SEMI JOIN repeated USING (own)
                ) WHERE nth > 1
            )
            """,
        )
    connection.execute("DROP TABLE repeated")
    return n_gone


def _leaves(structure: object, prefix: str) -> Iterator[str]:
    if not isinstance(structure, dict):
        return
    for key, inner in structure.items():
        if isinstance(inner, dict):
            yield from _leaves(inner, f"{prefix}{key}.")
        elif "." not in key:
            yield f"{prefix}{key}"


def _number(connection: DuckDBPyConnection, query: str) -> int:
    found = connection.execute(query).fetchone()
    return int(found[0]) if found else 0
