"""What the documents say is what there is: commands, options, kinds and projects are named, links lead somewhere."""

from __future__ import annotations

import argparse
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import polars as pl
import pytest
import yaml

from flows.arguments import parser
from flows.helping import GROUPS
from tasks.core import store
from tasks.core.functions import FUNCTIONS
from tasks.models import FAMILIES
from tasks.monitoring.section import Monitor
from tasks.project import Project, load_project
from tasks.scoring.scorer import Scorer
from tasks.sources import Source
from tests.watched import dated_rows, trained

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "data").rglob("*.md")]
PROJECTS = sorted(found.parent for found in (ROOT / "data").glob("*/project.yaml"))


def commands() -> dict[str, argparse.ArgumentParser]:
    action = next(found for found in parser()._actions if isinstance(found, argparse._SubParsersAction))
    return action.choices


def test_every_command_and_option_is_named_in_the_readme() -> None:
    for name, command in commands().items():
        assert f"`keepfit {name}" in README
        for action in command._actions:
            for option in action.option_strings:
                assert option in README or option in ("-h", "--help"), f"keepfit {name} {option}"


def test_help_names_every_command_once_by_its_purpose_and_each_ends_with_an_example_that_is_taken() -> None:
    examples = {name: example for group in GROUPS.values() for name, example in group.items()}
    assert sum(map(len, GROUPS.values())) == len(examples) and examples.keys() == commands().keys()
    overview = parser().format_help()
    assert all(purpose in overview for purpose in GROUPS) and max(map(len, overview.splitlines())) <= 120
    for name, example in examples.items():
        program, *words = shlex.split(example)
        assert program == "keepfit" and parser().parse_args(words).command == name
        assert commands()[name].format_help().splitlines()[-1] == f"Example: {example}"
        assert f"  {name} " in overview and f"$ {example}\n" in overview


def test_every_key_of_project_yaml_is_named_in_the_readme() -> None:
    for key, field in Project.model_fields.items():
        assert f"{field.alias or key}:" in README, key


def test_every_kind_of_source_and_every_model_family_is_named() -> None:
    for kind in get_args(get_args(Source)[0]):
        assert f"`{kind.model_fields['kind'].default}`" in README
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for family in FAMILIES:
        assert family in changelog


def test_every_function_of_declared_features_has_a_line_of_help() -> None:
    assert FUNCTIONS
    for name in FUNCTIONS:
        assert f"`{name}`" in (ROOT / "docs" / "declared-features.md").read_text(encoding="utf-8"), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if not link.startswith("http"):
            assert (page.parent / link).exists(), link


@pytest.mark.parametrize("folder", PROJECTS, ids=lambda folder: folder.name)
def test_every_example_project_loads_is_deployed_and_says_where_its_data_are_from(folder: Path) -> None:
    project = load_project(folder)
    assert project.name == folder.name
    assert project.expectations.raw.expectations
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert "**Source**" in readme and "**Licence**" in readme
    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    mine = [found for found in deployments if found["parameters"]["project"] == f"data/{folder.name}"]
    assert mine and mine[0]["schedules"]
    assert mine[0]["triggers"][0]["match"] == {"prefect.resource.id": f"keepfit.project.{project.name}"}


def test_the_lock_pins_every_version_and_names_no_index() -> None:
    for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines():
        assert re.match(r"^[a-z0-9._-]+==[^ ]+( ; .+)?$", line), line


def test_nothing_but_the_standard_library_and_the_dependencies_is_imported() -> None:
    # What only the tests need must not be needed to run.
    import ast

    for file in [*(ROOT / "flows").rglob("*.py"), *(ROOT / "tasks").rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not {name.split(".")[0] for name in names} & {"pytest", "hypothesis", "lightgbm", "tests"}, file


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_a_page_shows_is_taken(page: Path) -> None:
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = "\n".join(re.findall(r"^ *```(?:sh|console)\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL))
    for line in re.findall(
        r"^ *(?:\$ )?(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?keepfit ([a-z-][^|&\n]*)", blocks, re.MULTILINE
    ):
        parser().parse_args(shlex.split(line, comments=True))
    for name, rest in re.findall(r"`keepfit ([a-z]+)([^`]*)`", text):
        options = set(re.findall(r"(?<![\w-])--[a-z-]+", rest))
        assert options <= commands()[name]._option_string_actions.keys(), f"keepfit {name}{rest}"


def test_the_model_file_answers_without_keepfit(open_store: Path, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "leaving.md").read_text(encoding="utf-8")
    (code,) = (found for found in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "InferenceSession" in found)
    champion = trained(dated_rows(20, 40), Monitor()).champion
    shutil.copy(store.path(champion.artifact), tmp_path / "model.onnx")
    code = re.sub(r"row = .*", 'row = {"x": 52.0, "kind": "b"}', code).replace("session.run", "print(*session.run")
    told = subprocess.check_output([sys.executable, "-c", code.rstrip() + ")"], cwd=tmp_path, text=True)
    scorer = Scorer.open(store.path(champion.artifact), champion.artifact.digest)
    known = scorer.predict(pl.DataFrame({"x": [52.0], "kind": ["b"]})).select(pl.exclude("prediction"))
    assert [float(each) for each in re.findall(r"\d\.\d+", told)] == pytest.approx(known.row(0), abs=1e-7)
