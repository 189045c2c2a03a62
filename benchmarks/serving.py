"""Requests per second of the model API over those of the same fitted model behind FastAPI, pandas and scikit-learn.

    .venv/bin/python benchmarks/serving.py [--seconds 2] [--rounds 3]

Both servers run uvicorn with httptools and uvloop, no access log, one process each; requests are single JSON rows of
mixed columns over keep-alive connections from this third process. Rounds are interleaved, medians are printed, and
before anything is timed the answers of both are compared on every row. Exits with 1 when they differ or a ratio is
below 15.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

WANTED = 15.0
NUMBERS = ("age", "siblings", "parents", "fare")
LEVELS = {"class": ("3rd", "1st", "2nd"), "sex": ("male", "female"), "embarked": ("S", "C", "Q")}
COLUMNS = (*NUMBERS, *LEVELS)


def table(n_rows: int, seed: int) -> tuple[Any, Any]:
    """A passenger list with missing values, and who survived."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.gamma(6, 5, n_rows).round(1),
            "siblings": rng.poisson(0.5, n_rows).astype(float),
            "parents": rng.poisson(0.4, n_rows).astype(float),
            "fare": rng.lognormal(3, 1, n_rows).round(4),
            **{name: rng.choice(levels, n_rows) for name, levels in LEVELS.items()},
        }
    )
    score = 2.5 * (frame["sex"] == "female") + (frame["class"] == "1st") - 0.03 * frame["age"] - 0.5
    survived = (rng.random(n_rows) < 1 / (1 + np.exp(-score))).astype(int)
    for name in ("age", "embarked"):
        frame.loc[rng.random(n_rows) < 0.15, name] = None
    return frame, survived


def build(folder: Path, family: str) -> None:
    """Fit one model, and write it as the pickle that the peer serves and as the ONNX file that keepfit serves."""
    import numpy as np
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OrdinalEncoder

    from tasks.core.model_records import ModelCard
    from tasks.core.records import Column, Feature, Target
    from tasks.exports.onnx import export
    from tasks.models.boosting import Boosting
    from tasks.models.linear import Linear

    features = [Feature(name=name, kind="number") for name in NUMBERS]
    features += [Feature(name=name, kind="category", levels=levels) for name, levels in LEVELS.items()]
    params: dict[str, Any] = {"target": "raw", "penalty": 1.0}
    if family == "boosting":
        params |= {"learning_rate": 0.06, "l2_regularization": 1.0, "interactions": True, "max_iter": 100}
        params |= {"max_leaf_nodes": 16, "min_samples_leaf": 20, "max_features": 1.0}
    model = {"boosting": Boosting(), "linear": Linear()}[family].estimator("binary", features, params, seed=0)
    known: Any = [[*levels, np.nan] for levels in LEVELS.values()]
    codes = OrdinalEncoder(
        categories=known,
        handle_unknown="use_encoded_value",
        unknown_value=-1,
    )
    columns = ColumnTransformer([("numbers", "passthrough", list(NUMBERS)), ("codes", codes, list(LEVELS))])
    frame, survived = table(2_000, seed=1)
    pipeline = Pipeline([("columns", columns), ("model", model)]).fit(frame, survived)
    (folder / "pipeline.pkl").write_bytes(pickle.dumps(pipeline))

    sample = json.loads(frame.head(3).to_json(orient="records"))
    card = ModelCard(
        project="passengers",
        target=Target(name="survived", problem="binary", classes=("0", "1")),
        metric="log_loss",
        inputs=tuple(Column(name=n, type="number" if n in NUMBERS else "text", n_missing=0) for n in COLUMNS),
        features=tuple(features),
        members=(),
        data_digest="",
        sample=tuple(json.dumps(row) for row in sample),
    )
    (folder / "model.onnx").write_bytes(export(model, card))

    rows: list[dict[str, Any]] = json.loads(table(300, seed=2)[0].to_json(orient="records"))
    rows[::7] = [{**row, "class": "steerage"} for row in rows[::7]]
    rows[::11] = [dict.fromkeys(COLUMNS) for _ in rows[::11]]
    rows[5] |= {"age": 1e9, "fare": -1e9}
    (folder / "rows.json").write_text(json.dumps(rows))
    answers = pipeline.predict_proba(_frame(rows))
    assert np.isfinite(answers).all()


def _frame(rows: list[dict[str, Any]]) -> Any:
    import pandas as pd

    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.astype(dict.fromkeys(NUMBERS, "float64") | dict.fromkeys(LEVELS, "str"))


def serve_ours(folder: Path) -> None:
    from tasks.serving.server import run

    path = folder / "model.onnx"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    run(lambda: (path, digest, "1"), "passengers", port=0, on_ready=lambda address: print(address, flush=True))


def serve_peer(folder: Path) -> None:
    """The usual way: a pydantic model of the row, a frame of one row, the pickled pipeline."""
    import socket

    import uvicorn
    from fastapi import FastAPI
    from pydantic import create_model

    fields: Any = dict.fromkeys(NUMBERS, (float | None, ...)) | dict.fromkeys(LEVELS, (str | None, ...))
    passenger: Any = create_model("Passenger", **fields)
    pipeline = pickle.loads((folder / "pipeline.pkl").read_bytes())  # written by this script a moment ago
    app = FastAPI()

    async def predict(row: Any) -> dict[str, Any]:
        probabilities = pipeline.predict_proba(_frame([row.model_dump()]))[0]
        return {
            "prediction": str(int(probabilities[1] >= 0.5)),
            "probabilities": dict(zip(("0", "1"), map(float, probabilities), strict=True)),
        }

    predict.__annotations__["row"] = passenger
    app.post("/predict")(predict)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        config = uvicorn.Config(app, http="httptools", log_level="warning", access_log=False, lifespan="off")
        uvicorn.Server(config).run(sockets=[listener])


