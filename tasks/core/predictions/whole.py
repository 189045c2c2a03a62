"""Segments that are written whole under a name that their writer chose: what is given twice is there once."""

from __future__ import annotations

import os
from pathlib import Path

from tasks.core.predictions.frames import framed
from tasks.core.predictions.layout import private, sync_folder
from tasks.core.predictions.segment import Header, NotLogged


def put(folder: Path, stem: str, header: Header, frames: bytes) -> None:
    """Have a complete segment of that stem in a project's folder, in place of one with the same rows; NotLogged when
    it cannot be written. Whether its rows are in Parquet already is for the caller to ask (`listing`).
    """
    segments = folder / "segments"
    new = segments / f".new-{stem}"
    try:
        private(segments)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(framed(header.model_dump_json().encode()) + frames)
            file.flush()
            os.fsync(file.fileno())
        new.replace(segments / f"{stem}.seg")
        sync_folder(segments)
    except OSError as exc:
        new.unlink(missing_ok=True)
        raise NotLogged(f"The answers of {header.project} could not be logged in {segments}", exc) from exc
