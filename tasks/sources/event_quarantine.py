"""What of a log is no event: all of it counted, some of it kept to look at."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tasks.core.errors import DataError
from tasks.core.intake import Intake
from tasks.core.nearest import perhaps
from tasks.sources.encoding import opened
from tasks.sources.event_sql import lines
from tasks.sources.files import File

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MOST_SHOWN = 1_000
"""Of so many events in quarantine the content is kept; all are counted."""
NOT_JSON = "the line is no JSON"


def isolate(connection: DuckDBPyConnection, files: Mapping[str, File], intake: Intake) -> None:
    """Take the events that have a `reason` out of the table, and give them to the intake."""
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


def nothing_left(
    connection: DuckDBPyConnection, files: Sequence[File], needed: Sequence[str], intake: Intake, title: str
) -> DataError:
    """That all is in quarantine, with the key that may have been meant."""
    first = connection.execute(
        f"SELECT json_keys(json) FROM {lines(files)} WHERE json_type(json) = 'OBJECT' LIMIT 1"
    ).fetchone()
    known: list[str] = first[0] if first else []
    absent = [key for key in needed if key.split(".")[0] not in known]
    return DataError(
        f"{title} has no event that can be used",
        expected=f"JSON objects with {' and '.join(needed)}, one a line",
        found=f"{intake.reasons.total():,} lines in quarantine, most because {intake.reasons.most_common(1)[0][0]}",
        action=perhaps(absent[0], known, f"The first event has {', '.join(known) or 'nothing'}") if absent else "",
    )
