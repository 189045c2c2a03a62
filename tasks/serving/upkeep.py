"""What a server does besides answering, in the process that answers nobody: registry, ledger, prediction log."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from tasks.core import ledger, promotion, roles, store
from tasks.core.errors import KeepfitError
from tasks.core.model_records import Champion
from tasks.core.predictions.compaction import compact
from tasks.core.predictions.layout import folder_of
from tasks.core.predictions.retention import expire
from tasks.core.records import Blob
from tasks.serving import proving
from tasks.serving.lineup import Served
from tasks.serving.site import Serving

FOLLOW_SECONDS = 2.0
COMPACT_SECONDS = 60.0
EXPIRE_SECONDS = 3600.0

log = logging.getLogger("keepfit.serving")


def refresh(serving: Serving) -> None:
    """Write down what serves each project, as the registry says. Raises KeepfitError where nothing does."""
    for served in serving.projects:
        with store.opened(served.home):
            try:
                if told := promotion.reconcile(served.name):
                    log.warning("%s: %s", served.name, told)
            except KeepfitError as exc:
                log.warning("%s: %s", served.name, exc)
            roles.serving(served.name)


def record(serving: Serving, told: dict[str, Any]) -> None:
    """Tell the ledger what a process reports: a model that could not be loaded, a canary that was taken back."""
    served = next(each for each in serving.projects if each.name == told["project"])
    with store.opened(served.home):
        try:
            newest = ledger.entries(served.name, limit=1)
            if newest and (newest[0].decision, newest[0].version) == (told["event"], told["version"]):
                return  # several processes report the same
            if told["event"] == "canary_ended":
                blob = Blob(digest=told["digest"], suffix=".onnx", size=0)
                challenger = Champion(version=told["version"], artifact=blob)
                proving.take_back(served.name, "canary_ended", challenger, told["why"])
                return
            ledger.append(
                served.name, told["event"], told["version"], told["digest"], cause="serve", why=told.get("why", "")
            )
        except KeepfitError as exc:
            log.error("%s: the ledger was not told that %s: %s", served.name, told, exc)


@contextmanager
def kept_up(serving: Serving, figures: Path, ended: threading.Event) -> Iterator[None]:
    """Follow the registry, judge challengers by the `figures` that processes leave there, and keep the prediction log.

    Each in a thread of its own, while the block runs.
    """
    following: tuple[Job, ...] = ((FOLLOW_SECONDS, _follow), (FOLLOW_SECONDS, proving.Proving(figures).look))
    with _done((*following, *LOG_JOBS), serving, ended):
        yield


@contextmanager
def log_kept(serving: Serving, ended: threading.Event) -> Iterator[None]:
    """Keep the prediction log alone, where there is no registry to follow."""
    with _done(LOG_JOBS, serving, ended):
        yield


@contextmanager
def _done(jobs: Iterable[Job], serving: Serving, ended: threading.Event) -> Iterator[None]:
    threads = [
        threading.Thread(target=_every, args=(seconds, job, serving, ended), daemon=True) for seconds, job in jobs
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join(timeout=5)


def _follow(served: Served) -> None:
    roles.refresh(served.name)


def _compact(served: Served) -> None:
    compact(folder_of(served.home, served.name), wait=False)  # another server of the home may be at it


def _expire(served: Served) -> None:
    expire(folder_of(served.home, served.name), timedelta(days=served.serve.log.days))


Job = tuple[float, Callable[[Served], None]]
LOG_JOBS: tuple[Job, ...] = ((COMPACT_SECONDS, _compact), (EXPIRE_SECONDS, _expire))


def _every(seconds: float, job: Callable[[Served], None], serving: Serving, ended: threading.Event) -> None:
    failed: dict[str, str] = {}
    while not ended.wait(seconds):
        for served in serving.projects:
            began = time.monotonic()
            try:
                with store.opened(served.home):
                    job(served)
                failed.pop(served.name, None)
            except Exception as exc:
                if failed.get(served.name) != str(exc):  # said once, not every two seconds
                    log.warning("%s: %s", served.name, exc)
                failed[served.name] = str(exc)
            if ended.is_set() or time.monotonic() - began > 60:
                break
