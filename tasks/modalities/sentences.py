"""Texts by their meaning: a transformer's numbers of each, and figures on how it is written. Never of itself:
`columns: {text: sentences}` asks for it, since it needs the extra `text` and about ten milliseconds a text.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from tasks.core.errors import Refused
from tasks.core.records import Dataset, Feature, Note
from tasks.modalities import words
from tasks.modalities.modality import Modality, View, Wants, dropped
from tasks.modalities.text import figure_parts, present, require_text

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

WIDTH = 384
COMPONENTS = 48
THREADS = 2
REMEMBERED = 50_000
"""Texts whose numbers are kept, 75 MB: tuning, training and evaluation see the same ones."""

_known: dict[bytes, np.ndarray[Any, np.dtype[np.float32]]] = {}


class Sentences(Modality):
    """A text as the 384 numbers that all-MiniLM-L6-v2 gives it, after the figures on its writing."""

    kind = "sentences"
    column_type = "text"
    strange = (0.0, 1.0, -1.0)
    watched = words.WATCHED

    def feature(self, train: Dataset, column: str, expression: str | None) -> Feature | Note:
        from tasks.modalities import minilm

        minilm.installed()
        if not len(present(train, column)):
            return dropped(column, train.n_rows, "has no text in the training rows")
        return Feature(
            name=column,
            kind=self.kind,
            width=len(words.FIGURES) + WIDTH,
            settings=json.dumps({"model": minilm.NAME, "weights": minilm.DIGESTS["model.safetensors"]}),
            expression=expression,
            reason=f"sentences, as the {WIDTH} numbers of {minilm.NAME} and {len(words.FIGURES)} figures",
        )

    def encoder(self, feature: Feature) -> Callable[[Any], View]:
        import numpy as np

        from tasks.modalities import minilm

        minilm.installed()
        if (asked := json.loads(feature.settings)["weights"]) != minilm.DIGESTS["model.safetensors"]:
            raise Refused(
                f"Feature {feature.name!r} was made by other weights of {minilm.NAME}",
                expected=f"SHA-256 {asked}",
                found=minilm.DIGESTS["model.safetensors"],
                action="Train the project again",
            )
        sentence = minilm.sentence()

        def encode(value: Any) -> View:
            if value is None or value == "":
                return np.full(feature.width, np.nan)
            require_text(value, feature)
            key = hashlib.sha256(value.encode("utf-8", "surrogatepass")).digest()
            if (meaning := _known.get(key)) is None:
                meaning = sentence(value)
                if len(_known) < REMEMBERED:
                    _known[key] = meaning
            return np.concatenate([words.figures(value, words.words(value)), meaning])

        return encode

    def encode(self, feature: Feature, values: pl.Series) -> View:
        import numpy as np

        with ThreadPoolExecutor(THREADS) as pool:
            views = list(pool.map(self.encoder(feature), values))
        return np.array(views, np.float64).reshape(len(values), feature.width)

    def drift_view(self, feature: Feature, values: pl.Series) -> View:
        return words.watched(values)  # what they mean takes ten milliseconds each, and is in the predictions

    def front(self, feature: Feature, wants: Wants, seed: int) -> Any:
        from sklearn.compose import ColumnTransformer
        from sklearn.decomposition import PCA
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        meaning: list[Any] = [SimpleImputer(keep_empty_features=True)]
        if wants == "compact":
            meaning.append(PCA(COMPONENTS, svd_solver="covariance_eigh", random_state=seed))
        columns = list(range(len(words.FIGURES), feature.width))
        return ColumnTransformer([*figure_parts(), ("meaning", make_pipeline(*meaning, StandardScaler()), columns)])
