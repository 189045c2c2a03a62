"""The fitted way from the matrix, where a text or an image fills many columns, to one that a model family takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tasks.core.records import Feature
from tasks.modalities import MODALITIES
from tasks.modalities.matrix import spans
from tasks.modalities.modality import Wants

COMPACT = 64
"""Columns that a front makes at most of one feature for a family that wants few; modalities keep to it."""


def front(features: Sequence[Feature], wants: Wants, seed: int) -> Any | None:
    """An unfitted transformer: plain columns first, as they are, then each wide feature's; None without wide ones."""
    from sklearn.compose import ColumnTransformer

    wide = [each for each in features if each.kind in MODALITIES]
    if not wide:
        return None
    place = dict(zip((each.name for each in features), spans(features), strict=True))
    plain = [place[each.name].start for each in features if each.kind not in MODALITIES]
    blocks = [
        (each.name, MODALITIES[each.kind].front(each, wants, seed), list(range(*place[each.name].indices(10**9))))
        for each in wide
    ]
    return ColumnTransformer([("plain", "passthrough", plain), *blocks] if plain else blocks, sparse_threshold=0.0)


def behind(features: Sequence[Feature], width: int) -> tuple[Feature, ...]:
    """What the columns of a front's result are, of which there are `width`."""
    plain = [each for each in features if each.kind not in MODALITIES]
    made = (Feature(name=f"component {number}", kind="component") for number in range(width - len(plain)))
    return (*plain, *made)
