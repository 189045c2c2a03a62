"""The blend is never worse than its best member on the rows that chose it, and is a weighted mean."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core import metrics
from tasks.learning.ensemble import MOST_MEMBERS, selected


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 9), st.sampled_from(["rmse", "mae"]))
def test_a_blend_is_a_weighted_mean_and_never_worse_than_the_best(seed: int, n_models: int, metric: str) -> None:
    generator = np.random.default_rng(seed)
    y = generator.normal(size=60)
    answers = [y + generator.normal(generator.normal(), 0.1 + generator.random(), 60) for _ in range(n_models)]
    weights, loss = selected(answers, y, metric)
    assert abs(sum(weights.values()) - 1) < 1e-12
    assert len(weights) <= MOST_MEMBERS
    assert loss <= min(metrics.loss(metric, y, each) for each in answers)
    blend = sum(weight * answers[index] for index, weight in weights.items())
    assert abs(metrics.loss(metric, y, np.asarray(blend)) - loss) < 1e-9


def test_a_perfect_model_is_left_alone() -> None:
    y = np.arange(30.0)
    assert selected([y + 5, y, y - 1], y, "rmse") == ({1: 1.0}, 0.0)


def test_models_whose_errors_cancel_are_blended() -> None:
    y = np.arange(30.0)
    weights, loss = selected([y + 1, y - 1], y, "rmse")
    assert weights == {0: 0.5, 1: 0.5}
    assert loss == 0.0


def test_a_member_that_hardly_helps_costs_a_fit() -> None:
    generator = np.random.default_rng(1)
    y = generator.normal(size=2_000)
    common = y + generator.normal(scale=0.5, size=2_000)
    # Almost the same model twice: averaged they are better by less than a thousandth.
    answers = [common + generator.normal(scale=0.03, size=2_000) for _ in range(2)]
    singles = [metrics.loss("rmse", y, each) for each in answers]
    assert 0.999 * min(singles) < metrics.loss("rmse", y, (answers[0] + answers[1]) / 2) < min(singles)
    weights, loss = selected(answers, y, "rmse")
    assert (len(weights), loss) == (1, min(singles))
