"""Images as sketches of 80 bytes: the same picture resized, compressed or a little edited has nearly the same.

The first 16 bytes say of each place on a grid whether it is brighter than its neighbour to the right and below (the
"difference hash"); the other 64 are the brightness on a grid of 8 x 8, from the picture's darkest place to its
brightest, for the signs alone are equal in plain pictures of different things.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from tasks.modalities import pictures

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import PIL.Image

GRID = 8
WIDTH = 16 + GRID**2
MOST_SIGNS = 7
"""Of 128 that may differ: with one less than there are bands of 16, two near images always share a band."""
FURTHEST = 8.0
"""How far apart two brightnesses are on average, of 255."""
MARGIN = 4.0
"""By how much, of 255, a place is brighter: in plain areas compression alone decides on less."""
ENOUGH = 72
"""Pixels a side that a photograph is decoded to at least."""


def sketches(values: Iterable[bytes | None]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """A sketch for each image, and which images there are: a missing or unreadable one is like no other."""
    import numpy as np

    with ThreadPoolExecutor() as pool:  # decoding leaves the interpreter free
        found = list(pool.map(_sketch, values))
    none = np.zeros(WIDTH, np.uint8)
    rows = [none if each is None else each for each in found]
    return np.array(rows, np.uint8).reshape(-1, WIDTH), np.array([each is not None for each in found], np.bool_)


def alike(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Which pairs of sketches are of one picture."""
    import numpy as np

    signs = np.bitwise_count(one[:, :16] ^ other[:, :16]).sum(axis=1)
    brightness = np.abs(one[:, 16:].astype(np.int16) - other[:, 16:]).mean(axis=1)
    return (signs <= MOST_SIGNS) & (brightness <= FURTHEST)


def _sketch(value: bytes | None) -> Any:
    import numpy as np

    if value is None:
        return None
    try:
        image = pictures.decoded(value, ENOUGH).convert("L")
    except pictures.Unreadable:
        return None
    fine, grid = (_brightness(image, side) for side in (GRID + 1, GRID))
    corner = fine[:-1, :-1] - MARGIN
    signs = np.stack([corner > fine[:-1, 1:], corner > fine[1:, :-1]])
    return np.concatenate([np.packbits(signs), np.rint(grid).astype(np.uint8).ravel()])


def _brightness(image: PIL.Image.Image, side: int) -> npt.NDArray[np.float64]:
    """The brightness on a grid, from 0 where it is darkest to 255; a plain picture's noise is not stretched."""
    import numpy as np
    import PIL.Image

    grid = np.asarray(image.resize((side, side), PIL.Image.Resampling.BOX), np.float64)
    return (grid - grid.min()) * (255 / max(float(np.ptp(grid)), 64.0))
