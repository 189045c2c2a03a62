"""Asking the model of record: what is refused, what is coerced, and that chunks, threads and labels change nothing."""

from __future__ import annotations

import hashlib
import math
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import polars as pl
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from tasks.core.errors import DataError, Refused, Unavailable
from tasks.core.model_records import ModelCard
from tasks.core.records import Column, ColumnType, Feature, Problem, Target
from tasks.exports.onnx import export
from tasks.modalities.matrix import matrix
from tasks.scoring.scorer import ROWS_ASKED, Scorer

INPUTS: dict[str, ColumnType] = {
    "fare": "number",
    "class": "integer",
    "port": "text",
    "alone": "boolean",
    "boarded": "date",
    "name": "text",
}
FEATURES = (
    Feature(name="fare", kind="number"),
    Feature(name="class", kind="number"),
    Feature(name="port", kind="category", levels=("S", "C")),
    Feature(name="alone", kind="boolean"),
    Feature(name="boarded", kind="date"),
    Feature(name="title", kind="category", levels=("Mr", "Mrs"), expression="extract(name, ', ([A-Za-z]+)')"),
)
PASSENGERS = pl.DataFrame(
    {
        "name": ["Braund, Mr. Owen", "Cumings, Mrs. John", "Oliva, Dona. Fermina", None],
        "fare": [7.25, 71.3, None, 1e30],
        "class": [3, 1, None, 2],
        "port": ["S", "C", "Q", ""],
        "alone": [True, False, None, True],
        "boarded": [date(1912, 4, 10), date(1912, 4, 11), None, date(1912, 4, 9)],
        "unused": [1, 2, 3, 4],
    }
)


def card(problem: Problem, classes: tuple[str, ...], threshold: float = 0.5) -> ModelCard:
    return ModelCard(
        project="ship",
        target=Target(name="survived", problem=problem, classes=classes),
        metric="log_loss",
        inputs=tuple(Column(name=name, type=kind, n_missing=0) for name, kind in INPUTS.items()),
        features=FEATURES,
        threshold=threshold,
        members=(),
        data_digest="0",
        sample=(),
    )


def classifier(n_classes: int) -> Any:
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.lognormal(3, 1, 200), rng.normal(-21_000, 100, 200), rng.integers(0, 3, (200, 4))])
    encode = ColumnTransformer(
        [
            ("n", make_pipeline(SimpleImputer(), StandardScaler()), [0, 1, 3, 4]),
            ("c", OneHotEncoder(handle_unknown="ignore", sparse_output=False), [2, 5]),
        ]
    )
    return make_pipeline(encode, LogisticRegression()).fit(x[:, [0, 2, 3, 4, 1, 5]], rng.integers(0, n_classes, 200))


@pytest.fixture(scope="module")
def model() -> Any:
    return classifier(2)


@pytest.fixture(scope="module")
def scorer(model: Any) -> Scorer:
    return Scorer.of(export(model, card("binary", ("no", "yes"))))


def test_a_file_is_opened_with_its_card_and_digest(model: Any, tmp_path: Path) -> None:
    data = export(model, card("binary", ("no", "yes")))
    (tmp_path / "m.onnx").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    opened = Scorer.open(tmp_path / "m.onnx", digest)
    assert opened.card == card("binary", ("no", "yes")) and opened.digest == digest
    assert Scorer.open(tmp_path / "m.onnx").digest == digest


