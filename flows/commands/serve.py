"""`keepfit serve`: the champion behind an HTTP port."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tasks.core import store, tracking
from tasks.core.project_file import project_file, project_name
from tasks.serving import server


def run(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM."""
    name = project_name(options.project)

    def champion() -> tuple[Path, str, str]:
        found = tracking.serving(name)
        return store.path(found.artifact), found.artifact.digest, found.version

    def ready(address: str) -> None:
        if options.json:
            print(json.dumps({"project": name, "address": address}), flush=True)
        print(f"{name} answers at {address}/predict; a page for people is at {address}/", file=sys.stderr, flush=True)

    with store.opened(store.home_of(project_file(options.project).parent)):
        server.run(champion, name, options.host, options.port, on_ready=ready)
    return 0
