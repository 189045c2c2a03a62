"""A window's report in words: what matters first, a sentence each."""

from __future__ import annotations

from collections.abc import Iterator

from tasks.core.figures import estimate, figure
from tasks.monitoring.window_report import WindowReport

SHOWN = 10
"""Columns and pairs that are told; --json has all."""
HEADS = {
    "healthy": "no drift",
    "drift": "DRIFT",
    "incident": "INCIDENT: not judged for drift until it is mended",
    "empty": "nothing to judge",
}


def told(project: str, version: str, report: WindowReport) -> str:
    """The lines for a terminal."""
    return "\n".join(_lines(project, version, report))


def _lines(project: str, version: str, report: WindowReport) -> Iterator[str]:
    yield f"{project} version {version}, {report.window}, {report.n_rows:,} rows: {HEADS[report.state]}"
    for each in report.incident.evidence if report.incident else ():
        rows = f" (rows {', '.join(each.rows[:3])}, …)" if each.rows else ""
        yield f"  {each.kind:<20} {each.sentence}{rows}"
    for each in report.worst[:SHOWN]:
        yield f"  {'DRIFT' if each.drift else f'{each.score:.2f}':<6} {each.column}: {each.words}"
    for pair in report.joint.pairs if report.joint else ():
        if pair.drift:
            yield f"  DRIFT  {' and '.join(pair.columns)}: {pair.words}"
    yield from _performance(report)
    if report.service and report.service.p50_ms is not None:
        p50, p99 = figure(report.service.p50_ms), figure(report.service.p99_ms or 0.0)
        took = f"half of the rows took up to {p50} ms, 99 % up to {p99} ms"
        yield f"Service      {took}; {report.service.n_refused:,} requests refused"
    promised = (
        "none can be promised" if report.alarms_promised is None else f"{report.alarms_promised:.2f} promised at most"
    )
    yield f"Alarms       {report.alarms_spent} so far; false ones: {promised}"
    yield f"Promise      {report.promise}"


def _performance(report: WindowReport) -> Iterator[str]:
    found = report.performance
    if found is None:
        return
    if found.metrics:
        first = found.metrics[0]
        told = f"{first.name} {estimate(first.value, first.low, first.high)} by {found.n_labels:,} known outcomes"
    else:
        told = f"unknown: {found.n_labels:,} outcomes are known so far"
    yield f"Performance  {told}"
