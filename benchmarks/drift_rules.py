"""The usual rules of drift on the windows of `streams.py`, as days with an alarm: what a promise is held against.

    .venv/bin/python benchmarks/drift_rules.py [--streams S0 S2 S3] [--windows 120] [--rows 1000] [--seed 1]

Each rule sees the same 90 reference days and then the same windows, row by row. ADWIN needs river in the environment.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

YEAR, REFERENCE = 365, 90


def main() -> None:
    import numpy as np
    from streams import STREAMS, Source

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", nargs="+", default=["S0", "S2", "S3"])
    parser.add_argument("--windows", type=int, default=120)
    parser.add_argument("--rows", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    for name in given.streams:
        source = Source(STREAMS[name], np.random.default_rng(given.seed))
        rules = made_rules([day.rows() for day in source.days(REFERENCE, given.rows)])
        alarms: dict[str, list[int]] = {label: [] for label, _ in rules}
        for index, day in enumerate(source.days(given.windows, given.rows)):
            rows = day.rows()
            for label, rule in rules:
                if rule(rows):
                    alarms[label].append(index)
        print(f"\n{name}: {given.windows} windows")
        for label, days in alarms.items():
            groups = 1 + int((np.diff(days) > 7).sum()) if days else 0
            a_year = YEAR / given.windows
            print(f"  {label}: {len(days) * a_year:.0f} alarm-days, {groups * a_year:.1f} episodes a year", flush=True)


def made_rules(first: list[Any]) -> list[tuple[str, Any]]:
    """The usual rules, each a function of a window: whether it calls the data set drifted."""
    import numpy as np
    from scipy import stats
    from streams import COLUMNS, NUMBERS

    frame = {
        name: np.concatenate([np.asarray(b.column(name).to_numpy(zero_copy_only=False)) for b in first])
        for name in COLUMNS[:NUMBERS]
    }
    frame = {name: np.sort(values[~np.isnan(values)]) for name, values in frame.items()}
    tables = {
        name: sum(np.bincount(b.column(name).indices.drop_null().to_numpy(), minlength=64) for b in first)
        for name in COLUMNS[NUMBERS:]
    }

    def chances(batch: Any) -> np.ndarray:
        found = []
        for name, reference in frame.items():
            now = batch.column(name).to_numpy(zero_copy_only=False)
            found.append(stats.ks_2samp(reference, now[~np.isnan(now)], method="asymp")[1])
        for name, table in tables.items():
            now = np.bincount(batch.column(name).indices.drop_null().to_numpy(), minlength=64)
            both = np.stack([table, now])[:, table > 0]
            found.append(stats.chi2_contingency(both)[1])
        return np.array(found)

    last: list[Any] = [None, np.empty(0)]

    def of(batch: Any) -> np.ndarray:
        if last[0] is not batch:
            last[:] = batch, chances(batch)
        return last[1]

    evidence = {"log": 0.0}

    def martingale(batch: Any) -> bool:
        """A conformal test martingale on the rows of the first number: the mixture of power bets, started anew at
        365 x 20 (Ville's bound for one alarm a year over 20 columns)."""
        now = batch.column("number_0").to_numpy(zero_copy_only=False)
        reference = frame["number_0"]
        p = (np.searchsorted(reference, now[~np.isnan(now)]) + 0.5) / (len(reference) + 1)
        bets = 1 + 0.5 * np.array([[1.0], [-1.0]]) * (2 * p - 1)
        step = np.log(np.exp(np.log(bets).sum(axis=1)).mean())
        evidence["log"] = max(evidence["log"], 0.0) + step
        over = evidence["log"] > np.log(YEAR * 20)
        if over:
            evidence["log"] = 0.0
        return bool(over)

    rules: list[tuple[str, Any]] = [
        ("KS and chi-square, Bonferroni over 20 columns and 365 days", lambda b: bool(of(b).min() < 1 / YEAR / 20)),
        ("KS and chi-square, Bonferroni over 20 columns, 0.05 a day", lambda b: bool(of(b).min() < 0.05 / 20)),
        (
            "Evidently's rule at n <= 1,000: half of the columns with p < 0.05",
            lambda b: bool((of(b) < 0.05).mean() >= 0.5),
        ),
        ("conformal martingale on rows, one column", martingale),
    ]
    try:
        from river.drift import ADWIN  # pyright: ignore[reportMissingImports]
    except ImportError:
        return rules
    detectors = {name: ADWIN() for name in list(frame)}

    def adwin(batch: Any) -> bool:
        fired = False
        for name, detector in detectors.items():
            for value in batch.column(name).drop_null().to_pylist():
                detector.update(value)
                fired |= detector.drift_detected
        return fired

    return [*rules, ("ADWIN (river) on the rows of each number", adwin)]


if __name__ == "__main__":
    main()
