"""`keepfit new` and `keepfit expectations`: what is written, what is refused, and that a person's lines stay."""

from __future__ import annotations

import json
import random
import sqlite3
from pathlib import Path

import pytest

from tasks.project import load_project
from tests.flows.conftest import Keepfit, Say


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def orders(file: Path, n: int = 300, factor: float = 1.0) -> Path:
    draw = random.Random(0)
    lines = ["id,day,kind,net,late"]
    for i in range(n):
        price = round(draw.lognormvariate(3, 0.4) * factor, 2)
        lines.append(f"{i},2024-0{1 + i // 100}-{1 + i % 28:02d},{draw.choice('abc')},{price},{draw.randrange(2)}")
    file.parent.mkdir(exist_ok=True)
    file.write_text("\n".join(lines) + "\n")
    return file


def test_a_file_becomes_a_project_that_loads_shows_and_holds(say: Say, tmp_path: Path) -> None:
    orders(tmp_path / "shop" / "orders.csv")
    code, told = say("new", "shop/orders.csv", "--target", "late", "--output", "shop", "--json")
    assert code == 0, told
    assert json.loads(told)["project"] == "orders"
    project = load_project(tmp_path / "shop")
    said = (tmp_path / "shop" / "project.yaml").read_text()
    assert "path: orders.csv" in said and "# split: {by: time, column: day}" in said
    assert project.expectations.raw.expectations and project.expectations.prepared.expectations
    assert project.expectations.serving is not None
    assert not any("late" in one.columns for one in project.expectations.serving.expectations)
    code, told = say("show", "shop")
    assert code == 0 and "late: binary" in told
    code, told = say("expectations", "shop", "--json")
    assert code == 0 and {one["held"] for one in json.loads(told)["expectations"]} == {True}
    code, told = say("new", "shop/orders.csv", "--target", "late", "--output", "shop")
    assert code == 2 and "is there already" in told


def test_without_a_target_the_columns_are_listed_and_nothing_is_written(say: Say, tmp_path: Path) -> None:
    orders(tmp_path / "orders.csv")
    code, told = say("new", "orders.csv")
    assert code == 2 and "kind" in told and "--target late" in told
    code, told = say("new", "orders.csv", "--target", "lat")
    assert code == 2 and "late" in told
    assert not (tmp_path / "orders").exists()


def test_a_database_is_read_by_table_and_a_password_is_not_written_down(say: Say, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("create table orders (x real, y integer)")
        connection.execute("create table empty (z integer)")
        connection.executemany("insert into orders values (?, ?)", [(i * 7 % 1013 / 2, i % 2) for i in range(400)])
    connection.close()
    code, told = say("new", f"sqlite:///{tmp_path / 'shop.db'}", "--table", "orders", "--target", "y")
    assert code == 0, told
    assert load_project(tmp_path / "shop").source.kind == "sql"
    code, told = say("new", "postgresql://me:hunter2@host/other", "--table", "orders", "--target", "y")
    assert code == 2 and "${PASSWORD}" in told and "hunter2" not in told


@pytest.mark.parametrize("data", ["nothing.csv", "notes.xyz", "empty"])
def test_what_is_no_data_is_told_in_a_sentence(data: str, say: Say, tmp_path: Path) -> None:
    (tmp_path / "notes.xyz").write_text("a")
    (tmp_path / "empty").mkdir()
    code, told = say("new", data, "--target", "y")
    assert code == 2 and data.split(".")[0] in told


def test_an_update_shows_what_no_longer_holds_and_leaves_a_persons_lines(say: Say, tmp_path: Path) -> None:
    orders(tmp_path / "shop" / "orders.csv")
    say("new", "shop/orders.csv", "--target", "late", "--output", "shop")
    file = tmp_path / "shop" / "expectations.yaml"
    said = file.read_text()
    mine = "  - expect_column_values_to_not_be_null: {column: kind, reason: mine}   # by hand"
    lines = [line for line in said.splitlines() if "column: kind, mostly" not in line]
    place = next(i for i, line in enumerate(lines) if "column: kind, type_" in line)
    lines = [
        line
        for i, line in enumerate(lines)
        if not (line.endswith("not_be_null:") and "kind" in "".join(lines[i : i + 2]))
    ]
    lines.insert(place + 1, mine)
    dangling = [
        i
        for i, line in enumerate(lines[:-1])
        if line.endswith(":") and lines[i + 1].startswith("  - ") and line.startswith("  ")
    ]
    text = "\n".join(line for i, line in enumerate(lines) if i not in dangling) + "\n"
    file.write_text(text)
    code, told = say("expectations", "shop", "--update", "--json")
    assert code == 0 and json.loads(told)["accepted"] == [] and file.read_text() == text
    assert not any("not_be_null: {column: kind" in "".join(one["diff"]) for one in json.loads(told)["changes"])
    orders(tmp_path / "shop" / "orders.csv", factor=100)
    code, told = say("expectations", "shop", "--update", "--accept", "all")
    assert code == 0 and "does not hold" in told, told
    assert mine in file.read_text()
    code, told = say("expectations", "shop", "--update", "--json")
    assert json.loads(told)["changes"] == []
    code, told = say("expectations", "shop", "--update", "--accept", "x")
    assert code == 2 and "1,3-5" in told


@pytest.mark.slow
def test_with_train_it_is_trained_at_once(keepfit: Keepfit, say: Say, tmp_path: Path) -> None:
    draw = random.Random(1)
    lines = [
        f"{(x := draw.random()):.3f},{draw.random():.3f},{int(x + 0.3 * draw.random() > 0.65)}" for _ in range(900)
    ]
    (tmp_path / "rows.csv").write_text("\n".join(["x,z,y", *lines]) + "\n")
    code, told = say("new", "rows.csv", "--target", "y", "--trials", "1")
    assert code == 2 and "--train" in told and not (tmp_path / "rows").exists()
    where = ("--target", "y", "--output", tmp_path / "rows")
    done = keepfit("new", tmp_path / "rows.csv", *where, "--train", "--trials", "2")
    assert done.code == 0, done.err
    assert "INFO" not in done.err, (
        "Prefect was imported before its server was found: it logs, and begins one of its own"
    )
    assert "wrote" in done.out and "ACCEPTED: rows version 1" in done.out
