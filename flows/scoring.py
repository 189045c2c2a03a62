"""The scoring flow: the rows of a source answered by the champion, in chunks, each row once; for a schedule."""

from __future__ import annotations

from pathlib import Path

from prefect import flow
from prefect.logging import get_run_logger

from flows import described, runs, shown_scores
from tasks.batch_scoring.scored import Scored
from tasks.core import roles
from tasks.project import load_project
from tasks.score import read_rows, score_rows


@flow(name="scoring", flow_run_name=runs.name_of_scoring, validate_parameters=True, log_prints=False)
def scoring(
    project: str,
    source: str | None = None,
    output: str | None = None,
    log: bool | None = None,
    again: bool = False,
) -> Scored:
    """Score rows of the project in the folder `project` by its champion, as its section `score:` says.

    `source` (a file, a folder, an address), `output` (a file, a folder, `address#table`) and `log` stand in for what
    it says; `again` scores rows that were scored before. What an earlier run left unfinished is finished first.
    """
    config = load_project(Path(project))
    rows = described.source_of(source) if source else None
    wanted = config.scoring(rows, described.output_of(output) if output else None, log)
    with runs.scoring(config, wanted), shown_scores.progress():
        champion = roles.serving(config.name).champion
        scored = Scored(project=config.name, source=wanted.source.title, output=wanted.output.title)
        pinned = read_rows(config.name, wanted, champion, again)
        while pinned.batch is not None:
            scored = score_rows(config.name, wanted, pinned.batch, champion, config.serve.log, config.key)
            shown_scores.show(scored)
            if not pinned.resumed:
                break
            pinned = read_rows(config.name, wanted, champion)
        if not scored.n_rows:
            shown_scores.show(scored)
        get_run_logger().info("%s: %s", scored.project, scored.sentence)
        return scored
