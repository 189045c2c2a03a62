"""Histograms of oriented gradients (Dalal and Triggs, CVPR 2005): what edges run where in a square grey image.

An image is cut into cells; in each, every pixel's gradient adds its length to the bins of its direction, shared out
between the two nearest directions and the nearest cells. Blocks of 2 x 2 cells overlap and are brought to one length,
no value above a fifth of it, so that light and contrast hardly matter.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[np.float64]]

DIRECTIONS = 9
CLIPPED = 0.2
FAINT = 1e-2
"""Gradients of this length count half: a plain surface must not become pure noise."""


def n_values(side: int, cell: int) -> int:
    """How many values an image of so many pixels a side gives."""
    return (side // cell - 1) ** 2 * 4 * DIRECTIONS


def histograms(grey: Floats, cell: int) -> Floats:
    """The blocks' histograms (n_values,) of an image (side, side) from 0 to 1; each block is a vector of length 1."""
    import numpy as np

    side = len(grey)
    around = np.pad(grey, 1, mode="edge")
    down, right = around[2:, 1:-1] - around[:-2, 1:-1], around[1:-1, 2:] - around[1:-1, :-2]
    length = np.hypot(down, right)
    # An edge from dark to light is the same as one from light to dark.
    direction = np.mod(np.arctan2(down, right), np.pi) * (DIRECTIONS / np.pi) - 0.5
    nearest = np.floor(direction)
    share = direction - nearest
    lower = nearest.astype(np.int64) % DIRECTIONS
    planes = np.zeros((DIRECTIONS, side, side))
    rows, columns = np.indices((side, side))
    planes[lower, rows, columns] = length * (1 - share)
    planes[(lower + 1) % DIRECTIONS, rows, columns] += length * share
    spread = _spread(side, cell)
    cells = (spread @ planes @ spread.T).transpose(1, 2, 0)
    blocks = np.concatenate([cells[:-1, :-1], cells[1:, :-1], cells[:-1, 1:], cells[1:, 1:]], axis=-1)
    return _scaled(np.minimum(_scaled(blocks), CLIPPED)).ravel()


def _scaled(blocks: Floats) -> Floats:
    import numpy as np

    return blocks / np.sqrt((blocks**2).sum(axis=-1, keepdims=True) + FAINT**2)


@lru_cache(maxsize=16)
def _spread(side: int, cell: int) -> Floats:
    """The share (n_cells, side) that each pixel of a line has in each cell, falling off to the next cell's middle."""
    import numpy as np

    middles = (np.arange(side // cell) + 0.5) * cell - 0.5
    return np.clip(1 - np.abs(np.arange(side) - middles[:, None]) / cell, 0, None)
