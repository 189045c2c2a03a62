"""Encoded images decoded: upright, on white where they are transparent, in red, green and blue; or why they cannot be.

A decoder meets bytes of any origin. What it would take is known from the header, before anything is decoded, and
whatever it raises is a reason, never a traceback.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from typing import TYPE_CHECKING, Any

from tasks.core.media import format_of, medium_of

if TYPE_CHECKING:
    import PIL.Image

MOST_PIXELS = 50_000_000
"""The largest photograph that is decoded (200 MB in memory): a bomb of a few kilobytes may declare far more."""

_ORIENTATION = 0x0112
_TURNS = (None, None, 0, 3, 1, 5, 4, 6, 2)
"""By the orientation that EXIF names, Pillow's `Transpose` that turns the image upright."""
_TRANSPARENT = ("LA", "La", "PA", "RGBA", "RGBa", "P")


WATCHED = ("brightness", "contrast", "colourfulness", "sharpness", "width", "height")
"""What `watched` gives: the mean and the deviation of the brightness, how far red, green and blue are apart, and the
deviation of the brightness from that of its neighbours, all of 1; and the size in pixels."""
ENOUGH = 256


class Unreadable(Exception):
    """Why bytes are no image that can be decoded."""


def decoded(value: bytes, enough: int) -> PIL.Image.Image:
    """The image in mode RGB; of an animation the first frame. Raises Unreadable.

    A photograph may come smaller than it is, but not below `enough` pixels a side: that saves most of its decoding.
    """
    import PIL.Image

    if medium_of(value) != "image":
        raise Unreadable("it does not begin like an image" if value else "it is empty")
    _hush()
    try:
        with PIL.Image.open(io.BytesIO(value), formats=[str(format_of(value)).upper()]) as image:
            width, height = image.size
            if width * height > MOST_PIXELS:
                raise Unreadable(f"it has {width:,} x {height:,} pixels, more than {MOST_PIXELS:,}")
            if not width * height:
                raise Unreadable("it has no pixels")
            image.draft("RGB", (enough, enough))
            image.load()
            return _upright(_in_colours(image), image)
    except Unreadable:
        raise
    except PIL.Image.DecompressionBombError as exc:
        raise Unreadable(f"it has more than {MOST_PIXELS:,} pixels") from exc
    except PIL.UnidentifiedImageError as exc:
        raise Unreadable(f"the {format_of(value)} is damaged: its header cannot be read") from exc
    except Exception as exc:  # Pillow's decoders raise of all kinds: OSError, SyntaxError, struct.error, IndexError, …
        raise Unreadable(f"the {format_of(value)} is damaged: {_first_line(exc)}") from exc


def watched(value: bytes | None) -> tuple[float, ...]:
    """How the image looks, in the order of WATCHED; NaN where there is none that can be decoded."""
    import numpy as np
    import PIL.Image

    try:
        if value is None:
            raise Unreadable("it is missing")
        image = decoded(value, ENOUGH)
        with PIL.Image.open(io.BytesIO(value)) as whole:
            size = whole.size
    except Unreadable:
        return (math.nan,) * len(WATCHED)
    if max(image.size) > 2 * ENOUGH:
        image.thumbnail((2 * ENOUGH, 2 * ENOUGH))
    colours = np.asarray(image, np.float64) / 255
    grey = colours @ np.array([0.299, 0.587, 0.114])
    around = np.pad(grey, 1, mode="edge")
    beside = (around[:-2, 1:-1] + around[2:, 1:-1] + around[1:-1, :-2] + around[1:-1, 2:]) / 4
    apart = float(np.ptp(colours, axis=-1).mean())
    sharp = float((grey - beside).std())
    return float(grey.mean()), float(grey.std()), apart, sharp, float(size[0]), float(size[1])


def _in_colours(image: PIL.Image.Image) -> PIL.Image.Image:
    import numpy as np
    import PIL.Image

    if image.mode.startswith(("I", "F")):
        # 16 bits a pixel: Pillow's own conversion cuts all above 255 off.
        grey = np.asarray(image).astype(np.float64) / 257
        return PIL.Image.fromarray(np.clip(np.rint(grey), 0, 255).astype(np.uint8)).convert("RGB")
    if image.mode in _TRANSPARENT or "transparency" in image.info:
        pixels = image.convert("RGBA")
        white = PIL.Image.new("RGBA", pixels.size, "white")
        return PIL.Image.alpha_composite(white, pixels).convert("RGB")
    return image.convert("RGB")


def _upright(pixels: PIL.Image.Image, image: PIL.Image.Image) -> PIL.Image.Image:
    import PIL.Image

    try:
        orientation: Any = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # What cameras and programs write there is no reason to refuse the image.
        return pixels
    turn = _TURNS[orientation] if isinstance(orientation, int) and 0 < orientation < len(_TURNS) else None
    return pixels if turn is None else pixels.transpose(PIL.Image.Transpose(turn))


def _hush() -> None:
    """Leave unsaid what Pillow warns of in foreign bytes; `catch_warnings` would not do, there are several threads."""
    if _HUSHED not in warnings.filters:
        warnings.filterwarnings("ignore", module=_HUSHED[3].pattern)


_HUSHED = ("ignore", None, Warning, re.compile(r"PIL\."), 0)


def _first_line(exc: Exception) -> str:
    lines = str(exc).splitlines()
    return lines[0][:100] if lines else type(exc).__name__
