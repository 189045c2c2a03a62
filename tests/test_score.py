"""Batches: each row once in the output and in the log, whatever was killed; and nobody's rows lost or taken twice."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from flows.arguments import parser
from tasks.batch_scoring.scored import Scored
from tasks.batch_scoring.section import Wanted
from tasks.core import progress, store
from tasks.core.errors import DataError, ProjectError, Unavailable, UsageError
from tasks.core.intake import Intake
from tasks.core.model_records import Champion, Member
from tasks.core.predictions import reading
from tasks.core.predictions.compaction import compact
from tasks.core.predictions.layout import folder_of
from tasks.core.records import Claim
from tasks.outputs import Table
from tasks.project import load_project
from tasks.score import read_rows, score_rows
from tasks.scoring.scorer import Scorer
from tasks.serving.section import Log
from tasks.sources.csv import Csv
from tasks.sources.parquet import Parquet
from tasks.sources.sql import Sql
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
from tasks.outputs import Table
from tasks.project import load_project
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

    def score(
        self, source: Path | Sql, output: Path | str, log: bool = False, version: str | None = None
    ) -> list[Scored]:
        """What one run of the flow does."""
        champion = self.champion.model_copy(update={"version": version} if version else {})
        wanted, scored = self.wanted(source, output, log), []
        while (pinned := read_rows.fn("small", wanted, champion)).batch is not None:
            scored.append(score_rows.fn("small", wanted, pinned.batch, champion, Log()))
            if not pinned.resumed:
                break
        return scored

    @staticmethod
    def wanted(source: Path | Sql, output: Path | str, log: bool = False) -> Wanted:
        if isinstance(source, Path):
            source = Csv(path=str(source)) if "csv" in source.name else Parquet(path=str(source))
        return Wanted.model_validate({"source": source, "output": str(output), "log": log})

    def interrupted(self, source: Path, output: Path | str, log: bool = False) -> None:
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


def test_answers_are_among_the_rows_that_are_scored_next(small: Small, tmp_path: Path) -> None:
    (folder := tmp_path / "csvs").mkdir()
    (folder / "rows.csv").write_text("x,kind\n1,a\n")
    with pytest.raises(UsageError, match="among the rows"):
        small.score(folder, folder / "answers.csv")


def test_unchanged_rows_are_answered_again(small: Small, tmp_path: Path) -> None:
    source, output = many(tmp_path / "rows.parquet", 100), tmp_path / "answers.csv"
    assert small.score(source, output) and not small.score(source, output)
    assert small.score(source, output, version="4")[0].versions == {"4": 100}, "another champion answers anew"
    output.unlink()
    assert small.score(source, output, version="4"), "the answers are gone"
    assert small.score(many(tmp_path / "others.parquet", 7), output, version="4")
    assert small.score(source, output, version="4"), "the answers are to other rows"
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
    (source / "0.csv").unlink()
    assert not small.score(source, output), "files that were scored are put away"
    (source / "3.csv").write_text("x,kind,id\n1,a,3\n")
    assert [each.n_rows for each in small.score(source, output)] == [1]
    (source / "1.csv").write_text("x,kind,id\n1,a,7\n")
    with pytest.raises(DataError, match="--again"):
        small.score(source, output)


def test_an_inbox_in_which_nothing_lies_is_a_failure_of_the_nightly_run(small: Small, tmp_path: Path) -> None:
    source, output = tmp_path / "csvs", tmp_path / "answers"
    source.mkdir()
    assert not small.score(source, output), "nothing yet"
    (source / "0.csv").write_text("x,kind\n1,a\n")
    assert small.score(source, output)
    (source / "0.csv").rename(tmp_path / "done.csv")
    assert not small.score(source, output), "nothing any more"
    with pytest.raises(DataError, match="no file to read"):
        small.score(source, tmp_path / "answers.csv")  # a file takes the answers to all rows, of which there are none
    with pytest.raises(DataError):
        small.score(tmp_path / "csv", output)  # misspelt


def test_rows_of_a_broken_run_are_asked_twice_or_lost(small: Small, tmp_path: Path) -> None:
    source, output = many(tmp_path / "rows.parquet", 400_000), tmp_path / "answers"
    small.interrupted(source, output)
    assert not list(output.glob("*.parquet"))
    many(source, 100)  # what was begun is finished as it was, and the rows that are there now follow
    first, second = small.score(source, output, version="4")
    assert first.n_rows == 400_000 and first.n_remembered == first.versions["3"] >= 65_536
    assert first.versions["3"] + first.versions["4"] == 400_000
    assert second.n_rows == 100


def table(file: Path, what: str = "select * from scores order by rowid") -> list[dict[str, object]]:
    with closing(sqlite3.connect(file)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(what)]


def test_project_yaml_and_options_are_taken_for_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEPFIT_HOME", str(tmp_path / "home"))
    file = tmp_path / "project.yaml"
    file.write_text("name: small\nsource: rows.csv\ntarget: y\n")
    wanted = load_project(tmp_path).scoring(None, None, None)
    assert wanted.source == Csv(path=str(tmp_path / "rows.csv")) and not wanted.log
    assert wanted.output.title == str(tmp_path / "home" / "scores" / "small")
    file.write_text(file.read_text() + "score: {source: new.parquet, output: 'sqlite:///a.sqlite#t', log: true}\n")
    wanted = load_project(tmp_path).scoring(None, None, parser().parse_args(["score", str(tmp_path)]).log)
    assert wanted.source == Parquet(path=str(tmp_path / "new.parquet")) and wanted.log
    assert wanted.output == Table(path=str(tmp_path / "a.sqlite"), table="t")
    assert not load_project(tmp_path).scoring(None, None, log=False).log
    file.write_text(file.read_text() + "serve: {log: off}\n")
    with pytest.raises(UsageError, match="cannot be logged"):
        load_project(tmp_path).scoring(None, None, None)
    file.write_text(file.read_text().replace("score: {", "score: {table: t, "))
    with pytest.raises(ProjectError, match="score"):
        load_project(tmp_path)


def test_a_table_has_other_rows_than_the_source_or_has_them_twice(small: Small, tmp_path: Path) -> None:
    rows, answers = tmp_path / "rows.sqlite", tmp_path / "answers.sqlite"
    source, output = Sql(path=rows, table="rows", watermark="id"), f"sqlite:///{answers}#scores"
    with closing(sqlite3.connect(rows)) as connection:
        connection.execute('create table rows (id integer, x real, kind text, "at" timestamp)')
        for since, until in ((0, 3), (3, 3), (3, 5)):
            new = [(i, i / 2, 'a"b;,', f"2026-03-0{i + 1} 10:00:00") for i in range(since, until)]
            connection.executemany("insert into rows values (?, ?, ?, ?)", new)
            connection.commit()
            assert sum(each.n_rows for each in small.score(source, output)) == until - since
    found = table(answers)
    assert [each["id"] for each in found] == [0, 1, 2, 3, 4]
    assert (found[4]["x"], found[4]["kind"], found[4]["model_version"]) == (2.0, 'a"b;,', "3")
    [again] = Sql(path=answers, table="scores").batches(Intake())
    assert str(again.schema.field("scored_at").type) == "timestamp[us]"


def test_a_table_that_cannot_take_the_rows_ends_in_a_traceback(small: Small, tmp_path: Path) -> None:
    source, answers = many(tmp_path / "rows.parquet", 10), tmp_path / "answers.sqlite"
    with closing(sqlite3.connect(answers)) as connection:
        connection.execute("create table scores (id integer, x text)")
    with pytest.raises(DataError, match="no column 'kind'"):
        small.score(source, f"sqlite:///{answers}#scores")
    assert small.score(source, f"sqlite:///{answers}#others")[0].n_rows == 10, "another table will do"
    for output in (f"sqlite:///{source}#scores", "postgresql://nobody:secret@127.0.0.1:1/x#scores"):
        with pytest.raises((DataError, Unavailable)) as told:
            small.score(source, output)
        assert "secret" not in str(told.value)


def test_the_log_has_rows_of_a_batch_twice_or_not_as_they_were_answered(
    small: Small, home: Path, tmp_path: Path
) -> None:
    source, output = many(tmp_path / "rows.parquet", 150_000), f"sqlite:///{tmp_path / 'answers.sqlite'}#scores"
    small.score(many(tmp_path / "few.parquet", 1), output)
    with closing(sqlite3.connect(tmp_path / "answers.sqlite")) as connection:
        connection.execute("delete from scores")
        stops = "before insert on scores when new.id = 70000 begin select raise(abort, 'not this one'); end"
        connection.execute(f"create trigger stops {stops}")
        connection.commit()
        with pytest.raises(DataError, match="not this one"):
            small.score(source, output, log=True)
        assert connection.execute("select count(*) from scores").fetchone() == (65_536,), "its chunk is not there"
        connection.execute("drop trigger stops")
    folder = folder_of(home, "small")
    assert reading.count(home, "small") == 98_304, "its chunk is in the log"
    compact(folder, now=datetime.now(UTC) + timedelta(days=2))  # what was logged lies in a day's file by now
    [scored] = small.score(source, output, log=True, version="4")
    assert scored.n_logged == scored.n_rows == 150_000
    logged = pl.DataFrame(reading.table(reading.read(home, "small")))
    assert logged.height == logged["__id__"].n_unique() == 150_000
    found = pl.DataFrame(table(tmp_path / "answers.sqlite"))
    assert found["id"].to_list() == list(range(150_000))
    for name, versions in (("__version__", logged["__version__"]), ("model_version", found["model_version"])):
        assert 40_000 < (versions.cast(pl.String) == "3").sum() < 150_000, name
    assert (
        logged["__version__"]
        .cast(pl.String)
        .value_counts()
        .sort("__version__")
        .equals(found["model_version"].alias("__version__").value_counts().sort("__version__"))
    )


@pytest.mark.slow
def test_rows_are_lost_or_there_twice_after_kill_9(small: Small, home: Path, tmp_path: Path) -> None:
    source, output = many(tmp_path / "rows.parquet", 200_000), tmp_path / "answers.parquet"
    small.killed(home, small.wanted(source, output), 100_000)
    assert not output.exists(), "a file appears whole"
    [scored] = small.score(source, output)
    assert scored.n_rows == 200_000 and scored.n_remembered >= 98_304
    assert pl.read_parquet(output)["id"].to_list() == list(range(200_000))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["answers.parquet", "rows.parquet"]


@pytest.mark.slow
def test_a_table_has_rows_twice_or_lacks_some_after_kill_9(small: Small, home: Path, tmp_path: Path) -> None:
    source, answers = many(tmp_path / "rows.parquet", 200_000), tmp_path / "answers.sqlite"
    wanted = small.wanted(source, f"sqlite:///{answers}#scores", log=True)
    small.killed(home, wanted, 100_000)
    assert 98_304 <= len(table(answers)) < 200_000
    small.score(source, f"sqlite:///{answers}#scores", log=True)
    assert [each["id"] for each in table(answers, "select id from scores order by rowid")] == list(range(200_000))
    assert table(answers, "select n_rows from keepfit_scoring") == [{"n_rows": 200_000}]


@pytest.mark.slow
def test_postgresql_gets_other_values_than_the_frame_has(small: Small, tmp_path: Path, postgres: str) -> None:
    import psycopg

    source, output = tmp_path / "rows.parquet", f"{postgres}#scores"
    odd = ["", None, 'a,"b"\n\\N', "Ø"]
    frame = pl.DataFrame({"x": [1.5, None, 2.0, 3.0], "kind": odd, "day": [date(2026, 3, 1)] * 4, "raw": [b"\0a"] * 4})
    frame.write_parquet(source)
    small.score(source, output)
    with psycopg.connect(postgres) as connection:
        found = connection.execute("select x, kind, day, raw, model_version, scored_at from scores").fetchall()
        assert [row[:4] for row in found] == frame.rows()
        assert found[0][4] == "3" and abs(found[0][5] - datetime.now(UTC)) < timedelta(minutes=1)
