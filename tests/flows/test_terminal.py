"""The command at a terminal, in a pipe, and when its reader or its user has had enough."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import termios
import time
from pathlib import Path

import pytest

from tests.flows.conftest import KEEPFIT
from tests.flows.test_cli import project, rows


def at_a_terminal(*arguments: object, columns: int = 80, **variables: str) -> tuple[int, str]:
    """The exit code, and all that a terminal of so many columns was shown."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (40, columns))
    command = [*KEEPFIT, *map(str, arguments)]
    environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS")}
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment | {"TERM": "xterm"} | variables
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux says so when the last writer has gone
            break
        if not part:
            break
        shown += part
    os.close(ours)
    return process.wait(timeout=60), shown.decode()


def test_colours_are_for_a_terminal_alone_and_not_where_no_color_is_set(tmp_path: Path) -> None:
    wrong = ("status", tmp_path / "none")
    code, shown = at_a_terminal(*wrong)
    assert code == 2 and "\033[31mkeepfit:\033[0m" in shown
    for variables in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\033" not in at_a_terminal(*wrong, **variables)[1]
    assert "\033" in at_a_terminal(*wrong, NO_COLOR="")[1], "empty is not set (no-color.org)"
    piped = subprocess.run([*KEEPFIT, *map(str, wrong)], capture_output=True, text=True)
    assert piped.returncode == 2 and "\033" not in piped.stderr + piped.stdout


def test_the_overview_fits_a_narrow_terminal() -> None:
    code, shown = at_a_terminal("--help", columns=60)
    told = [line for line in shown.splitlines() if "$ keepfit" not in line]
    assert code == 0 and max(map(len, told)) <= 60


@pytest.mark.parametrize(
    "arguments", [["--help"], ["completion", "zsh"], ["status", "PROJECT"], ["status", "--json", "PROJECT"]]
)
def test_a_reader_that_has_gone_is_no_traceback(arguments: list[str], tmp_path: Path) -> None:
    folder = str(project(tmp_path / "small", rows()))
    read, write = os.pipe()
    os.close(read)
    command = [*KEEPFIT, *(folder if word == "PROJECT" else word for word in arguments)]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert done.stderr == "" and done.returncode == (0 if "--help" in arguments else 1)  # argparse looks away


def test_ctrl_c_ends_with_130_and_json_says_so(tmp_path: Path) -> None:
    folder, home = project(tmp_path / "small", rows(3_000)), tmp_path / "home"
    process = subprocess.Popen(
        [*KEEPFIT, "show", str(folder), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"KEEPFIT_HOME": str(home)},
    )
    while not list(home.glob("memory/*/*")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in err, err
    assert json.loads(out)["exit_code"] == 130
