"""What people complain about in Prefect and MLflow (docs/troubles.md), where no other test holds it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from tasks.core.records import Record
from tests.flows.conftest import STEPS

ROOT = Path(__file__).resolve().parents[2]
MODULES = {"check_splits": "check", "audit_labels": "examine"}
WRITER = """
import sys
from pathlib import Path
from flows import services
from tasks.core import store, tracking
from mlflow.entities import Metric
home = Path(sys.argv[1])
services.place_mlflow(home)
with store.opened(home), tracking.run(sys.argv[2], "training", {}, {}) as run:
    for step in range(20):
        tracking.client().log_batch(run.run_id, [Metric(f"m{i}", i, 0, step) for i in range(20)])
"""


def test_no_step_hands_rows_to_another_through_prefect() -> None:
    for step in STEPS:
        module: Any = import_module(f"tasks.{MODULES.get(step, step)}")
        returned = get_type_hints(getattr(module, step).fn, vars(module))["return"]
        assert issubclass(returned, Record), f"{step} returns {returned}: frames would be hashed and kept"


@pytest.mark.slow
def test_two_trainings_at_once_never_find_the_mlflow_database_locked(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    both = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / "home"), project],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for project in ("one", "two")
    ]
    told = [process.communicate(timeout=100)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0] and "locked" not in "".join(told), told


def test_each_test_that_the_page_names_is_there() -> None:
    page = (ROOT / "docs" / "troubles.md").read_text(encoding="utf-8")
    named = re.findall(r"\[`(test_\w+)`\]\(\.\./(tests/[\w/]+\.py)\)", page)
    assert len(named) >= 10
    for test, file in named:
        assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), test
