"""The fitted way from the matrix to what a model family takes: what every family gets, whatever it wants of its own.

First what stands for missing values where the project says so, then encodings and scales that it says, the targets'
means of hashed values, the places of dates in their cycles, and the components of texts, images and sounds. What a
project does not say of plain columns is left to the families: `models/family.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tasks.core.records import Encode, Feature, Problem, Treatment
from tasks.modalities import MODALITIES
from tasks.modalities.cycles import PLACES
from tasks.modalities.filling import after_filling, filling
from tasks.modalities.matrix import spans
from tasks.modalities.modality import Wants
from tasks.modalities.scales import scaler

COMPACT = 64
"""Columns that a front makes at most of one feature for a family that wants few; modalities keep to it."""

STEPS = 2.0**20
"""In 1, of a component."""


def front(features: Sequence[Feature], wants: Wants, problem: Problem, seed: int) -> Any | None:
    """An unfitted transformer, fitted with the target; None where there is nothing to do.

    Plain columns that stay as they are come first, then each other feature's. `fit_transform` gives the rows that it
    is fitted on the targets' means of other rows than themselves (cross-fitted); `transform` is for all other rows.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import make_pipeline

    filler, features = filling(features), after_filling(features)
    blocks: list[tuple[str, Any, list[int]]] = []
    plain: list[int] = []
    for number, (feature, place) in enumerate(zip(features, spans(features), strict=True)):
        columns = list(range(place.start, place.stop))
        if (block := _block(feature, wants, problem, seed)) is None:
            plain += columns
        else:
            blocks.append((f"{number}", block, columns))
    if not blocks:
        return filler
    if plain:
        blocks.insert(0, ("plain", "passthrough", plain))
    transformer = ColumnTransformer(blocks, sparse_threshold=0.0)
    return transformer if filler is None else make_pipeline(filler, transformer)


def behind(features: Sequence[Feature], fitted: Any) -> tuple[Feature, ...]:
    """What each column of a fitted front's result is."""
    from sklearn.pipeline import Pipeline

    features = after_filling(features)
    transformer = fitted[-1] if isinstance(fitted, Pipeline) else fitted
    found: list[Feature] = []
    places: dict[str, slice] = getattr(transformer, "output_indices_", {})
    for name, span in places.items():
        if name.isdigit():
            found += _made(features[int(name)], span.stop - span.start)
        elif name == "plain":
            found += [each for number, each in enumerate(features) if f"{number}" not in places]
    return tuple(found) if found else features


def _block(feature: Feature, wants: Wants, problem: Problem, seed: int) -> Any | None:
    """What is fitted on the columns of one feature; None where they stay as they are."""
    from sklearn.pipeline import FeatureUnion, make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    treatment = feature.treatment
    if feature.kind in MODALITIES:
        made = MODALITIES[feature.kind].front(feature, wants, seed)
        return make_pipeline(made, FunctionTransformer(steps)) if wants == "compact" else made
    parts = []
    if feature.kind == "category" and ("encode" in treatment.said or treatment.encode == "hash"):
        parts.append(_encoder(feature, problem, seed))
    if "scale" in treatment.said and treatment.scale != "none":
        parts.append(scaler(treatment.scale, seed))
    block = make_pipeline(*parts) if parts else None
    if not treatment.cycles:
        return block
    places = [(cycle, FunctionTransformer(PLACES[cycle])) for cycle in treatment.cycles]
    return FeatureUnion([("days", block or "passthrough"), *places] if treatment.trend else places)


def _encoder(feature: Feature, problem: Problem, seed: int) -> Any:
    import numpy as np
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

    codes = np.arange(feature.n_codes, dtype=float)
    if feature.treatment.encode == "one_hot":
        known = np.append(codes, np.nan)
        return OneHotEncoder(handle_unknown="ignore", sparse_output=False).set_params(categories=[known])
    if feature.treatment.encode in ("target", "hash"):
        return target_encoder(problem, seed)
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    return encoder.set_params(categories=[codes])


def target_encoder(problem: Problem, seed: int) -> Any:
    """The target's mean of each level, drawn to the mean of all rows where a level has few; cross-fitted in fitting."""
    from sklearn.model_selection import KFold, StratifiedKFold
    from sklearn.preprocessing import TargetEncoder

    if problem == "regression":  # left to itself it takes whole numbers for classes
        return TargetEncoder(target_type="continuous").set_params(cv=KFold(5, shuffle=True, random_state=seed))
    return TargetEncoder().set_params(cv=StratifiedKFold(5, shuffle=True, random_state=seed))


def _made(feature: Feature, width: int) -> list[Feature]:
    """What the columns of a feature's block are."""
    treatment = feature.treatment
    if feature.kind in MODALITIES:
        return [Feature(name=f"{feature.name} {number}", kind="component") for number in range(width)]
    scaled = "scale" in treatment.said
    left = Treatment(missing=treatment.missing, scale="none" if scaled else treatment.scale)
    if treatment.encode == "one_hot":
        return [Feature(name=f"{feature.name}={each}", kind="boolean") for each in (*feature.levels, "missing")]
    if feature.kind == "category":
        crossed: Encode = "ordinal" if treatment.encode == "ordinal" else "target"
        left = left.model_copy(update={"encode": crossed})
        names = [feature.name] if width == 1 else [f"{feature.name}, class {number}" for number in range(width)]
        return [Feature(name=name, kind="number", treatment=left) for name in names]
    kept = [feature.model_copy(update={"treatment": left})] if treatment.trend else []
    return [*kept, *(Feature(name=f"{cycle} of {feature.name}", kind="cycle") for cycle in treatment.cycles)]


def steps(x: Any) -> Any:
    """The values in steps of a millionth, which drops the bits that depend on the order of a sum.

    A tree splits at values of the training rows: the last bit would send such a row the other way in another library.
    """
    import numpy as np

    return np.rint(x * STEPS) / STEPS
