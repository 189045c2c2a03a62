"""Batch predictions: every row once, in any format, and an output that is whole or not there."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import numpy as np
import PIL.Image
import polars as pl
import pyarrow.parquet as pq
import pytest

from flows import answering
from tasks.check import check, check_splits
from tasks.collect import collect
from tasks.core import store
from tasks.core.duplicates import Duplicates
from tasks.core.errors import DataError, UsageError
from tasks.core.expectations import PreparedExpectations, RawExpectations
from tasks.core.model_records import Member
from tasks.outputs import formats
from tasks.prepare import Preparation, prepare
from tasks.scoring.scorer import Scorer
from tasks.sources.images import Images
from tasks.train import Training, train
from tests.conftest import splits_of

ROWS = pl.DataFrame({"x": [i % 17 / 2 for i in range(300)], "kind": [["a", "b", None][i % 3] for i in range(300)]})


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    with store.opened(tmp_path_factory.mktemp("home")):
        answers = pl.Series("y", ["yes" if x > 4 else "no" for x in ROWS["x"]])
        splits = splits_of(ROWS.with_columns(answers), "y")
        member = Member(family="tree", params='{"max_depth": 3, "min_samples_leaf": 5}', weight=1.0, score=0.1)
        model = train.fn((member,), splits, Training(threads=1), "log_loss", "small")
        return Scorer.open(store.path(model.artifact), model.digest)


def read(path: Path) -> pl.DataFrame:
    readers = {".csv": pl.read_csv, ".parquet": pl.read_parquet, ".jsonl": pl.read_ndjson}
    return readers[path.suffix](path)


@pytest.mark.parametrize("given", [".csv", ".parquet", ".jsonl"])
@pytest.mark.parametrize("wanted", [".csv", ".parquet", ".jsonl"])
def test_rows_come_back_in_order_with_their_answers(scorer: Scorer, tmp_path: Path, given: str, wanted: str) -> None:
    source, output = tmp_path / f"rows{given}", tmp_path / f"answers{wanted}"
    frame = ROWS.with_columns(id=pl.int_range(300))
    {".csv": frame.write_csv, ".parquet": frame.write_parquet, ".jsonl": frame.write_ndjson}[given](source)
    assert answering.score(scorer, source, output) == 300
    found = read(output)
    assert found["id"].to_list() == list(range(300))
    assert found.columns == ["x", "kind", "id", "prediction", "probability_no", "probability_yes"]
    expected = scorer.predict(ROWS)
    assert found["prediction"].to_list() == expected["prediction"].to_list()
    assert found["probability_yes"].to_list() == pytest.approx(expected["probability_yes"].to_list(), abs=1e-15)


def test_answering_a_file_of_answers_replaces_them(scorer: Scorer, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    ROWS.with_columns(prediction=pl.lit("old")).write_csv(file)
    assert answering.score(scorer, file, file) == 300
    assert set(read(file)["prediction"]) == {"yes", "no"}


def test_a_row_that_cannot_be_answered_leaves_the_output_as_it_was(scorer: Scorer, tmp_path: Path) -> None:
    file, output = tmp_path / "rows.csv", tmp_path / "answers.csv"
    file.write_text("x,kind\n1,a\nmany,b\n")
    output.write_text("yesterday's")
    with pytest.raises(DataError, match="'x'"):
        answering.score(scorer, file, output)
    assert output.read_text() == "yesterday's" and sorted(tmp_path.iterdir()) == [output, file]


@pytest.mark.parametrize(("rows", "output"), [("rows.txt", "a.csv"), ("rows.csv", "a.xlsx"), ("rows.csv", "no/a.csv")])
def test_names_that_say_no_format_and_folders_that_are_not_there_are_wrong_use(
    scorer: Scorer, tmp_path: Path, rows: str, output: str
) -> None:
    (tmp_path / rows).write_text("x,kind\n1,a\n")
    with pytest.raises(UsageError):
        answering.score(scorer, tmp_path / rows, tmp_path / output)


# Images: what cannot be read has no answer, and the others do


def png(shade: int) -> bytes:
    file = io.BytesIO()
    PIL.Image.fromarray((np.arange(64).reshape(8, 8) % 7 * 9 + shade).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    folder = tmp_path_factory.mktemp("shades")
    for shade in range(200):
        file = folder / ("dark" if shade < 100 else "light") / f"{shade:03}.png"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(png(shade))
    with store.opened(tmp_path_factory.mktemp("home")):
        raw = check.fn(collect.fn(Images(path=str(folder))), RawExpectations())
        # Each shade is nearly the one before it.
        section = Preparation(target="label", duplicates=Duplicates(near="ignore"))
        splits = check_splits.fn(prepare.fn(raw, section), PreparedExpectations())
        member = Member(family="linear", params='{"penalty": 1.0}', weight=1.0, score=0.1)
        model = train.fn((member,), splits, Training(threads=1), "log_loss", "shades")
        return Scorer.open(store.path(model.artifact), model.digest)


def test_a_folder_of_images_is_not_answered(pictures: Scorer, tmp_path: Path) -> None:
    folder, output = tmp_path / "new", tmp_path / "answers.csv"
    folder.mkdir()
    for name, data in {"a.png": png(5), "b.png": png(195), "c.png": png(180)[:60]}.items():
        (folder / name).write_bytes(data)
    assert answering.score(pictures, folder, output) == 3
    found = read(output)
    assert found.columns == ["__file__", "prediction", "probability_dark", "probability_light", "__problem__"]
    assert found["prediction"].to_list() == ["dark", "light", None]
    problems = found["__problem__"].to_list()
    assert problems[:2] == [None, None] and problems[2]


def test_one_image_or_one_row_is_not_answered(pictures: Scorer, tmp_path: Path) -> None:
    file = tmp_path / "one.png"
    file.write_bytes(png(190))
    (found,) = answering.answers(pictures, file)
    assert found["prediction"].to_list() == ["light"]
    row = json.dumps({"image": base64.b64encode(png(3)).decode()})
    assert answering.answer(pictures, row)["prediction"].to_list() == ["dark"]
    written = io.BytesIO()
    assert formats.write_jsonl(written, iter([found])) == 1
    assert json.loads(written.getvalue())["prediction"] == "light"


def test_parquet_looks_up_numbers_that_never_come_again(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"x": [i / 7 for i in range(400)], "kind": [f"k{i % 3}" for i in range(400)], "l": [[1]] * 400}
    )
    formats.write(tmp_path / "rows.parquet", iter([frame, frame]), "--output")
    assert pl.read_parquet(tmp_path / "rows.parquet").equals(pl.concat([frame, frame]))
    group = pq.ParquetFile(tmp_path / "rows.parquet").metadata.row_group(0)
    assert [group.column(i).has_dictionary_page for i in range(2)] == [False, True]


@pytest.mark.parametrize(
    ("row", "told"),
    [("{", "no JSON"), ("[1]", "an object"), ('{"imagee": null}', "imagee"), ('{"image": "%"}', "base64")],
)
def test_a_row_that_is_none_gives_a_traceback(pictures: Scorer, row: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        answering.answer(pictures, row)


def test_rows_on_standard_input_are_not_answered(
    pictures: Scorer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lines = [{"image": base64.b64encode(png(2)).decode()}, {"image": base64.b64encode(b"none").decode()}]
    given = io.TextIOWrapper(io.BytesIO("\n".join(map(json.dumps, lines)).encode()))
    monkeypatch.setattr("sys.stdin", given)
    found = pl.concat(answering.answers(pictures, Path("-")))
    assert found["prediction"].to_list() == ["dark", None]
    assert found["__problem__"][1]
