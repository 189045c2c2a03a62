"""Texts as sketches of some bytes each: the share of equal bytes is about the share of text that two have in common.

What is compared is the set of all runs of five characters, in lower case and without spaces (Broder, "On the
resemblance and containment of documents", 1997). Of each set the smallest hash in every one of `BINS` bins is kept
(Li, Owen and Zhang, "One permutation hashing", 2012), and one byte of it (Li and König, "b-bit minwise hashing",
2010); a bin that stays empty takes what another one has, always in the same order (Shrivastava, "Optimal
densification for fast and accurate minwise hashing", 2017).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tasks.core.row_hash import mix

if TYPE_CHECKING:
    import polars as pl

Sketches = npt.NDArray[np.uint8]

SIZE = 5
"""Characters in a shingle. With fewer, all texts of a language have most of them in common."""
BINS = 80
"""Bytes a text; the standard error of a resemblance of 0.8 is 0.045."""
CHARACTERS = 10_000
"""So many characters of a text count."""
AT_ONCE = 2_000_000
"""Characters that are in work at a time; some 100 MB."""

_EMPTY = np.uint32(2**32 - 1)


def sketches(texts: pl.Series) -> tuple[Sketches, npt.NDArray[np.bool_]]:
    """A sketch of `BINS` bytes for each text, and which texts are there: a missing or blank one is like no other."""
    import polars as pl

    folded = texts.str.normalize("NFKC").str.to_lowercase().str.replace_all(r"\s+", "")
    folded = folded.str.slice(0, CHARACTERS).fill_null("")
    lengths = folded.str.len_chars().cast(pl.Int64).to_numpy()
    found = np.zeros((len(texts), BINS), np.uint8)
    at, reached = 0, np.cumsum(lengths)
    while at < len(texts):
        to = max(at + 1, int(np.searchsorted(reached, (reached[at - 1] if at else 0) + AT_ONCE, side="right")))
        found[at:to] = _sketched(folded[at:to], lengths[at:to])
        at = to
    return found, lengths > 0


def _sketched(folded: pl.Series, lengths: npt.NDArray[np.int64]) -> Sketches:
    # Zeros after each text, so that one shorter than a shingle is a shingle all the same.
    padding = "\0" * (SIZE - 1)
    characters = np.frombuffer(padding.join([*folded, ""]).encode("utf-32-le"), np.uint32).astype(np.uint64)
    counts = np.where(lengths > 0, np.maximum(lengths - SIZE + 1, 1), 0)
    rows = np.repeat(np.arange(len(lengths)), counts)
    begins = np.cumsum(lengths + SIZE - 1) - lengths - SIZE + 1
    starts = np.repeat(begins - np.cumsum(counts) + counts, counts) + np.arange(len(rows))
    hashes = np.zeros(len(rows), np.uint64)
    for place in range(SIZE):
        hashes = hashes * np.uint64(0x9E3779B97F4A7C15) + characters[starts + place]
    hashes = mix(hashes)
    smallest = np.full(len(lengths) * BINS, _EMPTY)
    np.minimum.at(
        smallest, rows * BINS + (hashes % np.uint64(BINS)).astype(np.int64), (hashes >> np.uint64(32)).astype(np.uint32)
    )
    return _filled(smallest.reshape(-1, BINS)).astype(np.uint8)


def _filled(smallest: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """Each empty bin with the value of the first bin, in an order of its own, that is not empty."""
    filled = smallest.copy()
    rows, bins = np.nonzero((smallest == _EMPTY) & (smallest != _EMPTY).any(axis=1, keepdims=True))
    for turn in range(BINS - 1):
        if not len(rows):
            break
        values = smallest[rows, _ORDERS[bins, turn]]
        filled[rows, bins] = values
        rows, bins = rows[values == _EMPTY], bins[values == _EMPTY]
    return filled


def _orders() -> npt.NDArray[np.int64]:
    """For each bin the others in an order of its own, the same for ever."""
    places = mix(np.arange(1, BINS * BINS + 1, dtype=np.uint64)).reshape(BINS, BINS)
    np.fill_diagonal(places, np.uint64(2**64 - 1))
    return np.argsort(places, axis=1)


_ORDERS = _orders()
