"""The completion scripts in the shells themselves."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from flows.arguments import parser
from flows.completing import SHELLS, script

ASK = """
{script}
COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_keepfit; printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def completed(*words: str) -> set[str]:
    shell = ASK.format(script=script(parser(), "bash"), words=" ".join(f"'{word}'" for word in words))
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=True)
    assert not done.stderr.replace("bash: line", ""), done.stderr
    return set(done.stdout.split())


def test_bash_completes_commands_options_and_choices() -> None:
    assert {"train", "up", "doctor"} <= completed("keepfit", "")
    assert completed("keepfit", "tr") == {"train"}
    assert completed("keepfit", "train", "--tr") == {"--trials"}
    assert "--port" not in completed("keepfit", "train", "--")
    assert completed("keepfit", "promote", "--as", "ch") == {"champion", "challenger"}
    assert completed("keepfit", "completion", "") == set(SHELLS)


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_completes_what_bash_does(tmp_path: Path) -> None:
    (tmp_path / "keepfit.fish").write_text(script(parser(), "fish"))
    (tmp_path / "data").mkdir()

    def completed(line: str) -> set[str]:
        ask = ["fish", "--no-config", "-c", f"source keepfit.fish; complete -C '{line}'"]
        done = subprocess.run(ask, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert not done.stderr, done.stderr
        return {each.split("\t")[0] for each in done.stdout.splitlines()}

    assert {"train", "up", "doctor"} <= completed("keepfit ")
    assert completed("keepfit tr") == {"train"} and completed("keepfit --ve") == {"--version"}
    assert completed("keepfit show train --tr") == set(), "a project may be called like a command"
    assert completed("keepfit promote x --as ch") == {"champion", "challenger"}
    assert completed("keepfit completion ") == set(SHELLS) and completed("keepfit train da") == {"data/"}


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_zsh_completes_at_the_first_tab(tmp_path: Path) -> None:
    (tmp_path / "_keepfit").write_text(script(parser(), "zsh"))
    (tmp_path / "data").mkdir()
    for typed, shown in (
        ("keepfit tr", "keepfit train "),  # this one loads the script
        ("keepfit --ve", "keepfit --version "),
        ("keepfit promote x --as cham", "keepfit promote x --as champion "),
        ("keepfit completion fi", "keepfit completion fish "),
        ("keepfit train da", "keepfit train data/"),
        ("keepfit train x --tri", "keepfit train x --trials "),
    ):
        assert after_a_tab(tmp_path, typed) == shown


def after_a_tab(folder: Path, typed: str) -> str:
    """What zsh makes of the line at the first Tab, in a new shell: the line is printed by a key of its own."""
    begin = (
        'fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -D; tell() { print -r -- "<$BUFFER>" > told; exit }'
    )
    told = folder / "told"
    told.unlink(missing_ok=True)
    ours, theirs = pty.openpty()
    shell = subprocess.Popen(
        ["zsh", "-f", "-i"],
        cwd=folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=os.environ | {"TERM": "dumb", "PS1": "> "},
        start_new_session=True,
    )
    os.close(theirs)
    os.write(ours, f"{begin}; zle -N tell; bindkey '^T' tell\n{typed}\t\x14".encode())
    with suppress(OSError):  # Linux says so when the shell has gone
        while os.read(ours, 65536):
            pass
    os.close(ours)
    assert shell.wait(timeout=20) == 0
    return told.read_text().strip("<>\n")


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_one_that_its_shell_can_read_and_names_every_option(shell: str) -> None:
    text = script(parser(), shell)
    assert all(word in text for word in ("trials", "release-rule", "rollback", "doctor"))
    if found := shutil.which(shell):
        subprocess.run([found, "-n"], input=text, text=True, check=True, capture_output=True)
