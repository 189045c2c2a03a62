"""Where rows go that must not be torn apart: those of one key or group, equal ones, and nearly equal ones.

A row that is like an earlier one goes where that one is. One that is like rows of two parts can go to neither: it is
left out, and the earlier rows stay where they are. So a row's place follows from the rows before it alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from tasks.core.near import Bytes, Forest, Rows, Sketch, link_near
from tasks.core.records import Note
from tasks.core.row_hash import Hashes

Mask = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]

LARGE = 0.05
"""A group of nearly equal rows is told from this share of all: the parts' sizes become a matter of luck."""


@dataclass(frozen=True)
class Seen:
    """Rows in the order in which they claim their places, as sketches of one kind; some rows have none."""

    sketch: Sketch
    bytes: Bytes
    present: Mask


class Kin:
    """Rows, in the order in which they claim their places, that belong together: by unit, then by likeness."""

    def __init__(self, units: Hashes, seen: Sequence[Seen]) -> None:
        self._units = units
        self._first = first_rows(units)
        """For each row the first one of its unit."""
        self._forest = Forest(len(units))
        rows = np.flatnonzero(self._first < np.arange(len(units)))
        self._forest.link(self._first[rows], rows)
        self._equals: list[Rows] = []
        """For each kind of sketch, and each row, the first row with an equal one."""
        for one in seen:
            rows, equals = np.flatnonzero(one.present), np.arange(len(units))
            equals[rows] = link_near(self._forest, rows, one.bytes[rows], one.sketch)
            self._equals.append(equals)
        self.roots: Rows = self._forest.roots

    @property
    def leads(self) -> Mask:
        """The rows that are like none before them: they choose their place, the others follow."""
        return self.roots == np.arange(len(self.roots))

    @property
    def near(self) -> Mask:
        """The rows that are nearly equal to an earlier one, which is not of their unit."""
        return self.roots != self._first

    def following(self, choose: Callable[[Mask], npt.NDArray[np.uint8]]) -> npt.NDArray[np.uint8]:
        """A part for each row, when `choose` gives one to each row that leads."""
        part = np.zeros(len(self.roots), np.uint8)
        part[self.leads] = choose(self.leads)
        return part[self.roots]

    def torn(self, places: Places) -> Mask:
        """The rows that may not stay at their places, for an earlier row like them is at another."""
        torn = places != places[self.roots]
        earlier, later = self._forest.crossing
        # Who stays of the earlier row's tree is where its root is; and what is like `later` is like its equals, too.
        asked = places[self.roots[earlier]]
        least, most = np.full(len(places), np.iinfo(np.int64).max), np.full(len(places), np.iinfo(np.int64).min)
        np.minimum.at(least, later, asked)
        np.maximum.at(most, later, asked)
        for equals in self._equals:
            one, other = least[equals], most[equals]
            torn |= (one <= other) & ((one != places) | (other != places))
        return torn

    def groups(self, stays: Mask, units: Hashes) -> Hashes:
        """One number for all staying rows that belong together, also by `units`: the unit of the first of them."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        rows = np.flatnonzero(stays)
        earlier, later = self._forest.crossing
        staying = stays.copy()
        for equals in self._equals:
            staying[equals[rows]] = True  # what is like a row is like its equals, which may stay where it does not
        both = staying[earlier] & staying[later]
        one = np.concatenate([self.roots[rows], rows[first_rows(units[rows])], self.roots[earlier[both]]])
        other = np.concatenate([rows, rows, self.roots[later[both]]])
        graph = coo_array((np.ones(len(one), np.bool_), (one, other)), shape=(len(stays), len(stays)))
        _, labels = connected_components(graph, directed=False)
        return units[first_rows(labels)]


def first_rows(values: npt.NDArray[np.generic]) -> Rows:
    """For each row the first one that has its value."""
    _, first, which = np.unique(values, return_index=True, return_inverse=True)
    return first[which]


def untorn(
    kin: Kin, places: Places, near: Literal["keep_together", "drop", "ignore"], sketches: Sequence[Sketch]
) -> tuple[Mask, list[Note]]:
    """The rows that stay: not too like a row at another place or, when near ones are dropped, like any; and notes."""
    torn = kin.torn(places)
    columns = [name for one in sketches for name in one.columns]
    where = " or ".join(f"{one.kind} of {', '.join(f'`{name}`' for name in one.columns)}" for one in sketches)
    found: list[tuple[Literal["duplicates", "split"], int, str]] = []
    if near == "drop":
        found.append(("duplicates", int(kin.near.sum()), f"nearly equal to an earlier row in the {where}; left out"))
        torn |= kin.near
        n_torn = int((torn & ~kin.near).sum())
    else:
        n_near = int((kin.near & ~torn).sum())
        found.append(("duplicates", n_near, f"nearly equal to an earlier row in the {where}; in one part with it"))
        n_torn = int(torn.sum())
        largest = int(np.bincount(kin.roots).max(initial=0)) if sketches else 0
        if largest > LARGE * len(places):
            share = f"{largest / len(places):.0%} of all rows"
            text = f"nearly equal to one another, {share}, and in one part; `duplicates: {{near: ignore}}` parts them"
            found.append(("split", largest, text))
    found.append(("duplicates", n_torn, "equal or nearly equal to rows of another part or fold; left out"))
    column = columns[0] if len(columns) == 1 else None
    return ~torn, [Note(kind=kind, column=column, n_rows=n, text=text) for kind, n, text in found if n]
