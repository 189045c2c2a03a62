"""Bodies of many rows: answered as JSON rows are to the last bit, logged before they are answered, refused in words."""

from __future__ import annotations

import io
import json
import random
import resource
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pyarrow as pa
import pytest

from tasks.core.predictions import reading
from tasks.core.records import Claim
from tasks.serving.site import Serving

pytestmark = pytest.mark.slow
STREAM = "application/vnd.apache.arrow.stream"
NAME = 'the "name" \\'


def passengers(n: int) -> pl.DataFrame:
    """Rows of every kind of value: common, missing, unseen, extreme."""
    draw = random.Random(11)
    return pl.DataFrame(
        {
            "age": [draw.choice([None, 0.0, 29.5, -1e308, 1e308, draw.uniform(0, 90)]) for _ in range(n)],
            "cabin class": [draw.choice([None, 1, 2, 3, 9]) for _ in range(n)],
            "embarked": [draw.choice([None, "", "S", "C", "Jupiter", "Ø" * 100]) for _ in range(n)],
            NAME: [draw.choice([None, "Allen", "\u2028\x00"]) for _ in range(n)],
            "возраст 年": [draw.choice([None, True, False]) for _ in range(n)],
            "boarded": [draw.choice([None, date(1912, 4, 10), date(1, 1, 1), date(9999, 12, 31)]) for _ in range(n)],
        },
        schema_overrides={"cabin class": pl.Int64, "boarded": pl.Date},
    )


def compressed(codec: str) -> Callable[[pl.DataFrame, io.BytesIO], object]:
    def write(frame: pl.DataFrame, sink: io.BytesIO) -> None:
        table = frame.to_arrow()
        with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as stream:
            stream.write_table(table, max_chunksize=100)

    return write


def as_pandas_writes(frame: pl.DataFrame, sink: io.BytesIO) -> None:
    frame.to_pandas().astype({"embarked": "category"}).to_parquet(sink, index=False)


WAYS: dict[str, tuple[str, Callable[[pl.DataFrame, io.BytesIO], object]]] = {
    "stream": (STREAM, pl.DataFrame.write_ipc_stream),
    "lz4": (STREAM, compressed("lz4")),
    "zstd": (STREAM, compressed("zstd")),
    "file": ("application/vnd.apache.arrow.file", pl.DataFrame.write_ipc),
    "parquet": ("application/vnd.apache.parquet", pl.DataFrame.write_parquet),
    "pandas": ("application/vnd.apache.parquet", as_pandas_writes),
}


def post(client: httpx.Client, frame: pl.DataFrame, way: str = "stream", **headers: str) -> httpx.Response:
    kind, write = WAYS[way]
    sink = io.BytesIO()
    write(frame, sink)
    return client.post("/predict", content=sink.getvalue(), headers={"content-type": kind, **headers})


