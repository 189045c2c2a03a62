"""What the retraining policy costs and is worth on streams of real rows: `keepfit replay`'s own code, measured.

    python benchmarks/replay.py FOLDER [--shuffled] [--delay 7d] [--broken]
    python benchmarks/replay.py --made [SEED] [--projects FOLDER...] [--home FOLDER] [--only NAME]

FOLDER holds drift_elec2 and drift_bike_hourly (a CSV file each). `--shuffled` gives elec2 in random order: then
nothing drifts. `--delay` lets outcomes come late. `--broken` breaks one training of ten (its model sees the columns in
the wrong order), with the gate and without it. Processor seconds are told as shares of training at every window.

`--made` are the streams of `concepts.py`, `--projects` folders with a project.yaml and a history: a line each, of the
loss relative to training at every window, and what it comes to over all. Models stay in `--home` for the next time.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from concepts import STREAMS, write

from flows.history import Span, fits_of
from flows.replay import replayed, span_of
from tasks.core import store
from tasks.project import Project, load_project
from tasks.replaying.fits import Fits
from tasks.replaying.records import Replay

SAID = {
    "drift_elec2": "target: class\ndrop: [date, nswprice]\nmetric: accuracy\n",
    "drift_bike_hourly": "target: cnt\ndrop: [instant, casual, registered]\nmetric: r2\n",
}
SEEDS = (0, 1, 2, 3, 4)
TRIGGERS = ("adwin", "page_hinkley", "ks", "psi")


def project_of(folder: Path, name: str, place: Path, shuffled: bool) -> Project:
    """The stream as a project."""
    rows = pl.read_csv(folder / name / f"{name}.csv")
    if shuffled:
        order = np.random.default_rng(0).permutation(rows.height)
        rows = rows[order].with_columns(rows["timestamp"])
    place.mkdir(parents=True)
    rows.write_csv(place / "rows.csv")
    said = f"name: {name}\nsource: rows.csv\n{SAID[name]}split: {{by: time, column: timestamp}}\n"
    (place / "project.yaml").write_text(said)
    return load_project(place)


def told(found: Replay) -> None:
    """A line a policy, relative to training at every window."""
    weekly = found.policy("schedule")
    print(f"\n{found.project}, {found.n_windows} windows, {found.metric}, label delay {found.label_delay}")
    print(
        "| policy | score | to weekly | loss ratio | trainings | share | refused | false alarms | CPU | without gate |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for each in found.policies:
        cpu, plain = each.seconds / weekly.seconds, (each.seconds - each.gate_seconds) / weekly.seconds
        print(
            f"| {each.name} | {100 * each.score:.2f} | {100 * (each.score - weekly.score):+.2f} "
            f"| {each.loss / weekly.loss:.4f} | {each.retrainings} | {each.retrainings / weekly.retrainings:.1%} "
            f"| {each.refusals} | {each.false_alarms} | {cpu:.2f} | {plain:.2f} |"
        )
    for name in [each.name for each in found.policies if each.name.startswith("keepfit")]:
        outcome = found.policy(name)
        causes = dict(Counter(each.cause for each in outcome.trainings))
        print(f"{name}: asked by {causes}, corrected in {outcome.corrected_windows} of {found.n_windows} windows")
    print(f"{found.seconds:.0f} s by the clock, {found.n_fitted} fits")


class Broken(Fits):
    """Fits of which one training of ten is broken: the columns reach the model in another order."""

    broken: frozenset[int] = frozenset()

    def answers(self, n_rows: int, rows: slice) -> Any:
        if n_rows not in self.broken:
            return super().answers(n_rows, rows)
        return self.scorer(n_rows).ask(np.roll(self.matrix(n_rows, rows), 1, axis=1))

    def proxy(self, n_rows: int, known: int, rows: slice) -> Any:
        if n_rows not in self.broken:
            return super().answers(known, rows)
        return self.scorer(known).ask(np.roll(self.matrix(known, rows), 1, axis=1))


def broken(project: Project, span: Span) -> None:
    """What broken trainings cost a policy with the gate and one without."""
    from tasks.decide import decide
    from tasks.replaying import ages
    from tasks.replaying.keepfit import Keepfit
    from tasks.replaying.walk import walk

    fits = fits_of(project, span)
    fits.__class__ = Broken
    assert isinstance(fits, Broken)
    sizes = [each.n_labelled for each in fits.history.windows]
    fits.prefit([*sizes, *ages.cut_sizes(fits.history)])
    curve, _ = ages.first_curve(fits)

    def score(gated: bool) -> tuple[float, int, int]:
        policy = Keepfit(fits, project.retrain, decide, curve)
        policy.gated = gated
        found = walk(fits, policy)
        hit = sum(fits.history.windows[each.window].n_labelled in fits.broken for each in found.trainings)
        return found.score, hit, found.refusals

    sound = score(True)
    print(f"\n{project.name}: sound, gated {100 * sound[0]:.2f} ({sound[2]} refused)")
    for seed in SEEDS:
        chosen = np.random.default_rng(seed).random(len(sizes)) < 0.1
        fits.broken = frozenset(size for size, each in zip(sizes[1:], chosen[1:], strict=True) if each)
        for gated in (True, False):
            found, hit, refused = score(gated)
            print(
                f"  seed {seed}, {'gate' if gated else 'no gate'}: {100 * (found - sound[0]):+.2f} "
                f"with {hit} broken trainings, {refused} refused"
            )


def compared(projects: Sequence[Project], delay: str | None) -> None:
    """A line a stream: the loss of each policy relative to training at every window, and trainings of as many."""
    names = ("keepfit", "keepfit_uncorrected", "never", "every_4th", *TRIGGERS)
    print(f"| stream | rows | windows | {' | '.join(names)} | score to weekly | trainings | corrected |")
    print("|---" * (len(names) + 6) + "|", flush=True)
    ratios: dict[str, list[float]] = {name: [] for name in names}
    shares, beaten = list[float](), list[str]()
    for project in projects:
        found = replayed(project, span_of(project, None, delay, None, None))
        weekly, ours = found.policy("schedule"), found.policy("keepfit")
        cells: list[str] = []
        for name in names:
            each = found.policy(name)
            ratios[name].append(each.loss / weekly.loss)
            cells.append(f"{ratios[name][-1]:.3f}" + f" ({each.retrainings})" * (name in TRIGGERS))
            if name in TRIGGERS and each.loss < ours.loss and each.retrainings <= ours.retrainings:
                beaten.append(f"{project.name} by {name}")
        shares.append(ours.retrainings / weekly.retrainings)
        print(
            f"| {project.name} | {found.n_rows:,} | {found.n_windows} | {' | '.join(cells)} "
            f"| {ours.score - weekly.score:+.4f} {found.metric} | {ours.retrainings} ({shares[-1]:.0%}) "
            f"| {ours.corrected_windows} |",
            flush=True,
        )
    means = " | ".join(f"**{np.exp(np.mean(np.log(ratios[name]))):.3f}**" for name in names)
    print(f"| mean (geometric) | | | {means} | | {np.mean(shares):.0%} | |")
    worst = [f"{name} {max(each):.3f}" for name, each in ratios.items()]
    ours, never = ratios["keepfit"], ratios["never"]
    worse = [project.name for project, mine, old in zip(projects, ours, never, strict=True) if mine > old]
    print(f"\nworst: {', '.join(worst)}\nworse than never: {', '.join(worse) or 'none'}")
    print(f"less loss for no more trainings: {', '.join(beaten) or 'none'}")
    for name in TRIGGERS:
        wins = sum(mine < theirs for mine, theirs in zip(ours, ratios[name], strict=True))
        print(f"less loss than {name}: {wins} of {len(ours)}")


def streams(options: argparse.Namespace) -> None:
    """Compare the policies on the streams that are made, and on those of the projects."""
    with tempfile.TemporaryDirectory() as place, store.opened(options.home or Path(place) / "home"):
        made = [] if options.made is None else [name for name in STREAMS if options.only in (None, name)]
        folders = [write(name, options.made, Path(place) / name) for name in made] + options.projects
        compared([load_project(each) for each in folders], options.delay)


def main() -> None:
    """Measure what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--made", type=int, nargs="?", const=0)
    parser.add_argument("--projects", type=Path, nargs="*", default=[])
    parser.add_argument("--home", type=Path)
    parser.add_argument("--shuffled", action="store_true")
    parser.add_argument("--delay")
    parser.add_argument("--broken", action="store_true")
    parser.add_argument("--only")
    options = parser.parse_args()
    if options.folder is None:
        streams(options)
        return
    names = ["drift_elec2"] if options.shuffled else [options.only] if options.only else list(SAID)
    run: Callable[[Project, Span], None] = broken if options.broken else lambda *of: told(replayed(*of))
    with tempfile.TemporaryDirectory() as place, store.opened(Path(place) / "home"):
        for name in names:
            project = project_of(options.folder, name, Path(place) / name, options.shuffled)
            run(project, span_of(project, "7d", options.delay, None, None))


if __name__ == "__main__":
    main()
