"""Batches: each row once in the output and in the log, whatever was killed; and nobody's rows lost or taken twice."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from tasks.batch_scoring.scored import Scored
from tasks.batch_scoring.section import Wanted
from tasks.core import progress, store
from tasks.core.errors import DataError, UsageError
from tasks.core.model_records import Champion, Member
from tasks.core.records import Claim
from tasks.outputs import File
from tasks.score import read_rows, score_rows
from tasks.scoring.scorer import Scorer
from tasks.serving.section import Log
from tasks.sources.csv import Csv
from tasks.sources.parquet import Parquet
from tasks.train import Training, train
from tests.conftest import splits_of

ROWS = pl.DataFrame({"x": [i % 17 / 2 for i in range(300)], "kind": [["a", "b", None][i % 3] for i in range(300)]})
RULE = Claim(type="expect_column_values_to_be_between", arguments={"column": "x", "max_value": 100}, severity="reject")
KILLED = """
import os, signal, sys
from pathlib import Path
from tasks.batch_scoring.section import Wanted
from tasks.core import progress, store
from tasks.core.model_records import Champion
from tasks.score import read_rows, score_rows
from tasks.serving.section import Log

home, wanted, champion, at = sys.argv[1:]
wanted, champion = Wanted.model_validate_json(wanted), Champion.model_validate_json(champion)

def listen(step, text, done, total):
    if step == "score_rows" and total and done >= int(at):
        os.kill(os.getpid(), signal.SIGKILL)

progress.listener.set(listen)
with store.opened(Path(home)):
    batch = read_rows.fn("small", wanted, champion).batch
    score_rows.fn("small", wanted, batch, champion, Log())
