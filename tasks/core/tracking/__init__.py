"""MLflow: what it is told of a run, and what its registry knows. The only package that speaks to it."""

from tasks.core.tracking.logged import log
from tasks.core.tracking.registry import champion, describe, opponent, register, serving, set_alias, version_of
from tasks.core.tracking.runs import Run, address, client, code_version, find_run, run, run_id, shown_address

__all__ = [
    "Run",
    "address",
    "champion",
    "client",
    "code_version",
    "describe",
    "find_run",
    "log",
    "opponent",
    "register",
    "run",
    "run_id",
    "serving",
    "set_alias",
    "shown_address",
    "version_of",
]
