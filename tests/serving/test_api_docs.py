"""The examples of docs/model-api.md, run against a server."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow
PAGE = (Path(__file__).parents[2] / "docs" / "model-api.md").read_text()
BLOCKS = re.findall(r"^```(bash|python)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
NAMES = ("age", "cabin class", "embarked", "boarded")


@pytest.fixture(scope="module")
def url(ship: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    card = ship.card()
    inputs = tuple(column for column in card.inputs if column.name in NAMES)
    samples = tuple(json.dumps({name: row[name] for name in NAMES}) for row in ship.samples)
    features = tuple(feature for feature in card.features if feature.kind != "boolean")
    changed = card.model_copy(update={"inputs": inputs, "features": features, "sample": samples})
    server = ship.start(tmp_path_factory.mktemp("docs"), changed)
    yield server.url
    server.stop()


def test_there_are_examples() -> None:
    assert {kind for kind, _ in BLOCKS} == {"bash", "python"}


@pytest.mark.parametrize(("kind", "block"), BLOCKS)
def test_an_example_works(url: str, kind: str, block: str) -> None:
    block = block.replace("http://127.0.0.1:8000", url)
    command = [sys.executable, "-c", block] if kind == "python" else ["bash", "-c", block]
    if kind == "bash" and shutil.which("curl") is None:
        pytest.skip("needs curl")
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    if kind == "python":
        return
    answer = json.loads(done.stdout)
    assert answer.get("prediction") in ("drowned", "saved") or len(answer["outputs"][0]["data"]) == 2
