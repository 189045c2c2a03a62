"""By which models ageing is told best: the cadence that each way says at a date, against the best one after it.

    python benchmarks/ageing.py FOLDER

FOLDER holds drift_elec2 and drift_bike_hourly (a CSV file each). A model is boosting of all rows before a week, judged
on each later one. Told is what the cadence costs a week more than the best, as a share of the loss: a training costs
0.1, and a week of age what models of each age up to eight weeks lose over the 24 weeks that follow.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from tasks.learning.parallel import one_thread
from tasks.retraining import ageing, correction
from tasks.retraining.correction import Answers, Floats

WEEK = np.timedelta64(7, "D")
AHEAD = 24
FEWEST_ROWS = 100
STREAMS = {
    "bike": ("drift_bike_hourly", "timestamp", "cnt", ("instant", "casual", "registered")),
    "elec2": ("drift_elec2", "timestamp", "class", ("date", "nswprice")),
    "elec2 shuffled": ("drift_elec2", "timestamp", "class", ("date", "nswprice")),
    "demand": ("", "moment", "demand", ()),
}


def stream(folder: Path, name: str) -> tuple[npt.NDArray[np.int64], Floats, Answers, bool]:
    """The week of each row, its matrix, its target, and whether that is a class."""
    place, time, target, left_out = STREAMS[name]
    place = Path(__file__).parents[1] / "data" / "demand" if name == "demand" else folder / place
    rows = pl.read_csv(next(place.glob("*.csv")), try_parse_dates=True).sort(time, maintain_order=True)
    when = rows[time]
    if name.endswith("shuffled"):
        rows = rows[np.random.default_rng(0).permutation(rows.height)]
    y, is_class = rows[target], rows.schema[target] == pl.String
    x = rows.drop(time, target, *left_out).with_columns(
        pl.col(pl.String).rank("dense"), hour=when.dt.hour(), weekday=when.dt.weekday()
    )
    moments = when.cast(pl.Datetime("us")).to_numpy()
    week = ((moments - moments[0]) / WEEK).astype(np.int64)
    codes = (y.rank("dense") - 1).cast(pl.Int64) if is_class else y.cast(pl.Float64)
    return week, x.cast(pl.Float64).to_numpy(), codes.to_numpy(), is_class


def by_week(week: npt.NDArray[np.int64], x: Floats, y: Answers, is_class: bool) -> Floats:
    """The mean loss of the model of the rows before each week, on each week from then on; NaN where there is none."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    n_weeks = int(week[-1]) + 1
    edges = np.searchsorted(week, np.arange(n_weeks + 1))
    table = np.full((n_weeks, n_weeks), np.nan)
    family = HistGradientBoostingClassifier if is_class else HistGradientBoostingRegressor
    problem = "binary" if is_class else "regression"
    with one_thread():
        for first in range(2, n_weeks):
            n_rows = edges[first]
            if n_rows < FEWEST_ROWS:
                continue
            model = family(max_iter=80, max_leaf_nodes=15, random_state=0).fit(x[:n_rows], y[:n_rows])
            answers = model.predict_proba(x[n_rows:]) if is_class else model.predict(x[n_rows:])
            losses = correction.losses(problem, y[n_rows:], answers)
            for each in range(first, n_weeks):
                part = losses[edges[each] - n_rows : edges[each + 1] - n_rows]
                if len(part):
                    table[first, each] = part.mean()
    return table


def told(table: Floats, cuts: Sequence[int], judged: range) -> float:
    """What a week adds by models that end at `cuts`, the oldest first, on the judged weeks."""
    losses = table[np.ix_(cuts, judged)]
    losses = losses[:, np.isfinite(losses).all(axis=0)]
    if not losses.size:
        return float("nan")
    points = ageing.compared(losses, [cuts[-1] - each for each in cuts])
    return ageing.age_curve(points).per_window


def by_shares(table: Floats, now: int) -> float:
    """By models that end at 0.5 to 0.8 of the weeks, judged on the rest."""
    cuts = [max(2, round(share * now)) for share in (0.5, 0.6, 0.7, 0.8)]
    return told(table, cuts, range(cuts[-1], now))


def by_ages(table: Floats, now: int, n_judged: int) -> float:
    """By models that end so many weeks before now, and 1 to 8 weeks before that: the three oldest."""
    youngest = now - n_judged
    ages = [age for age in ageing.AGES if youngest - age >= max(2, ageing.LEAST_KNOWN * youngest)]
    return told(table, [*(youngest - age for age in ages[: ageing.MOST_AGES]), youngest], range(youngest, now))


def afterwards(table: Floats, now: int) -> float:
    """What a week really adds in those that follow, by models of each age up to eight weeks."""
    points: list[ageing.Aged] = []
    for age in range(1, 9):
        weeks = [week for week in range(now, min(now + AHEAD, len(table))) if week - age >= 2 and table[week, week] > 0]
        ratios = [table[week - age, week] / table[week, week] for week in weeks]
        if finite := [each for each in ratios if np.isfinite(each)]:
            points.append(ageing.Aged(age=age, relative_loss=float(np.mean(finite))))
    return ageing.age_curve(points).per_window


def cost(per_week: float, cadence: float) -> float:
    """Of a cadence a week: its trainings, and the age that it lets models come to."""
    return ageing.COST / cadence + per_week * cadence / 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    for name in STREAMS:
        table = by_week(*stream(folder, name))
        ways = {"shares": lambda now, table=table: by_shares(table, now)} | {
            f"ages, {n} judge": lambda now, n=n, table=table: by_ages(table, now, n) for n in (2, 4, 8)
        }
        dates = range(12, len(table) - 14, 2)
        print(f"\n{name}, {len(table)} weeks, {len(dates)} dates")
        for way, slope in ways.items():
            worse: list[float] = []
            for now in dates:
                truth, found = afterwards(table, now), slope(now)
                if np.isfinite(truth) and np.isfinite(found):
                    worse.append(cost(truth, ageing.cadence(found)) - cost(truth, ageing.cadence(truth)))
            print(f"  {way:<16} {np.mean(worse):.4f} of the loss a week, at {len(worse)} dates")


if __name__ == "__main__":
    main()
