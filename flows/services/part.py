"""One part of `keepfit up`: a process that is started, waited for, watched, and started again when it dies or hangs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from flows.services import marked

BACK_OFF = (0.5, 2.0, 5.0, 15.0, 60.0)
"""Seconds before a part that died is started again: longer each time, until one has lived for a minute."""
LIVED_SECONDS = 60.0
START_SECONDS = 180.0
LOOK_SECONDS = 10.0
UNANSWERED = 3
"""Looks in a row without an answer after which a process hangs."""
GRACE_SECONDS = 8.0
LOG_BYTES = 20_000_000


class Part:
    """A process of `command`, made anew at each start for the case that a port was taken meanwhile.

    `told` is called with a sentence when something happens that a person should know. `survived`: when it dies its
    children go on, as flow runs do without their worker; else they are ended, for they may hold its port.
    """

    def __init__(
        self,
        name: str,
        command: Callable[[], Sequence[str]],
        answers: Callable[[], bool],
        *,
        home: Path,
        token: str,
        told: Callable[[str], None],
        folder: Path | None = None,
        environment: dict[str, str] | None = None,
        survived: bool = False,
    ) -> None:
        self.name = name
        self.state = "starting"
        self.restarts = 0
        self.reason = ""
        self.ready = threading.Event()
        self.ready_seconds = 0.0
        self._command, self._answers, self._told = command, answers, told
        self._mark = marked.mark(name, token)
        self._environment, self._folder, self._survived = environment or {}, folder, survived
        self.log = home / "logs" / f"{name}.log"
        self._popen: subprocess.Popen[bytes] | None = None
        self._renewed = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def pid(self) -> int | None:
        """Of the process that runs now."""
        return self._popen.pid if self._popen and self._popen.poll() is None else None

    def start(self, ended: threading.Event) -> None:
        """Look after it until `ended`."""
        self._thread = threading.Thread(target=self._look_after, args=(ended,), name=self.name, daemon=True)
        self._thread.start()

    def renew(self) -> None:
        """Start it again with what its command says now."""
        self._renewed.set()

    def end(self) -> None:
        """Wait until it has ended; by force when it does not follow."""
        if self._thread is not None:
            self._thread.join()
            self._kill(GRACE_SECONDS)
        self.state = "ended"

    def _look_after(self, ended: threading.Event) -> None:
        deaths = 0
        while not ended.is_set():
            began = time.monotonic()
            try:
                self._spawn()
                reason = self._lived(ended, began)
            except OSError as exc:
                reason = f"it cannot be started: {exc}"
            self.ready.clear()
            if ended.is_set():
                return
            if reason is None:
                self._kill(GRACE_SECONDS)
                continue
            deaths = 0 if time.monotonic() - began > LIVED_SECONDS else deaths
            wait = BACK_OFF[min(deaths, len(BACK_OFF) - 1)]
            deaths += 1
            self.restarts, self.reason, self.state = self.restarts + 1, reason, "starting again"
            self._told(f"{self.name} {reason}; it is started again in {wait:g} s (its log is {self.log})")
            if not self._survived:
                self._kill(1)
            ended.wait(wait)

    def _spawn(self) -> None:
        self._renewed.clear()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.trim()
        with self.log.open("ab") as output:
            self._popen = subprocess.Popen(
                list(self._command()),
                cwd=self._folder,
                env=os.environ | self._environment | self._mark,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C in the terminal is for the supervisor alone
            )

    def _lived(self, ended: threading.Event, began: float) -> str | None:
        """Why it must be started again; None when it is to end, or be renewed."""
        n_unanswered, next_look = 0, 0.0
        while not ended.wait(0.1) and not self._renewed.is_set():
            if (gone := self._gone()) is not None:
                return gone
            now = time.monotonic()
            if now < next_look:
                continue
            answered = self._answers()
            if answered and not self.ready.is_set():
                self.state, self.ready_seconds = "ready", now - began
                self.ready.set()
            n_unanswered = 0 if answered else n_unanswered + 1
            if not self.ready.is_set():
                next_look = now + 0.2
                if now - began > START_SECONDS:
                    self._kill(1)
                    return f"did not answer within {START_SECONDS:g} s of its start"
            else:
                next_look = now + LOOK_SECONDS
                if n_unanswered >= UNANSWERED:
                    self._kill(1)
                    return f"lived, but did not answer {UNANSWERED} times in a row"
        return None

    def _gone(self) -> str | None:
        assert self._popen is not None
        code = self._popen.poll()
        if code is None:
            return None
        if code < 0:
            by = signal.Signals(-code).name
            return f"was killed by {by}" + (" (by a person, or for want of memory)" if by == "SIGKILL" else "")
        return f"ended with exit code {code}{f' after “{line}”' if (line := last_line(self.log)) else ''}"

    def _kill(self, seconds: float) -> None:
        if self._popen is None:
            return
        if marked.PROC.is_dir():
            marked.end(self._mark[marked.MARK], seconds if self._popen.poll() is None else 1)
        elif self._popen.poll() is None:
            os.killpg(self._popen.pid, signal.SIGTERM)
        try:
            self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self._popen.pid, signal.SIGKILL)
            self._popen.wait()

    def trim(self) -> None:
        """Keep the log from filling the disk; its process appends, so that it may be cut while that runs."""
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            shutil.copyfile(self.log, self.log.with_suffix(".log.1"))
            os.truncate(self.log, 0)


def last_line(log: Path) -> str:
    """The last line of a log that says something, shortened."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4096))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.strip()[:200] for line in reversed(lines) if line.strip()), "")
