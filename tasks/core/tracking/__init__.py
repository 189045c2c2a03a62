"""MLflow: what it is told of a run, and what its registry knows. The only package that speaks to it."""

from tasks.core.tracking.connection import address, client, page_at, shown_address
from tasks.core.tracking.logged import log
from tasks.core.tracking.provenance import code_version
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
    version_page,
    versions,
)
from tasks.core.tracking.runs import (
    Run,
    find_run,
    log_batch,
    log_series,
    log_tags,
    log_text,
    run,
    run_id,
)

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
    "log_series",
    "log_tags",
    "log_text",
    "mark",
    "model",
    "opponent",
    "page_at",
    "register",
    "run",
    "run_id",
    "set_alias",
    "shown_address",
    "standing",
    "version_of",
    "version_page",
    "versions",
]
