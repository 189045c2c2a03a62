"""Databases that need no migration: made once per environment, copied into each new home.

Migrating from nothing costs Prefect 8 s and MLflow 11 s. `python -m flows.services templates` (part of `make setup`)
does it once and keeps the results beside the packages, named by the exact versions that made them; a home without
a fitting template is migrated as usual, and a database that exists is never touched.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing, suppress
from importlib.metadata import version
from pathlib import Path

MADE_BY = {"prefect": ("prefect", "sqlalchemy", "alembic"), "mlflow": ("mlflow", "sqlalchemy", "alembic")}


def template(name: str) -> Path:
    """Where the template of "prefect" or "mlflow" for these versions is, made or not."""
    versions = [sys.version, sqlite3.sqlite_version, *(f"{package} {version(package)}" for package in MADE_BY[name])]
    key = hashlib.sha256("\n".join(versions).encode()).hexdigest()[:12]
    return Path(sys.prefix) / "share" / "keepfit" / f"{name}-{version(name)}-{key}.db"


def place_prefect(home: Path) -> None:
    """Give the home a migrated Prefect database, unless it has one or there is no template."""
    source = template("prefect")
    if place(source, home / "prefect" / "prefect.db"):
        # What Prefect notes when its block types are registered, so that it does not do it again: 0.9 s.
        place(source.with_suffix(".toml"), home / "prefect" / "memo_store.toml")


def place_mlflow(home: Path) -> None:
    """Give the home a migrated MLflow database, unless it has one, there is no template, or MLflow is elsewhere."""
    if "MLFLOW_TRACKING_URI" not in os.environ:
        place(template("mlflow"), home / "mlflow.db", artifacts=home / "mlartifacts")


def place(source: Path, target: Path, artifacts: Path | None = None) -> bool:
    """Copy the template to a target that does not exist: all of it or nothing; whether it did."""
    if target.exists() or not source.exists():
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".placing-", suffix=".db", dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        shutil.copyfile(source, temporary)
        if artifacts is not None:
            with closing(sqlite3.connect(temporary)) as database, database:
                location = "UPDATE experiments SET artifact_location = ? || '/' || experiment_id"
                database.execute(location, [artifacts.as_uri()])
        temporary.chmod(0o644)
        target.hardlink_to(temporary)  # unlike a rename, it fails when another process was first
        return True
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)


def revision(database: Path) -> str | None:
    """The migration that the database is at."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(database.absolute().as_uri() + "?mode=ro", uri=True)) as file:
        return file.execute("SELECT version_num FROM alembic_version").fetchone()[0]
    return None


def is_current(prefect: Path) -> bool:
    """Whether the Prefect database needs no migration, told from the template: Prefect takes 0.2 s to find out."""
    source = template("prefect")
    return source.exists() and revision(source) == revision(prefect)


def make() -> list[Path]:
    """Make the templates that are missing for these versions, and return where they all are."""
    made = [template("prefect"), template("mlflow")]
    with tempfile.TemporaryDirectory(prefix="keepfit-templates-") as folder:
        scratch = Path(folder)
        if not made[0].exists():
            database = _migrated_prefect(scratch)
            _keep(database, made[0])
            shutil.copyfile(database.with_name("memo_store.toml"), made[0].with_suffix(".toml"))
        if not made[1].exists():
            _keep(_migrated_mlflow(scratch), made[1])
    return made


def _migrated_prefect(scratch: Path) -> Path:
    """The database of a server that was up once: migrated, its block types registered, its pages unpacked."""
    from flows.services import server

    os.environ.pop("PREFECT_API_URL", None)
    found = server.start(scratch)
    found.ready()
    server.down(scratch)
    database = scratch / "prefect" / "prefect.db"
    with closing(sqlite3.connect(database)) as connection, connection:
        # The key that encrypts a server's secrets, and its name in telemetry: every home makes its own.
        connection.execute("DELETE FROM configuration")
    return database


def _migrated_mlflow(scratch: Path) -> Path:
    database = scratch / "template.db"
    # In a process of its own: MLflow is spoken to in tasks/core/tracking.py alone.
    code = (
        "import sys; from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore; SqlAlchemyStore(*sys.argv[1:])"
    )
    address = f"sqlite:///{database}"
    command = [sys.executable, "-P", "-c", code, address, (scratch / "artifacts").as_uri()]
    subprocess.run(command, cwd=scratch, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    return database


def _keep(database: Path, target: Path) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    target.parent.mkdir(parents=True, exist_ok=True)
    for old in target.parent.glob(f"{target.name.split('-')[0]}-*"):
        old.unlink()
    temporary = target.with_suffix(".writing")
    shutil.copyfile(database, temporary)
    temporary.replace(target)
