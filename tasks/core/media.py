"""What bytes are, by how they begin: enough to tell a column of images from one of sounds."""

from __future__ import annotations

from typing import Literal

HEAD = 12
"""So many bytes decide."""

Medium = Literal["image", "sound"]
Format = Literal["PNG", "JPEG", "GIF", "BMP", "WebP", "WAV", "FLAC", "OGG"]

_BEGINNINGS: tuple[tuple[bytes, int, Format], ...] = (
    (b"\x89PNG\r\n\x1a\n", 0, "PNG"),
    (b"\xff\xd8\xff", 0, "JPEG"),
    (b"GIF8", 0, "GIF"),
    (b"BM", 0, "BMP"),
    (b"WEBP", 8, "WebP"),
    (b"WAVE", 8, "WAV"),
    (b"fLaC", 0, "FLAC"),
    (b"OggS", 0, "OGG"),
)
_SOUNDS = ("WAV", "FLAC", "OGG")


def format_of(value: bytes) -> Format | None:
    """The file format that these bytes begin like; None when it is none that keepfit reads."""
    for beginning, at, name in _BEGINNINGS:
        if value.startswith(beginning, at):
            return name
    return None


def medium_of(value: bytes) -> Medium | None:
    """Whether these bytes begin like an image or a sound."""
    found = format_of(value)
    return None if found is None else "sound" if found in _SOUNDS else "image"
