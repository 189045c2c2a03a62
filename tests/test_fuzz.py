"""Broken files: whatever an example's files are made of, there is a result or a sentence, and soon.

`KEEPFIT_MUTATIONS=1000 pytest tests/test_fuzz.py` tries a thousand of each example, and `1000:2000` other ones; a few
by default. With `--junitxml=FILE -o junit_family=xunit1` the file says what was done and how far each came; with `-vv`
the last line names the one at which all hangs.
"""

from __future__ import annotations

import faulthandler
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.appraise import appraise
from tasks.check import check, check_splits
from tasks.collect import collect
from tasks.core import store
from tasks.core.errors import KeepfitError, Refused, UsageError
from tasks.core.imports import ROOT
from tasks.examine import examine
from tasks.prepare import prepare
from tasks.project import Project, load_project
from tasks.select_model import select_model
from tasks.sources import patience
from tests.mutations import mend, spoil

EXAMPLES = sorted(file.parent.name for file in (ROOT / "data").glob("*/project.yaml"))
MUTATIONS = range(*map(int, os.environ.get("KEEPFIT_MUTATIONS", "4").split(":")))
HANGS = 60.0
"""Seconds; the slowest example takes a few."""
LONGEST = 3000
"""Characters of a sentence that somebody still reads."""

Place = Callable[[str], Path]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The folder with a copy of an example, and beside it a home that holds its rows; made once, for it takes long."""
    root = tmp_path_factory.mktemp("examples")

    def made(example: str) -> Path:
        folder = root / example / "project"
        if not folder.exists():
            shutil.copytree(ROOT / "data" / example, folder)
            with store.opened(root / example / "home"):
                collect.fn(load_project(folder).source)
        return folder.parent

    return made


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "home"
    shutil.rmtree(tmp_path / "home", ignore_errors=True)


@pytest.fixture
def _ends_when_it_hangs(pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # Even a query that is read as another one is given up by SQLite itself.
    monkeypatch.setattr(patience, "LONGEST", HANGS / 3)
    # What hangs in C cannot be interrupted; the process then ends and says where it was, past pytest's capturing.
    capturing: Any = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capturing.global_and_fixture_disabled():
        stderr = os.dup(2)
    faulthandler.dump_traceback_later(HANGS, exit=True, file=stderr)
    yield
    faulthandler.cancel_dump_traceback_later()
    os.close(stderr)


def outcome(folder: Path, home: Path) -> tuple[str, KeepfitError | None]:
    """The last step that was begun, of those before tuning, and the error it ended with."""
    step = "load"
    try:
        with store.opened(home):
            project = load_project(folder)
            sections(project)
            step = "collect"
            collected = collect.fn(project.source)
            step = "check"
            checked = check.fn(collected, project.expectations.raw, project.checking)
            step = "prepare"
            splits = prepare.fn(checked, project.preparation)
            step = "check_splits"
            splits = check_splits.fn(splits, project.expectations.prepared)
            step = "appraise"
            appraise.fn(checked, splits)
            step = "examine"
            examine.fn(checked, splits)
            step = "select_model"
            select_model.fn(splits, project.selection)
    except KeepfitError as exc:
        return step, exc
    return step, None


def sections(project: Project) -> None:
    """What the later steps are given."""
    _ = project.rules, project.selection, project.tuning, project.training, project.evaluation, project.acceptance


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES)
def test_an_unbroken_example_is_refused(example: str, place: Place, home: Path) -> None:
    """Then breaking it would show nothing."""
    assert outcome(place(example) / "project", home) == ("select_model", None)


@pytest.mark.slow
@pytest.mark.usefixtures("_ends_when_it_hangs")
@pytest.mark.parametrize("seed", MUTATIONS)
@pytest.mark.parametrize("example", EXAMPLES)
def test_a_broken_file_gives_a_traceback(
    example: str, seed: int, place: Place, home: Path, record_property: Callable[[str, object], None]
) -> None:
    luck = random.Random(f"{example} {seed}")
    folder = place(example) / "project"
    if luck.random() < 0.3:
        # The unbroken rows were collected before: now it goes on from there.
        shutil.copytree(folder.parent / "home", home)
    told, touched = spoil(luck, folder)
    print(told)  # pytest shows it beside a failure
    try:
        step, refused = outcome(folder, home)
    finally:
        mend(folder, ROOT / "data" / example, touched)
    record_property("told", told)
    record_property("outcome", f"{step}: {type(refused).__name__ if refused else 'result'}")
    if refused is not None:
        said = str(refused)
        print(said)
        record_property("said", said)
        assert isinstance(refused, UsageError | Refused), "nothing but the files is amiss"
        assert said.strip()
        assert len(said) < LONGEST
        said.encode()
