"""Rows from a folder of sounds: the bytes of each file as they are found, decoded by nobody."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import ClassVar, Literal

from tasks.core.media import Format
from tasks.sources.media_folder import MediaFolder


class Audio(MediaFolder):
    """A folder of sounds: a folder for each class, or files that a manifest names."""

    kind: Literal["audio"] = "audio"

    column: ClassVar[str] = "sound"
    formats: ClassVar[Mapping[str, Format]] = {
        **{".wav": "WAV", ".wave": "WAV", ".flac": "FLAC", ".ogg": "OGG", ".oga": "OGG", ".opus": "OGG"}
    }
    # MP3 is among them though libsndfile reads it: it begins like nothing in particular, what was cut off cannot be
    # told from what is whole, and its decoder answers to damage with messages on the terminal.
    foreign: ClassVar[Collection[str]] = frozenset(
        (
            *(".mp3", ".m4a", ".aac", ".wma", ".aif", ".aiff", ".aifc", ".au", ".caf", ".amr"),
            *(".w64", ".rf64", ".mid", ".midi", ".ape", ".wv", ".3gp", ".webm"),
        )
    )
