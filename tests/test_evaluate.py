"""evaluate: the ONNX file's own answers are judged, fairly against others, and nothing that is missing is made up."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn import metrics as reference
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from tasks.core import store
from tasks.core.errors import DataError
from tasks.core.model_records import (
    Champion,
    Evaluation,
    Importance,
    Member,
    ModelCard,
    TrainedModel,
    Verification,
)
from tasks.core.records import CheckedSplits, Feature, Splits, Target
from tasks.deploy import Acceptance, judge
from tasks.evaluate import EvaluationSection, evaluate
from tasks.exports.onnx import export
from tasks.learning import seen
from tasks.modalities.matrix import matrix
from tasks.scoring.judging import answered, most_important, truth
from tasks.scoring.scorer import Scorer

run = inspect.unwrap(evaluate.fn)
SECTION = EvaluationSection()
EXACT = Verification(n_rows=800, largest_difference=0.0)
PROBLEMS = ("binary", "multiclass", "regression")


def frame(problem: str, n_rows: int = 800) -> pl.DataFrame:
    generator = np.random.default_rng(5)
    a, b = generator.normal(size=(2, n_rows))
    c = generator.choice(["x", "y", "z"], n_rows)
    signal = a + (c == "x") + generator.normal(0, 0.5, n_rows)
    if problem == "regression":
        return pl.DataFrame({"a": a, "b": b, "c": c, "y": 100 * signal})
    names = ["no", "yes"] if problem == "binary" else ["low", "mid", "top"]
    codes = np.searchsorted(np.quantile(signal, np.linspace(0, 1, len(names) + 1)[1:-1]), signal)
    return pl.DataFrame({"a": a, "b": b, "c": c, "y": [names[code] for code in codes]})


def model_of(splits: Splits, n_iterations: int = 25, threshold: float = 0.5, **changed: Any) -> TrainedModel:
    """A real ONNX file of a small model fitted on the training rows."""
    train, target = store.scan(splits.train).collect(), splits.target
    learner = HistGradientBoostingRegressor if target.problem == "regression" else HistGradientBoostingClassifier
    card = ModelCard(
        **{
            "project": "test",
            "target": target,
            "metric": "rmse" if target.problem == "regression" else "log_loss",
            "inputs": splits.inputs,
            "features": splits.features,
            "threshold": threshold,
            "members": (),
            "split_rule": splits.rule,
            "data_digest": splits.train.digest,
            "sample": (),
            **changed,
        }
    )
    x = matrix(train, card.features)
    fitted = learner(max_iter=n_iterations, max_leaf_nodes=6, random_state=0).fit(x, truth(train[target.name], target))
    artifact = store.put(export(fitted, card), ".onnx")
    member = Member(family="boosting", params="{}", weight=1.0, score=0.0)
    return TrainedModel(
        artifact=artifact,
        digest=artifact.digest,
        parity=artifact,
        curves=None,
        members=(member,),
        importances=(Importance(feature="a", value=1.0),),
    )


def champion_of(model: TrainedModel) -> Champion:
    return Champion(version="1", artifact=model.artifact)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_figure_is_not_that_of_the_artifacts_answers(problem: str, open_store: Path, make_splits: Any) -> None:
    splits = make_splits(frame(problem), "y")
    model = model_of(splits.splits)
    found = run(model, splits, None, SECTION)
    told = pl.read_parquet(store.path(found.predictions))
    test = store.scan(splits.splits.test).collect()
    answers = Scorer.open(store.path(model.artifact)).predict(test)
    assert told["__row__"].equals(test["__row__"])
    assert found.n_rows == len(test)
    if problem == "regression":
        assert told["prediction"].to_numpy() == pytest.approx(answers["prediction"].to_numpy())
        assert found.metric_named("rmse").value == pytest.approx(
            reference.root_mean_squared_error(test["y"].to_numpy(), answers["prediction"].to_numpy())
        )
        assert found.confusion == () and found.classes == ()
    else:
        classes = list(splits.splits.target.classes)
        assert told["prediction"].to_list() == answers["prediction"].to_list()
        matrix = reference.confusion_matrix(test["y"].to_list(), answers["prediction"].to_list(), labels=classes)
        assert found.confusion == tuple(map(tuple, matrix.tolist()))
        report = reference.classification_report(
            test["y"].to_list(), answers["prediction"].to_list(), labels=classes, output_dict=True
        )
        for each in found.classes:
            expected = report[each.name]
            assert (each.precision, each.recall, each.f1, each.n_rows) == pytest.approx(
                (expected["precision"], expected["recall"], expected["f1-score"], expected["support"])
            )
    assert found.metrics[0].name == found.metric == ("rmse" if problem == "regression" else "log_loss")
    assert found.baseline.low > 0
    assert found.slices and found.notes == () and found.champion is None and found.incomparable == ""
    assert Evaluation.model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_worse_champion_is_not_told_from_a_better_one(problem: str, open_store: Path, make_splits: Any) -> None:
    splits = make_splits(frame(problem), "y")
    good, poor = model_of(splits.splits), model_of(splits.splits, 1)
    won = run(good, splits, champion_of(poor), SECTION).champion
    lost = run(poor, splits, champion_of(good), SECTION).champion
    assert won.low > 0 > lost.high
    assert won.against == "champion version 1"
    assert won.gain == pytest.approx(-lost.gain)
    same = run(good, splits, champion_of(good), SECTION).champion
    assert (same.gain, same.low, same.high) == (0.0, 0.0, 0.0)


def test_a_champion_with_fewer_features_or_classes_cannot_be_compared(open_store: Path, make_splits: Any) -> None:
    rows = frame("multiclass")
    splits = make_splits(rows, "y")
    narrow = make_splits(rows.select("a", "y"), "y")
    found = run(model_of(splits.splits), splits, champion_of(model_of(narrow.splits)), SECTION)
    assert found.champion is not None and found.champion.gain > 0
    fewer = make_splits(rows.filter(pl.col("y") != "top"), "y")
    found = run(model_of(splits.splits), splits, champion_of(model_of(fewer.splits)), SECTION)
    assert found.champion is not None and found.champion.low > 0
    more = make_splits(rows.with_columns(y=pl.when(pl.col("a") > 1.5).then(pl.lit("far")).otherwise(pl.col("y"))), "y")
    found = run(model_of(splits.splits), splits, champion_of(model_of(more.splits)), SECTION)
    assert found.champion is not None and found.champion.low > 0


def test_classes_in_another_order_are_taken_for_each_other(open_store: Path, make_splits: Any) -> None:
    splits = make_splits(frame("multiclass"), "y")
    turned = splits.splits.model_copy(
        update={"target": splits.splits.target.model_copy(update={"classes": ("top", "low", "mid")})}
    )
    found = run(model_of(splits.splits), splits, champion_of(model_of(turned)), SECTION).champion
    assert found.ours == pytest.approx(found.theirs, rel=0.02)


@pytest.mark.parametrize("why", ["column", "target", "problem", "file", "no model", "split"])
def test_a_champion_that_cannot_be_asked_does_not_end_the_run_and_the_reason_is_told(
    why: str, open_store: Path, make_splits: Any
) -> None:
    splits: CheckedSplits = make_splits(frame("binary"), "y")
    model = model_of(splits.splits)
    match why:
        case "column":
            other = make_splits(frame("binary").rename({"c": "gone"}), "y")
        case "target":
            other = make_splits(frame("binary").rename({"y": "z"}), "z")
        case "problem":
            other = make_splits(frame("regression"), "y")
        case "split":
            other = splits.model_copy(update={"splits": splits.splits.model_copy(update={"rule": "another seed"})})
        case _:
            other = splits
    champion = champion_of(model_of(other.splits, n_iterations=3))
    if why == "file":
        store.path(champion.artifact).unlink()
    if why == "no model":
        champion = Champion(version="1", artifact=store.put(b"not a model", ".onnx"))
    found = run(model, splits, champion, SECTION)
    assert found.champion is None
    assert "champion version 1" in found.incomparable
    words = {"column": "gone", "target": "'z'", "problem": "regression", "file": "read", "no model": "ONNX"}
    words["split"] = "another seed"
    assert words[why] in found.incomparable


# Rows that neither model was fitted on


def stream(n_rows: int = 1_000) -> pl.DataFrame:
    hours = pl.Series("t", [float(hour) for hour in range(n_rows)])
    return frame("binary", n_rows).select(hours, "a", "b", "c", "y")


def fitted_on(splits: Splits, *parts: str, **changed: Any) -> dict[str, Any]:
    return {**seen.of(splits, parts), **changed}


def test_a_champion_that_knows_the_newest_rows_is_not_judged_on_them(open_store: Path, make_splits: Any) -> None:
    splits = make_splits(stream(), "y", in_time=True)
    inner = splits.splits
    proxy = model_of(inner, 5, **fitted_on(inner, "train", "validation"))
    served = model_of(inner, 6, **fitted_on(inner, "train", "validation", "test"), proxy=proxy.artifact)
    found = run(model_of(inner), splits, champion_of(served), SECTION).champion
    assert found.against == "champion version 1, without its newest rows"
    assert found.theirs == run(proxy, splits, None, SECTION).metrics[0].value
    assert (found.n_rows, found.n_blocks) == (200, 20)
    store.path(proxy.artifact).unlink()
    refused = run(model_of(inner, 24), splits, champion_of(served), SECTION)
    assert refused.champion is None and "0 of 200" in refused.incomparable


def test_a_champion_is_judged_on_what_came_after_it_although_its_columns_were_others(
    open_store: Path, make_splits: Any
) -> None:
    splits = make_splits(stream(), "y", in_time=True)
    other = splits.splits.model_copy(update={"row_rule": "other columns"})
    champion = model_of(other, 5, seen=store.put(b"", ".rows"), seen_by="other columns", seen_until=899.0)
    found = run(model_of(splits.splits), splits, champion_of(champion), SECTION)
    assert found.champion.n_rows == 100, "the hours after 899"
    assert found.record is None, "what serves is what was judged"


def test_by_another_split_only_rows_that_the_champion_did_not_see_count(open_store: Path, make_splits: Any) -> None:
    splits = make_splits(frame("binary"), "y")
    test = store.scan(splits.splits.test).collect()
    half = np.sort(test["__row__"].to_numpy()[:100]).astype("<u8").tobytes()
    other = splits.splits.model_copy(update={"rule": '{"by": "stratified", "seed": 0}'})
    champion = model_of(other, 5, seen=store.put(half, ".rows"))
    found = run(model_of(splits.splits), splits, champion_of(champion), SECTION).champion
    assert found.n_rows == 60
    grouped = other.model_copy(update={"rule": '{"by": "group", "column": "c", "seed": 0}'})
    champion = model_of(grouped, 5, seen=store.put(half, ".rows"))
    assert "group" in run(model_of(splits.splits), splits, champion_of(champion), SECTION).incomparable


def test_rows_that_other_columns_place_elsewhere_are_not_taken_for_unseen(open_store: Path, make_splits: Any) -> None:
    splits = make_splits(frame("binary"), "y")
    inner = splits.splits.model_copy(update={"rule": '{"by": "hash", "seed": 0}', "row_rule": "a, b, c"})
    splits = splits.model_copy(update={"splits": inner})
    changed = fitted_on(inner, "train", "validation", seen_by="a, b")
    found = run(model_of(inner), splits, champion_of(model_of(inner, 5, **changed)), SECTION)
    assert found.champion is None and "What it has seen: expected a, b, c, found a, b" in found.incomparable
    keyed = inner.model_copy(update={"rule": '{"by": "hash", "key": ["a"], "seed": 0}'})
    splits = splits.model_copy(update={"splits": keyed})
    found = run(model_of(keyed), splits, champion_of(model_of(keyed, 5, **changed)), SECTION)
    assert found.champion is not None, "a key places its rows whatever the columns are"


def test_what_is_judged_is_the_proxy_and_not_what_knows_the_test_rows(open_store: Path, make_splits: Any) -> None:
    splits = make_splits(stream(), "y", in_time=True)
    proxy, final = model_of(splits.splits, 5), model_of(splits.splits, 60)
    both = final.model_copy(update={"proxy": proxy.artifact})
    assert run(both, splits, None, SECTION).metrics == run(proxy, splits, None, SECTION).metrics


def test_a_model_of_record_that_is_broken_does_not_hide_behind_its_proxy(open_store: Path, make_splits: Any) -> None:
    splits = make_splits(stream(), "y", in_time=True)
    inner = splits.splits
    known = fitted_on(inner, "train", "validation", seen_by="before", seen_until=849.0)
    champion = champion_of(model_of(inner, 12, **known))
    proxy, broken = model_of(inner, 12), model_of(inner, 1)
    for final, held in ((proxy, True), (broken, False)):
        found = run(final.model_copy(update={"proxy": proxy.artifact}), splits, champion, SECTION)
        assert found.record is not None and found.record.n_rows == 150, "the hours after 849"
        gates = judge(EXACT, found, Acceptance(baseline="off"))
        assert [gate.held for gate in gates] == [True, True, held]
        assert ("Broken" in gates[-1].sentence) is not held


def test_the_threshold_of_the_card_is_not_heard(open_store: Path, make_splits: Any) -> None:
    splits = make_splits(frame("binary"), "y")
    eager = run(model_of(splits.splits, threshold=0.01), splits, None, SECTION)
    usual = run(model_of(splits.splits), splits, None, SECTION)
    recall = eager.metric_named("recall").value
    assert recall > 0.97 > usual.metric_named("recall").value
    assert recall == eager.confusion[1][1] / sum(eager.confusion[1])


def test_the_section_metric_does_not_decide(open_store: Path, make_splits: Any) -> None:
    splits = make_splits(frame("binary"), "y")
    found = run(model_of(splits.splits), splits, None, EvaluationSection(metric="roc_auc"))
    assert found.metric == found.metrics[0].name == found.baseline.metric == "roc_auc"
    assert found.baseline.theirs == 0.5


def test_names_of_columns_and_classes_collide_in_the_predictions(open_store: Path, make_splits: Any) -> None:
    rows = frame("binary").rename({"y": "prediction"}).with_columns(pl.col("prediction").replace("yes", "target"))
    splits = make_splits(rows, "prediction")
    found = run(model_of(splits.splits), splits, None, SECTION)
    told = pl.read_parquet(store.path(found.predictions))
    assert told.columns == ["__row__", "target", "prediction", "p_no", "p_target"]


def test_a_class_that_training_never_had_is_given_a_code(open_store: Path) -> None:
    target = Target(name="y", problem="binary", classes=("no", "yes"))
    with pytest.raises(DataError, match="expected one of no, yes, found 'maybe'"):
        truth(pl.Series("y", ["no", "maybe"]), target)


def test_a_test_set_in_batches_is_another_than_the_whole(
    open_store: Path, make_splits: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    splits = make_splits(frame("binary"), "y")
    scorer = Scorer.open(store.path(model_of(splits.splits).artifact))
    whole = answered(splits.splits, scorer, [2, 0])
    batches = store.batches
    monkeypatch.setattr(store, "batches", lambda dataset, columns, rows: batches(dataset, columns, 7))
    parts = answered(splits.splits, scorer, [2, 0])
    assert np.array_equal(whole.predicted, parts.predicted)
    assert np.array_equal(whole.ids, parts.ids) and np.array_equal(whole.y, parts.y)
    assert np.array_equal(whole.matrix, parts.matrix) and whole.matrix.shape == (160, 2)


def test_the_most_important_features_lose_their_order() -> None:
    features = [Feature(name=name, kind="number") for name in "abcd"]
    importances = (Importance(feature="b", value=2.0), Importance(feature="d", value=3.0))
    assert most_important(importances, features, 3) == [0, 1, 3]
