"""The pieces of SQL that a log is read with; what a project says comes in as a literal or a quoted name alone."""

from __future__ import annotations

import glob
from collections.abc import Sequence

from tasks.core.errors import DataError
from tasks.sources.files import File


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


def lines(files: Sequence[File]) -> str:
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


def pointers(keys: Sequence[str]) -> str:
    """JSON pointers (RFC 6901): whatever a key holds, it is one step of the way."""
    parts = [[part.replace("~", "~0").replace("/", "~1") for part in key.split(".")] for key in keys]
    return ", ".join(quoted("/" + "/".join(each)) for each in parts)
