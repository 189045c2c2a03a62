"""`keepfit keys`: who may ask a project's servers."""

from __future__ import annotations

import argparse
import json
from typing import Any

from tasks.core import clients, store
from tasks.core.clients import Client
from tasks.core.errors import UsageError
from tasks.core.project_file import project_file, project_name


def run(options: argparse.Namespace) -> int:
    """Add or revoke what is asked for, and list the keys."""
    name = project_name(options.project)
    if options.rate is not None and options.add is None:
        raise UsageError("--rate without --add", action="The rate of a key is said when it is added")
    outcome: dict[str, Any] = {"project": name}
    with store.opened(store.home_of(project_file(options.project).parent)):
        if options.add is not None:
            key, client = clients.add(name, options.add, options.rate)
            outcome |= {"added": client.name, "key": key}
        if options.revoke is not None:
            outcome |= {"revoked": clients.revoke(name, options.revoke).name}
        found = clients.clients(name)
    if options.json:
        print(json.dumps(outcome | {"keys": [client.model_dump(mode="json") for client in found]}))
    else:
        print("\n".join([*_told(outcome), *map(_line, found)] or [f"{name}: no keys"]))
    return 0


def _told(outcome: dict[str, Any]) -> list[str]:
    lines: list[str] = []
    if "key" in outcome:
        lines += [f"The key of {outcome['added']}, which is shown this once: {outcome['key']}"]
        lines += ["Send it with each request as `Authorization: Bearer KEY`.", ""]
    if "revoked" in outcome:
        lines += [f"The key of {outcome['revoked']} is worth nothing any more.", ""]
    return lines


def _line(client: Client) -> str:
    rate = f"{client.rate:g} a second" if client.rate is not None else "any number a second"
    ended = f"revoked {client.revoked:%Y-%m-%d %H:%M} UTC" if client.revoked else "good"
    return f"  {client.name:<24} {rate:<20} since {client.created:%Y-%m-%d}  {ended}"
