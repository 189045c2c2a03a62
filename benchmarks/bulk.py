"""Rows per second of the model API for bulk bodies, over those of onnxruntime alone on the prepared matrix.

    .venv/bin/python benchmarks/bulk.py [--rows 10000] [--rounds 7]

A boosting model of 100 trees over 20 mixed columns answers the same rows as a JSON list and as an Arrow stream (with
an Arrow stream for an answer), through the server, validation and prediction log included. onnxruntime runs within
this process, on one thread as in the server. Rounds are interleaved, and of each way the fastest counts: what else
runs on the machine can only slow it down. All answers are compared first. Exits with 1 when an answer differs, JSON is
below half of onnxruntime alone, or Arrow below 0.8 of it.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

WANTED = {"JSON": 0.5, "Arrow": 0.8}
STREAM = "application/vnd.apache.arrow.stream"
NUMBERS = tuple(f"number {i}" for i in range(12))
LEVELS = {f"category {i}": tuple(f"level {k}" for k in range(3 + i)) for i in range(8)}


def table(n_rows: int, seed: int) -> Any:
    """Numbers and categories, a tenth of them missing."""
    import numpy as np
    import polars as pl

    rng = np.random.default_rng(seed)
    columns = {name: rng.normal(size=n_rows).round(3) for name in NUMBERS}
    columns |= {name: rng.choice(levels, n_rows) for name, levels in LEVELS.items()}
    frame = pl.DataFrame(columns)
    missing = (pl.Series(rng.random(n_rows) < 0.1) for _ in columns)
    return frame.select(pl.when(~hole).then(pl.col(name)) for name, hole in zip(columns, missing, strict=True))


def build(folder: Path) -> bytes:
    """The ONNX file of a fitted model, in the store of a home in the folder, as its champion."""
    import numpy as np

    from tasks.core import store
    from tasks.core.model_records import Champion, ModelCard
    from tasks.core.records import Column, Feature, Target
    from tasks.core.roles import Roles
    from tasks.exports.onnx import export
    from tasks.modalities.matrix import matrix
    from tasks.models.boosting import Boosting

    features = [Feature(name=name, kind="number") for name in NUMBERS]
    features += [Feature(name=name, kind="category", levels=levels) for name, levels in LEVELS.items()]
    params: dict[str, Any] = {"target": "raw", "learning_rate": 0.06, "l2_regularization": 1.0, "interactions": True}
    params |= {"max_iter": 100, "max_leaf_nodes": 31, "min_samples_leaf": 20, "max_features": 1.0}
    frame = table(5_000, seed=1)
    x = matrix(frame, features)
    filled = np.nan_to_num(x)
    y = (filled[:, 0] + filled[:, 1] * filled[:, 2] + 0.3 * filled[:, 14] > 0.3).astype(int)
    model = Boosting().estimator("binary", features, params, seed=0).fit(x, y)
    card = ModelCard(
        project="bulk",
        target=Target(name="answer", problem="binary", classes=("no", "yes")),
        metric="log_loss",
        inputs=tuple(
            Column(name=f.name, type="number" if f.kind == "number" else "text", n_missing=0) for f in features
        ),
        features=tuple(features),
        members=(),
        data_digest="",
        sample=tuple(json.dumps(row) for row in frame.head(3).to_dicts()),
    )
    data = export(model, card)
    with store.opened(folder):
        champion = Champion(version="1", artifact=store.put(data, ".onnx"))
    (folder / "champions").mkdir()
    (folder / "champions" / "bulk.json").write_text(Roles(champion=champion).model_dump_json())
    return data


def compare(n_rows: int, rounds: int) -> bool:
    """Whether all answers are right and fast enough."""
    from tasks.modalities.matrix import matrix
    from tasks.scoring.scorer import Scorer
    from tasks.serving.lineup import Served
    from tasks.serving.listening import listening
    from tasks.serving.site import Serving
    from tasks.serving.worker import Work

    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        scorer = Scorer.of(build(home))
        frame = table(n_rows, seed=2)
        rows = matrix(frame, scorer.card.features)
        sink = io.BytesIO()
        frame.write_ipc_stream(sink)
        bodies = {"JSON": json.dumps(frame.to_dicts()).encode(), "Arrow": sink.getvalue()}
        kinds = {"JSON": "application/json", "Arrow": STREAM}
        with listening("127.0.0.1", 0) as listener:
            serving = Serving(projects=(Served(name="bulk", home=home),))
            server = subprocess.Popen(
                [sys.executable, "-m", "tasks.serving.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                pass_fds=[listener.fileno()],
            )
            assert server.stdin and server.stdout
            server.stdin.write(Work(listener=listener.fileno(), serving=serving).model_dump_json() + "\n")
            server.stdin.flush()
            server.stdout.readline()
            connection = http.client.HTTPConnection("127.0.0.1", listener.getsockname()[1], timeout=60)
        try:

            def ask(way: str) -> bytes:
                headers = {"content-type": kinds[way], "accept": kinds[way]}
                connection.request("POST", "/predict", bodies[way], headers)
                response = connection.getresponse()
                answer = response.read()
                assert response.status == 200, answer[:500]
                return answer

            ways: dict[str, Callable[[], Any]] = {"onnxruntime": lambda: scorer.ask(rows)}
            ways |= {way: lambda way=way: ask(way) for way in bodies}
            if not right(ways):
                print("The answers differ.")
                return False
            seconds: dict[str, list[float]] = {way: [] for way in ways}
            cpu = dict.fromkeys(ways, 0.0)
            for _ in range(rounds):
                for way, run in ways.items():
                    busy = cpu_seconds(os.getpid() if way == "onnxruntime" else server.pid)
                    began = time.perf_counter()
                    run()
                    seconds[way].append(time.perf_counter() - began)
                    cpu[way] += cpu_seconds(os.getpid() if way == "onnxruntime" else server.pid) - busy
        finally:
            connection.close()
            server.terminate()
            server.wait(10)
            server.stdin.close()
            server.stdout.close()
    rates = {way: n_rows / min(taken) for way, taken in seconds.items()}
    for way, rate in rates.items():
        print(
            f"  {way:12} {rate:9,.0f} rows/s  {rate / rates['onnxruntime']:5.2f}"
            f"   {1_000 * cpu[way] / rounds:6.1f} ms of CPU a request"
        )
    return all(rates[way] >= wanted * rates["onnxruntime"] for way, wanted in WANTED.items())


def cpu_seconds(process: int) -> float:
    """How long all threads of the process have run."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def right(ways: dict[str, Callable[[], Any]]) -> bool:
    """Whether JSON and Arrow say, to the last bit, what onnxruntime says."""
    import polars as pl

    expected = ways["onnxruntime"]()[:, 1].tolist()
    found = [answer["probabilities"]["yes"] for answer in json.loads(ways["JSON"]())]
    return found == expected == pl.read_ipc_stream(ways["Arrow"]())["probability_yes"].to_list()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    return 0 if compare(options.rows, options.rounds) else 1


if __name__ == "__main__":
    sys.exit(main())
