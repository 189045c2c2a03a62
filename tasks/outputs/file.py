"""Scored rows as a file that appears whole, or in a folder as a file a batch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tasks.core.records import Record
from tasks.outputs import formats

if TYPE_CHECKING:
    import polars as pl

SAID = "`output` of score"
"""What messages call the place where the output is named."""


class File(Record):
    """A CSV, Parquet or JSONL file, as its name says; a name without an ending is a folder of Parquet files."""

    kind: Literal["file"] = "file"
    path: str

    @property
    def title(self) -> str:
        return self.path

    @property
    def grows(self) -> bool:
        """A folder takes one file more for each batch; a file holds the answers to the whole source."""
        return not self._place.suffix or self._place.is_dir()

    def require(self) -> None:
        """UsageError when the file could not be written."""
        if not self.grows:
            formats.kind_of(self._place, SAID)
            formats.require_folder(self._place, SAID)

    def stamp(self, batch: str) -> str:
        """Another text when somebody changed what the batch wrote; empty when it is gone."""
        try:
            found = self._file(batch).stat()
        except FileNotFoundError:
            return ""
        return f"{found.st_size} {found.st_mtime_ns}"

    def take(self, batch: str, frames: Iterator[pl.DataFrame]) -> None:
        """Write all rows of the batch; they are there at once, under the name, or not at all."""
        file = self._file(batch)
        if self.grows:
            file.parent.mkdir(parents=True, exist_ok=True)
        formats.write(file, frames, SAID, beside=f".writing-{file.name}")

    def side(self, batch: str, folder: Path) -> Path:
        """The file for the refused rows of the batch: beside the answers, and never taken for some of them."""
        del folder
        if self.grows:
            return self._place / "_refused" / f"{batch}.parquet"
        return self._place.with_name(f"{self._place.stem}.refused{self._place.suffix}")

    @property
    def _place(self) -> Path:
        return Path(self.path)

    def _file(self, batch: str) -> Path:
        return self._place / f"{batch}.parquet" if self.grows else self._place
