"""Whether the bytes of a sound file are all there, by its own structure: what its decoder would pass over silently.

libsndfile plays a WAV file that was cut off to where it ends, and an OGG file to the first damaged page, and says
nothing. FLAC it checks itself.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping

from tasks.core.media import Format, format_of

UNKNOWN = 0xFFFFFFFF
"""The size that a WAV file has which was written into a pipe: it goes on to the file's end."""

_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_PAGE = 27
"""Bytes before an OGG page's table of segments."""


def damage(value: bytes) -> str | None:
    """What is wrong with the file as a whole; None when nothing is, as far as that can be seen without decoding it."""
    if not value:
        return "it is empty"
    check = _CHECKS.get(format_of(value))
    return "it is no WAV, FLAC or OGG file" if check is None else check(value)


def _wav(value: bytes) -> str | None:
    """RIFF's chunks in turn, to the one that holds the samples. RF64 keeps a size beyond 4 GB in a chunk of its own."""
    at, long = 12, UNKNOWN
    while at + 8 <= len(value):
        name, size = value[at : at + 4], int.from_bytes(value[at + 4 : at + 8], "little")
        at += 8
        if name == b"ds64":
            long = int.from_bytes(value[at + 8 : at + 16], "little")
        if name == b"data":
            size = long if size == UNKNOWN else size
            missing = 0 if size == UNKNOWN else size - (len(value) - at)
            return f"it is cut off: {missing:,} of {size:,} bytes of its samples are missing" if missing > 0 else None
        at += size + size % 2
    return "it is cut off before its first sample"


def _flac(value: bytes) -> str | None:
    # 36 bits; libsndfile cannot read a file whose length was not known when its header was written.
    if len(value) < 42:
        return "it is cut off within its header"
    n_frames = int.from_bytes(value[21:26], "big") & (1 << 36) - 1
    return None if n_frames else "its header does not say how long it is"


def _ogg(value: bytes) -> str | None:
    """Every page must be whole and have the checksum that it says. A stream that nobody ended is no damage."""
    at = 0
    while at < len(value):
        n_segments = value[at + 26] if at + _PAGE <= len(value) else 0
        end = at + _PAGE + n_segments + sum(value[at + _PAGE : at + _PAGE + n_segments])
        if end > len(value) or at + _PAGE + n_segments > len(value):
            return f"it is cut off within the page that begins at byte {at:,}"
        page = value[at:end]
        if not page.startswith(b"OggS"):
            return f"it is damaged: no page begins at byte {at:,}"
        if _checksum(page[:22] + bytes(4) + page[26:]) != page[22:26]:
            return f"it is damaged: the page that begins at byte {at:,} does not have its checksum"
        at = end
    return None


def _checksum(page: bytes) -> bytes:
    """OGG's CRC (RFC 3533): zlib's polynomial with all bits mirrored, and without zlib's inversions."""
    mirrored = zlib.crc32(page.translate(_MIRRORED), UNKNOWN) ^ UNKNOWN
    return mirrored.to_bytes(4, "big").translate(_MIRRORED)


_CHECKS: Mapping[Format | None, Callable[[bytes], str | None]] = {"WAV": _wav, "FLAC": _flac, "OGG": _ogg}
