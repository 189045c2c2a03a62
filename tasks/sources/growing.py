"""One reading of files: those that are new since the last one, and the one schema that all of them have.

A list, folder or pattern grows: the position is every file taken so far with its size and version, and the next
reading takes the new ones, after the old. When one of those taken has changed or vanished (unless the intake forgets),
or the new ones have wider types than the rows before, everything is read anew: so the rows are always those of one
whole reading.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from tasks.core.errors import DataError
from tasks.core.intake import Intake
from tasks.sources.files import File, Places, is_single, listed

if TYPE_CHECKING:
    import pyarrow as pa


class NoRows(DataError):
    """A file without rows: a mistake when it is all there is, no matter among others."""


class Reading:
    """The files to read this time, in order."""

    def __init__(self, places: Places, endings: tuple[str, ...], intake: Intake, folder: Path) -> None:
        self._intake = intake
        self._all = listed(places, endings, folder)
        self._grows = not is_single(places) and all(file.version for file in self._all)
        self.files = self._all
        if isinstance(taken := intake.position, Mapping):
            now = self._position()
            if all(now.get(key) == stamp for key, stamp in taken.items() if key in now or not intake.forgets):
                self.files = [file for file in self._all if file.key not in taken]
            else:
                intake.restart()

    def schema(self, look: Callable[[File], pa.Schema], *, sparse: bool = False) -> pa.Schema | None:
        """The schema of all the files' rows, each looked at; None without rows. `sparse`: a file may lack columns.

        Files without rows are left out of `files`. `look` returns keepfit's types, or null for a column without any
        value. DataError names the first file that does not go with those before it.
        """
        import pyarrow as pa

        looks = self._looked(look)
        known = self._intake.schema
        if known is not None and any(_joined(known, one, file, known, sparse) != known for file, one in looks):
            self._intake.restart()
            self.files = self._all
            looks = self._looked(look)
        self.files = [file for file, _ in looks]
        if self._intake.schema is not None or not looks:
            return self._intake.schema
        joined = looks[0][1]
        for file, one in looks[1:]:
            joined = _joined(joined, one, file, None, sparse)
        return pa.schema([pa.field(f.name, pa.string() if pa.types.is_null(f.type) else f.type) for f in joined])

    def done(self) -> None:
        """Tell the intake how far this reading came, when there is a place to go on from."""
        if self._grows:
            self._intake.reached = self._position()

    def _looked(self, look: Callable[[File], pa.Schema]) -> list[tuple[File, pa.Schema]]:
        looks: list[tuple[File, pa.Schema]] = []
        for file in self.files:
            file.fetch()
            try:
                looks.append((file, look(file)))
            except NoRows:
                if len(self._all) == 1:
                    raise
        return looks

    def _position(self) -> dict[str, JsonValue]:
        return {file.key: [file.size, file.version] for file in self._all}


@contextmanager
def reading(places: Places, endings: tuple[str, ...], intake: Intake) -> Iterator[tuple[Reading, Path]]:
    """A `Reading`, and a folder for what it needs while it lasts."""
    folder = Path(tempfile.mkdtemp(prefix="reading-", dir=intake.folder))
    try:
        yield Reading(places, endings, intake, intake.folder or folder), folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _joined(before: pa.Schema, found: pa.Schema, file: File, known: pa.Schema | None, sparse: bool) -> pa.Schema:
    """One schema for both; DataError when there is none. With `known`, what does not fit it gives another schema."""
    import pyarrow as pa

    ours, theirs = ({field.name: field.type for field in fields} for fields in (before, found))
    joined: dict[str, pa.DataType] = {}
    for name in {**ours, **theirs}:
        our, their = (types.get(name, pa.null() if sparse else None) for types in (ours, theirs))
        wide = _wide(our, their) if our is not None and their is not None else None
        if wide is None and known is None:
            raise DataError(
                f"{file.name} differs from the files before it in column {name!r}",
                expected=str(our or "no such column"),
                found=str(their or "no such column"),
                action="Correct the file, or what writes it",
            )
        joined[name] = wide if wide is not None else pa.null()
    return pa.schema([pa.field(name, arrow) for name, arrow in joined.items()])


def _wide(ours: pa.DataType, theirs: pa.DataType) -> pa.DataType | None:
    """The type that holds the values of both and changes none; None when there is none."""
    import pyarrow as pa

    if ours == theirs or pa.types.is_null(theirs):
        return ours
    if pa.types.is_null(ours):
        return theirs
    both = {str(ours), str(theirs)}
    if both == {"int64", "double"}:
        return pa.float64()
    return pa.timestamp("us") if both == {"date32[day]", "timestamp[us]"} else None