def rows_of(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return frame.with_columns(pl.col("boarded").cast(pl.String)).to_dicts()


@pytest.mark.parametrize("way", WAYS)
def test_columns_are_answered_as_rows_are(client: httpx.Client, way: str) -> None:
    frame = passengers(700)
    answers = post(client, frame, way).raise_for_status().json()
    rows = rows_of(frame)
    expected = [each for at in range(0, 700, 200) for each in client.post("/predict", json=rows[at : at + 200]).json()]
    for answer in (*answers, *expected):
        del answer["id"]
    assert answers == expected
    assert {answer["prediction"] for answer in answers} == {"drowned", "saved"}


def test_a_long_list_is_answered_as_its_parts_are(client: httpx.Client) -> None:
    """Long lists go by columns, short ones row by row."""
    rows = rows_of(passengers(700))
    answers = client.post("/predict", json=rows).raise_for_status().json()
    parts = [each for at in range(0, 700, 100) for each in client.post("/predict", json=rows[at : at + 100]).json()]
    assert [answer["probabilities"] for answer in answers] == [answer["probabilities"] for answer in parts]
    assert len({answer["id"] for answer in (*answers, *parts)}) == 1400


def test_the_answer_may_be_an_arrow_stream(client: httpx.Client) -> None:
    frame = passengers(50)
    told = post(client, frame).json()
    response = post(client, frame, accept=STREAM)
    assert response.headers["content-type"] == STREAM
    table = pa.ipc.open_stream(response.content).read_all()
    assert table.column_names == ["id", "prediction", "probability_drowned", "probability_saved"]
    assert table["probability_saved"].to_pylist() == [answer["probabilities"]["saved"] for answer in told]
    model = told[0]["model"]
    assert table.schema.metadata == {
        b"model": model["name"].encode(),
        b"version": model["version"].encode(),
        b"digest": model["digest"].encode(),
    }


@pytest.mark.parametrize("way", ["stream", "parquet"])
def test_no_rows_have_no_answers(client: httpx.Client, way: str) -> None:
    assert post(client, passengers(0), way).json() == []
    assert pl.read_ipc_stream(post(client, passengers(0), way, accept=STREAM).content).height == 0


AGE = pl.col("age")


@pytest.mark.parametrize(
    ("change", "row", "field"),
    [
        ([pl.lit(1).alias("agee")], None, "agee"),
        ([pl.when(pl.int_range(pl.len()) == 3).then(pl.lit("old")).alias("age")], 3, "age"),
        ([pl.struct("age").alias("age")], None, "age"),
        ([pl.concat_list("age").alias("age")], None, "age"),
        ([pl.lit(b"x").alias("embarked")], None, "embarked"),
        ([pl.lit(5).cast(pl.Time).alias("boarded")], None, "boarded"),
        ([pl.lit(3_000_000).cast(pl.Date).alias("boarded")], 0, "boarded"),
        ([pl.lit(3_000_000).cast(pl.Date).alias("embarked")], 0, "embarked"),
        ([pl.lit("0001-01-01T00:00:00+14:00").alias("boarded")], 0, "boarded"),
    ],
    ids=["unknown", "a text", "structure", "list", "bytes", "time", "beyond the years", "no text", "before the years"],
)
def test_what_is_not_as_in_training_is_named(client: httpx.Client, change: Any, row: int | None, field: str) -> None:
    for way in ("stream", "parquet"):
        response = post(client, passengers(9).with_columns(change), way)
        error = response.json()["error"]
        assert (response.status_code, error["row"], error["field"]) == (422, row, field)
        assert error["what"] and error["next"]


def test_a_forgotten_column_is_named(client: httpx.Client) -> None:
    response = post(client, passengers(9).drop("age"))
    assert (response.status_code, response.json()["error"]["field"]) == (422, "age")


def test_too_many_rows_are_refused_before_they_are_read(client: httpx.Client) -> None:
    frame = pl.DataFrame({name: pl.repeat(None, 1_000_001, eager=True) for name in passengers(0).columns})
    for way in ("stream", "file", "parquet"):
        assert post(client, frame, way).status_code == 413


def test_values_are_cast_as_batch_predictions_cast_them(client: httpx.Client) -> None:
    """Files without types bring numbers, dates and truth values as texts; NaN is a missing number."""
    frame = passengers(300).with_columns(
        AGE.replace({1e308: None, -1e308: None}), pl.col("boarded").replace({date(1, 1, 1): None})
    )
    texts = frame.with_columns(pl.all().cast(pl.String))
    other = frame.with_columns(
        AGE.fill_null(float("nan")),
        pl.col("cabin class").cast(pl.Float32),
        pl.col("embarked").cast(pl.Categorical),
        pl.col("boarded").cast(pl.Datetime("ms", "UTC")).dt.convert_time_zone("Europe/Oslo"),
    )
    expected = [answer["probabilities"] for answer in post(client, frame).json()]
    for same in (texts, other):
        assert [answer["probabilities"] for answer in post(client, same).json()] == expected


def test_every_answer_is_in_the_log(ship: Any, tmp_path: Path) -> None:
    server = ship.start(tmp_path, ship.card(), key=("ticket",))
    frame = passengers(600).with_columns(pl.int_range(pl.len()).cast(pl.String).alias("ticket"))
    try:
        with httpx.Client(base_url=server.url, trust_env=False, timeout=20) as client:
            answers = post(client, frame).json() + client.post("/predict", json=rows_of(frame)).json()
            figures = client.get("/v1/ship/figures").json()["in_all"]
    finally:
        server.stop()
    logged = {row["__id__"]: row for row in pa.Table.from_batches(reading.read(tmp_path, "ship")).to_pylist()}
    assert len(logged) == len(answers) == 1200 == figures["rows"]
    assert figures["requests"] == 2
    for row, answer in zip([*frame.to_dicts(), *frame.to_dicts()], answers, strict=True):
        found = logged[answer["id"]]
        assert found["__prediction__"] == answer["prediction"]
        assert found["__outputs__"] == list(answer["probabilities"].values())
        assert (found["__key__"], found["__digest__"][:12]) == (row["ticket"], answer["model"]["digest"])
        assert {name: found[name] for name in ("age", "cabin class", "embarked", NAME, "возраст 年")} == {
            name: row[name] for name in ("age", "cabin class", "embarked", NAME, "возраст 年")
        }
        assert (found["boarded"] and found["boarded"].isoformat()) == (
            row["boarded"] and f"{row['boarded'].isoformat()}T00:00:00"
        )


def test_no_answer_without_its_rows_in_the_log(ship: Any, tmp_path: Path) -> None:
    """The kernel takes no more bytes of this process' files, as if the disk were full."""
    server = ship.start(tmp_path, ship.card())
    try:
        with httpx.Client(base_url=server.url, trust_env=False, timeout=20) as client:
            assert post(client, passengers(600)).status_code == 200
            (segment,) = (tmp_path / "predictions" / "ship" / "segments").glob("*.open")
            size = segment.stat().st_size
            resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size + 100, resource.RLIM_INFINITY))
            for way in ("stream", "parquet"):
                response = post(client, passengers(600), way)
                assert response.status_code == 507 and "logged" in response.json()["error"]["what"]
            assert client.post("/predict", json=rows_of(passengers(600))).status_code == 507
            resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
            assert post(client, passengers(600)).status_code == 200
    finally:
        server.stop()
    assert reading.count(tmp_path, "ship") == 1200


