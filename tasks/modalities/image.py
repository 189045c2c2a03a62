"""Images: encoded bytes in, brightness on a small grid out."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

from tasks.core.errors import DataError
from tasks.core.records import Dataset, Feature, Note
from tasks.modalities.modality import Modality, View, Wants

SIDE = 16


class Image(Modality):
    """An image as a grid of grey values from 0 to 1."""

    kind = "image"
    column_type = "image"
    strange = (0.0, 1.0)

    def feature(self, train: Dataset, column: str, expression: str | None) -> Feature | Note:
        return Feature(
            name=column,
            kind=self.kind,
            width=SIDE * SIDE,
            settings=json.dumps({"side": SIDE}),
            expression=expression,
            reason=f"images, as {SIDE} x {SIDE} grey values",
        )

    def encoder(self, feature: Feature) -> Callable[[Any], View]:
        import numpy as np
        import PIL.Image

        side = json.loads(feature.settings)["side"]

        def encode(value: bytes | None) -> View:
            if value is None:
                return np.full(feature.width, np.nan)
            try:
                with PIL.Image.open(io.BytesIO(value)) as image:
                    grid = image.convert("L").resize((side, side), PIL.Image.Resampling.BOX)
            except OSError as exc:
                raise DataError(f"Feature {feature.name!r} cannot be read", found=str(exc)) from exc
            return np.asarray(grid, np.float64).ravel() / 255

        return encode

    def front(self, feature: Feature, wants: Wants, seed: int) -> Any:
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        return make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler())
