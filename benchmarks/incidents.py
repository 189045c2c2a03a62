"""How many kinds of incident are recognised with the right cause, and how much real drift is called an incident?

    python benchmarks/incidents.py PATH_TO_DATA [--verbose]

PATH_TO_DATA holds a folder a table with a meta.json (file). Half of a table's rows, dated over ten weeks where it has
no dates, are the reference; up to 1,000 of the others are the window. Each incident is planted in up to five columns
that it suits, one at a time, and so is each drift; seeded. With dates of its own a table also gives untouched windows,
one week each, of all the time after the reference: real seasons and trends, in which every incident is a false one.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from tasks.monitoring.incidents import Facts, find_incidents

MOST_ROWS, N_WINDOW, N_COLUMNS = 20_000, 1_000, 5
START = datetime(2026, 1, 5)  # noqa: DTZ001
BUSY = np.array([1, 1.1, 1.1, 1, 1, 0.5, 0.4])
"""Monday to Sunday."""
Change = Callable[[pl.DataFrame, str, pl.DataFrame, np.random.Generator], pl.DataFrame | None]


def tables(folder: Path) -> Iterator[tuple[str, pl.DataFrame]]:
    """Name and rows of each table that is one CSV file; a column `timestamp` is a moment."""
    for meta in sorted(folder.glob("*/meta.json")):
        told = json.loads(meta.read_text())
        for file in sorted(meta.parent.glob("*.csv")):
            rows = pl.read_csv(file, infer_schema_length=None, null_values=["", "NA"], n_rows=MOST_ROWS)
            if rows.height >= 400 and told:
                yield file.stem, rows


def numeric(rows: pl.DataFrame, name: str) -> bool:
    """Whether a column has enough different numbers for its scale to mean something."""
    values = rows[name].drop_nulls()
    return values.dtype.is_numeric() and values.n_unique() >= 10 and len(values) > 0.5 * rows.height


def level(rows: pl.DataFrame, name: str) -> bool:
    return rows[name].dtype == pl.String and 2 <= rows[name].n_unique() <= 50


def scaled(factor: float) -> Change:
    def change(rows: pl.DataFrame, name: str, known: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame | None:
        usable = numeric(known, name) and (known[name].drop_nulls() != 0).mean() > 0.3
        return rows.with_columns(pl.col(name) * factor) if usable else None

    return change


def partly(factor: float, share: float) -> Change:
    def change(rows: pl.DataFrame, name: str, known: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame | None:
        values = known[name].drop_nulls()
        if not numeric(known, name) or (values <= 0).any() or values.max() > 20 * values.median():
            return None
        hit = pl.Series(rng.random(rows.height) < share)
        return rows.with_columns(pl.when(hit).then(pl.col(name) * factor).otherwise(pl.col(name)).alias(name))

    return change


def flipped(rows: pl.DataFrame, name: str, known: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame | None:
    usable = numeric(known, name) and (known[name].drop_nulls() > 0).mean() > 0.9
    return rows.with_columns(-pl.col(name)) if usable else None


def gone(rows: pl.DataFrame, name: str, known: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame | None:
    return rows.drop(name)


def missing(share: float) -> Change:
    def change(rows: pl.DataFrame, name: str, known: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame | None:
        if known[name].null_count() > 0.02 * known.height and share < 1:
            return None
        hit = pl.Series(rng.random(rows.height) < share)
        return rows.with_columns(pl.when(~hit).then(pl.col(name)).alias(name))

    return change


def as_texts(rows: pl.DataFrame, name: str, known: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame | None:
    texts = pl.col(name).cast(pl.String).str.replace(".", ",", literal=True)
    return rows.with_columns(texts) if known[name].dtype.is_numeric() else None


def unjoined(rows: pl.DataFrame, name: str, known: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame | None:
    place = known.columns.index(name)
    group = [each for each in known.columns[place : place + 3] if known[each].null_count() < 0.5 * known.height]
    if len(group) < 2 or group[0] != name:
        return None
    hit = pl.Series(rng.random(rows.height) < 0.6)
    return rows.with_columns(pl.when(~hit).then(pl.col(each)).alias(each) for each in group)


def flood(rows: pl.DataFrame, name: str, known: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame | None:
    if known.n_unique() < 0.9 * known.height or name != known.columns[0]:
        return None
    again = np.where(rng.random(rows.height) < 0.5, rng.integers(0, 5, rows.height), np.arange(rows.height))
    return rows[again].with_columns(rows["__time__"])


def frozen(rows: pl.DataFrame, name: str, known: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame | None:
    counts = known[name].drop_nulls().value_counts()["count"]
    if len(counts) < 4 or counts.max() > 0.7 * known.height:
        return None
    return rows.with_columns(pl.lit(rows[name].drop_nulls()[0]).alias(name))


def exchanged(rows: pl.DataFrame, name: str, known: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame | None:
    for other in known.columns[known.columns.index(name) + 1 :]:
        same = known[name].dtype == known[other].dtype and numeric(known, name) and numeric(known, other)
        if same and known[name].quantile(0.9) < known[other].quantile(0.1):
            return rows.with_columns(pl.col(name).alias(other), pl.col(other).alias(name))
        if level(known, name) and level(known, other) and not set(known[name]) & (set(known[other]) - {None}):
            return rows.with_columns(pl.col(name).alias(other), pl.col(other).alias(name))
    return None


def recoded(rows: pl.DataFrame, name: str, known: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame | None:
    if not level(known, name):
        return None
    codes = {value: f"C{place:02d}" for place, value in enumerate(known[name].drop_nulls().unique().sort())}
    return rows.with_columns(pl.col(name).replace(codes))


def respelt(rows: pl.DataFrame, name: str, known: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame | None:
    texts = pl.col(name).str.to_uppercase() + " "
    return rows.with_columns(texts) if level(known, name) else None


def cut(rows: pl.DataFrame, name: str, known: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame | None:
    if known[name].dtype != pl.String or known[name].n_unique() < 100 or known[name].str.len_chars().std() < 3:
        return None
    end = int(known[name].str.len_chars().quantile(0.6) or 0)
    return rows.with_columns(pl.col(name).str.slice(0, end))


def garbled(rows: pl.DataFrame, name: str, known: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame | None:
    if known[name].dtype != pl.String:
        return None
    hit = pl.Series(rng.random(rows.height) < 0.05)  # the letters that suffer are rare
    letter = pl.col(name) + "é".encode().decode("cp1252")
    return rows.with_columns(pl.when(hit).then(letter).otherwise(pl.col(name)).alias(name))


def early_clock(rows: pl.DataFrame, name: str, known: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame | None:
    hit = pl.Series(rng.random(rows.height) < 0.3)
    zero = pl.lit(datetime(1970, 1, 1))  # noqa: DTZ001
    return (
        rows.with_columns(__time__=pl.when(hit).then(zero).otherwise("__time__")) if name == known.columns[0] else None
    )


def late_clock(rows: pl.DataFrame, name: str, known: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame | None:
    return rows.with_columns(pl.col("__time__").dt.offset_by("12mo")) if name == known.columns[0] else None


def silent(rows: pl.DataFrame, name: str, known: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame | None:
    middle = rows["__time__"].quantile(0.5)
    return rows.filter(pl.col("__time__") < middle) if name == known.columns[0] else None


def half(rows: pl.DataFrame, name: str, known: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame | None:
    return rows.filter(pl.Series(rng.random(rows.height) < 0.4)) if name == known.columns[0] else None


INCIDENTS: dict[str, tuple[str, Change]] = {
    "x 100": ("unit_change", scaled(100)),
    "x 1000": ("unit_change", scaled(1000)),
    "/ 1000": ("unit_change", scaled(0.001)),
    "x 2.54": ("unit_change", scaled(2.54)),
    "x 100 in a quarter": ("unit_change", partly(100, 0.25)),
    "sign flipped": ("sign_flip", flipped),
    "column gone": ("column_gone", gone),
    "all missing": ("all_missing", missing(1.0)),
    "missing in 70 %": ("all_missing", missing(0.7)),
    "numbers as text": ("new_type", as_texts),
    "join failed": ("broken_join", unjoined),
    "flood of repeats": ("repeated_rows", flood),
    "stuck": ("stuck", frozen),
    "columns swapped": ("swapped_columns", exchanged),
    "levels recoded": ("recoded_levels", recoded),
    "levels in capitals": ("recoded_levels", respelt),
    "texts cut": ("truncated_text", cut),
    "texts garbled": ("broken_encoding", garbled),
    "clock at 1970": ("wrong_clock", early_clock),
    "clock a year ahead": ("wrong_clock", late_clock),
    "feed stopped": ("stale_feed", silent),
    "feed at 40 %": ("half_empty_feed", half),
}


def moved(sds: float) -> Change:
    def change(rows: pl.DataFrame, name: str, known: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame | None:
        return rows.with_columns(pl.col(name) + sds * known[name].std()) if numeric(known, name) else None

    return change


def spread(factor: float) -> Change:
    def change(rows: pl.DataFrame, name: str, known: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame | None:
        mean = known[name].mean() if numeric(known, name) else None
        return None if mean is None else rows.with_columns((pl.col(name) - mean) * factor**0.5 + mean)

    return change


def commoner(rows: pl.DataFrame, name: str, known: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame | None:
    if not level(known, name):
        return None
    hit = pl.Series(rng.random(rows.height) < 0.2)
    value = known[name].drop_nulls().mode().sort()[0]
    return rows.with_columns(pl.when(hit).then(pl.lit(value)).otherwise(pl.col(name)).alias(name))


def newcomer(rows: pl.DataFrame, name: str, known: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame | None:
    hit = pl.Series(rng.random(rows.height) < 0.05)
    changed = pl.when(hit).then(pl.lit("a new kind")).otherwise(pl.col(name)).alias(name)
    return rows.with_columns(changed) if level(known, name) else None


def unrelated(rows: pl.DataFrame, name: str, known: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame | None:
    return rows.with_columns(rows[name].gather(rng.permutation(rows.height)))


def segment(rows: pl.DataFrame, name: str, known: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame | None:
    """Half of the rows from the upper quarter of a column: other customers, another season, another prior."""
    if not numeric(known, name):
        return None
    upper = (rows[name] > known[name].quantile(0.75)).fill_null(False)
    return rows.filter(upper | pl.Series(rng.random(rows.height) < 0.33)) if upper.sum() >= 50 else None


def tails(rows: pl.DataFrame, name: str, known: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame | None:
    if not numeric(known, name):
        return None
    noise = pl.Series(rng.standard_t(3, rows.height) * 0.5 * float(known[name].std()))  # type: ignore[arg-type]
    return rows.with_columns((pl.col(name) + noise).alias(name))


def trend(rows: pl.DataFrame, name: str, known: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame | None:
    slope = pl.Series(np.linspace(0, 1, rows.height))
    return rows.with_columns(pl.col(name) + slope * known[name].std()) if numeric(known, name) else None


def prior(rows: pl.DataFrame, name: str, known: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame | None:
    """The last column's commonest value twice as rare: the classes' shares change, with all that hangs on them."""
    last = known.columns[-1]
    if name != known.columns[0] or known[last].n_unique() > 20:
        return None
    common = known[last].drop_nulls().mode().sort()[0]
    return rows.filter((pl.col(last) != common) | pl.Series(rng.random(rows.height) < 0.7))


def busier(rows: pl.DataFrame, name: str, known: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame | None:
    return rows.filter(pl.Series(rng.random(rows.height) < 0.8)) if name == known.columns[0] else None


DRIFTS: dict[str, Change] = {
    "mean up 0.5 sd": moved(0.5),
    "mean up 1 sd": moved(1.0),
    "mean down 1 sd": moved(-1.0),
    "variance x 1.5": spread(1.5),
    "variance / 1.5": spread(1 / 1.5),
    "a category 20 points commoner": commoner,
    "a new category, 5 %": newcomer,
    "missing to 10 %": missing(0.1),
    "correlation lost": unrelated,
    "new segment, season": segment,
    "heavier tails": tails,
    "slow trend": trend,
    "inflation 10 %": scaled(1.1),
    "growth 30 %": scaled(1.3),
    "prior shift": prior,
    "a fifth fewer rows": busier,
}


def dated(rows: pl.DataFrame, first: datetime, n_days: int, rng: np.random.Generator) -> pl.DataFrame:
    """The rows spread over days, fewer at weekends and at night."""
    busy = BUSY[np.arange(n_days) % 7]
    days = rng.choice(n_days, rows.height, p=busy / busy.sum())
    seconds = np.sort(days * 86_400 + np.clip(rng.normal(13, 4, rows.height), 0, 23.99) * 3_600)
    return rows.with_columns(__time__=pl.Series([first + timedelta(seconds=float(each)) for each in seconds]))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    right: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    beside: Counter[str] = Counter()
    false: Counter[str] = Counter()
    tried: Counter[str] = Counter()
    said: defaultdict[str, list[str]] = defaultdict(list)
    sizes: list[int] = []
    for table, rows in tables(args.data):
        rng = np.random.default_rng(0)
        own = "timestamp" in rows.columns
        if own:
            rows = rows.rename({"timestamp": "__time__"}).with_columns(pl.col("__time__").str.to_datetime())
            rows = rows.sort("__time__")
            n = int(0.6 * rows.height)
            known, later = rows[:n], rows[n:]
            windows = list(weeks(later))
        else:
            order = rng.permutation(rows.height)
            n = max(rows.height // 2, rows.height - N_WINDOW)
            known = dated(rows[order[:n]], START, 70, rng)
            n_days = max(1, round(70 * (rows.height - n) / n))
            windows = [
                (dated(rows[order[n : n + round(n / 70 * n_days)]], START + timedelta(days=70), n_days, rng), n_days)
            ]
            windows = [
                (window, START + timedelta(days=70), START + timedelta(days=70 + days)) for window, days in windows
            ]
        plain = known.drop("__time__")
        facts = Facts.of(known, time="__time__")
        sizes.append(len(facts.model_dump_json()))
        for window, since, until in windows:
            found = find_incidents(window, facts, time="__time__", since=since, until=until)
            kind = "untouched weeks of dated tables" if own else "untouched"
            tried[kind] += 1
            false[kind] += bool(found)
            said[kind] += [f"{table}: {each.kind} {each.sentence}" for each in found]
        window, since, until = windows[0]
        quiet = {
            (each.kind, each.columns)
            for each in find_incidents(window, facts, time="__time__", since=since, until=until)
        }
        for name, (kind, change) in INCIDENTS.items():
            for column, changed in changes(change, window, plain, rng):
                found = find_incidents(changed, facts, time="__time__", since=since, until=until)
                named = [
                    each
                    for each in found
                    if each.kind == kind
                    and (not each.columns or column in each.columns or each.columns == ("__time__",))
                ]
                others = [each for each in found if each not in named and (each.kind, each.columns) not in quiet]
                asked[name] += 1
                right[name] += bool(named)
                beside[name] += bool(others)
                if not named or others:
                    said[name].append(f"{table}.{column}: {[(each.kind, each.sentence) for each in found][:3]}")
        for name, change in DRIFTS.items():
            for column, changed in changes(change, window, plain, rng):
                # A chosen part of the rows is fewer rows; here it is asked whether they are other rows.
                timed = None if change in (segment, prior) else "__time__"
                found = find_incidents(changed, facts, time=timed, since=since, until=until)
                found = tuple(each for each in found if (each.kind, each.columns) not in quiet)
                tried[name] += 1
                false[name] += bool(found)
                said[name] += [f"{table}.{column}: {each.kind} {each.sentence}" for each in found]
    print(f"{'planted':<24} asked  recognised  other causes beside")
    for name in INCIDENTS:
        print(f"{name:<24} {asked[name]:>5}  {right[name] / max(asked[name], 1):>10.1%}  {beside[name]:>5}")
    print(f"\n{'drift':<34} asked  called incident")
    for name in [*DRIFTS, "untouched", "untouched weeks of dated tables"]:
        print(f"{name:<34} {tried[name]:>5}  {false[name]:>5}")
    print(f"\nfacts: {min(sizes):,} to {max(sizes):,} bytes as JSON")
    if args.verbose:
        for name, sentences in said.items():
            for sentence in sentences[:12]:
                print(f"[{name}] {sentence}")


def weeks(rows: pl.DataFrame) -> Iterator[tuple[pl.DataFrame, datetime, datetime]]:
    """Whole weeks of the rows with their ends."""
    first = rows["__time__"][0].replace(hour=0, minute=0, second=0) + timedelta(days=1)
    while (end := first + timedelta(days=7)) <= rows["__time__"][-1]:
        yield rows.filter((pl.col("__time__") >= first) & (pl.col("__time__") < end)), first, end
        first = end


def changes(
    change: Change, window: pl.DataFrame, known: pl.DataFrame, rng: np.random.Generator
) -> Iterator[tuple[str, pl.DataFrame]]:
    """The window changed in up to five columns that suit, one at a time."""
    done = 0
    for column in known.columns:
        if done < N_COLUMNS and (changed := change(window, column, known, rng)) is not None:
            done += 1
            yield column, changed


if __name__ == "__main__":
    main()
