"""MLflow: what it is told of a run, and what its registry knows. The only package that speaks to it."""

from tasks.core.tracking.logged import log
from tasks.core.tracking.registration import register
from tasks.core.tracking.registry import (
    Standing,
    champion,
    describe,
    digest_of,
    drop_alias,
    is_refused,
    mark,
    model,
    opponent,
    set_alias,
    standing,
    version_of,
    versions,
)
from tasks.core.tracking.runs import Run, address, client, code_version, find_run, log_batch, run, run_id, shown_address

__all__ = [
    "Run",
    "Standing",
    "address",
    "champion",
    "client",
    "code_version",
    "describe",
    "digest_of",
    "drop_alias",
    "find_run",
    "is_refused",
    "log",
    "log_batch",
    "mark",
    "model",
    "opponent",
    "register",
    "run",
    "run_id",
    "set_alias",
    "shown_address",
    "standing",
    "version_of",
    "versions",
]
