"""The quarantine for people: what was held back and why, whole in a file, and let through only where it was said."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from tasks.check import Checking, check
from tasks.core import arrow, released, store
from tasks.core.errors import ProjectError, Refused
from tasks.core.expectations import RawExpectations
from tasks.core.records import Column
from tests.flows.conftest import Say

RULES = """
limit: 0.2
raw:
  - expect_column_values_to_be_between: {column: x, min_value: 0, max_value: 100, reason: a share}
  - expect_column_values_to_be_in_set: {column: kind, value_set: [a, b, c]}
"""


def project(folder: Path, limit: str = "0.2") -> Path:
    """200 rows, of which four break a rule: two of x, one of kind, one both; and one whose x is no number."""
    folder.mkdir()
    rows = [[str(i * 7 % 101), "abc"[i % 3], str(i % 2)] for i in range(200)]
    rows[3][0], rows[50][0], rows[60][1], rows[70] = "101", "-5", "z", ["200", "q", "1"]
    rows[90][0] = "many"
    (folder / "rows.csv").write_text("\n".join(["x,kind,y", *(",".join(row) for row in rows)]) + "\n")
    (folder / "project.yaml").write_text("name: small\nsource: {kind: csv, path: rows.csv}\ntarget: y\n")
    (folder / "expectations.yaml").write_text(RULES.replace("0.2", limit))
    return folder


def held(say: Say, folder: Path, *more: object) -> dict[str, object]:
    code, told = say("quarantine", folder, "--json", *more)
    assert code == 0, told
    return json.loads(told)


def checked(folder: Path) -> tuple[int, str]:
    """What is held back and told once the rows are checked again, as training does it."""
    from tasks.collect import collect
    from tasks.core import quarantined
    from tasks.project import load_project

    with store.opened(folder.parent / "home"):
        config = load_project(folder)
        with quarantined.keeping(config.name):
            raw = check.fn(collect.fn(config.source), config.expectations.raw, config.checking)
        quarantined.keep(config.name, raw.report)
        return raw.report.n_quarantined, " ".join(note.text for note in raw.dataset.notes)


def test_a_quarantine_that_is_not_there_gives_a_traceback(say: Say, tmp_path: Path) -> None:
    folder = project(tmp_path / "small")
    assert say("quarantine", tmp_path / "nowhere")[0] == 2
    code, told = say("quarantine", folder)
    assert code == 1 and "never checked" in told and "keepfit show" in told
    checked(folder)
    (tmp_path / "home" / "quarantine" / "small.json").write_text("{")
    code, told = say("quarantine", folder)
    assert code == 1 and "damaged" in told


def test_a_released_row_is_held_back_again_or_another_comes_through_with_it(say: Say, tmp_path: Path) -> None:
    folder = project(tmp_path / "small")
    assert checked(folder) == (5, "")
    before = held(say, folder)
    assert [(rule["rule"], rule["n_rows"], rule["can_be_released"]) for rule in before["rules"]] == [  # type: ignore[attr-defined,index]
        ("expect_column_type_to_be of x", 1, False),
        ("expect_column_values_to_be_between of x", 3, True),
        ("expect_column_values_to_be_in_set of kind", 2, True),
    ]
    rows = {row["number"]: row["row"] for row in before["rows"]}  # type: ignore[attr-defined,index]
    assert list(rows) == [3, 50, 60, 70, 90]

    code, told = say("quarantine", folder, "--release", rows[90])
    assert code == 2 and "cannot be let through" in told and "expected a number, found 'many'" in told
    assert say("quarantine", folder, "--release", "ffffffff")[0] == 2
    assert not (folder / "released.yaml").exists()

    assert held(say, folder, "--release", rows[3][:8], "--why", 'seen: "101" is true')["n_released"] == 1
    assert checked(folder) == (4, "one row breaks a rule; let through by released.yaml")
    assert [row["number"] for row in held(say, folder)["rows"]] == [50, 60, 70, 90]  # type: ignore[attr-defined,index]
    assert "seen" in (folder / "released.yaml").read_text()

    # A rule lets through what broke it, and all that these rows broke; the text that is no number stays.
    outcome = held(say, folder, "--release-rule", "kind")
    assert (outcome["n_released"], outcome["n_not_released"]) == (2, 0)
    assert checked(folder)[0] == 2
    outcome = held(say, folder, "--release", "all")
    assert (outcome["n_released"], outcome["n_not_released"]) == (1, 1)
    assert checked(folder) == (1, "4 rows break a rule; let through by released.yaml")

    # The row is known by its content: it may stand elsewhere, but not say anything else.
    lines = (folder / "rows.csv").read_text().splitlines()
    moved = [lines[0], lines[4], *lines[1:4], *lines[5:]]
    (folder / "rows.csv").write_text("\n".join(moved) + "\n")
    assert checked(folder)[0] == 1
    (folder / "rows.csv").write_text("\n".join(moved).replace("101,a", "102,a") + "\n")
    assert checked(folder)[0] == 2


def test_the_rows_that_stopped_a_run_are_lost(say: Say, tmp_path: Path) -> None:
    folder = project(tmp_path / "small", limit="0.001")
    with pytest.raises(Refused, match=r"keepfit quarantine PROJECT"):
        checked(folder)
    code, told = say("quarantine", folder, "--limit", 2)
    assert code == 0
    assert "The run stopped: The data have too many broken rows" in told and "found 101" in told
    assert "and 3 more" in told
    held(say, folder, "--release", "all")
    (folder / "rows.csv").write_text((folder / "rows.csv").read_text().replace("many", "7"))
    assert checked(folder)[0] == 0


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".jsonl"])
def test_an_export_holds_other_rows_than_the_quarantine(say: Say, tmp_path: Path, ending: str) -> None:
    folder, file = project(tmp_path / "small"), tmp_path / f"held{ending}"
    checked(folder)
    outcome = held(say, folder, "--export", file)
    assert outcome["n_exported"] == 5
    read = {".csv": pl.read_csv, ".parquet": pl.read_parquet, ".jsonl": pl.read_ndjson}[ending](file)
    assert read["x"].cast(pl.String).to_list() == ["101", "-5", str(60 * 7 % 101), "200", "many"]
    assert read["__row_number__"].to_list() == [3, 50, 60, 70, 90]
    assert read["__row__"].cast(pl.String).to_list() == [row["row"] for row in outcome["rows"]]  # type: ignore[attr-defined,index]
    assert read["reason"].to_list() == [row["reason"] for row in outcome["rows"]]  # type: ignore[attr-defined,index]
    assert say("quarantine", folder, "--export", tmp_path / "held.xlsx")[0] == 2


def test_what_the_source_left_out_is_not_shown_or_exported(say: Say, tmp_path: Path) -> None:
    folder = project(tmp_path / "small")
    lines = [json.dumps({"x": i % 90, "kind": "abc"[i % 3], "y": i % 2}) for i in range(100)]
    lines[7], lines[8] = "{broken", json.dumps({"x": -1, "kind": "a", "y": 1})
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "project.yaml").write_text("name: small\nsource: {kind: jsonl, path: rows.jsonl}\ntarget: y\n")
    checked(folder)
    outcome = held(say, folder, "--export", tmp_path / "held.jsonl")
    assert outcome["left_out"]["n_items"] == 1 and outcome["n_exported"] == 2  # type: ignore[index]
    read = pl.read_ndjson(tmp_path / "held.jsonl")
    assert read["x"].to_list() == [-1, None] and read["__where__"].to_list()[0] is None


def test_a_file_of_releases_that_is_broken_is_ignored(tmp_path: Path) -> None:
    file = tmp_path / "released.yaml"
    for text in ("- {row: nonsense, rule: r, when: 2026-01-01}", "[", "- 3", "rows: {}"):
        file.write_text(text)
        with pytest.raises(ProjectError, match=r"released\.yaml( cannot be read|, line \d is no YAML)"):
            released.load(file)
    file.write_text("# nothing yet\n")
    assert released.load(file) == {}


def test_a_row_released_from_one_rule_may_break_another(open_store: Path) -> None:
    frame = pl.DataFrame({"x": [500, 1, 2], "t": ["z", "a", "a"]})
    columns = (Column(name="x", type="integer", n_missing=0), Column(name="t", type="text", n_missing=0))
    table = frame.to_arrow().cast(arrow.normal_schema(frame.to_arrow().schema, "the test"))
    dataset = store.dataset("raw", store.put_parts(table.to_batches(), table.schema), columns)
    rules = RawExpectations.model_validate({"limit": 0.9, "expectations": [
        {"expect_column_values_to_be_between": {"column": "x", "max_value": 100}},
        {"expect_column_values_to_be_in_set": {"column": "t", "value_set": ["a"]}},
    ]})  # fmt: skip
    (key, *_) = released.keys(table.to_batches()[0])
    one = Checking(released={key: ("expect_column_values_to_be_between of x",)})
    found = check.fn(dataset, rules, one).report
    assert found.n_quarantined == 1 and [each.column for each in found.failed] == ["t"]
    both = (*one.released[key], "expect_column_values_to_be_in_set of t")
    assert check.fn(dataset, rules, Checking(released={key: both})).report.n_quarantined == 0
