"""Which Prefect server commands would speak to, and whether that is the one a person thinks of."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from flows import services
from flows.health.finding import Finding, failed, ok, warning
from flows.services import spawn
from flows.services.named import ask, configured
from tasks.core.errors import Unavailable


def prefect(home: Path) -> Iterator[Finding]:
    """The server that is named, else the home's private one."""
    named, mine = configured(), services.state(home)
    if named is not None and named != spawn.last_url(home):
        by = "PREFECT_API_URL" if os.environ.get("PREFECT_API_URL") else "the active Prefect profile"
        try:
            found = json.loads(ask(named, "/admin/version", 5))
        except (Unavailable, ValueError) as exc:
            action = f"Start that server, or take it out of {by} to use keepfit's own"
            yield failed("prefect", f"{by} names {named}, which does not answer as Prefect: {exc}", action)
            return
        if found != version("prefect"):
            action = "Use one version on both sides"
            yield warning("prefect", f"{named} ({by}) has {found}, here is {version('prefect')}", action)
        else:
            yield ok("prefect", f"{named}, named by {by}, has {found}")
        if mine:
            action = f"Runs go to {named}; `keepfit down` ends the private one"
            yield warning("prefect", f"a private server runs too, at {mine['url']}", action)
    elif mine is None:
        yield ok("prefect", "no server is named, none runs; commands start the home's own")
    elif mine["prefect"] != version("prefect"):
        found = f"the private server has {mine['prefect']}, here is {version('prefect')}"
        yield warning("prefect", found, "`keepfit down` ends it; the next command starts the right one")
    else:
        yield ok("prefect", f"the private server runs at {mine['url']}")
    for name in ("PREFECT_API_KEY", "PREFECT_API_AUTH_STRING"):
        if os.environ.get(name) and named is None:
            yield warning("prefect", f"{name} is set, but no server is named", "It is not used; unset it")
