"""What the tests of whole flows need: the `keepfit` command, run as a user runs it, in a home of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import psutil
import pytest

from flows.cli import main

Say = Callable[..., tuple[int, str]]

EXAMPLES = Path(__file__).resolve().parents[2] / "data"
SCHEMAS = EXAMPLES.parent / "docs" / "schemas"
STEPS = [
    "collect",
    "check",
    "prepare",
    "check_splits",
    "appraise",
    "examine",
    "select_model",
    "tune",
    "audit_labels",
    "train",
    "verify",
    "evaluate",
    "reference",
    "age",
    "deploy",
    "report",
]
KEEPFIT = [sys.executable, "-c", "from flows.cli import main; main()"]


def require_published(arguments: tuple[object, ...], out: str) -> None:
    """That what a command printed with --json is as its published schema says: each that a test gives is looked at."""
    if "--json" in arguments and out.strip():
        printed = json.loads(out)
        name = "error" if "error" in printed else str(arguments[0])
        schema = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
        jsonschema.Draft202012Validator(schema).validate(printed)


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Say:
    """A function that gives a command in this process and returns its exit code and what it told.

    With --json that is standard output alone: one JSON object.
    """
    monkeypatch.setenv("KEEPFIT_HOME", str(tmp_path / "home"))

    def say(*arguments: object) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        told = capfd.readouterr()
        assert "Traceback" not in told.err
        assert isinstance(ended.value.code, int)
        require_published(arguments, told.out)
        return ended.value.code, told.out + (told.err if "--json" not in arguments else "")

    return say


def living(home: Path) -> list[str]:
    """The processes that were given this home, or one within it; others may have a `keepfit up` on this machine."""
    found: list[str] = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("KEEPFIT_HOME", "").startswith(str(home)) and process.status() != "zombie":
                found.append(" ".join(process.cmdline()))
    return found


@dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        assert self.out, self.err
        return json.loads(self.out)


@dataclass(frozen=True)
class Keepfit:
    """The command, with one home."""

    home: Path
    server: str

    def start(self, *arguments: object, code: str | None = None, **variables: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", code] if code else KEEPFIT
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "PREFECT_"))
        }
        environment |= {
            "KEEPFIT_HOME": str(self.home),
            "PREFECT_API_URL": self.server,
            "PREFECT_HOME": str(self.home / "prefect"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        }
        return subprocess.Popen(
            [*command, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment | variables,
        )

    def __call__(self, *arguments: object, code: str | None = None, **variables: str) -> Finished:
        process = self.start(*arguments, code=code, **variables)
        try:
            out, err = process.communicate(timeout=240)
        finally:
            process.kill()
        require_published(arguments, out)
        return Finished(process.returncode, out, err)


@pytest.fixture
def keepfit(tmp_path: Path, prefect_server: str) -> Keepfit:
    """The command in a new home, with the tests' Prefect server."""
    return Keepfit(tmp_path / "home", prefect_server)


@pytest.fixture
def example(tmp_path: Path) -> Callable[[str], Path]:
    """A function that copies an example project, so that a test may change it."""
    return lambda name: Path(shutil.copytree(EXAMPLES / name, tmp_path / name))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, prefect_server: str) -> Iterator[tuple[Keepfit, Path, Finished]]:
    """A copy of Titanic, trained once for the tests that only look: the command, the project, the outcome."""
    folder = tmp_path_factory.mktemp("trained")
    project = Path(shutil.copytree(EXAMPLES / "titanic", folder / "titanic"))
    command = Keepfit(folder / "home", prefect_server)
    yield command, project, command("train", project, "--trials", 6, "--json")
