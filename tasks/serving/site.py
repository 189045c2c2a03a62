"""All that one process serves: its projects, who may ask them, and what is done meanwhile."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from tasks.core import clients, store
from tasks.core.errors import KeepfitError
from tasks.core.predictions.layout import folder_of
from tasks.core.predictions.refusals import Refusals
from tasks.core.records import Record
from tasks.serving.access import Access, Hosts
from tasks.serving.awake import Awake
from tasks.serving.group import Ids
from tasks.serving.heads import Heads
from tasks.serving.lineup import Served
from tasks.serving.refusal import Refusal
from tasks.serving.service import Service

FOLLOW_SECONDS = 0.5
TICK_SECONDS = 1.0
KEYS_SECONDS = 2.0

log = logging.getLogger("keepfit.serving")


class Serving(Record):
    """What a process is told to serve, and how."""

    projects: tuple[Served, ...]
    host: str = "127.0.0.1"
    hosts: tuple[str, ...] = ()
    """Further names by which it may be asked."""
    keys_required: bool = False
    processes: int = 1
    figures: Path | None = None
    """The folder in which the processes of one server leave what each counted."""
    process: int = 0


class Site:
    """The projects of a process. `report` is told what the ledger should know: project, event, facts."""

    def __init__(self, serving: Serving, report: Callable[[str, str, dict[str, Any]], None]) -> None:
        ids = Ids(secrets.token_hex(6))
        self.serving = serving
        self.awake = Awake()
        self.services: dict[str, Service] = {}
        self._access: dict[str, Access] = {}
        for served in serving.projects:
            refusals = Refusals(folder_of(served.home, served.name), ids.prefix)

            def told(event: str, facts: dict[str, Any], name: str = served.name) -> None:
                report(name, event, facts)

            self.services[served.name] = Service(served, ids, refusals, told)
            required = serving.keys_required or served.serve.access == "keys"
            self._access[served.name] = Access(required, 1 / serving.processes)
        self.only = next(iter(self.services.values())) if len(self.services) == 1 else None
        self.hosts = Hosts(serving.host, serving.hosts, all(each.required for each in self._access.values()))
        self.heads = Heads(self)
        self._predicts = {f"/v1/{name}/predict": service for name, service in self.services.items()}
        if self.only is not None:
            self._predicts["/predict"] = self.only
        self._defaults: Sequence[tuple[bytes, bytes]] = ()
        self._headers = b""
        self._tasks: list[asyncio.Task[None]] = []

    def load(self) -> None:
        """Open every champion, before the first request. Raises KeepfitError."""
        for service in self.services.values():
            service.lineup.load()
            self._read_keys(service)

    def predicts(self, path: str) -> Service | None:
        """The service whose predictions the path asks for."""
        return self._predicts.get(path)

    def named(self, path: str) -> Service | None:
        """The service that the path speaks of, by its name in it; None for what belongs to no project."""
        if (service := self._predicts.get(path)) is not None:
            return service
        named = re.match(r"/(?:v1|v2/models)/([^/]+)", path)
        return self.services.get(named[1]) if named else None

    def service(self, name: str) -> Service:
        """The service of that name. Raises Refusal."""
        if name not in self.services:
            raise Refusal(
                404,
                "There is no such project here",
                expected=", ".join(self.services),
                found=name[:100],
                action="See /v1 for what is served.",
            )
        return self.services[name]

    def access(self, service: Service) -> Access:
        """Who may ask the service."""
        return self._access[service.name]

    def headers(self, defaults: Sequence[tuple[bytes, bytes]]) -> bytes:
        """The header lines of every answer, among them the date; uvicorn makes a new list of them every second."""
        if defaults is not self._defaults:
            self._defaults = defaults
            self._headers = b"".join([b"%b: %b\r\n" % line for line in defaults])
        return self._headers

    # What is done besides answering

    def start(self) -> None:
        """Follow the registry, and count minutes, from now on; within the event loop."""
        jobs = ((FOLLOW_SECONDS, self._follow), (TICK_SECONDS, self._tick), (KEYS_SECONDS, self._keys))
        self._tasks = [asyncio.ensure_future(_every(seconds, job)) for seconds, job in jobs]

    def stop(self) -> None:
        """Answer who waits, close the logs, leave the last figures."""
        for task in self._tasks:
            task.cancel()
        for service in self.services.values():
            service.close()
        self._write_figures()

    def figures(self) -> dict[str, list[dict[str, Any]]]:
        """For each project what the processes of this server counted, each for itself."""
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in self.services}
        mine = {name: service.lineup.figures() for name, service in self.services.items()}
        others: list[dict[str, Any]] = []
        if self.serving.figures is not None:
            for file in self.serving.figures.glob("*.json"):
                if file.stem != self._figures_name():
                    with suppress(OSError, msgspec.DecodeError):
                        others.append(msgspec.json.decode(file.read_bytes()))
        for told in (mine, *others):
            for name, figures in told.items():
                if name in found:
                    found[name].append(figures)
        return found

    async def _follow(self) -> None:
        for service in self.services.values():
            await service.lineup.follow()

    async def _tick(self) -> None:
        for service in self.services.values():
            service.tick()
        if self.serving.figures is not None:
            await asyncio.to_thread(self._write_figures)

    async def _keys(self) -> None:
        for service in self.services.values():
            if self._access[service.name].required:
                await asyncio.to_thread(self._read_keys, service)

    def _read_keys(self, service: Service) -> None:
        access = self._access[service.name]
        if not access.required:
            return
        try:
            with store.opened(service.home):
                found = clients.snapshot(service.name)
        except KeepfitError as exc:
            log.warning("The API keys could not be read anew: %s", exc)
            return
        if access.update(found):
            self.heads.forget()

    def _figures_name(self) -> str:
        return str(self.serving.process)

    def _write_figures(self) -> None:
        if self.serving.figures is None:
            return
        told = {name: service.lineup.figures() for name, service in self.services.items()}
        with suppress(OSError):
            new = self.serving.figures / f".{self._figures_name()}.new"
            new.write_bytes(msgspec.json.encode(told))
            new.replace(self.serving.figures / f"{self._figures_name()}.json")


async def _every(seconds: float, job: Callable[[], Any]) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await job()
        except Exception:
            log.exception("A job of the server failed; it is tried again")
