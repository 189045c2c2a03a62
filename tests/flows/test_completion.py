"""The completion scripts in the shells themselves."""

from __future__ import annotations

import shutil
import subprocess

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


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_one_that_its_shell_can_read_and_names_every_option(shell: str) -> None:
    text = script(parser(), shell)
    assert all(word in text for word in ("trials", "release-rule", "rollback", "doctor"))
    if found := shutil.which(shell):
        subprocess.run([found, "-n"], input=text, text=True, check=True, capture_output=True)
