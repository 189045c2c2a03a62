"""The settings under which Prefect runs in a command: quiet, without calls to the internet, with a real server."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

QUIET = {
    "DO_NOT_TRACK": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # The engine's loggers write 95 lines for one ValueError; all of it is still sent to the server.
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_HANDLERS_DEBUG_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
}

SOMEONE_ELSES = ("PREFECT_API_KEY", "PREFECT_API_AUTH_STRING", "PREFECT_PROFILE", "PREFECT_SERVER_API_AUTH_STRING")
"""What a private server must not be given: they belong to the server that the user has elsewhere."""

_imported_before = False
"""Whether the command did something first that needs Prefect: it would log, and begin a server of its own."""


def prefect_environment(home: Path | None, url: str) -> dict[str, str]:
    """The variables for a process that speaks to the server at `url`; `home` when that is the home's own."""
    environment = {name: os.environ.get(name, value) for name, value in QUIET.items()}
    environment["PREFECT_API_URL"] = url
    if home is not None:
        root = url.removesuffix("/api")
        environment |= {
            "PREFECT_HOME": str(home / "prefect"),
            "PREFECT_UI_URL": root,
            "PREFECT_UI_API_URL": url,
            # Else any page that the user's browser opens could read and start flows.
            "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": root,
        }
        for name in ("NO_PROXY", "no_proxy"):
            hosts = os.environ.get(name, "")
            environment[name] = hosts if "127.0.0.1" in hosts else f"{hosts},127.0.0.1".lstrip(",")
    return environment


def apply(home: Path | None, url: str) -> None:
    """Make it this process's environment, before prefect is imported, which reads it once."""
    global _imported_before
    _imported_before = "prefect.settings" in sys.modules
    if home is not None:
        for name in SOMEONE_ELSES:
            os.environ.pop(name, None)
    os.environ.update(prefect_environment(home, url))


def settle() -> None:
    """Set what no variable can, after prefect is imported.

    At the end of a flow Prefect waits up to a second for the thread of its heartbeats. A command's death is seen
    by `sweep`, so it needs none; under a worker they stay on.
    """
    from prefect.settings import get_current_settings

    if _imported_before:
        from prefect.context import refresh_global_settings_context
        from prefect.logging.configuration import setup_logging

        refresh_global_settings_context()
        setup_logging()
    get_current_settings().flows.heartbeat_frequency = None
    # While its server is away, Prefect's log handler writes that to stderr, past every logger.
    logging.raiseExceptions = False


def drain(seconds: float = 10) -> None:
    """Send the logs and events that Prefect still holds; at the interpreter's exit it would take seconds more."""
    if "prefect.events.worker" in sys.modules or "prefect.logging.handlers" in sys.modules:
        from prefect.logging.handlers import APILogWorker

        APILogWorker.drain_all(timeout=seconds)  # drains the services of every kind, also that of the events
