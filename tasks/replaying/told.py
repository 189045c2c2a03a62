"""A replay in words and as a table, for the terminal."""

from __future__ import annotations

from tasks.core import age_curve
from tasks.core.figures import figure
from tasks.replaying.records import Replay

HEAD = ("policy", "score", "trainings", "promoted", "refused", "false alarms", "CPU s")


def told(found: Replay) -> str:
    """The table of policies, how models age, and what is recommended."""
    better = "more is better" if found.greater_is_better else "less is better"
    span = f"{found.start:%Y-%m-%d} to {found.end:%Y-%m-%d}, {found.n_windows} windows of {found.every}"
    delay = "" if found.label_delay == "0s" else f", outcomes {found.label_delay} late"
    lines = [
        f"{found.project}: {span}, {found.n_rows:,} rows{delay}; {found.metric} ({better}), {found.model} refitted."
    ]
    lines += [said] if (said := left_out(found)) else []
    rows = [
        (
            each.title,
            figure(each.score),
            str(each.retrainings),
            str(each.promotions),
            str(each.refusals),
            str(each.false_alarms),
            f"{each.seconds:.1f}",
        )
        for each in found.policies
    ]
    widths = [max(len(row[place]) for row in (HEAD, *rows)) for place in range(len(HEAD))]
    for row in (HEAD, *rows):
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  " + "  ".join(cells))
    lines += ["", ageing(found), f"Recommended: {found.recommended.sentence}."]
    return "\n".join(lines)


def left_out(found: Replay) -> str:
    """Of which classes rows are not in it, since there was none before it began; "" where all are."""
    names = ", ".join(f"{name!r} ({n:,} rows)" for name, n in found.late_classes.items())
    return f"Left out: {names}, of which no row came before {found.start:%Y-%m-%d}." if names else ""


def ageing(found: Replay) -> str:
    """What a window of age costs, and the cadence that is worth its price."""
    return f"{age_curve.told(found.ages, found.every)}."
