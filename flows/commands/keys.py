"""`keepfit keys`: who may ask a project's servers."""

from __future__ import annotations

import argparse

from flows.printed import in_json
from flows.printed.answers import Keys
from tasks.core import clients, store
from tasks.core.clients import Client
from tasks.core.errors import UsageError
from tasks.core.project_file import project_file, project_name


def run(options: argparse.Namespace) -> int:
    """Add or revoke what is asked for, and list the keys."""
    name = project_name(options.project)
    if options.rate is not None and options.add is None:
        raise UsageError("--rate without --add", action="The rate of a key is said when it is added")
    with store.opened(store.home_of(project_file(options.project).parent)):
        if options.add is not None:
            key, client = clients.add(name, options.add, options.rate)
            outcome = Keys(project=name, added=client.name, key=key, keys=_all(name))
        elif options.revoke is not None:
            revoked = clients.revoke(name, options.revoke).name
            outcome = Keys(project=name, revoked=revoked, keys=_all(name))
        else:
            outcome = Keys(project=name, keys=_all(name))
    print(in_json(outcome) if options.json else "\n".join(_told(outcome) or [f"{name}: no keys"]))
    return 0


def _all(project: str) -> tuple[Client, ...]:
    return tuple(clients.clients(project))


def _told(outcome: Keys) -> list[str]:
    lines: list[str] = []
    if outcome.key:
        lines += [f"The key of {outcome.added}, which is shown this once: {outcome.key}"]
        lines += ["Send it with each request as `Authorization: Bearer KEY`.", ""]
    if outcome.revoked:
        lines += [f"The key of {outcome.revoked} is worth nothing any more.", ""]
    return [*lines, *map(_line, outcome.keys)]


def _line(client: Client) -> str:
    rate = f"{client.rate:g} a second" if client.rate is not None else "any number a second"
    ended = f"revoked {client.revoked:%Y-%m-%d %H:%M} UTC" if client.revoked else "good"
    return f"  {client.name:<24} {rate:<20} since {client.created:%Y-%m-%d}  {ended}"
