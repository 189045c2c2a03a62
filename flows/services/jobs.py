"""What `keepfit up` does once, in a process of its own: Prefect's client would stay in the supervisor's memory."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event

from flows.services import marked
from flows.services.part import last_line
from tasks.core.errors import Unavailable


def do(name: str, command: Sequence[str], *, home: Path, root: Path, token: str, ended: Event) -> None:
    """Wait for the command, run in `root`. `Unavailable` when it fails; KeyboardInterrupt when told to end."""
    log = home / "logs" / f"{name}.log"
    log.parent.mkdir(exist_ok=True)
    environment = os.environ | marked.mark("job", token) | {"PWD": str(root)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    code = None
    while code is None:
        with suppress(subprocess.TimeoutExpired):
            code = process.wait(0.2)
        if ended.is_set():
            marked.end(f"{token}.job", 2)
            process.wait()
            raise KeyboardInterrupt
    if code:
        found = last_line(log) or "no word"
        raise Unavailable(f"`{name}` failed with exit code {code}", found=found, action=f"See {log}")
