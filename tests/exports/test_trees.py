"""Trees at the edges of what numbers and stacks can hold."""

from __future__ import annotations

import sys

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from tasks.core.model_records import ModelCard
from tasks.core.records import Feature, Problem, Target
from tasks.exports.onnx import export
from tasks.exports.trees import switch_points
from tasks.scoring.scorer import Scorer

pytestmark = pytest.mark.usefixtures("one_thread")

LARGEST = float(np.finfo(np.float32).max)


def scorer(model: object, problem: Problem, n_features: int, n_classes: int = 0) -> Scorer:
    card = ModelCard(
        project="trees",
        target=Target(name="y", problem=problem, classes=tuple(str(code) for code in range(n_classes))),
        metric="m",
        inputs=(),
        features=tuple(Feature(name=f"x{i}", kind="number") for i in range(n_features)),
        members=(),
        data_digest="",
        sample=(),
    )
    return Scorer.of(export(model, card))


@given(threshold=st.floats(-LARGEST, LARGEST), value=st.floats(-LARGEST, LARGEST), ulps=st.integers(-2, 2))
def test_a_double_falls_on_the_side_where_its_float32_would(threshold: float, value: float, ulps: int) -> None:
    switch = float(switch_points(np.array([threshold]))[0])
    near = switch
    for _ in range(abs(ulps)):
        near = float(np.nextafter(near, np.copysign(np.inf, ulps)))
    for double in (value, near):
        with np.errstate(over="ignore"):
            assert (float(np.float32(double)) <= threshold) == (double <= switch)


def test_a_split_on_missing_alone_keeps_its_infinite_threshold() -> None:
    assert switch_points(np.array([np.inf, -np.inf])).tolist() == [np.inf, -np.inf]
    x = np.array([[1.0], [2.0], [np.nan], [3.0]])
    tree = DecisionTreeRegressor().fit(x, [0.0, 0.0, 9.0, 0.0])
    assert np.isinf(tree.tree_.threshold).any()
    assert scorer(tree, "regression", 1).ask(x).tolist() == [0.0, 0.0, 9.0, 0.0]


def test_a_tree_of_one_leaf_reads_no_column_that_is_not_there() -> None:
    tree = DecisionTreeRegressor().fit([[1.0], [2.0]], [5.0, 5.0])
    asked = scorer(tree, "regression", 1)
    assert asked.ask(np.array([[np.nan], [1e30]])).tolist() == [5.0, 5.0]
    node = onnx.load_from_string(export(tree, asked.card)).graph.node[0]
    assert [list(each.ints) for each in node.attribute if each.name == "nodes_featureids"] == [[0]]


def test_a_tree_deeper_than_the_stack_is_exported() -> None:
    depth = 3 * sys.getrecursionlimit()
    x = np.arange(depth, dtype=float).reshape(-1, 1)
    tree = DecisionTreeRegressor(random_state=0).fit(
        x, 1.5 ** np.minimum(np.arange(depth), 1) * 2.0 ** -np.arange(depth)
    )
    deep = DecisionTreeRegressor(random_state=0).fit(x, np.exp(np.linspace(0, 700, depth)))
    assert max(tree.get_depth(), deep.get_depth()) > 1_000
    for model in (tree, deep):
        found = scorer(model, "regression", 1).ask(x)
        np.testing.assert_allclose(found, model.predict(x), rtol=1e-12)


@pytest.mark.parametrize("n_levels", [2, 33, 65, 200])
@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_native_categories_go_where_they_went_in_training(n_levels: int, missing: float) -> None:
    rng = np.random.default_rng(n_levels)
    codes = rng.integers(0, n_levels, 800).astype(float)
    effect = rng.normal(size=n_levels)
    y = (effect[codes.astype(int)] + rng.normal(size=800) / 3 > 0).astype(int)
    gone = rng.random(800) < missing
    y[gone] = 1
    codes[gone] = np.nan
    x = np.column_stack([codes, rng.normal(size=800)])
    model = HistGradientBoostingClassifier(categorical_features=[0], max_iter=12, random_state=0).fit(x, y)
    asked = np.column_stack([[*range(-2, 300), np.nan, 1e6], np.zeros(304)])
    np.testing.assert_allclose(scorer(model, "binary", 2, 2).ask(asked), model.predict_proba(asked), atol=1e-12)


def test_a_forest_over_many_classes_is_not_copied_for_each_class() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(500, 5)), rng.integers(0, 10, 500)
    model = RandomForestClassifier(20, random_state=0).fit(x, y)
    n_nodes = sum(tree.tree_.node_count for tree in model.estimators_)
    assert scorer(model, "multiclass", 5, 10).ask(x).shape == (500, 10)
    card = scorer(model, "multiclass", 5, 10).card
    assert len(export(model, card)) < n_nodes * 70  # ten copies would take 200 bytes a node


def test_weights_of_rows_and_classes_do_not_change_what_a_leaf_says() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(300, 3)), rng.integers(0, 2, 300)
    model = DecisionTreeClassifier(max_depth=4, class_weight={0: 5.0, 1: 0.1})
    model.fit(x, y, sample_weight=rng.random(300))
    np.testing.assert_allclose(scorer(model, "binary", 3, 2).ask(x), model.predict_proba(x), atol=1e-12)
