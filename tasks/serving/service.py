"""One project as a process serves it: its champion, what stands beside it, and how both follow the registry."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tasks.core import roles, store
from tasks.core.errors import NotLogged, Unavailable
from tasks.core.model_records import Champion
from tasks.core.predictions.refusals import Refusals
from tasks.core.predictions.segment import Role
from tasks.core.records import Record
from tasks.core.roles import Roles
from tasks.serving.canary import Canary
from tasks.serving.counters import Counters
from tasks.serving.group import FULL, Asked, Deliver, Group, Ids
from tasks.serving.logged import Log
from tasks.serving.model import Model
from tasks.serving.refusal import BROKEN, Refusal
from tasks.serving.schema import key_text
from tasks.serving.section import Serve
from tasks.serving.shadow import Shadow

CHUNK = 256  # rows of one request a turn, so that a long list keeps no other request waiting for more than 3 ms
OLD_SECONDS = 120.0
"""After which a model that was replaced is closed: no request takes as long."""

log = logging.getLogger("keepfit.serving")


class Served(Record):
    """What a process must know of a project to serve it."""

    name: str
    home: Path
    key: tuple[str, ...] = ()
    serve: Serve = Serve()


class Service:
    """Answers for one project. `report` is told what the ledger should know: an event's name and its facts."""

    def __init__(
        self, served: Served, ids: Ids, refusals: Refusals, report: Callable[[str, dict[str, Any]], None]
    ) -> None:
        self.name = served.name
        self.home = served.home
        self.settings = served.serve
        self.counters = Counters()
        self.failed: str = ""
        """Why the newest champion does not serve: it could not be loaded, and the one before goes on."""
        self.since = ""
        self.key = served.key
        self._ids = ids
        self._refusals = refusals
        self._report = report
        self._pointer = served.home / "champions" / f"{served.name}.json"
        self._seen: tuple[int, int] | None = None
        self._champion: Group | None = None
        self._beside: Canary | Shadow | None = None
        self._wanted: Roles | None = None
        self._ended = ""
        """The digest of a canary that was taken back: it does not come again, but under another name."""

    @property
    def champion(self) -> Group:
        """The group of the model that serves. Raises Refusal while there is none."""
        if self._champion is None:
            raise Refusal(503, f"{self.name} has no model to answer with", action="Train it, or see the server's log.")
        return self._champion

    # Answering

    def submit(self, body: bytes, started: int, deliver: Deliver) -> bool:
        """Have `deliver` called with the answers to the rows of a JSON body; False if that would take too long here.

        Raises Refusal.
        """
        group = self.champion
        schema = group.model.schema
        if schema.is_slow:
            return False
        rows, _ = schema.read(body)
        if len(rows) > CHUNK:
            return False
        self._ask(group, Asked(*schema.packed(rows), schema.keys(rows), started, deliver))
        return True

    async def answers(self, rows: Sequence[Any], started: int) -> list[Any]:
        """The answers to rows that the champion's schema read, some at a time. Raises Refusal."""
        group = self.champion  # a request is answered by one model, whatever takes its place meanwhile
        schema = group.model.schema
        loop = asyncio.get_running_loop()
        found: list[Any] = []

        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            logged: list[tuple[Any, ...]] | None = None
            if schema.is_slow:
                # An image takes milliseconds to decode and to keep, in which the loop would answer nobody.
                values, floats = await asyncio.to_thread(schema.packed, chunk, start)
                if group.log is not None:
                    logged = await asyncio.to_thread(group.log.rows, values) or []
            else:
                values, floats = schema.packed(chunk, start)
            future: asyncio.Future[list[Any]] = loop.create_future()

            def deliver(told: list[Any] | Exception, future: asyncio.Future[list[Any]] = future) -> None:
                if not future.done():
                    future.set_exception(told) if isinstance(told, Exception) else future.set_result(told)

            self._ask(group, Asked(values, floats, schema.keys(chunk), started, deliver, start, logged))
            found += await future
        return found

    def _ask(self, group: Group, asked: Asked) -> None:
        """Ask the champion's group, or the canary if it is one of its requests."""
        if self.canary is not None and self.canary.takes(asked.keys):
            self.canary.ask(asked, group)
        else:
            group.ask(asked)

    def key_text(self, values: Sequence[Any]) -> str:
        """The caller's key of a row as one text, as the log has it. Raises Refusal: another number of columns."""
        if len(values) != max(1, len(self.key)):
            raise Refusal(422, "The key has another number of values", expected=", ".join(self.key) or "one value")
        return key_text(values)

    def refused(self, exc: Exception) -> Refusal:
        """What to send in place of an answer; it is counted and logged."""
        if isinstance(exc, NotLogged):
            exc = FULL
        if not isinstance(exc, Refusal):
            log.error("%s could not answer a request", self.name, exc_info=exc)
        refusal = exc if isinstance(exc, Refusal) else BROKEN
        self.counters.refused(refusal.status)
        # Neither a value nor a name of the caller's: what was sent is not to be kept for being refused.
        field, known = refusal.error["field"], self._champion.model.schema.names if self._champion is not None else ()
        what = re.sub("“.*?”", "…", str(refusal.error["what"]))
        self._refusals.add(refusal.status, what, str(field) if field in known else None)
        return refusal

    def figures(self) -> dict[str, Any]:
        """What was counted, as `counters.merged` takes it; of a canary's or shadow's too."""
        told = self.counters.as_json()
        if self.canary is not None:
            told["canary"] = {**self.canary.group.counters.as_json(), "refused": self.canary.refused}
        if self.shadow is not None:
            shadow = self.shadow
            told["shadow"] = {"answered": shadow.answered, "failed": shadow.failed, "missed": shadow.missed}
        if (beside := self._beside) is not None:
            told["beside"] = {"digest": beside.group.model.digest, **beside.trial()}
        told["lost"] = sum(group.log.lost for group in self.groups if group.log is not None)
        return told

    # Following the registry

    def load(self) -> None:
        """Open the champion, before the first request. Raises KeepfitError."""
        wanted = self._read()
        if wanted is None:
            raise Unavailable(f"{self.name} has no champion yet", action="Train it first: `keepfit train PROJECT`")
        self._has_moved()
        self._take(wanted, self._opened(wanted.champion, "champion", self.counters))
        self._stand(self._challenger(wanted))

    async def follow(self) -> None:
        """Take what the pointer names now, if it names another: opened beside the one that serves, then swapped."""
        if not self._has_moved():
            return
        wanted = self._read()
        if wanted is None or wanted == self._wanted:
            return
        if not self._is(self._champion, wanted.champion):
            try:
                group = await asyncio.to_thread(self._opened, wanted.champion, "champion", self.counters)
            except Exception as exc:
                self._failed(wanted.champion, exc)
                self._wanted = wanted
                return
            self._take(wanted, group)
        self._wanted, self.since = wanted, wanted.since
        self._stand(await asyncio.to_thread(self._challenger, wanted))

    def tick(self) -> None:
        """What is done once a second: figures and logs move on, a canary is judged."""
        self._refusals.flush(datetime.now(UTC))
        if self._champion is not None:
            self._champion.tick()
        if self._beside is not None:
            self._beside.tick()
        if self.canary is not None and (reason := self.canary.verdict()):
            model = self.canary.group.model
            log.warning("The canary of %s, version %s, is taken back: %s", self.name, model.identity.version, reason)
            self._report("canary_ended", {"version": model.identity.version, "digest": model.digest, "why": reason})
            self._ended = model.digest
            self._stand(None)

    @property
    def groups(self) -> list[Group]:
        """Every model of the project that is open."""
        beside = [self._beside.group] if self._beside is not None else []
        return [*([self._champion] if self._champion is not None else []), *beside]

    @property
    def is_alone(self) -> bool:
        """Whether nothing stands beside the champion."""
        return self._beside is None

    @property
    def canary(self) -> Canary | None:
        return self._beside if isinstance(self._beside, Canary) else None

    @property
    def shadow(self) -> Shadow | None:
        return self._beside if isinstance(self._beside, Shadow) else None

    def close(self) -> None:
        """Answer who waits, and close the logs."""
        self._refusals.flush(datetime.now(UTC))
        if self._champion is not None:
            self._champion.close()
        if self._beside is not None:
            self._beside.close()

    def _has_moved(self) -> bool:
        try:
            found = self._pointer.stat()
        except OSError:
            return False
        seen = (found.st_mtime_ns, found.st_ino)
        moved, self._seen = seen != self._seen, seen
        return moved

    def _read(self) -> Roles | None:
        with store.opened(self.home):
            return roles.known(self.name)

    def _is(self, group: Group | None, wanted: Champion) -> bool:
        return group is not None and (group.model.digest, group.model.identity.version) == (
            wanted.artifact.digest,
            wanted.version,
        )

    def _opened(self, champion: Champion, role: Role, counters: Counters) -> Group:
        with store.opened(self.home):
            path = store.path(champion.artifact)
        model = Model(path, champion.artifact.digest, champion.version, self.name, self.key)
        kept: Log | None = None
        if self.settings.log.keep != "off":
            kept = Log(self.home, model, role, self._ids.prefix, self.settings.log)
        return Group(model, kept, self._ids, counters)

    def _take(self, wanted: Roles, group: Group) -> None:
        before, self._champion = self._champion, group
        self._wanted, self.failed, self.since = wanted, "", wanted.since
        group.after = self.shadow.ask if self.shadow is not None else None
        _retire(before)

    def _challenger(self, wanted: Roles) -> Canary | Shadow | None:
        """What is to stand beside the champion: what does already, or the challenger, newly opened."""
        challenger, settings = wanted.challenger, self.settings
        if challenger is None or challenger.artifact.digest in (wanted.champion.artifact.digest, self._ended):
            return None
        if self._beside is not None and self._is(self._beside.group, challenger):
            return self._beside
        try:
            if settings.canary is not None and not wanted.challenger_refused:
                return Canary(self._opened(challenger, "canary", Counters()), settings.canary, self.counters)
            if settings.shadow is not None:
                return Shadow(self._opened(challenger, "shadow", Counters()))
        except Exception as exc:
            self._failed(challenger, exc)
        return None

    def _stand(self, beside: Canary | Shadow | None) -> None:
        """Let it stand beside the champion, and nothing else."""
        before, self._beside = self._beside, beside
        self.champion.after = beside.ask if isinstance(beside, Shadow) else None
        if before is not beside:
            _retire(before)

    def _failed(self, model: Champion, exc: Exception) -> None:
        """Tell that it could not be opened; what serves goes on."""
        self.failed = f"version {model.version} could not be loaded: {exc}"
        log.error("%s %s", self.name, self.failed, exc_info=exc)
        self._report("load_failed", {"version": model.version, "digest": model.artifact.digest, "why": str(exc)[:500]})


def _retire(what: Group | Canary | Shadow | None) -> None:
    """Close it, when nobody can be at it any more."""
    if what is None:
        return
    try:
        asyncio.get_running_loop().call_later(OLD_SECONDS, what.close)
    except RuntimeError:  # before the loop runs
        what.close()
