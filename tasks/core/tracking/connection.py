"""Where MLflow keeps what it is told, and the client that speaks to it."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from tasks.core import store
from tasks.core.errors import Unavailable

if TYPE_CHECKING:
    from mlflow import MlflowClient


def address() -> str:
    """Where MLflow's records are: `MLFLOW_TRACKING_URI`, or the SQLite database of the home."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{store.home() / 'mlflow.db'}"


def shown_address() -> str:
    """The address as it may be shown: without a password."""
    return _without_password(address())


def page(path: str) -> str | None:
    """The address of a page of MLflow's UI, when a tracking server serves one."""
    uri = shown_address()
    return page_at(uri, path) if uri.startswith(("http://", "https://")) else None


def page_at(server: str, path: str) -> str:
    """The same of this server, as for models that are trained: by itself it shows what it has for language models."""
    return f"{server.rstrip('/')}/#/{path}?workflowType=machine_learning"


@cache
def _client(uri: str) -> MlflowClient:
    import logging

    import mlflow

    # They tell every migration, and every failure with its traceback before it is raised.
    for name in ("alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if uri.startswith("http"):
        # An unreachable server is told within seconds; MLflow's default is to try for minutes.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    try:
        client = mlflow.MlflowClient(uri)
        client.search_experiments(max_results=1)
    except Exception as exc:
        raise Unavailable(
            f"MLflow at {_without_password(uri)} does not answer",
            found=str(exc).splitlines()[0][:200],
            action="Start it, or unset MLFLOW_TRACKING_URI to use the project's own database",
        ) from exc
    return client


def client() -> MlflowClient:
    """The client of this home's MLflow; `Unavailable` when it does not answer."""
    return _client(address())


def _without_password(uri: str) -> str:
    from urllib.parse import urlsplit, urlunsplit

    parts = urlsplit(uri)
    if parts.password is None:
        return uri
    return urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", ":***@")))
