"""Answers of the folds' models that are taken for those of the model itself, and made drift of each of its days."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tasks.monitoring.alike import alike

RNG = np.random.default_rng(0)


def test_answers_get_the_models_values_in_their_own_order() -> None:
    less_sure = 0.5 + 0.3 * (RNG.random(4_000) - 0.5)
    atoms = np.round(RNG.random(800), 1)  # as a model with few leaves answers
    found = alike(np.column_stack([1 - less_sure, less_sure]), np.column_stack([1 - atoms, atoms]))
    assert np.array_equal(found.sum(axis=1), np.ones(4_000))
    assert np.all(np.diff(found[np.argsort(less_sure), 1]) >= 0)
    assert set(found[:, 1]) == set(atoms)
    shares = [[(each == atom).mean() for atom in np.unique(atoms)] for each in (found[:, 1], atoms)]
    assert np.abs(np.subtract(*shares)).max() < 0.001


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_equal_answers_stay_equal_and_none_is_new(ours: list[int], theirs: list[float]) -> None:
    values = np.array(ours, float)[:, None]
    found = alike(values, np.array(theirs)[:, None])
    assert found.shape == values.shape and set(found[:, 0]) <= set(theirs)
    assert all(len(set(found[values == each])) == 1 for each in set(ours))


def test_probabilities_of_three_classes_stay_probabilities() -> None:
    ours, theirs = RNG.dirichlet([5, 5, 5], 3_000), RNG.dirichlet([1, 1, 1], 1_000)
    found = alike(ours, theirs)
    assert np.allclose(found.sum(axis=1), 1) and found.min() >= 0
    assert abs(found.max(axis=1).mean() - theirs.max(axis=1).mean()) < 0.02 < theirs.max() - ours.max()
