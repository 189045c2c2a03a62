"""`keepfit serve`: processes that answer on one port, until Ctrl-C or SIGTERM; what dies is started again.

This process holds the socket and does what those that answer have no time for: it asks the registry which models
serve and writes it where they look, compacts the prediction log, and tells the ledger what they report.
"""

from __future__ import annotations

import json
import logging
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tasks.core.errors import KeepfitError, Unavailable
from tasks.serving import upkeep
from tasks.serving.listening import listening
from tasks.serving.site import Serving
from tasks.serving.worker import GRACE_SECONDS, Work

PATIENCE_SECONDS = 60.0
"""For a process to load its models."""
BACK_OFF = (0.2, 1.0, 5.0, 15.0)
"""Seconds before a process that died is started again: longer each time, until one has lived for a minute."""

log = logging.getLogger("keepfit.serving")


class Process:
    """One process that answers."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self.deaths = 0
        self.due = 0.0
        self.start()

    def start(self) -> None:
        """Begin, with a pipe either way."""
        self.began = time.monotonic()
        self.told: queue.Queue[dict[str, Any]] = queue.Queue()
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "tasks.serving.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[self._work.listener],
        )
        assert self.popen.stdin is not None
        with suppress(BrokenPipeError):
            self.popen.stdin.write(self._work.model_dump_json().encode() + b"\n")
            self.popen.stdin.flush()
        threading.Thread(target=self._listen, args=(self.popen, self.told), daemon=True).start()

    def ready(self) -> None:
        """Wait until it answers. Raises KeepfitError when it does not."""
        with suppress(queue.Empty):
            first = self.told.get(timeout=PATIENCE_SECONDS)
            if first.get("ready"):
                return
            if "error" in first:
                raise _Told(first["error"], first["exit_code"])
        raise Unavailable("A process of the server ended before it answered", action="See what it said above")

    def stop(self) -> None:
        """End it, by force if it does not follow."""
        self.popen.terminate()
        try:
            self.popen.wait(GRACE_SECONDS + 2)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
        for pipe in (self.popen.stdin, self.popen.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def _listen(self, popen: subprocess.Popen[bytes], told: queue.Queue[dict[str, Any]]) -> None:
        assert popen.stdout is not None
        with suppress(ValueError):  # closed
            for line in popen.stdout:
                told.put(json.loads(line))
        told.put({"ended": True})


class _Told(KeepfitError):
    """An error that a process told in words."""

    def __init__(self, sentence: str, exit_code: int) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code

    def __str__(self) -> str:
        return self.what


def run(
    serving: Serving,
    port: int = 8000,
    *,
    processes: int = 1,
    tls: tuple[Path, Path] | None = None,
    on_ready: Callable[[str], None] = lambda address: None,
) -> None:
    """Serve the projects. `port` 0 takes any free one; `tls` are the certificate's and the private key's file.

    `on_ready` is told the address once connections are taken. Returns after Ctrl-C or SIGTERM, when the requests
    under way are answered. Raises KeepfitError before it takes a connection.
    """
    with listening(serving.host, port) as listener, tempfile.TemporaryDirectory(prefix="keepfit-") as figures:
        upkeep.refresh(serving)
        bound = listener.getsockname()[1]
        host = f"[{serving.host}]" if ":" in serving.host else serving.host
        with _ended_by_signals() as ended, _answering(serving, listener, processes, tls, Path(figures)) as answering:
            on_ready(f"{'https' if tls else 'http'}://{host}:{bound}")
            with upkeep.kept_up(serving, Path(figures), ended):
                while not ended.wait(0.1):
                    for process in answering:
                        _look_after(process, serving)


@contextmanager
def _answering(
    serving: Serving, listener: socket.socket, processes: int, tls: tuple[Path, Path] | None, figures: Path
) -> Iterator[list[Process]]:
    certificate, key = (str(tls[0]), str(tls[1])) if tls else (None, None)
    started: list[Process] = []
    try:
        for number in range(processes):
            told = serving.model_copy(update={"processes": processes, "figures": figures, "process": number})
            work = Work(listener=listener.fileno(), serving=told, certificate=certificate, private_key=key)
            started.append(Process(work))
        for process in started:
            process.ready()
        yield started
    finally:
        for process in started:
            process.popen.terminate()
        for process in started:
            process.stop()


def _look_after(process: Process, serving: Serving) -> None:
    """Tell the ledger what the process reports; start it again when it has died."""
    while True:
        try:
            told = process.told.get_nowait()
        except queue.Empty:
            break
        if "event" in told:
            upkeep.record(serving, told)
    if process.popen.poll() is None:
        return
    now = time.monotonic()
    if not process.due:
        process.deaths = 0 if now - process.began > 60 else process.deaths
        wait = BACK_OFF[min(process.deaths, len(BACK_OFF) - 1)]
        process.deaths += 1
        process.due = now + wait
        log.error("A process of the server ended with %s; another begins in %g s", process.popen.returncode, wait)
    elif now >= process.due:
        process.due = 0.0
        process.start()


@contextmanager
def _ended_by_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set; a second signal is taken like the first."""
    ended = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield ended
        return

    def end(number: int, frame: object) -> None:
        ended.set()

    before: Mapping[int, Any] = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
