"""Prepared rows as the finite, scaled numbers that a linear model takes: imputed, encoded and scaled.

Everything is fitted on training rows alone. Memory does not grow with the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.core import progress, store
from tasks.core.ahead import ahead
from tasks.core.records import Dataset, Feature, Splits, Target
from tasks.learning.development import rows_of
from tasks.learning.parallel import heard, one_thread
from tasks.modalities import MODALITIES
from tasks.modalities.front import behind, front
from tasks.modalities.matrix import matrix
from tasks.models.family import scaled

if TYPE_CHECKING:
    import polars as pl

FITTED_ROWS = 100_000
"""Means, medians, levels and quantiles hardly move with more rows than these."""
ROWS_AT_ONCE = 32_768
WIDE_ROWS_AT_ONCE = 512


@dataclass(frozen=True)
class Encoding:
    """What was fitted, the names of the columns that it makes, and the training rows where they are few.

    Few training rows are encoded as they were while fitting, so that no row is encoded by its own target
    (`sklearn.preprocessing.TargetEncoder`).
    """

    features: tuple[Feature, ...]
    target: Target
    names: tuple[str, ...]
    _fitted: tuple[Any, ...]
    _train: np.ndarray | None

    def rows(self, part: Dataset, is_train: bool) -> Iterator[pl.DataFrame]:
        """The part's rows in order, some at a time: a float64 column for each name, and the target as its class."""
        import polars as pl

        at = 0
        for frame, x in ahead(self._matrices(part, is_train)):
            if not is_train or self._train is None:
                with one_thread():
                    for fitted in self._fitted:
                        x = fitted.transform(x)
            at += frame.height
            yield pl.DataFrame(x, schema=list(self.names)).with_columns(frame[self.target.name])
            progress.advance("prepare", f"{part.name} rows", at, part.n_rows)

    def _matrices(self, part: Dataset, is_train: bool) -> Iterator[tuple[pl.DataFrame, np.ndarray]]:
        """Rows with their matrix, or with what was made of it while fitting."""
        import polars as pl

        wide = any(feature.kind in MODALITIES for feature in self.features)
        columns = list(dict.fromkeys([*(feature.name for feature in self.features), self.target.name]))
        at = 0
        for batch in store.batches(part, columns, WIDE_ROWS_AT_ONCE if wide else ROWS_AT_ONCE):
            frame = pl.DataFrame(batch)
            here = slice(at, at + frame.height)
            at = here.stop
            known = self._train if is_train else None
            yield frame, matrix(frame, self.features) if known is None else known[here]


def encoding(splits: Splits, seed: int) -> Encoding:
    """The encoding of these splits' features, fitted on at most about 100,000 of the training rows."""
    x, y, _ = rows_of(splits, splits.train, FITTED_ROWS)
    features, fitted = splits.features, []
    with heard(), one_thread():
        if (views := front(features, "compact", splits.target.problem, seed)) is not None:
            x = views.fit_transform(x, y)
            features = behind(features, views)
            fitted.append(views)
        numbers = scaled(features, splits.target.problem, seed)
        few = splits.train.n_rows <= FITTED_ROWS
        x = numbers.fit_transform(x, y) if few else numbers.fit(x, y)
        fitted.append(numbers)
    made = numbers.get_feature_names_out([feature.name for feature in features])
    names = tuple(_named(str(name), features) for name in made)
    return Encoding(splits.features, splits.target, names, tuple(fitted), x if few else None)


def _named(made: str, features: tuple[Feature, ...]) -> str:
    """scikit-learn's name of a column without the name of its branch, and with the level in place of its code."""
    name = made.partition("__")[2]
    if name.startswith("missingindicator_"):
        return f"{name.removeprefix('missingindicator_')} is missing"
    head, _, code = name.rpartition("_")
    levels = next((each.levels for each in features if each.kind == "category" and each.name == head), ())
    known = {f"{float(at)}": f"{head}={level}" for at, level in enumerate(levels)}
    return known.get(
        code, {"nan": f"{head} is missing", "-1.0": f"{head}=(unknown)"}.get(code, name) if levels else name
    )