def test_expectations_are_asked_of_columns_as_of_rows(ship: Any, tmp_path: Path) -> None:
    def between(severity: str, **limits: float) -> Claim:
        arguments = {"column": "age", **limits}
        return Claim(type="expect_column_values_to_be_between", arguments=arguments, severity=severity)

    claims = (between("reject", min_value=0, max_value=120), between("warn", min_value=0, max_value=90))
    server = ship.start(tmp_path, ship.card().model_copy(update={"expectations": claims}))
    frame = passengers(600).with_columns(pl.lit(30.0).alias("age"))
    old = frame.with_columns(pl.when(pl.int_range(pl.len()) == 500).then(99.0).otherwise(AGE).alias("age"))
    older = old.with_columns(AGE + 30)
    try:
        with httpx.Client(base_url=server.url, trust_env=False, timeout=20) as client:
            by_row = client.post("/predict", json=rows_of(older[500:501])).json()["error"]
            for response in (post(client, older), client.post("/predict", json=rows_of(older))):
                assert response.status_code == 422
                assert response.json()["error"] == {**by_row, "row": 500}
            told = client.post("/predict", json=rows_of(old[500:501])).json()[0]["warnings"]
            for response in (post(client, old), client.post("/predict", json=rows_of(old))):
                assert {i: each["warnings"] for i, each in enumerate(response.json()) if "warnings" in each} == {
                    500: told
                }
            table = pl.read_ipc_stream(post(client, old, accept=STREAM).content)
            assert table["warnings"].to_list() == [told if i == 500 else [] for i in range(600)]
    finally:
        server.stop()


def test_a_regression_is_answered_by_columns(ship: Any, tmp_path: Path) -> None:
    server = ship.start(tmp_path, ship.card("regression"))
    frame = passengers(300).with_columns(AGE.replace({1e308: None, -1e308: None}))
    try:
        with httpx.Client(base_url=server.url, trust_env=False, timeout=20) as client:
            answers = client.post("/predict", json=rows_of(frame)).json()
            table = pl.read_ipc_stream(post(client, frame, accept=STREAM).content)
            assert table.columns == ["id", "prediction"]
            assert table["prediction"].to_list() == [answer["prediction"] for answer in answers]
            mean = client.get("/v1/ship/figures").json()["in_all"]["mean"]
            assert mean == pytest.approx(table["prediction"].mean())
    finally:
        server.stop()


def test_the_champion_alone_answers_many_rows(ship: Any, tmp_path: Path) -> None:
    """A canary has its share of other requests: of columns none, of long lists as of short ones."""
    tmp_path.mkdir(exist_ok=True)
    card = ship.card()
    ship.point(tmp_path, ship.keep(tmp_path, card, "3"), ship.keep(tmp_path, card, "4", seed=1))
    server = ship.run(Serving(projects=(ship.served(tmp_path, canary=0.9),)), tmp_path, card)
    frame = passengers(300)
    try:
        with httpx.Client(base_url=server.url, trust_env=False, timeout=20) as client:
            of_columns = {each["model"]["version"] for _ in range(9) for each in post(client, frame).json()}
            of_lists = {
                each["model"]["version"]
                for _ in range(9)
                for each in client.post("/predict", json=rows_of(frame)).json()
            }
    finally:
        server.stop()
    assert of_columns == {"3"} and "4" in of_lists


def test_the_description_names_the_kinds_of_bodies(client: httpx.Client) -> None:
    operation = client.get("/openapi.json").json()["paths"]["/v1/ship/predict"]["post"]
    kinds = set(operation["requestBody"]["content"])
    assert kinds == {"application/json", "multipart/form-data", *(kind for kind, _ in WAYS.values())}
    assert STREAM in operation["responses"]["200"]["content"]
    assert {"400", "401", "403", "408", "413", "415", "421", "422", "429", "500", "503", "507"} < set(
        operation["responses"]
    )
    assert json.dumps(operation)
