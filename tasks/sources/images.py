"""Rows from a folder of images: the bytes of each file as they are found, decoded by nobody."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import ClassVar, Literal

from tasks.core.media import Format
from tasks.sources.media_folder import MediaFolder


class Images(MediaFolder):
    """A folder of images: a folder for each class, or files that a manifest names."""

    kind: Literal["images"] = "images"

    column: ClassVar[str] = "image"
    formats: ClassVar[Mapping[str, Format]] = {
        **{".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".gif": "GIF", ".bmp": "BMP", ".webp": "WebP"}
    }
    foreign: ClassVar[Collection[str]] = frozenset(
        (
            *(".tif", ".tiff", ".heic", ".heif", ".avif", ".svg", ".jp2", ".jxl", ".psd"),
            *(".ico", ".dng", ".raw", ".cr2"),
        )
    )
