"""A window's report in words: what matters first, a sentence each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tasks.core.figures import estimate, figure
from tasks.core.markdown import plain
from tasks.monitoring.window_report import WindowReport

SHOWN = 10
"""Columns that are told; --json has all."""
SHOWN_PAIRS = 3
LONGEST = 100
"""Characters that a run's name may take."""
HEADS = {
    "healthy": "no drift",
    "drift": "DRIFT",
    "incident": "INCIDENT: not judged for drift until it is mended",
    "empty": "nothing to judge",
}


def told(project: str, version: str, report: WindowReport) -> str:
    """The lines for a terminal."""
    return "\n".join(_lines(project, version, report))


def summary(report: WindowReport) -> str:
    """The window in a few words, as a run is named by it: `drift in fare`, `incident: …`, `healthy`."""
    if report.incident is not None:
        text = f"incident: {report.incident.cause}"
        return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    if not report.drift:
        return "no rows" if report.state == "empty" else "healthy"
    drifted = [each.column for each in report.worst if each.drift]
    if not drifted and report.joint:
        drifted = [" and ".join(pair.columns) for pair in report.joint.pairs if pair.drift]
    return drift_in(drifted)


def drift_in(columns: Sequence[str]) -> str:
    """Where the drift is, for a run's name: the worst column, and how many more."""
    more = f" and {len(columns) - 1} more" if len(columns) > 1 else ""
    return f"drift in {columns[0][: LONGEST - 20]}{more}" if columns else "drift"


def in_markdown(project: str, version: str, report: WindowReport) -> str:
    """The lines for the Prefect UI: what matters in words, and nothing of the data as markup."""
    first, *lines = (plain(" ".join(line.split())) for line in _lines(project, version, report))
    return "\n".join([f"**{first}**", "", *(f"- {line}" for line in lines)])


def _lines(project: str, version: str, report: WindowReport) -> Iterator[str]:
    yield f"{project} version {version}, {report.window}, {report.n_rows:,} rows: {HEADS[report.state]}"
    for each in report.incident.evidence if report.incident else ():
        rows = f" (rows {', '.join(each.rows[:3])}, …)" if each.rows else ""
        yield f"  {each.kind:<20} {each.sentence}{rows}"
    for each in report.worst[:SHOWN]:
        yield f"  {'DRIFT' if each.drift else f'{each.score:.2f}':<6} {each.column}: {each.words}"
    pairs = [pair for pair in report.joint.pairs if pair.drift] if report.joint else []
    for pair in pairs[:SHOWN_PAIRS]:
        yield f"  DRIFT  {' and '.join(pair.columns)}: {pair.words}"
    if len(pairs) > SHOWN_PAIRS:
        yield f"  DRIFT  in {len(pairs) - SHOWN_PAIRS:,} more pairs of columns"
    yield from _performance(report)
    if report.service and report.service.latency:
        took = report.service.latency
        half = f"half of the rows took up to {figure(took.p50)} ms, 99 % up to {figure(took.p99)} ms"
        yield f"Service      {half}; {report.service.n_refused:,} requests refused, {report.service.n_failed:,} failed"
    promised = (
        "none can be promised" if report.alarms_promised is None else f"{report.alarms_promised:.2f} promised at most"
    )
    yield f"Alarms       {report.alarms_spent} so far; false ones: {promised}"
    yield f"Promise      {report.promise}"


def _performance(report: WindowReport) -> Iterator[str]:
    found = report.performance
    if found is None:
        return
    for metric in found.labelled.best[:1]:
        told = estimate(metric.value, metric.low, metric.high)
        yield f"Performance  {metric.name} {told} by {found.labelled.n_labelled:,} known outcomes"
    for note in found.labelled.notes:
        yield f"             {note}"
    if (guess := found.estimated) is not None:
        told = (
            f"{guess.metric} {estimate(guess.value, guess.low, guess.high)}"
            if guess.valid
            else f"{guess.metric} unknown"
        )
        yield f"Estimated    {told}: {guess.reason}"
