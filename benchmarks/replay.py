"""What the retraining policy costs and is worth on streams of real rows: `keepfit replay`'s own code, measured.

    python benchmarks/replay.py FOLDER [--shuffled] [--delay 7d] [--broken [WAY]] [--draws N]
    python benchmarks/replay.py --made [SEED] [--projects FOLDER...] [--home FOLDER] [--only NAME]

FOLDER holds drift_elec2 and drift_bike_hourly (a CSV file each). `--shuffled` gives elec2 in random order: then
nothing drifts. `--delay` lets outcomes come late. `--broken` breaks one training of ten, with the gate and without
it: its model sees the columns in the wrong order, or (`--broken missing`) the column that varies most never, or
(`--broken old`) it learnt from the rows of the first training alone. Processor seconds are told as shares of training
at every window.

`--made` are the streams of `concepts.py`, `--projects` folders with a project.yaml and a history: a line each, of the
loss relative to training at every window, and what it comes to over all. Models stay in `--home` for the next time.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
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
from tasks.replaying.known import Once, Stretch
from tasks.replaying.records import Replay
from tasks.retraining.correction import Correction

SAID = {
    "drift_elec2": "target: class\ndrop: [date, nswprice]\nmetric: accuracy\n",
    "drift_bike_hourly": "target: cnt\ndrop: [instant, casual, registered]\nmetric: r2\n",
}
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
    """Fits of which some trainings are broken: their columns reach the model in another order, or it is an old one's.

    What a broken model answers is kept apart, and a correction of it learns from that, as it does of a live one.
    """

    broken: frozenset[int] = frozenset()
    way = "order"

    def breaking(self, broken: Iterable[int], way: str) -> None:
        """Break the trainings of these numbers of rows from now on."""
        self.broken, self.way = frozenset(broken), way
        self._wrong, self._mended = Once[int, Stretch](), Once[tuple[int, int], tuple[Correction, float]]()

    def answers(self, n_rows: int, rows: slice) -> Any:
        return self._broken(n_rows, rows) if n_rows in self.broken else super().answers(n_rows, rows)

    def proxy(self, n_rows: int, known: int, rows: slice) -> Any:
        return self._broken(known, rows) if n_rows in self.broken else super().answers(known, rows)

    def correction(self, n_rows: int, number: int) -> tuple[Correction, float]:
        if n_rows not in self.broken:
            return super().correction(n_rows, number)
        return self._mended.get((n_rows, number), lambda: self._corrected(n_rows, number))

    def _broken(self, n_rows: int, rows: slice) -> Any:
        return self._wrong.get(n_rows, lambda: Stretch(partial(WAYS[self.way], self, n_rows))).of(rows)


def _in_another_order(fits: Fits, n_rows: int, rows: slice) -> Any:
    return fits.scorer(n_rows).ask(np.roll(fits.matrix(n_rows, rows), 1, axis=1))


def _one_missing(fits: Fits, n_rows: int, rows: slice) -> Any:
    """The column that varies most never reaches it: a fault that hurts little."""
    x = fits.matrix(n_rows, rows).copy()
    x[:, int(np.argmax(np.nanstd(x, axis=0) / (np.abs(np.nanmean(x, axis=0)) + 1e-9)))] = np.nan
    return fits.scorer(n_rows).ask(x)


def _by_old_rows(fits: Fits, n_rows: int, rows: slice) -> Any:
    """It learnt from the rows of the first training alone."""
    first = fits.history.n_first
    return fits.scorer(first).ask(fits.matrix(first, rows))


WAYS: dict[str, Callable[[Fits, int, slice], Any]] = {
    "order": _in_another_order,
    "missing": _one_missing,
    "old": _by_old_rows,
}


def broken(project: Project, span: Span, way: str, n_draws: int) -> None:
    """What broken trainings cost a policy with the gate and one without; with its correction, and without."""
    from tasks.decide import decide
    from tasks.replaying import ages
    from tasks.replaying.keepfit import Keepfit
    from tasks.replaying.walk import Outcome, walk

    fits = fits_of(project, span)
    fits.__class__ = Broken
    assert isinstance(fits, Broken)
    sizes = [each.n_labelled for each in fits.history.windows]
    fits.prefit([*sizes, *ages.cut_sizes(fits.history)])
    curve, _ = ages.first_curve(fits)

    def lived(gated: bool, corrects: bool | None) -> Outcome:
        policy = Keepfit(fits, project.retrain, decide, curve, corrects=corrects)
        policy.gated = gated
        return walk(fits, policy)

    for corrects in (None, False):
        fits.breaking((), way)
        sound, costs = lived(True, corrects), {True: list[float](), False: list[float]()}
        told = "uncorrected" if corrects is False else "corrected"
        print(f"\n{project.name}, {told}, broken by {way}: sound {100 * sound.score:.2f} ({sound.refusals} refused)")
        for seed in range(n_draws):
            chosen = np.random.default_rng(seed).random(len(sizes)) < 0.1
            fits.breaking((size for size, each in zip(sizes[1:], chosen[1:], strict=True) if each), way)
            for gated in (True, False):
                found = lived(gated, corrects)
                hit = [each for each in found.trainings if sizes[each.window] in fits.broken]
                costs[gated].append(100 * (found.score - sound.score))
                print(
                    f"  draw {seed}, {'gate' if gated else 'no gate'}: {costs[gated][-1]:+.2f} "
                    f"with {len(hit)} broken trainings, {sum(not each.promoted for each in hit)} refused, "
                    f"{found.refusals} refusals in all",
                    flush=True,
                )
        for gated, each in costs.items():
            print(f"  {'gate' if gated else 'no gate'}: mean {np.mean(each):+.2f}, worst {min(each):+.2f}", flush=True)


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
        seed: int | None = options.made
        made = [name for name in STREAMS if options.only in (None, name)]
        folders = [] if seed is None else [write(name, seed, Path(place) / name) for name in made]
        folders += options.projects
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
    parser.add_argument("--broken", choices=list(WAYS), nargs="?", const="order")
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--only")
    options = parser.parse_args()
    if options.folder is None:
        streams(options)
        return
    names = ["drift_elec2"] if options.shuffled else [options.only] if options.only else list(SAID)

    def run(project: Project, span: Span) -> None:
        if options.broken:
            broken(project, span, options.broken, options.draws)
        else:
            told(replayed(project, span))

    with tempfile.TemporaryDirectory() as place, store.opened(Path(place) / "home"):
        for name in names:
            project = project_of(options.folder, name, Path(place) / name, options.shuffled)
            run(project, span_of(project, "7d", options.delay, None, None))


if __name__ == "__main__":
    main()
