"""What a command needs that runs a flow in its own process: a Prefect server, the home, the display, a clean end."""

from __future__ import annotations

import argparse
import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from importlib import import_module
from typing import TYPE_CHECKING

from flows import services
from tasks.core import store
from tasks.core.project_file import project_file

if TYPE_CHECKING:
    from flows.commands.display import Display


@contextmanager
def started(options: argparse.Namespace, flow: str) -> Iterator[tuple[services.Server, Display]]:
    """The Prefect server and the display, for a block that calls a flow of the module `flow` and takes its result."""
    gc.disable()  # while importing, the collector only walks over what will stay anyway
    home = store.home_of(project_file(options.project).parent)
    home.mkdir(parents=True, exist_ok=True)
    server = services.start(home)
    from flows.commands.display import progress_display

    import_module(flow)
    services.settle()
    with progress_display(quiet=options.json) as display, store.opened(home):
        with _importing_ahead():
            server.ready()
        gc.enable()
        gc.freeze()
        try:
            yield server, display
        finally:
            services.drain()


@contextmanager
def _importing_ahead() -> Iterator[None]:
    """Import what the steps will need for as long as the block waits; where nothing is waited for, they do it."""
    from tasks.core import quality, tracking

    waited = threading.Event()

    def imports() -> None:
        with suppress(Exception):  # whoever needs it will fail in the same way, and say so
            for needed in (tracking.client, lambda: import_module("sklearn.ensemble"), quality.preload):
                if not waited.is_set():
                    needed()

    thread = threading.Thread(target=copy_context().run, args=(imports,), name="imports", daemon=True)
    thread.start()
    try:
        yield
    finally:
        waited.set()
        thread.join()
