"""Scored batches where people look: the run's name, how far it is, and an artifact with what came of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast
from uuid import UUID

from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact

from flows.shown_windows import key_of, name_run
from tasks.batch_scoring.scored import Scored
from tasks.core import progress as told_progress
from tasks.core import tracking
from tasks.core.markdown import plain

EVERY = 2.0
"""Seconds between two looks at how far it is: each is a request to the server."""
SHOWN = 5
"""Reasons in words; the file of the refused rows has all."""


@contextmanager
def progress() -> Iterator[None]:
    """Show in the Prefect UI how far the scoring is, besides whoever is told already."""
    before, shown, due = told_progress.listener.get(), None, 0.0

    def tell(step: str, text: str, done: int, total: int | None) -> None:
        nonlocal shown, due
        if before is not None:
            before(step, text, done, total)
        if step != "score_rows" or total is None or total <= 1 or time.monotonic() < due:
            return
        due = time.monotonic() + EVERY
        shown = _shown(shown, 100 * done / total, f"{done:,} of {total:,} rows")

    token = told_progress.listener.set(tell)
    try:
        yield
    finally:
        told_progress.listener.reset(token)
        if shown is not None:
            _shown(shown, 100.0, "all rows")


def _shown(artifact: UUID | None, share: float, text: str) -> UUID | None:
    if artifact is None:
        return cast("UUID", create_progress_artifact(share, key="scoring-progress", description=text))
    update_progress_artifact(artifact, share, description=text)
    return artifact


def show(scored: Scored) -> None:
    """Tell Prefect what came of it."""
    name_run(f"{scored.project} · scoring: {scored.sentence}")
    if not scored.n_rows:
        return
    create_markdown_artifact(_in_markdown(scored), key=f"{key_of(scored.project)}-scoring", description=scored.sentence)


def told(scored: Scored) -> str:
    """What came of it, as a person reads it on the terminal."""
    lines = ["", f"{scored.project}: {scored.sentence}."]
    if not scored.n_rows:
        return "\n".join(lines)
    lines += [f"  version {version} answered {n_rows:,}" for version, n_rows in scored.versions.items()]
    lines += [f"  {n_rows:,} refused: {reason}" for reason, n_rows in scored.reasons[:SHOWN]]
    lines += [f"  {n_rows:,} answered all the same: {claim}" for claim, n_rows in scored.warnings[:SHOWN]]
    lines += [f"  {n_items:,} of the source left out: {reason}" for reason, n_items in scored.left_out[:SHOWN]]
    lines += (
        [f"  {scored.n_remembered:,} were answered by an earlier run that ended early"] if scored.n_remembered else []
    )
    lines += [f"  {scored.n_logged:,} are in the prediction log"] if scored.n_logged else []
    lines += ["", f"Answers  {scored.output}"]
    lines += [f"Refused  {scored.refused}"] if scored.refused else []
    return "\n".join(lines)


def _in_markdown(scored: Scored) -> str:
    rows = [
        ("From", scored.source),
        ("To", scored.output),
        ("Rows", f"{scored.n_rows:,}"),
        ("Answered", f"{scored.n_answered:,}"),
        *((f"by version {version}", f"{n_rows:,}") for version, n_rows in scored.versions.items()),
        *([("by an earlier run that ended early", f"{scored.n_remembered:,}")] if scored.n_remembered else []),
        *([("Refused", f"{scored.n_refused:,}")] if scored.n_refused else []),
        *((f"because {reason}", f"{n_rows:,}") for reason, n_rows in scored.reasons),
        *((f"answered all the same: {claim}", f"{n_rows:,}") for claim, n_rows in scored.warnings),
        *((f"left out of the source: {reason}", f"{n_items:,}") for reason, n_items in scored.left_out),
        *([("In the prediction log", f"{scored.n_logged:,}")] if scored.n_logged else []),
    ]
    table = "\n".join(f"| {plain(name)} | {plain(value)} |" for name, value in rows)
    pages = {version: tracking.version_page(scored.project, version) for version in scored.versions}
    links = [f"[Version {version} in MLflow]({page})" for version, page in pages.items() if page]
    refused = [f"The refused rows, each with its reason: `{scored.refused}`"] if scored.refused else []
    return "\n\n".join([f"**{plain(scored.sentence)}**", f"| | |\n|---|---|\n{table}", *refused, *links])
