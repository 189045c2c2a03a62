"""What stands for missing values where the project says it, with a column for each that says where it was missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tasks.core.records import Feature
from tasks.modalities.matrix import spans

NUMBERS = ("number", "boolean", "date")


def filling(features: Sequence[Feature]) -> Any | None:
    """An unfitted transformer to the columns of `after_filling`; None where nothing is said."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import MissingIndicator, SimpleImputer

    places = [list(range(place.start, place.stop)) for place in spans(features)]
    said = _said(features)
    if not said:
        return None
    kept = [column for number, place in enumerate(places) if number not in said for column in place]
    blocks: list[tuple[str, Any, list[int]]] = [("kept", "passthrough", kept)] if kept else []
    numbers = [number for number, each in enumerate(features) if each.kind in NUMBERS]
    modelled = [number for number in said if features[number].treatment.missing == "model"]
    for number in said:
        treatment = features[number].treatment
        if treatment.missing == "model":
            continue
        strategy: dict[str, Any] = {"strategy": treatment.missing, "keep_empty_features": True}
        if treatment.missing == "constant":
            strategy["fill_value"] = treatment.fill
        blocks.append((f"filled {number}", SimpleImputer(**strategy), places[number]))
    if modelled:
        from tasks.modalities.model_imputer import ModelImputer

        imputer = ModelImputer([numbers.index(number) for number in modelled])
        blocks.append(("model", imputer, [places[number][0] for number in numbers]))
    indicator = MissingIndicator(features="all")
    return ColumnTransformer([*blocks, ("missing", indicator, [places[number][0] for number in said])])


def after_filling(features: Sequence[Feature]) -> tuple[Feature, ...]:
    """What the columns of the filled matrix are, in order."""
    said = _said(features)
    if not said:
        return tuple(features)
    by_model = [number for number in said if features[number].treatment.missing == "model"]
    order = [number for number in range(len(features)) if number not in said]
    order += [number for number in said if number not in by_model]
    indicators = (Feature(name=f"{features[number].name} is missing", kind="boolean") for number in said)
    return (*(features[number] for number in (*order, *by_model)), *indicators)


def _said(features: Sequence[Feature]) -> list[int]:
    """The features whose missing values something is to stand for in every family."""
    return [
        number
        for number, feature in enumerate(features)
        if "missing" in feature.treatment.said and feature.treatment.missing != "native"
    ]
