"""Rows that say the same twice: which of them stay, by all their values or by a key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import model_validator

from tasks.core.records import Record

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from tasks.core.row_hash import Hashes

_SHORT = {"drop": {"keep": "first"}, "keep": {"keep": "all"}}


class Duplicates(Record):
    """What to do with rows that are equal, of one key, or nearly equal. `drop` and `keep` alone speak of equal ones."""

    keep: Literal["first", "last", "all"] = "first"
    """Of rows equal in all columns, or of one key: or a copying error would decide what is learned and tested."""
    near: Literal["keep_together", "drop", "ignore"] = "keep_together"
    """Texts that differ in a few words, and images of one picture: all in one part and fold, or the first alone."""

    @model_validator(mode="before")
    @classmethod
    def _from_yaml(cls, said: Any) -> Any:
        if not isinstance(said, str):
            return said
        if said not in _SHORT:
            raise ValueError("`drop`, `keep`, or settings such as {keep: last, near: drop}")
        return _SHORT[said]


def first_of_each(identities: Hashes, order: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The rows that are the first of their identity in `order`, in the order of the data.

    Two different rows share an identity once in a million sets of 5M rows.
    """
    import numpy as np
    import polars as pl

    # polars looks values up, where np.unique sorts them: a third of the time.
    return np.sort(order[pl.Series(identities[order]).is_first_distinct().to_numpy()])


def of_each_key(
    keys: Hashes, contents: Hashes, order: npt.NDArray[np.int64], *, last: bool
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int]:
    """The first or the last row of each key, in the order in which the keys came; their first rows; how many differ."""
    import numpy as np

    _, first, which = np.unique(keys[order], return_index=True, return_inverse=True)
    _, back = np.unique(keys[order][::-1], return_index=True)
    stays = order[::-1][back] if last else order[first]
    n_differing = int((contents[order] != contents[stays][which]).sum())
    return stays[np.argsort(first)], order[np.sort(first)], n_differing
