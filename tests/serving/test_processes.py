"""Several processes on one port, and who looks after them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tasks.serving.site import Serving

pytestmark = pytest.mark.slow

SERVE = """
import sys
from tasks.core import roles
from tasks.serving import server, upkeep
from tasks.serving.site import Serving
upkeep.FOLLOW_SECONDS = 3600.0
upkeep.refresh = lambda serving: None  # without a registry: the pointer file says what serves
serving = Serving.model_validate_json(sys.argv[1])
server.run(serving, 0, processes=int(sys.argv[2]), on_ready=lambda address: print(address, flush=True))
"""


@pytest.fixture
def server(ship: Any, tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    ship.point(tmp_path, ship.keep(tmp_path, ship.card()))
    serving = Serving(projects=(ship.served(tmp_path),))
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, serving.model_dump_json(), "2"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout:
        yield process.stdout.readline().strip(), process
        process.terminate()
        process.wait(10)


def workers(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children()


def test_two_processes_share_the_port_and_the_figures(
    server: tuple[str, subprocess.Popen[str]], row: dict[str, Any]
) -> None:
    url, _ = server
    prefixes: set[str] = set()
    n = 0
    while len(prefixes) < 2 and n < 400:
        prefixes.add(httpx.post(f"{url}/predict", json=row, trust_env=False).json()["id"].partition("-")[0])
        n += 1
    assert len(prefixes) == 2
    deadline = time.monotonic() + 5
    while httpx.get(f"{url}/v1/ship/figures", trust_env=False).json()["in_all"]["requests"] != n:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_process_that_dies_is_started_again(server: tuple[str, subprocess.Popen[str]], row: dict[str, Any]) -> None:
    url, process = server
    before = {each.pid for each in workers(process)}
    os.kill(min(before), signal.SIGKILL)
    deadline = time.monotonic() + 20
    while not {each.pid for each in workers(process)} - before:
        assert time.monotonic() < deadline
        assert httpx.post(f"{url}/predict", json=row, trust_env=False).status_code == 200, "the other one answers"
        time.sleep(0.1)


def test_nothing_is_left_when_it_ends_or_is_killed(server: tuple[str, subprocess.Popen[str]]) -> None:
    url, process = server
    children = workers(process)
    process.kill()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive, "who answers ends with who started it"
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/healthz", trust_env=False)


def test_a_signal_ends_all_of_them(server: tuple[str, subprocess.Popen[str]]) -> None:
    _, process = server
    children = workers(process)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    _, alive = psutil.wait_procs(children, timeout=1)
    assert not alive


def test_a_model_that_cannot_be_opened_is_told_in_words(ship: Any, tmp_path: Path) -> None:
    champion = ship.keep(tmp_path, ship.card())
    ship.point(
        tmp_path, champion.model_copy(update={"artifact": champion.artifact.model_copy(update={"digest": "0" * 64})})
    )
    serving = Serving(projects=(ship.served(tmp_path),))
    code = SERVE.replace("server.run(", "import tasks.core.errors\ntry:\n    server.run(").replace(
        "flush=True))", "flush=True))\nexcept tasks.core.errors.KeepfitError as exc:\n    print(exc.exit_code, exc)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, serving.model_dump_json(), "1"], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.startswith("1 The model file") and "Traceback" not in done.stderr, done
