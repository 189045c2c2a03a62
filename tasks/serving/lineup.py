"""Which models a process answers with: the champion, what stands beside it, and how both follow the registry."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tasks.core import store
from tasks.core.errors import Unavailable
from tasks.core.model_records import Champion
from tasks.core.predictions.segment import Role
from tasks.core.records import Record
from tasks.core.roles import Roles
from tasks.serving.canary import Canary
from tasks.serving.counters import Counters
from tasks.serving.group import Group, Ids
from tasks.serving.logged import Log
from tasks.serving.model import Model
from tasks.serving.pointer import Pointer
from tasks.serving.refusal import Refusal
from tasks.serving.section import Serve
from tasks.serving.shadow import Shadow

OLD_SECONDS = 120.0
"""After which a model that was replaced is closed: no request takes as long."""

log = logging.getLogger("keepfit.serving")


class Served(Record):
    """What a process must know of a project to serve it."""

    name: str
    home: Path
    key: tuple[str, ...] = ()
    serve: Serve = Serve()


class Lineup:
    """The models of one project. `report` is told what the ledger should know: an event's name and its facts."""

    def __init__(self, served: Served, ids: Ids, report: Callable[[str, dict[str, Any]], None]) -> None:
        self.name = served.name
        self.home = served.home
        self.settings = served.serve
        self.counters = Counters()
        """Of whoever is the champion."""
        self.failed: str = ""
        """Why the newest champion does not serve: it could not be loaded, and the one before goes on."""
        self.since = ""
        self.key = served.key
        self._ids = ids
        self._report = report
        self._pointer = Pointer(served.home, served.name)
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

    @property
    def fields(self) -> Sequence[str]:
        """The names of the champion's columns; none without one."""
        return self._champion.model.schema.names if self._champion is not None else ()

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

    def load(self) -> None:
        """Open the champion, before the first request. Raises KeepfitError."""
        wanted = self._pointer.read()
        if wanted is None:
            raise Unavailable(f"{self.name} has no champion yet", action="Train it first: `keepfit train PROJECT`")
        self._pointer.has_moved()
        self._take(wanted, self._opened(wanted.champion, "champion", self.counters))
        self._stand(self._challenger(wanted))

    async def follow(self) -> None:
        """Take what the pointer names now, if it names another: opened beside the one that serves, then swapped."""
        if not self._pointer.has_moved():
            return
        wanted = self._pointer.read()
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
        if self._champion is not None:
            self._champion.close()
        if self._beside is not None:
            self._beside.close()

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
