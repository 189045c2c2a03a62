"""Which rows are nearly equal, found from a sketch of some bytes a row: no pair is compared that shares no band.

A sketch is cut into bands; rows with an equal band are candidates (Indyk and Motwani's locality-sensitive hashing,
as in Broder, "Identifying and filtering near-duplicate documents", 2000), and `alike` decides on each. Candidates of
a row are earlier rows alone, so what is found for a row never changes when rows come later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tasks.core.row_hash import mix

if TYPE_CHECKING:
    import pyarrow as pa

Rows = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

AT_ONCE = 500_000
"""Candidates that are compared at a time; some 100 MB."""


@dataclass(frozen=True)
class Sketch:
    """How rows are seen when they are compared: `of` a batch their sketches, and which rows have one.

    `columns` are read for it; `band` is how many bytes make a band, `bands` how many bands there are, which come
    first; `alike` says of pairs of sketches which are near. `lags` are the neighbours in a band that are compared.
    """

    kind: str
    columns: tuple[str, ...]
    band: int
    bands: int
    lags: int
    of: Callable[[pa.RecordBatch], tuple[Bytes, npt.NDArray[np.bool_]]]
    alike: Callable[[Bytes, Bytes], npt.NDArray[np.bool_]]


class Forest:
    """Rows, each under the first earlier row that it was found to be like; a row under none is a root.

    Two rows that are alike are in one tree, or among the `crossing` pairs: the later one was in another tree already.
    """

    def __init__(self, n_rows: int) -> None:
        self._parent = np.arange(n_rows)
        self._crossing: list[Rows] = []

    def link(self, earlier: Rows, later: Rows) -> None:
        """Take note that each row of `later` is like the one of `earlier`, which has a smaller number."""
        if not len(later):
            return
        order = np.lexsort((earlier, later))
        earlier, later = earlier[order], later[order]
        first = np.ones(len(later), np.bool_)
        first[1:] = later[1:] != later[:-1]
        free = first & (self._parent[later] == later)
        self._parent[later[free]] = earlier[free]
        roots = self.roots
        apart = roots[earlier] != roots[later]
        self._crossing.append(np.stack([earlier[apart], later[apart]]))

    @property
    def roots(self) -> Rows:
        """For each row the root of its tree."""
        self._parent = _followed(self._parent)
        return self._parent

    @property
    def crossing(self) -> tuple[Rows, Rows]:
        """Pairs of rows that are alike and in different trees: the earlier ones, and the later ones."""
        earlier, later = np.concatenate([np.zeros((2, 0), np.int64), *self._crossing], axis=1)
        roots = self.roots
        apart = roots[earlier] != roots[later]
        return earlier[apart], later[apart]


def link_near(forest: Forest, rows: Rows, sketches: Bytes, sketch: Sketch) -> Rows:
    """Link in the forest the rows whose sketches are alike; `sketches[i]` is that of row `rows[i]`, in their order.

    For each of `rows` the first with an equal sketch is returned: it alone was compared with others.
    """
    _, first, which = np.unique(_hashed(sketches), return_index=True, return_inverse=True)
    leader = first[which]
    forest.link(rows[leader[leader < np.arange(len(rows))]], rows[leader < np.arange(len(rows))])
    different, firsts = np.sort(first), rows[leader]
    rows, sketches = rows[different], sketches[different]
    for number in range(sketch.bands):
        keys = _hashed(sketches[:, number * sketch.band : (number + 1) * sketch.band])
        order = np.argsort(keys, kind="stable")
        begins = np.flatnonzero(np.diff(keys[order], prepend=~keys[order[:1]]))
        n_in_band = np.diff(begins, append=len(order))
        place = np.arange(len(order)) - np.repeat(begins, n_in_band)
        for lag in range(sketch.lags + 1):
            # The first of the band, then the nearest neighbours: in bands of a few all pairs.
            later = np.flatnonzero(place > sketch.lags) if lag == 0 else np.flatnonzero(place >= lag)
            earlier = later - (place[later] if lag == 0 else lag)
            _link_alike(forest, rows, sketches, order[earlier], order[later], sketch)
    return firsts


def _link_alike(forest: Forest, rows: Rows, sketches: Bytes, earlier: Rows, later: Rows, sketch: Sketch) -> None:
    for start in range(0, len(later), AT_ONCE):
        one, other = earlier[start : start + AT_ONCE], later[start : start + AT_ONCE]
        roots = forest.roots
        apart = roots[rows[one]] != roots[rows[other]]
        one, other = one[apart], other[apart]
        alike = sketch.alike(sketches[one], sketches[other])
        forest.link(rows[one[alike]], rows[other[alike]])


def _followed(parent: Rows) -> Rows:
    """Each row's root, when `parent` names an earlier row or the row itself."""
    while not np.array_equal(beyond := parent[parent], parent):
        parent = beyond
    return parent


def _hashed(sketches: Bytes) -> npt.NDArray[np.uint64]:
    """One number for each row of bytes."""
    width = -(-sketches.shape[1] // 8) * 8
    words = np.zeros((len(sketches), width), np.uint8)
    words[:, : sketches.shape[1]] = sketches
    hashes = np.zeros(len(sketches), np.uint64)
    for word in words.view(np.uint64).T:
        hashes = mix(hashes ^ word) + np.uint64(1)
    return hashes