def test_a_file_that_is_not_what_was_registered_is_refused(model: Any, tmp_path: Path) -> None:
    data = bytearray(export(model, card("binary", ("no", "yes"))))
    digest = hashlib.sha256(data).hexdigest()
    data[len(data) // 2] ^= 1
    (tmp_path / "m.onnx").write_bytes(data)
    with pytest.raises(Refused, match=digest):
        Scorer.open(tmp_path / "m.onnx", digest)


def test_what_is_no_model_of_keepfits_is_refused_by_name(model: Any, tmp_path: Path) -> None:
    good = onnx.load_from_string(export(model, card("binary", ("no", "yes"))))
    bare, broken, narrow = (onnx.ModelProto.FromString(good.SerializeToString()) for _ in range(3))
    del bare.metadata_props[:]
    broken.metadata_props[0].value = '{"project": "ship"}'
    smaller = card("binary", ("no", "yes")).model_copy(update={"features": FEATURES[:2]})
    narrow.metadata_props[0].value = smaller.model_dump_json()
    for found, data in {
        "no card": bare.SerializeToString(),
        "Field required": broken.SerializeToString(),
        "2 columns on a graph of 6": narrow.SerializeToString(),
        "onnxruntime says": b"not a model at all",
        "onnxruntime": good.SerializeToString()[:-100],
    }.items():
        (tmp_path / "m.onnx").write_bytes(data)
        with pytest.raises(DataError, match=found) as raised:
            Scorer.open(tmp_path / "m.onnx")
        assert "m.onnx" in str(raised.value)
    with pytest.raises(Unavailable, match="nowhere"):
        Scorer.open(tmp_path / "nowhere.onnx")


def test_predictions_from_raw_columns_equal_those_of_the_python_model(model: Any, scorer: Scorer) -> None:
    found = scorer.predict(PASSENGERS)
    titles = pl.Series("title", ["Mr", "Mrs", "Dona", None])
    expected = model.predict_proba(matrix(PASSENGERS.with_columns(titles), FEATURES))
    np.testing.assert_allclose(found.select("probability_no", "probability_yes").to_numpy(), expected, atol=1e-12)
    assert found["prediction"].to_list() == [("no", "yes")[int(p >= 0.5)] for p in expected[:, 1]]


def test_the_threshold_of_the_card_makes_the_label(model: Any, scorer: Scorer) -> None:
    shares = scorer.predict(PASSENGERS)["probability_yes"].to_list()
    strict = Scorer.of(export(model, card("binary", ("no", "yes"), threshold=max(shares))))
    assert strict.predict(PASSENGERS)["prediction"].to_list() == [
        ("no", "yes")[share == max(shares)] for share in shares
    ]


def test_of_several_classes_the_likeliest_is_predicted() -> None:
    scorer = Scorer.of(export(classifier(3), card("multiclass", ("a", "b", "c"))))
    found = scorer.predict(PASSENGERS)
    assert found.columns == ["prediction", "probability_a", "probability_b", "probability_c"]
    shares = found.drop("prediction").to_numpy()
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert found["prediction"].to_list() == ["abc"[i] for i in shares.argmax(axis=1)]


def test_types_that_files_bring_give_the_same_predictions(scorer: Scorer) -> None:
    moments = pl.Series(
        [datetime(1912, 4, 10, tzinfo=UTC), datetime(1912, 4, 11, tzinfo=UTC), None, datetime(1912, 4, 9, tzinfo=UTC)]
    )
    others = {
        "text everywhere": PASSENGERS.cast(pl.String).with_columns(alone=pl.Series(["true", "FALSE", " ", "1"])),
        "categorical": PASSENGERS.with_columns(pl.col("port").cast(pl.Categorical())),
        "floats": PASSENGERS.with_columns(pl.col("class").cast(pl.Float32), pl.col("alone").cast(pl.Float64)),
        "moments": PASSENGERS.with_columns(boarded=moments),
        "other zone": PASSENGERS.with_columns(
            boarded=moments.dt.convert_time_zone("Asia/Kathmandu").cast(pl.Datetime("ns", "Asia/Kathmandu"))
        ),
        "another order": PASSENGERS.select(reversed(PASSENGERS.columns)),
    }
    expected = scorer.predict(PASSENGERS)
    for name, frame in others.items():
        assert scorer.predict(frame).equals(expected), name


def test_a_column_without_any_value_is_missing_whatever_its_type(scorer: Scorer) -> None:
    nothing = PASSENGERS.with_columns(pl.lit(None).alias(name) for name in INPUTS)
    typed = PASSENGERS.clear().select(pl.all().extend_constant(None, 4))
    found = scorer.predict(nothing)
    assert found.equals(scorer.predict(typed)) and found["probability_yes"].is_finite().all()


def test_an_absent_column_is_named_with_the_nearest_one(scorer: Scorer) -> None:
    renamed = PASSENGERS.rename({"fare": "Fare "})
    with pytest.raises(DataError, match=r"Column 'fare'.*Perhaps 'Fare ' is meant"):
        scorer.predict(renamed)
    without = PASSENGERS.with_columns(fare=None)
    assert scorer.predict(renamed, missing_ok=True).equals(scorer.predict(without))


@pytest.mark.parametrize(
    ("column", "values", "found"),
    [
        ("fare", ["7.25", "eight", "", None], "'eight' in row 1"),
        ("boarded", ["1912-04-10", "", "soon", None], "'soon' in row 2"),
        ("alone", ["true", "maybe", "no", None], "'maybe' in row 1"),
        ("alone", [0.0, 1.0, 2.0, None], "'2' in row 2"),
        ("fare", [[1.0], [2.0], [3.0], None], "List"),
        ("port", [b"S", b"C", b"", None], "Binary"),
        ("fare", [date(1912, 4, 10)] * 4, "Date"),
    ],
)
def test_a_value_of_another_type_is_named_with_its_row(scorer: Scorer, column: str, values: Any, found: str) -> None:
    with pytest.raises(DataError, match=f"Column '{column}'.*{found}"):
        scorer.predict(PASSENGERS.with_columns(pl.Series(column, values, strict=False)))


def test_a_category_of_numbers_survives_a_reader_that_makes_them_floats() -> None:
    coded = card("regression", ()).model_copy(
        update={
            "inputs": (Column(name="zip", type="text", n_missing=0),),
            "features": (Feature(name="zip", kind="category", levels=("8001", "2.5")),),
        }
    )
    tree = DecisionTreeRegressor().fit([[0.0], [1.0], [-1.0], [math.nan]], [10.0, 20.0, 30.0, 40.0])
    scorer = Scorer.of(export(tree, coded))
    for values in (["8001", "2.5", "9", None], [8001.0, 2.5, 9.0, None], [8001.0, 2.5, 9.0, math.nan]):
        frame = pl.DataFrame({"zip": values}, strict=False)
        assert scorer.predict(frame)["prediction"].to_list() == [10.0, 20.0, 30.0, 40.0]


def wide(n_features: int) -> tuple[Scorer, Any]:
    names = [f"x{i}" for i in range(n_features)]
    wide_card = card("regression", ()).model_copy(
        update={
            "inputs": tuple(Column(name=name, type="number", n_missing=0) for name in names),
            "features": tuple(Feature(name=name, kind="number") for name in names),
        }
    )
    x = np.random.default_rng(1).normal(size=(60, n_features))
    model = HistGradientBoostingRegressor(max_iter=5, min_samples_leaf=3).fit(x, x.sum(axis=1))
    return Scorer.of(export(model, wide_card)), model


def test_rows_are_answered_alike_whatever_chunk_they_fall_into() -> None:
    scorer, model = wide(800)  # 2,500 rows of 1,600 columns are prepared at a time
    x = np.random.default_rng(2).normal(size=(5_001, 800))
    frame = pl.DataFrame(x, schema=[column.name for column in scorer.card.inputs])
    np.testing.assert_allclose(scorer.predict(frame)["prediction"].to_numpy(), model.predict(x), atol=1e-12)
    broken = frame.with_columns(x7=pl.Series(["1"] * 4_000 + ["x"] + ["1"] * 1_000))
    with pytest.raises(DataError, match="'x' in row 4000"):
        scorer.predict(broken)


def test_more_rows_than_are_asked_at_once_keep_their_order(scorer: Scorer) -> None:
    rows = np.random.default_rng(3).normal(size=(2 * ROWS_ASKED + 1, len(FEATURES)))
    together = scorer.ask(rows)
    assert together.shape == (len(rows), 2)
    for some in (slice(0, 3), slice(ROWS_ASKED - 1, ROWS_ASKED + 2), slice(-2, None)):
        np.testing.assert_allclose(scorer.ask(rows[some]), together[some], atol=1e-15)


def test_no_rows_give_no_predictions(scorer: Scorer) -> None:
    found = scorer.predict(PASSENGERS.clear())
    assert found.shape == (0, 3) and found.schema == scorer.predict(PASSENGERS).schema


def test_several_threads_may_ask_at_once(scorer: Scorer) -> None:
    rows = np.random.default_rng(4).normal(size=(64, 50, len(FEATURES)))
    expected = [scorer.ask(block) for block in rows]
    with ThreadPoolExecutor(8) as pool:
        for found, wanted in zip(pool.map(scorer.ask, rows), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)
