"""Batch predictions: every row once, in any format, and an output that is whole or not there."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from flows import scoring
from tasks.core import store
from tasks.core.errors import DataError, UsageError
from tasks.core.records import Member
from tasks.scoring.scorer import Scorer
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
    assert scoring.score(scorer, source, output) == 300
    found = read(output)
    assert found["id"].to_list() == list(range(300))
    assert found.columns == ["x", "kind", "id", "prediction", "probability_no", "probability_yes"]
    expected = scorer.predict(ROWS)
    assert found["prediction"].to_list() == expected["prediction"].to_list()
    assert found["probability_yes"].to_list() == pytest.approx(expected["probability_yes"].to_list(), abs=1e-15)


def test_answering_a_file_of_answers_replaces_them(scorer: Scorer, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    ROWS.with_columns(prediction=pl.lit("old")).write_csv(file)
    assert scoring.score(scorer, file, file) == 300
    assert set(read(file)["prediction"]) == {"yes", "no"}


def test_a_row_that_cannot_be_answered_leaves_the_output_as_it_was(scorer: Scorer, tmp_path: Path) -> None:
    file, output = tmp_path / "rows.csv", tmp_path / "answers.csv"
    file.write_text("x,kind\n1,a\nmany,b\n")
    output.write_text("yesterday's")
    with pytest.raises(DataError, match="'x'"):
        scoring.score(scorer, file, output)
    assert output.read_text() == "yesterday's" and sorted(tmp_path.iterdir()) == [output, file]


@pytest.mark.parametrize(("rows", "output"), [("rows.txt", "a.csv"), ("rows.csv", "a.xlsx"), ("rows.csv", "no/a.csv")])
def test_names_that_say_no_format_and_folders_that_are_not_there_are_wrong_use(
    scorer: Scorer, tmp_path: Path, rows: str, output: str
) -> None:
    (tmp_path / rows).write_text("x,kind\n1,a\n")
    with pytest.raises(UsageError):
        scoring.score(scorer, tmp_path / rows, tmp_path / output)
