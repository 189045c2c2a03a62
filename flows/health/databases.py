"""The databases of a home: whole, and not held by somebody for longer than a write takes."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from flows.health.finding import Finding, failed, ok, warning

PATIENCE_SECONDS = 3.0
LARGE = 5_000_000_000
FILES = {"MLflow's": "mlflow.db", "keepfit's": "keepfit.db", "Prefect's": "prefect/prefect.db"}


def databases(home: Path) -> Iterator[Finding]:
    """Each of the home's, and those that the environment names."""
    for whose, name in FILES.items():
        if (home / name).exists():
            yield _sqlite(whose, home / name)
    if url := os.environ.get("KEEPFIT_DATABASE_URL"):
        yield _named(url)
    if (uri := os.environ.get("MLFLOW_TRACKING_URI", "")).startswith("http"):
        from flows.services import rest

        if rest.answers(f"{uri.rstrip('/')}/health", 5):
            yield ok("mlflow", "the tracking server answers")
        else:
            action = "Start it, or unset MLFLOW_TRACKING_URI to use the home's database"
            yield failed("mlflow", "the server that MLFLOW_TRACKING_URI names does not answer", action)


def _sqlite(whose: str, file: Path) -> Finding:
    check, size = "database", file.stat().st_size
    try:
        address = f"{file.absolute().as_uri()}?mode=rw"
        with closing(sqlite3.connect(address, uri=True, timeout=PATIENCE_SECONDS, isolation_level=None)) as database:
            said = database.execute("PRAGMA quick_check(1)").fetchone()[0]
            if said != "ok":
                return failed(check, f"{whose} {file} is damaged: {said}", "Put back a copy, or move it away")
            database.execute("BEGIN IMMEDIATE")
            database.execute("ROLLBACK")
    except sqlite3.OperationalError as exc:
        if "locked" in str(exc):
            found = f"{whose} {file} was locked for {PATIENCE_SECONDS:g} s"
            return failed(check, found, f"See who holds it: fuser '{file}'")
        return failed(check, f"{whose} {file}: {exc}", "Check its permissions and the disk")
    except sqlite3.DatabaseError as exc:
        return failed(check, f"{whose} {file} is damaged: {exc}", "Put back a copy, or move it away")
    if size > LARGE:
        return warning(check, f"{whose} has {size / 1e9:.0f} GB", "Move to PostgreSQL, or delete old runs")
    return ok(check, f"{whose} is whole ({size / 1e6:.1f} MB) and can be written")


def _named(url: str) -> Finding:
    from sqlalchemy import create_engine, make_url, text
    from sqlalchemy.exc import SQLAlchemyError

    try:
        shown = make_url(url).render_as_string(hide_password=True)
        with create_engine(url).connect() as connection:
            connection.execute(text("select 1"))
    except (SQLAlchemyError, ImportError) as exc:
        first = str(exc).splitlines()[0][:200]
        return failed("database", f"KEEPFIT_DATABASE_URL: {first}", "Start that server, or unset the variable")
    return ok("database", f"{shown} answers")
