"""The model of record: the same bytes for the same inputs, and it answers as the members it was made of."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.core import store
from tasks.core.model_records import Member
from tasks.exports.parity import TOLERANCE, largest_difference
from tasks.models import FAMILIES
from tasks.scoring.scorer import Scorer
from tasks.train import Training, train

run = inspect.unwrap(train.fn)

BOOSTING = {
    "interactions": True,
    "l2_regularization": 1.0,
    "learning_rate": 0.1,
    "max_features": 0.5,
    "max_iter": 15,
    "max_leaf_nodes": 6,
    "min_samples_leaf": 5,
    "target": "raw",
}


def members(*named: tuple[str, dict[str, Any]]) -> tuple[Member, ...]:
    return tuple(
        Member(family=family, params=json.dumps(params), weight=1 / len(named), score=0.0) for family, params in named
    )


def frame(problem: str) -> pl.DataFrame:
    generator = np.random.default_rng(2)
    a, b = generator.normal(size=(2, 200))
    c = generator.choice(["x", "y", None], 200)
    signal = a + np.where(c == "x", 1.0, 0.0) + generator.normal(0, 0.3, 200)
    classes = {"binary": ["no", "yes"], "multiclass": ["low", "mid", "top"]}.get(problem)
    if classes is None:
        return pl.DataFrame({"a": a, "b": b, "c": c.tolist(), "y": np.exp(signal)})
    codes = np.searchsorted(np.quantile(signal, np.linspace(0, 1, len(classes) + 1)[1:-1]), signal)
    return pl.DataFrame({"a": a, "b": b, "c": c.tolist(), "y": [classes[code] for code in codes]})


@pytest.mark.parametrize("problem", ["binary", "multiclass", "regression"])
def test_the_exported_blend_answers_as_the_fitted_one_and_threads_change_no_byte(
    problem: str, open_store: Path, make_splits: Any
) -> None:
    splits = make_splits(frame(problem), "y")
    metric = "rmse" if problem == "regression" else "log_loss"
    forest = {"trees": "extra", "min_samples_leaf": 2, "max_features": 0.5}
    chosen = members(("boosting", BOOSTING), ("linear", {"penalty": 1.0}), ("forest", forest))
    first, second = (run(chosen, splits, Training(threads=threads), metric, "p") for threads in (1, 2))
    assert first == second
    scorer = Scorer.open(store.path(first.artifact), first.digest)
    parity = pl.read_parquet(store.path(first.parity))
    x = parity.select("^x[0-9]+$").to_numpy()
    expected = parity.select("^y[0-9]+$").to_numpy()
    found = scorer.ask(np.ascontiguousarray(x)).reshape(expected.shape)
    assert largest_difference(expected, found) <= TOLERANCE
    assert np.isnan(x).all(axis=1).any()
    assert scorer.card.members == chosen
    assert scorer.card.metric == metric
    samples = pl.DataFrame([json.loads(row) for row in scorer.card.sample])
    assert scorer.predict(samples)["prediction"].is_not_null().all()


def test_the_feature_that_decides_comes_first_and_curves_are_kept(open_store: Path, make_splits: Any) -> None:
    splits = make_splits(frame("binary"), "y")
    model = run(members(("boosting", BOOSTING), ("linear", {"penalty": 1.0})), splits, Training(), "log_loss", "p")
    assert model.importances[0].feature == "a"
    assert model.importances[0].value > 0.1
    assert model.curves is not None
    curves = pl.read_parquet(store.path(model.curves))
    assert curves.columns == ["member", "family", "iteration", "set", "loss"]
    assert set(curves["set"]) == {"train", "validation"}
    assert set(curves["member"]) == {0}


def test_another_seed_is_another_model(open_store: Path, make_splits: Any) -> None:
    splits = make_splits(frame("binary"), "y")
    forest = members(("forest", {"trees": "extra", "min_samples_leaf": 2, "max_features": 0.5}))
    digests = {run(forest, splits, Training(seed=seed), "log_loss", "p").digest for seed in (0, 1)}
    assert len(digests) == 2


def test_a_blend_of_every_family_is_trained(open_store: Path, make_splits: Any) -> None:
    from tasks.learning.profile import profile_of

    splits = make_splits(frame("regression"), "y")
    profile = profile_of(splits.splits)
    named = [(name, {"max_iter": 10, **family.defaults(profile)[0]}) for name, family in FAMILIES.items()]
    model = run(members(*named), splits, Training(), "rmse", "p")
    assert model.curves is not None
    assert len(model.importances) == 3


def test_what_serves_a_stream_knows_its_newest_rows_and_what_is_judged_does_not(
    open_store: Path, make_splits: Any
) -> None:
    rows = frame("binary").insert_column(0, pl.Series("t", range(200)))
    splits = make_splits(rows, "y", in_time=True)
    model = run(members(("boosting", BOOSTING)), splits, Training(), "log_loss", "test")
    assert model.proxy is not None
    served, judged = (Scorer.open(store.path(each)).card for each in (model.artifact, model.proxy))
    assert (served.seen_until, judged.seen_until) == (199.0, 159.0)
    assert served.proxy == model.proxy and served.seen is not None and served.seen.size == 8 * 200
    newest = store.scan(splits.splits.test).collect()
    late = Scorer.open(store.path(model.artifact)).predict(newest)
    early = Scorer.open(store.path(model.proxy)).predict(newest)
    assert not late.equals(early)
    assert run(members(("boosting", BOOSTING)), make_splits(rows, "y"), Training(), "log_loss", "test").proxy is None
