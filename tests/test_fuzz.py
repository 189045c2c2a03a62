"""Broken files: whatever bytes an example's files are made of, there is a result or a sentence, and soon.

`KEEPFIT_MUTATIONS=1000 pytest tests/test_fuzz.py` tries a thousand of each example; a few by default.
"""

from __future__ import annotations

import faulthandler
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks.check import check, check_splits
from tasks.collect import collect
from tasks.core import store
from tasks.core.errors import KeepfitError
from tasks.core.imports import ROOT
from tasks.prepare import prepare
from tasks.project import load_project

EXAMPLES = sorted(file.parent.name for file in (ROOT / "data").glob("*/project.yaml"))
MUTATIONS = int(os.environ.get("KEEPFIT_MUTATIONS", "8"))
HANGS = 60.0
"""Seconds; the slowest example takes a few."""
FILES_AT_ONCE = 4

Mutation = Callable[[random.Random, bytes], bytes]


def flipped(luck: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(luck.choice((1, 3, 30))):
        changed[luck.randrange(len(changed))] ^= 1 << luck.randrange(8)
    return bytes(changed)


def cut(luck: random.Random, data: bytes) -> bytes:
    start, end = sorted(luck.randrange(len(data) + 1) for _ in range(2))
    return data[:start] + data[end:]


def ended(luck: random.Random, data: bytes) -> bytes:
    return data[: luck.randrange(len(data))]


def repeated(luck: random.Random, data: bytes) -> bytes:
    start, end = sorted(luck.randrange(len(data) + 1) for _ in range(2))
    return data[:end] + data[start:end] * luck.choice((1, 2)) + data[end:]


def filled(luck: random.Random, data: bytes) -> bytes:
    at = luck.randrange(len(data) + 1)
    return data[:at] + luck.choice((luck.randbytes(50), b"\0" * 50, b'"', b",,,\n", b"{[(", "ß…".encode())) + data[at:]


def swapped(luck: random.Random, data: bytes) -> bytes:
    first, second, third = sorted(luck.randrange(len(data) + 1) for _ in range(3))
    return data[:first] + data[second:third] + data[first:second] + data[third:]


def reworded(luck: random.Random, data: bytes) -> bytes:
    """A line for another, as an editor would spoil a text file."""
    lines = data.splitlines(keepends=True)
    lines[luck.randrange(len(lines))] = luck.choice(lines)[::-1] if luck.random() < 0.5 else luck.choice(lines)
    return b"".join(lines)


MUTANTS: tuple[Mutation, ...] = (flipped, cut, ended, repeated, filled, swapped, reworded)


def is_data(file: Path) -> bool:
    return file.is_file() and file.suffix not in (".py", ".md", ".pyc")


def spoil(luck: random.Random, folder: Path) -> str:
    """Change some bytes of one file, or of a few where there are many; what was done, to do it again."""
    files = sorted(file for file in folder.rglob("*") if is_data(file))
    chosen = luck.sample(files, 1 if len(files) < 20 else FILES_AT_ONCE)
    if luck.random() < 0.2:
        chosen = [folder / "project.yaml"]
    told: list[str] = []
    for file in chosen:
        mutate = luck.choice(MUTANTS)
        file.write_bytes(mutate(luck, file.read_bytes()))
        told.append(f"{mutate.__name__} {file.relative_to(folder)}")
    return ", ".join(told)


@pytest.fixture
def spoilt(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    example, seed = request.param
    folder = tmp_path / example
    shutil.copytree(ROOT / "data" / example, folder)
    told = spoil(random.Random(f"{example} {seed}"), folder)
    # What hangs in C cannot be interrupted; the process then ends and says where it was.
    faulthandler.dump_traceback_later(HANGS, exit=True)
    yield told, folder
    faulthandler.cancel_dump_traceback_later()
    shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "spoilt",
    [(example, seed) for example in EXAMPLES for seed in range(MUTATIONS)],
    ids=lambda which: f"{which[0]}-{which[1]}",
    indirect=True,
)
def test_a_broken_file_gives_a_traceback(spoilt: tuple[str, Path], tmp_path: Path) -> None:
    told, folder = spoilt
    try:
        with store.opened(tmp_path / "home"):
            project = load_project(folder)
            raw = check.fn(collect.fn(project.source), project.expectations.raw, project.checking)
            check_splits.fn(prepare.fn(raw, project.preparation), project.expectations.prepared)
    except KeepfitError as exc:
        assert str(exc).strip(), told
    finally:
        shutil.rmtree(tmp_path / "home", ignore_errors=True)
