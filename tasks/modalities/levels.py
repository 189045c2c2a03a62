"""A category's levels where the project says them: their order, and the one that stands for a missing value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tasks.core.errors import DataError, ProjectError
from tasks.core.records import Feature
from tasks.modalities.values import UNSEEN, encoder, number_codes

if TYPE_CHECKING:
    import polars as pl


def ordered(feature: Feature, values: pl.Series, order: Sequence[str]) -> tuple[Feature, list[str]]:
    """The feature with its levels in that order, and those of them that no training row has.

    Without an order numbers go by their size. DataError when a training row has a value that `order` does not list.
    """
    in_order = feature.model_copy(update={"levels": tuple(order) or _by_size(feature)})
    encode = encoder(in_order)
    codes = {value: encode(value) for value in values.drop_nulls().unique(maintain_order=True).to_list()}
    found = {code for code in codes.values() if not math.isnan(code)}
    seldom = [level for code, level in enumerate(in_order.levels) if code not in found]
    if unlisted := sorted(str(value) for value, code in codes.items() if code == UNSEEN):
        also = f"; and of the order no row has {', '.join(map(repr, seldom[:10]))}" if seldom else ""
        raise DataError(
            f"`order` of {feature.name!r} does not list all that the training rows have",
            expected=", ".join(in_order.levels[:20]),
            found=f"also {', '.join(map(repr, unlisted[:10]))}{' …' if len(unlisted) > 10 else ''}{also}",
            action="Complete `order` in project.yaml, or declare these values as `missing_values`",
        )
    return in_order, seldom


def _by_size(feature: Feature) -> tuple[str, ...]:
    sizes = {code: number for number, code in number_codes(feature).items()}
    if len(sizes) < len(feature.levels):
        raise ProjectError(
            f"`columns` says `encode: ordinal` of {feature.name!r}",
            expected="`order: [lowest, …, highest]`, for only numbers have an order of their own",
            found=f"levels like {', '.join(map(repr, feature.levels[:5]))}",
        )
    return tuple(feature.levels[int(code)] for code in sorted(sizes, key=lambda code: sizes[code]))


def filled(feature: Feature, fill: float | str, *, may_add: bool) -> tuple[Feature, float]:
    """The code of the level that stands for a missing value; a new one at the end when it is none yet."""
    code = encoder(feature)(fill)
    if code >= 0:
        return feature, code
    text = fill if isinstance(fill, str) else f"{fill:g}"
    if not text or not may_add:
        raise ProjectError(
            f"`columns` says `fill: {text}` of {feature.name!r}",
            expected=f"one of its levels, {', '.join(feature.levels[:20])}" if not may_add else "a text",
        )
    return feature.model_copy(update={"levels": (*feature.levels, text)}), float(len(feature.levels))
