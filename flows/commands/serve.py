"""`keepfit serve`: the champions of one or several projects behind an HTTP port."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from pydantic import ValidationError

from flows.printed import answers, in_json
from tasks.core import store
from tasks.core.errors import UsageError
from tasks.core.project_file import explained, project_file, project_name, read_yaml
from tasks.serving import server
from tasks.serving.access import is_loopback
from tasks.serving.lineup import Served
from tasks.serving.section import Serve
from tasks.serving.site import Serving


def run(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    projects = tuple(served(folder) for folder in options.projects)
    names = [each.name for each in projects]
    if len(set(names)) < len(names):
        raise UsageError("Two projects have one name", expected="names that differ", found=", ".join(names))
    if (options.tls_cert is None) != (options.tls_key is None):
        raise UsageError("TLS needs two files", expected="--tls-cert and --tls-key")
    serving = Serving(
        projects=projects,
        host=options.host,
        hosts=tuple(options.allow_host),
        keys_required=options.keys or not (options.open or is_loopback(options.host)),
    )

    def ready(address: str) -> None:
        if options.json:
            print(in_json(answers.Serve(projects=tuple(names), address=address, project=names[0])), flush=True)
        for name in names:
            print(f"{name} answers at {address}/v1/{name}/predict", file=sys.stderr)
        print(f"A page for people is at {address}/", file=sys.stderr)
        if serving.keys_required:
            print("Every request needs an API key: `keepfit keys PROJECT --add NAME`", file=sys.stderr)
        sys.stderr.flush()

    tls = (options.tls_cert, options.tls_key) if options.tls_cert else None
    server.run(serving, options.port, processes=options.processes, tls=tls, on_ready=ready)
    return 0


def served(folder: Path) -> Served:
    """What a server must know of the project in a folder; its source and their secrets are none of it."""
    file = project_file(folder)
    said = read_yaml(file)
    try:
        section = Serve.model_validate(said.get("serve") or {})
    except ValidationError as exc:
        raise explained(exc, file, Serve) from exc
    key = said.get("key") or ()
    return Served(
        name=project_name(folder),
        home=store.home_of(file.parent),
        key=(key,) if isinstance(key, str) else tuple(key),
        serve=section,
    )
