"""A feature that the model does not look at is worth nothing, the one it lives by comes first."""

from __future__ import annotations

import numpy as np

from tasks.core.records import Feature
from tasks.learning.importances import MOST_FEATURES, importances


def test_only_what_the_model_looks_at_is_worth_something() -> None:
    x = np.random.default_rng(0).normal(size=(300, 3))
    x[::7, 1] = np.nan
    features = [Feature(name=name, kind="number") for name in "abc"]
    found = importances(lambda rows: 3 * rows[:, 2] + rows[:, 0], x, 3 * x[:, 2] + x[:, 0], features, "rmse", seed=0)
    assert [each.feature for each in found] == ["c", "a", "b"]
    assert found[-1].value == 0.0


def test_of_wide_data_the_features_that_matter_are_found() -> None:
    x = np.random.default_rng(0).normal(size=(200, 3_000))
    features = [Feature(name=str(number), kind="number") for number in range(3_000)]
    found = importances(lambda rows: rows[:, 1_234], x, x[:, 1_234], features, "rmse", seed=0)
    assert found[0].feature == "1234"
    assert len(found) == MOST_FEATURES
