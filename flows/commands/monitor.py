"""`keepfit monitor`: what broke, what drifted and how right the answers were, on a day or in a file."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from flows.printed import in_json
from flows.printed.ageing import ShownAgeing
from flows.printed.training import DoneAlready, Train
from flows.printed.watching import Monitored, RolledBack, WatchedModel
from flows.weighing import weigh
from tasks.core import clock, roles, store
from tasks.core.errors import UsageError
from tasks.core.model_records import Champion
from tasks.core.project_file import explained, project_file, project_name, read_yaml
from tasks.monitor import Watching, monitor
from tasks.monitoring.section import Monitor
from tasks.monitoring.told import told
from tasks.report_windows import report_rows, report_windows
from tasks.retraining import aged
from tasks.retraining.acceptance import Acceptance
from tasks.retraining.policy import Retrain, waits_for
from tasks.retraining.verdict import Verdict
from tasks.serving.section import Serve

if TYPE_CHECKING:
    import polars as pl

    from tasks.retraining.verdicts import Kept

REFUSED = 3


class Sections(BaseModel):
    """What this command must know of a project.yaml; the source and its secrets are none of it."""

    monitor: Monitor = Monitor()
    serve: Serve = Serve()
    retrain: Retrain = Retrain()
    acceptance: Acceptance = Acceptance()


def run(options: argparse.Namespace) -> int:
    """Judge what is not judged yet, print the reports on the windows that were asked for, the newest last, and the
    verdict; with --act do what it says: 3 when a gate refuses the new model.
    """
    name, sections = project_name(options.project), _sections(options.project)
    page: Path | None = None
    kept: Kept | None = None
    with store.opened(store.home_of(project_file(options.project).parent)):
        serving = roles.serving(name).champion
        champion = serving.trained  # what a correction answers is watched as its base's answers
        if options.input is not None:
            watching, page = _of_file(name, champion, sections, options.input, options.explain)
        else:
            watching = _of_log(name, champion, sections, options.window)
            days = [date.fromisoformat(each.window) for each in watching.windows[-(options.days or 1) :]]
            if days[-1] >= _yesterday():  # a verdict is about now
                kept = weigh(name, serving, watching.windows, sections.retrain, sections.serve.log)
            watched = (sections.monitor, sections.serve.log)
            page = report_windows(name, champion, *watched, days, options.explain, kept.verdict if kept else None)
        ageing = aged.known(champion.artifact.digest)
        acted, told_of_it = _act(options, name, kept) if options.act and kept else (None, "")
        corrected = _corrected(name, sections, kept.verdict) if options.act and kept else ""
    windows = watching.windows[-(options.days or 1) :]
    if options.json:
        by, digest = serving.version if serving.base else None, champion.artifact.digest
        monitored = Monitored(
            **dict(windows[-1]),
            project=name,
            model=WatchedModel(name=name, version=champion.version, digest=digest, corrected_by=by),
            report=str(page) if page else None,
            windows=windows,
            ageing=ShownAgeing.told(ageing),
            verdict=kept.verdict if kept else None,
            acted=acted,
            corrected=corrected or None,
        )
        print(in_json(monitored))
    else:
        version = f"{champion.version} (corrected by {serving.version})" if serving.base else champion.version
        lines = ["\n\n".join(told(name, version, window) for window in windows)]
        lines += [f"Report       {page}"] if page else []
        lines += [f"Ageing       {ageing.sentence}"] if ageing and ageing.curve else []
        lines += [told_of_it] if told_of_it else []
        lines += [f"Correction   {corrected}"] if corrected else []
        lines += [_in_words(kept.verdict, options.act)] if kept else []
        print("\n".join(lines))
    return REFUSED if isinstance(acted, Train) and not acted.accepted else 0


def _act(options: argparse.Namespace, project: str, kept: Kept) -> tuple[Train | DoneAlready | RolledBack | None, str]:
    """What came of what the verdict says, done in this process: as `--json` prints it, and in words."""
    if kept.verdict.action == "retrain":
        from flows.commands.train import trained
        from tasks.retraining import requests
        from tasks.retraining.trigger import Trigger

        request = requests.ask(project, kept.verdict, kept.at)
        return trained(options, Trigger.of(kept.verdict, request.id))
    if kept.verdict.action == "rollback":
        from flows.requesting import roll_back

        done = roll_back(project, kept.version, kept.verdict)
        return RolledBack(rollback=done), done
    return None, ""


def _corrected(project: str, sections: Sections, verdict: Verdict) -> str:
    """What became of the champion's correction, in a sentence; of the model that was just trained, if one was."""
    from flows import correcting  # Prefect comes with it, and must not before a training has named its server

    waits = waits_for(sections.retrain, sections.serve)
    terms = correcting.Terms(sections.retrain, sections.acceptance, sections.serve.log, waits)
    return correcting.follow(project, terms, verdict)


def _in_words(verdict: Verdict, acts: bool) -> str:
    due = verdict.action in ("retrain", "rollback") and not acts
    hint = " `--act` does it now; the flow `monitoring` does by itself." if due else ""
    return f"Verdict      {verdict.sentence}{hint}"


def _yesterday() -> date:
    return clock.now().date() - timedelta(days=1)


def _of_log(name: str, champion: Champion, sections: Sections, window: date | None) -> Watching:
    today = clock.now().date()
    if window is not None and window > today:
        raise UsageError(f"--window {window}", expected="a day that has begun", found=f"it is {today} (UTC)")
    return monitor(name, champion, sections.monitor, sections.serve.log, window or _yesterday())


def _of_file(
    name: str, champion: Champion, sections: Sections, file: Path, explained: bool
) -> tuple[Watching, Path | None]:
    from flows import answering
    from tasks.monitoring.file_window import judge_rows
    from tasks.scoring.scorer import Scorer

    card = Scorer.open(store.path(champion.artifact), champion.artifact.digest).card
    asked = (name, champion, sections.monitor, sections.serve.log)

    def frames() -> Iterator[pl.DataFrame]:
        with answering.rows_of(card, given) as found:
            yield from found

    with answering.spooled(file) as given:
        found = judge_rows(*asked, frames, str(file))
    page = report_rows(*asked, found.report, found.rows, found.daily, explained) if found.report.n_rows else None
    return Watching(windows=(found.report,)), page


def _sections(folder: Path) -> Sections:
    file = project_file(folder)
    try:
        return Sections.model_validate(read_yaml(file))
    except ValidationError as exc:
        raise explained(exc, file, Sections) from exc
