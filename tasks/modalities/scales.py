"""The scalers by name: what makes numbers comparable in size, from the training rows alone."""

from __future__ import annotations

from typing import Any

from tasks.core.records import Scale

DECADES = 1_000.0


def scaler(scale: Scale, seed: int) -> Any:
    """An unfitted transformer of columns, which keeps missing values missing; `passthrough` for none."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import (
        MinMaxScaler,
        PowerTransformer,
        QuantileTransformer,
        RobustScaler,
        StandardScaler,
    )

    if scale == "none":
        return "passthrough"
    if scale == "quantile":
        return QuantileTransformer(output_distribution="normal").set_params(random_state=seed)
    if scale == "power":
        # Yeo-Johnson's bend lies at 1: without a unit of their own a column in millions and one in millionths would
        # be bent in other ways. Clipped, since a power of an extreme value beyond the training rows can be infinite.
        return make_pipeline(MinMaxScaler((0.0, DECADES), clip=True), PowerTransformer())
    return RobustScaler() if scale == "robust" else StandardScaler()
