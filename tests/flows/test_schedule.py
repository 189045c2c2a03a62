"""`keepfit schedule`: what it writes into prefect.yaml, what it leaves, what it refuses, and that Prefect takes it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.services import rest
from tests.flows.conftest import Say

ROOT = Path(__file__).resolve().parents[2]
FOREIGN = """\
# ours
name: warehouse
deployments:  # of the warehouse
- name: nightly
  entrypoint: warehouse/load.py:load   # kept
  description: |
    loads
    it

  schedules: [{interval: 3600}]

# the end
"""


def small(folder: Path, more: str = "") -> Path:
    folder.mkdir(parents=True)
    (folder / "project.yaml").write_text(
        f"name: {folder.name}\nsource: {{kind: csv, path: rows.csv}}\ntarget: y\n{more}"
    )
    (folder / "rows.csv").write_text("x,y\n" + "".join(f"{i},{i % 2}\n" for i in range(40)))
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "root").mkdir()
    monkeypatch.chdir(tmp_path / "root")
    return tmp_path / "root"


def said(file: Path) -> dict[str, Any]:
    return {
        f"{block['entrypoint'].rsplit('.')[-1]}/{block['name']}": block
        for block in yaml.safe_load(file.read_text())["deployments"]
    }


def test_a_project_without_prefect_yaml_gets_one_and_a_second_time_nothing_changes(say: Say, here: Path) -> None:
    small(here / "shop", "score: {output: answers.csv}\n")
    code, told = say("schedule", "shop", "--cron", "30 7 * * 1-5", "--timezone", "Europe/Berlin")
    assert code == 0 and "+  - name: shop" in told, told
    file = here / "shop" / "prefect.yaml"
    found = said(file)
    assert found["training/shop"]["schedules"][0]["cron"] == "30 7 * * 1-5"
    assert found["training/shop"]["schedules"][0]["timezone"] == "Europe/Berlin"
    assert found["training/shop"]["parameters"] == {"project": ".", "trigger": {"kind": "schedule"}}
    assert found["training/shop"]["triggers"][0]["match"] == {"prefect.resource.id": "keepfit.project.shop"}
    assert found["monitoring/shop"]["schedules"][0]["cron"] == "10 0 * * *"
    assert found["scoring/shop"]["schedules"]
    written = file.read_bytes()
    code, told = say("schedule", "shop", "--json")
    assert code == 0 and json.loads(told)["diff"] == [] and file.read_bytes() == written
    assert [each["next"] is not None for each in json.loads(told)["deployments"]] == [True] * 3


def test_a_file_of_other_deployments_keeps_every_line_and_two_projects_share_what_is_alike(
    say: Say, here: Path
) -> None:
    for text in (
        FOREIGN,
        FOREIGN.replace("name: warehouse\n", "name: warehouse\ndefinitions:\n    training: &training {a: 1}\n"),
    ):
        (here / "prefect.yaml").write_text(text)
        for name in ("shop", "two words"):
            if not (here / name).exists():
                small(here / name)
                (here / name / "project.yaml").write_text(
                    (here / name / "project.yaml").read_text().replace("two words", "two")
                )
            assert say("schedule", name)[0] == 0
        after = (here / "prefect.yaml").read_text()
        kept = iter(after.splitlines())
        assert all(line in kept for line in text.splitlines()), "a line is lost or moved"
        assert after.count("concurrency_limit") == 2, "what is alike is written once for training, once for monitoring"
        assert said(here / "prefect.yaml")["training/two"]["parameters"]["project"] == "two words"
        assert yaml.safe_load(after)["deployments"][0]["schedules"] == [{"interval": 3600}]


def test_another_time_changes_that_line_alone_and_dry_run_none(say: Say, here: Path) -> None:
    small(here / "titanic")
    text = (ROOT / "prefect.yaml").read_text().replace("data/titanic", "titanic")
    (here / "prefect.yaml").write_text(text)
    code, told = say("schedule", "titanic", "--cron", "0 5 * * 2", "--timezone", "Asia/Tokyo", "--dry-run")
    assert code == 0 and "Nothing was written" in told and (here / "prefect.yaml").read_text() == text
    assert say("schedule", "titanic", "--cron", "0 5 * * 2", "--timezone", "Asia/Tokyo")[0] == 0
    before, after = text.splitlines(), (here / "prefect.yaml").read_text().splitlines()
    [changed] = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert changed[1] == '      - {cron: "0 5 * * 2", timezone: Asia/Tokyo, slug: weekly}'
    assert say("schedule", "titanic", "--flow", "monitoring", "--cron", "0 2 * * *")[0] == 0
    times = [block.get("schedules") for block in yaml.safe_load((here / "prefect.yaml").read_text())["deployments"]]
    assert sum(each[0]["cron"] == "0 2 * * *" for each in times) == 1, "the others keep what they share"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--cron", "0 6 * *"], "five fields"),
        (["--cron", "0 0 30 2 *"], "never"),
        (["--timezone", "Mars/Base"], "a time zone like"),
        (["--timezone", "a: [b"], "a time zone like"),
        (["--timezone", "europe/berlin"], "Perhaps Europe/Berlin"),
        (["--flow", "scoring", "--cron", "0 6 * * *"], "score:"),
    ],
)
def test_a_time_that_is_none_is_refused_in_words_and_nothing_is_written(
    options: list[str], expected: str, say: Say, here: Path
) -> None:
    small(here / "shop")
    code, told = say("schedule", "shop", *options)
    assert code == 2 and expected in told, told
    assert not list(here.rglob("prefect.yaml"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("deployments: [{name: a, entrypoint: b}]\n", "line by line"),
        ("- a\n", "deployments:"),
        ("deployments: {a: [\n", "no YAML"),
    ],
)
def test_a_file_that_cannot_be_added_to_is_left_as_it_is(text: str, expected: str, say: Say, here: Path) -> None:
    small(here / "shop")
    (here / "prefect.yaml").write_text(text)
    code, told = say("schedule", "shop")
    assert code == 2 and expected in told, told
    assert (here / "prefect.yaml").read_text() == text


@pytest.mark.slow
def test_prefect_deploys_what_was_written(prefect_server: str, say: Say, here: Path) -> None:
    small(here / "own")
    assert say("schedule", "own", "--timezone", "Asia/Tokyo")[0] == 0
    command = [str(Path(sys.executable).with_name("prefect")), "--no-prompt", "deploy", "--all"]
    folder = here / "own"
    done = subprocess.run(
        command, cwd=folder, env=os.environ | {"PWD": str(folder)}, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = rest.post(f"{prefect_server}/deployments/filter", {"deployments": {"name": {"any_": ["own"]}}})
    assert {each["entrypoint"] for each in found} == {"flows.training.training", "flows.monitoring.monitoring"}
    zones = {each["schedules"][0]["schedule"]["timezone"] for each in found}
    assert zones == {"Asia/Tokyo", "UTC"}
    assert all(
        each["pull_steps"][0]["prefect.deployments.steps.set_working_directory"]["directory"] == str(folder)
        for each in found
    )
