"""Every converter on every problem it is for, on rows that have broken exporters before."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import pickle
import subprocess
import sys
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import OneHotEncoder

from tasks.core.errors import KeepfitError
from tasks.exports.onnx import export
from tasks.exports.parity import largest_difference
from tasks.models.blend import Blend
from tasks.models.family import answer
from tasks.scoring.scorer import Scorer

_spec = importlib.util.spec_from_file_location("zoo", Path(__file__).with_name("zoo.py"))
assert _spec and _spec.loader
zoo = importlib.util.module_from_spec(_spec)
sys.modules["zoo"] = zoo
_spec.loader.exec_module(zoo)

pytestmark = pytest.mark.usefixtures("one_thread")

EXACT = 1e-12
"""What rounding may do to figures around 1: three powers of ten under the tolerance at which a model is refused."""

BLIND = ("baseline", "baseline, other", "stump of one leaf")
"""Those that answer every row alike."""

EXPORT_ALL = """
import hashlib, json, pickle, sys
sys.path.insert(0, sys.argv[2])
from tasks.exports.onnx import export
models = pickle.load(open(sys.argv[1], "rb"))  # written by the test a moment ago
print(json.dumps({name: hashlib.sha256(export(*given)).hexdigest() for name, given in models.items()}))
"""


@cache
def made(name: str, problem: str) -> Any:
    return zoo.fitted(name, problem)


def asked(model: Any, rows: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn mentions unknown categories and overflow: they are meant
        return answer(model, rows)


@pytest.mark.parametrize(("name", "problem"), list(zoo.cases()))
class TestEveryConverter:
    def test_answers_as_the_fitted_model_on_nasty_rows(self, name: str, problem: str) -> None:
        model = made(name, problem)
        rows = zoo.questions(model)
        expected = asked(model, rows)
        assert np.isfinite(expected).all() and (name in BLIND or np.ptp(expected.reshape(len(rows), -1)[:, -1]) > 0)
        found = Scorer.of(export(model, zoo.card(problem))).ask(rows)
        assert largest_difference(expected, found) < EXACT

    def test_answers_one_row_alone_as_among_others(self, name: str, problem: str) -> None:
        model = made(name, problem)
        rows = zoo.questions(model)[:160:20]
        scorer = Scorer.of(export(model, zoo.card(problem)))
        alone = np.concatenate([scorer.ask(rows[i : i + 1]) for i in range(len(rows))])
        assert largest_difference(scorer.ask(rows), alone) < EXACT

    def test_is_a_valid_model_of_float64_that_carries_its_card(self, name: str, problem: str) -> None:
        data = export(made(name, problem), zoo.card(problem))
        model = onnx.load_from_string(data)
        onnx.checker.check_model(model, full_check=True)
        assert not [t.name for t in model.graph.initializer if t.data_type == onnx.TensorProto.FLOAT]
        assert Scorer.of(data).card == zoo.card(problem)


def test_the_bytes_depend_on_the_fitted_model_alone(tmp_path: Path) -> None:
    models = {f"{name}/{problem}": (made(name, problem), zoo.card(problem)) for name, problem in zoo.cases()}
    here = {name: hashlib.sha256(export(*given)).hexdigest() for name, given in models.items()}
    (tmp_path / "models").write_bytes(pickle.dumps(models))
    command = [sys.executable, "-c", EXPORT_ALL, str(tmp_path / "models"), str(Path(__file__).parents[2])]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "12345"})
    assert json.loads(run.stdout) == here


def test_members_that_prepare_alike_share_that_part_of_the_graph() -> None:
    x, targets = zoo.training()
    one, other = (zoo.EVERY["linear"]("binary").set_params(logisticregression__C=c) for c in (0.1, 1.0))
    members = [one.fit(x, targets["binary"]), other.fit(x, targets["binary"])]
    alone, both = (
        onnx.load_from_string(export(model, zoo.card("binary"))) for model in (one, Blend(members, [0.5, 0.5]))
    )
    encoders = [sum(node.op_type == "IsNaN" for node in model.graph.node) for model in (alone, both)]
    assert encoders[0] == encoders[1] > 0
    assert len(both.graph.node) < len(alone.graph.node) + 10


def test_a_member_without_weight_is_not_written() -> None:
    linear, tree = made("linear", "binary"), made("tree", "binary")
    assert export(Blend([linear, tree], [1.0, 0.0]), zoo.card("binary")) == export(
        Blend([linear], [1.0]), zoo.card("binary")
    )


def test_an_unknown_class_is_named_with_the_way_to_add_it() -> None:
    x, targets = np.zeros((4, 8)), [0, 1, 0, 1]
    with pytest.raises(KeepfitError, match=r"KNeighborsClassifier has no converter.*convert\.register"):
        export(KNeighborsClassifier(1).fit(x, targets), zoo.card("binary"))


@pytest.mark.parametrize(
    ("estimator", "word"),
    [
        (SGDClassifier(loss="hinge"), "hinge"),
        (DummyClassifier(strategy="stratified"), "stratified"),
    ],
)
def test_a_setting_that_cannot_be_exported_is_refused_not_guessed(estimator: Any, word: str) -> None:
    x, targets = zoo.training()
    estimator.fit(np.nan_to_num(x), targets["binary"])
    with pytest.raises(KeepfitError, match=word):
        export(estimator, zoo.card("binary"))


def test_an_encoder_that_refuses_unknown_values_is_refused() -> None:
    x, targets = zoo.training()
    pipeline = zoo.make_pipeline(zoo.scaled(codes=OneHotEncoder(sparse_output=False)), LogisticRegression())
    with pytest.raises(KeepfitError, match="handle_unknown='error'"):
        export(pipeline.fit(x, targets["binary"]), zoo.card("binary"))


def test_two_targets_are_refused() -> None:
    x = np.nan_to_num(zoo.training()[0])
    with pytest.raises(KeepfitError, match="2 targets"):
        export(Ridge().fit(x, x[:, :2]), zoo.card("regression"))


def test_a_card_of_other_features_or_classes_is_refused() -> None:
    model = made("tree", "binary")
    with pytest.raises(KeepfitError, match="expected 3 columns"):
        export(model, zoo.card("binary", zoo.FEATURES[:3]))
    with pytest.raises(KeepfitError, match="disagree about the classes"):
        export(model, zoo.card("multiclass"))
    words = Blend([LogisticRegression().fit(np.zeros((4, 8)), ["yes", "no", "yes", "no"])], [1.0])
    swapped = zoo.card("binary").model_copy(
        update={"target": zoo.Target(name="y", problem="binary", classes=("yes", "no"))}
    )
    export(words, zoo.card("binary"))
    with pytest.raises(KeepfitError, match="disagree about the classes"):
        export(words, swapped)
