"""Files in object storage: a real S3 server on this machine; what it refuses or lacks is told in words."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.collect import collect
from tasks.core import store
from tasks.core.errors import DataError, Unavailable
from tasks.sources import Csv, Jsonl, Parquet

pytestmark = [
    pytest.mark.usefixtures("open_store"),
    pytest.mark.slow,
    # The server and the client for it leave sockets to the collector, and the client uses what Python will drop.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    import fsspec
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "me")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "mine")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3 = fsspec.filesystem("s3", skip_instance_cache=True)
    s3.mkdir("sales")
    fsspec.filesystem("s3").clear_instance_cache()
    yield s3
    s3.rm("sales", recursive=True)  # servers of one process share what they hold
    fsspec.filesystem("s3").clear_instance_cache()
    server.stop()


def test_objects_are_missed_taken_twice_or_cut_short(bucket: Any, tmp_path: Path) -> None:
    import polars as pl

    for day in (1, 2):
        bucket.pipe(f"sales/in/{day}.csv", f"n\n{day}\n".encode())
    bucket.pipe("sales/in/_SUCCESS", b"")
    source = Csv(path="s3://sales/in/")
    first = collect.fn(source)
    assert first == collect.fn(source) == collect.fn(Csv(path="s3://sales/in/*.csv"))
    bucket.pipe("sales/in/0.csv", b"n\n3\n")
    assert store.scan(collect.fn(source)).collect()["n"].to_list() == [1, 2, 3]
    bucket.pipe("sales/in/2.csv", b"n\n9\n")
    assert store.scan(collect.fn(source)).collect()["n"].to_list() == [3, 1, 9]
    pl.DataFrame({"n": [1, 2]}).write_parquet(tmp_path / "a.parquet")
    bucket.put(str(tmp_path / "a.parquet"), "sales/a.parquet")
    bucket.pipe("sales/a.jsonl", b'{"n": 1}\n{"n": 2}\n')
    assert collect.fn(Parquet(path="s3://sales/*.parquet")) == collect.fn(Jsonl(path="s3://sales/a.jsonl")) == first


@pytest.mark.usefixtures("bucket")
def test_what_storage_refuses_is_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"nothing at s3://sales/no\.csv"):
        collect.fn(Csv(path="s3://sales/no.csv"))
    with pytest.raises(DataError, match=r"nothing at s3://no|no file to read at s3://no"):
        collect.fn(Csv(path="s3://no/*.csv"))
    with pytest.raises(DataError, match=r"nothing at s3://\$\{PLACE\}/no.csv"):
        monkeypatch.setenv("PLACE", "s3cret-bucket")
        collect.fn(Csv(path="s3://${PLACE}/no.csv"))


def test_a_missing_package_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec  # noqa: F401

    # `fsspec.registry` is a view of the same name as its module.
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)
    for name in [name for name in sys.modules if name.startswith("s3fs")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(Unavailable, match=r"pip install 'keepfit\[s3\]'"):
        collect.fn(Csv(path="s3://sales/a.csv"))