class Connection(asyncio.Protocol):
    """One keep-alive connection: the next request goes out when the answer is there, until the deadline."""

    def __init__(self, requests: list[bytes], first: int, until: float) -> None:
        self.requests, self.next, self.until = requests, first, until
        self.seconds: list[float] = []
        self.bodies: list[bytes] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self.send()

    def send(self) -> None:
        self.sent = time.perf_counter()
        self.transport.write(self.requests[self.next % len(self.requests)])
        self.next += 1

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, separator, body = self.received.partition(b"\r\n\r\n")
        if not separator or len(body) < int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]):
            return
        now = time.perf_counter()
        if not head.startswith(b"HTTP/1.1 200"):
            self.done.set_exception(RuntimeError(self.received.decode()))
            self.transport.close()
            return
        self.seconds.append(now - self.sent)
        self.bodies.append(body)
        self.received = b""
        if now < self.until:
            self.send()
        else:
            self.transport.close()
            self.done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or RuntimeError("the server closed the connection"))


async def load(url: str, requests: list[bytes], n_connections: int, seconds: float) -> list[Connection]:
    """Connections that have asked for so many seconds (0: one request each)."""
    loop = asyncio.get_running_loop()
    until = time.perf_counter() + seconds
    connections: list[Connection] = []
    for i in range(n_connections):
        _, connection = await loop.create_connection(
            lambda i=i: Connection(requests, i, until), "127.0.0.1", int(url.rpartition(":")[2])
        )
        connections.append(connection)
    await asyncio.gather(*(connection.done for connection in connections))
    return connections


def largest_difference(urls: dict[str, str], requests: list[bytes]) -> float:
    """Between the probabilities of both servers, over all rows; both must name the same class too."""
    answers = {}
    for name, url in urls.items():
        connections = asyncio.run(load(url, requests, len(requests), 0))
        answers[name] = [json.loads(connection.bodies[0]) for connection in connections]
    worst = 0.0
    for ours, peer in zip(answers["keepfit"], answers["peer"], strict=True):
        assert ours["prediction"] == peer["prediction"], (ours, peer)
        worst = max(worst, *(abs(ours["probabilities"][k] - peer["probabilities"][k]) for k in ("0", "1")))
    return worst


def compare(family: str, seconds: float, rounds: int) -> float:
    """The smaller ratio of requests per second, keepfit over its peer, at 1 and at 32 connections."""
    import uvloop

    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, __file__, "--build", folder, "--family", family], check=True)
        servers = {
            name: subprocess.Popen(
                [sys.executable, __file__, "--serve", name, folder],
                stdout=subprocess.PIPE,
                text=True,
                # One row gains nothing from threads, and on a busy machine the peer's wait seconds for each other.
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
            for name in ("keepfit", "peer")
        }
        try:
            urls = {name: server.stdout.readline().strip() for name, server in servers.items() if server.stdout}
            requests = [_request(row) for row in json.loads((Path(folder) / "rows.json").read_text())]
            difference = largest_difference(urls, requests)
            print(f"{family}: {len(requests)} rows answered alike, largest difference {difference:.1e}")
            if difference > 1e-9:
                raise SystemExit("The answers differ.")
            figures: dict[tuple[str, int], list[tuple[float, float, float]]] = {}
            for _ in range(rounds):
                for n_connections in (1, 32):
                    for name, url in urls.items():
                        figure = measure(url, requests, n_connections, seconds)
                        figures.setdefault((name, n_connections), []).append(figure)
        finally:
            for server in servers.values():
                server.terminate()
            for server in servers.values():
                server.wait(10)
    ratios: list[float] = []
    for n_connections in (1, 32):
        medians = {
            name: [statistics.median(values) for values in zip(*figures[name, n_connections], strict=True)]
            for name in urls
        }
        for name, (rate, p50, p99) in medians.items():
            print(
                f"  {n_connections:2} connections  {name:8} {rate:8,.0f} requests/s  p50 {p50:6.2f}  p99 {p99:6.2f} ms"
            )
        ratios.append(medians["keepfit"][0] / medians["peer"][0])
        print(f"  {n_connections:2} connections  ratio    {ratios[-1]:8.1f}")
    return min(ratios)


def measure(url: str, requests: list[bytes], n_connections: int, seconds: float) -> tuple[float, float, float]:
    """Requests per second, p50 and p99 in milliseconds."""
    started = time.perf_counter()
    connections = asyncio.run(load(url, requests, n_connections, seconds))
    taken = time.perf_counter() - started
    waited = sorted(1_000 * value for connection in connections for value in connection.seconds)
    return len(waited) / taken, waited[len(waited) // 2], waited[int(len(waited) * 0.99)]


def _request(row: dict[str, Any]) -> bytes:
    body = json.dumps(row).encode()
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--family", choices=("boosting", "linear"), help="one model family alone")
    parser.add_argument("--build", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.build:
        build(options.build, options.family)
    elif options.serve:
        {"keepfit": serve_ours, "peer": serve_peer}[options.serve[0]](Path(options.serve[1]))
    else:
        families = [options.family] if options.family else ["boosting", "linear"]
        smallest = min(compare(family, options.seconds, options.rounds) for family in families)
        print(f"smallest ratio {smallest:.1f}, wanted at least {WANTED:.0f}")
        return 0 if smallest >= WANTED else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