"""


@dataclass(frozen=True)
class Small:
    """A small model that is the champion, in an open store."""

    champion: Champion

    def score(self, source: Path, output: Path, log: bool = False, version: str | None = None) -> list[Scored]:
        """What one run of the flow does."""
        champion = self.champion.model_copy(update={"version": version} if version else {})
        wanted, scored = self.wanted(source, output, log), []
        while (pinned := read_rows.fn("small", wanted, champion)).batch is not None:
            scored.append(score_rows.fn("small", wanted, pinned.batch, champion, Log()))
            if not pinned.resumed:
                break
        return scored

    @staticmethod
    def wanted(source: Path, output: Path, log: bool = False) -> Wanted:
        kind = Csv if "csv" in source.name else Parquet
        return Wanted(source=kind(path=str(source)), output=File(path=str(output)), log=log)

    def interrupted(self, source: Path, output: Path, log: bool = False) -> None:
        """The same, ended by the first sign that more than 40,000 rows are done."""
        token = progress.listener.set(_interrupt)
        with pytest.raises(KeyboardInterrupt):
            self.score(source, output, log)
        progress.listener.reset(token)

    def killed(self, home: Path, wanted: Wanted, at: int) -> None:
        """The same in a process that is killed when so many rows are done."""
        arguments = [str(home), wanted.model_dump_json(), self.champion.model_dump_json(), str(at)]
        done = subprocess.run([sys.executable, "-c", KILLED, *arguments], capture_output=True, text=True, timeout=60)
        assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with store.opened(tmp_path_factory.mktemp("home")) as home:
        yield home


@pytest.fixture(scope="module")
def small(home: Path) -> Small:
    splits = splits_of(ROWS.with_columns(pl.Series("y", ["yes" if x > 4 else "no" for x in ROWS["x"]])), "y")
    member = Member(family="tree", params='{"max_depth": 3, "min_samples_leaf": 5}', weight=1.0, score=0.1)
    model = train.fn((member,), splits, Training(threads=1, rules=(RULE,)), "log_loss", "small")
    return Small(Champion(version="3", artifact=model.artifact))


def many(file: Path, n_rows: int) -> Path:
    pl.concat([ROWS] * (n_rows // 300 + 1)).head(n_rows).with_columns(id=pl.int_range(n_rows)).write_parquet(file)
    return file


def _interrupt(step: str, text: str, done: int, total: int | None) -> None:
    if step == "score_rows" and total is not None and done > 40_000:
        raise KeyboardInterrupt


def test_the_answers_are_the_models_and_say_which_version_gave_them(small: Small, tmp_path: Path) -> None:
    [scored] = small.score(many(tmp_path / "rows.parquet", 70_000), output := tmp_path / "answers.parquet")
    assert (scored.n_rows, scored.n_answered, scored.n_refused, scored.n_remembered) == (70_000, 70_000, 0, 0)
    assert scored.versions == {"3": 70_000}
    found = pl.read_parquet(output)
    names = ["x", "kind", "id", "prediction", "probability_no", "probability_yes", "model_version", "scored_at"]
    assert found.columns == names
    assert found["id"].to_list() == list(range(70_000)) and set(found["model_version"]) == {"3"}
    scorer = Scorer.open(store.path(small.champion.artifact))
    assert found["probability_yes"][:300].equals(scorer.predict(ROWS)["probability_yes"])


def test_a_row_that_cannot_be_answered_stops_the_others_or_vanishes(small: Small, tmp_path: Path) -> None:
    source, output = tmp_path / "rows.csv", tmp_path / "answers.csv"
    source.write_text("x,kind\n1,a\nmany,b\n101,a\n,b\n102,b\n")
    [scored] = small.score(source, output)
    assert (scored.n_answered, scored.n_refused) == (2, 3)
    assert dict(scored.reasons)["Column 'x' cannot be read: expected numbers"] == 1
    assert sorted(n_rows for _, n_rows in scored.reasons) == [1, 2], "rows of one fault are counted together"
    assert pl.read_csv(output)["x"].to_list() == [1, None]
    assert scored.refused == str(tmp_path / "answers.refused.csv")
    refused = pl.read_csv(scored.refused)
    assert refused["x"].to_list() == ["many", "101", "102"] and "found 101" in refused["__problem__"][1]
    source.write_text("x,kind\n1,a\n")
    small.score(source, output)
    assert not Path(scored.refused).exists(), "nobody takes yesterday's refused rows for today's"


@pytest.mark.parametrize("text", ["kind\na\n", "x,kind\n", ""])
def test_rows_that_no_model_can_be_asked_are_pinned(small: Small, tmp_path: Path, text: str) -> None:
    source, output = tmp_path / "rows.csv", tmp_path / "answers.csv"
    source.write_text(text)
    output.write_text("yesterday's")
    with pytest.raises(DataError):
        small.score(source, output)
    assert output.read_text() == "yesterday's"
    source.write_text("x,kind\n1,a\n")
    assert small.score(source, output)[0].n_rows == 1


@pytest.mark.parametrize("name", ["answers.xlsx", "no/answers.csv"])
def test_an_output_that_cannot_be_written_is_found_out_at_the_end(small: Small, tmp_path: Path, name: str) -> None:
    (tmp_path / "rows.csv").write_text("x,kind\n1,a\n")
    with pytest.raises(UsageError):
        small.score(tmp_path / "rows.csv", tmp_path / name)


def test_unchanged_rows_are_answered_again(small: Small, tmp_path: Path) -> None:
    source, output = many(tmp_path / "rows.parquet", 100), tmp_path / "answers.csv"
    assert small.score(source, output) and not small.score(source, output)
    assert small.score(source, output, version="4")[0].versions == {"4": 100}, "another champion answers anew"
    output.unlink()
    assert small.score(source, output, version="4"), "the answers are gone"
    many(source, 101)
    assert small.score(source, output, version="4")[0].n_rows == 101


def test_a_folder_takes_only_what_is_new(small: Small, tmp_path: Path) -> None:
    source, output = tmp_path / "csvs", tmp_path / "answers"
    source.mkdir()
    for number in range(3):
        (source / f"{number}.csv").write_text(f"x,kind,id\n1,a,{number}\n")
        assert [each.n_rows for each in small.score(source, output)] == [1]
        assert not small.score(source, output)
    assert pl.read_parquet(output / "*.parquet")["id"].to_list() == [0, 1, 2]
    (source / "1.csv").write_text("x,kind,id\n1,a,7\n")
    with pytest.raises(DataError, match="--again"):
        small.score(source, output)


def test_rows_of_a_broken_run_are_asked_twice_or_lost(small: Small, tmp_path: Path) -> None:
    source, output = many(tmp_path / "rows.parquet", 400_000), tmp_path / "answers"
    small.interrupted(source, output)
    assert not list(output.glob("*.parquet"))
    many(source, 100)  # what was begun is finished as it was, and the rows that are there now follow
    first, second = small.score(source, output, version="4")
    assert first.n_rows == 400_000 and first.n_remembered == first.versions["3"] >= 65_536
    assert first.versions["3"] + first.versions["4"] == 400_000
    assert second.n_rows == 100


@pytest.mark.slow
def test_rows_are_lost_or_there_twice_after_kill_9(small: Small, home: Path, tmp_path: Path) -> None:
    source, output = many(tmp_path / "rows.parquet", 200_000), tmp_path / "answers.parquet"
    for at in (1, 100_000):
        small.killed(home, small.wanted(source, output), at)
        assert not output.exists(), "a file appears whole"
    [scored] = small.score(source, output)
    assert scored.n_rows == 200_000 and scored.n_remembered >= 98_304
    assert pl.read_parquet(output)["id"].to_list() == list(range(200_000))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["answers.parquet", "rows.parquet"]
