"""The events of a log as a table of a DuckDB database of their own: read, judged, and each counted once.

The table `events`: `entity` and `event` as text, `moment` in microseconds since 1970 (UTC), and of each property that
is needed `t0`, `t1`, … as text or `n0`, `n1`, … as a decimal number: decimals add up to the same in any order.
"""

from __future__ import annotations

import glob
import io
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.core.errors import DataError
from tasks.core.intake import Intake
from tasks.core.nearest import perhaps
from tasks.sources.encoding import opened
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
MOST_SHOWN = 1_000
"""Of so many events in quarantine the content is kept; all are counted."""
MOST_PROPERTIES = 200
NOT_JSON = "the line is no JSON"


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
        yield connection


def quoted(text: str) -> str:
    """The text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def named(text: str) -> str:
    """The text as an identifier of SQL."""
    return '"' + text.replace('"', '""') + '"'


def moment(text: str) -> str:
    """SQL for the moment that a text (an expression) holds, or NULL: ISO 8601, UTC without a zone, or an epoch.

    A cast to TIMESTAMP would leave the zone away without a word; only the one to TIMESTAMPTZ reads it. What is before
    1970 is no event but the default of some clock. An epoch is in seconds, or in milli-, micro- or nanoseconds: its
    digits tell, from 1973 on.
    """
    # By the number of digits, for each expression is here once: DuckDB computes what comes twice for every row.
    digits = f"length(split_part({text}, '.', 1))"
    unit = f"CASE WHEN {digits} < 9 THEN NULL WHEN {digits} < 12 THEN 1000000 WHEN {digits} < 15 THEN 1000"
    unit += f" WHEN {digits} < 18 THEN 1 WHEN {digits} < 21 THEN 0.001 END"
    epoch = f"CAST(TRY_CAST({text} AS DECIMAL(28, 6)) * CAST({unit} AS DECIMAL(10, 3)) AS BIGINT)"
    return f"nullif(greatest(coalesce(epoch_us(TRY_CAST({text} AS TIMESTAMPTZ)), {epoch}), 0), 0)"


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
                    SELECT json, filename AS file, json_extract_string(json, [{_pointers(keys.all)}]) AS x
                    FROM {_lines(files)}
                )
            )
        )
        """
    )
    _quarantine(connection, {str(file.path): file for file in files}, intake)
    if not _number(connection, "SELECT count(*) FROM (SELECT 1 FROM events LIMIT 1)") and intake.reasons:
        raise _nothing(connection, files, keys, intake, title)
    return _once(connection)


def leaves(connection: DuckDBPyConnection, files: Sequence[File], keys: Keys, title: str) -> list[str]:
    """All properties of the events, nested ones with dots, in the order of their names."""
    found = connection.execute(
        f"SELECT json_group_structure(json) FROM {_lines(files)} WHERE json_type(json) = 'OBJECT'"
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


def _quarantine(connection: DuckDBPyConnection, files: Mapping[str, File], intake: Intake) -> None:
    query = "SELECT file, reason, count(*) FROM events WHERE reason IS NOT NULL GROUP BY ALL ORDER BY ALL"
    counts = {(file, reason): n for file, reason, n in connection.execute(query).fetchall()}
    if not counts:
        return
    shown = connection.execute(
        f"SELECT file, reason, content FROM events WHERE content IS NOT NULL ORDER BY ALL LIMIT {MOST_SHOWN}"
    ).fetchall()
    for (file, reason), n in counts.items():
        if reason == NOT_JSON:
            shown += [(file, reason, line) for line in _broken(files[file], min(n, MOST_SHOWN - len(shown)))]
    for file, reason, content in shown:
        intake.reject(files[file].name, reason, content)
    told = Counter((file, reason) for file, reason, _ in shown)
    for (file, reason), n in counts.items():
        if n > told[file, reason]:
            intake.reject(f"{files[file].name}, others", reason, n_items=n - told[file, reason])
    connection.execute("DELETE FROM events WHERE reason IS NOT NULL")


def _broken(file: File, wanted: int) -> list[bytes]:
    """The first lines of the file that are no JSON: DuckDB counts them, and does not show them."""
    found: list[bytes] = []
    with opened(file) as stream:
        for number, line in enumerate(io.BufferedReader(stream), start=1):  # pyright: ignore[reportArgumentType]
            if len(found) >= wanted:
                break
            try:
                json.loads(line) if line.strip() else None
            except (ValueError, RecursionError):
                found.append(b"line %d: %s" % (number, line.rstrip(b"\r\n")))
    return found


def _nothing(
    connection: DuckDBPyConnection, files: Sequence[File], keys: Keys, intake: Intake, title: str
) -> DataError:
    first = connection.execute(
        f"SELECT json_keys(json) FROM {_lines(files)} WHERE json_type(json) = 'OBJECT' LIMIT 1"
    ).fetchone()
    known: list[str] = first[0] if first else []
    absent = [key for key in (keys.entity, keys.time) if key.split(".")[0] not in known]
    return DataError(
        f"{title} has no event that can be used",
        expected=f"JSON objects with {keys.entity} and {keys.time}, one a line",
        found=f"{intake.reasons.total():,} lines in quarantine, most because {intake.reasons.most_common(1)[0][0]}",
        action=perhaps(absent[0], known, f"The first event has {', '.join(known) or 'nothing'}") if absent else "",
    )


def _lines(files: Sequence[File]) -> str:
    """SQL for the files' lines: `json`, NULL where a line is none, and `filename`."""
    packed: dict[str, list[File]] = {}
    for file in files:
        packed.setdefault(_compression(file), []).append(file)
    reads: list[str] = []
    for how, some in packed.items():
        paths = ", ".join(quoted(glob.escape(str(file.path))) for file in some)
        reads.append(
            f"SELECT json, filename FROM read_json_objects([{paths}], format = 'newline_delimited',"
            f" compression = '{how}', ignore_errors = true, filename = true)"
        )
    return f"({' UNION ALL '.join(reads)})"


def _compression(file: File) -> str:
    """By the first bytes, not by the name."""
    with file.path.open("rb") as raw:
        start = raw.read(4)
    if start.startswith(b"BZh"):
        raise DataError(f"{file.name} is packed with bzip2", expected="a plain file, gzip or Zstandard")
    return "gzip" if start.startswith(b"\x1f\x8b") else "zstd" if start == b"\x28\xb5\x2f\xfd" else "none"


def _pointers(keys: Sequence[str]) -> str:
    """JSON pointers (RFC 6901): whatever a key holds, it is one step of the way."""
    parts = [[part.replace("~", "~0").replace("/", "~1") for part in key.split(".")] for key in keys]
    return ", ".join(quoted("/" + "/".join(each)) for each in parts)


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
