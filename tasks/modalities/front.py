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

STEPS = 2.0**20
"""In 1, of a component."""


def front(features: Sequence[Feature], wants: Wants, seed: int) -> Any | None:
    """An unfitted transformer: plain columns first, as they are, then each wide feature's; None without wide ones."""
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    wide = [each for each in features if each.kind in MODALITIES]
    if not wide:
        return None
    place = dict(zip((each.name for each in features), spans(features), strict=True))
    plain = [place[each.name].start for each in features if each.kind not in MODALITIES]
    fronts = [MODALITIES[each.kind].front(each, wants, seed) for each in wide]
    if wants == "compact":
        fronts = [make_pipeline(each, FunctionTransformer(steps)) for each in fronts]
    blocks = [
        (each.name, one, list(range(*place[each.name].indices(10**9)))) for each, one in zip(wide, fronts, strict=True)
    ]
    return ColumnTransformer([("plain", "passthrough", plain), *blocks] if plain else blocks, sparse_threshold=0.0)


def steps(x: Any) -> Any:
    """The values in steps of a millionth, which drops the bits that depend on the order of a sum.

    A tree splits at values of the training rows: the last bit would send such a row the other way in another library.
    """
    import numpy as np

    return np.rint(x * STEPS) / STEPS


def behind(features: Sequence[Feature], width: int) -> tuple[Feature, ...]:
    """What the columns of a front's result are, of which there are `width`."""
    plain = [each for each in features if each.kind not in MODALITIES]
    made = (Feature(name=f"component {number}", kind="component") for number in range(width - len(plain)))
    return (*plain, *made)
