"""Requests per second of the model API over those of a FastAPI endpoint that only returns its input, and of others.

    .venv/bin/python benchmarks/serving.py [--seconds 3] [--rounds 3] [--peers mlflow bentoml litserve] [--venvs FOLDER]

One row of 20 mixed columns as JSON, a boosted model of 100 trees. `keepfit` checks each row, answers from ONNX and has
the answer in its log before it is sent; `no log` is the same without the log. `echo` is FastAPI on uvicorn with
httptools and uvloop. The peers serve the same fitted scikit-learn pipeline, each from an environment of its own, which
is made in --venvs (kept between calls); their answers are compared first. wrk (Debian: `apt-get install wrk`) asks
from a third process over keep-alive connections; rounds are interleaved, medians are printed. Exits with 1 when what
is wanted is missed: 1.75 times echo at 1 connection, 3 times at 32, p50 at 1 at most half of echo's, p99 at 32 at
most echo's, 50 µs of processor time a request at 32, and at most 15 % for the log.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

WANTED = {"ratio 1": 1.75, "ratio 32": 3.0, "p50 1": 0.5, "p99 32": 1.0, "cpu": 50.0, "log": 0.15}
NUMBERS = tuple(f"number_{i}" for i in range(14))
LEVELS = {f"category_{i}": tuple(f"level {j}" for j in range(3 * (i + 1))) for i in range(6)}
COLUMNS = (*NUMBERS, *LEVELS)
PEERS = {
    "mlflow": ["mlflow"],
    "bentoml": ["bentoml"],
    "litserve": ["litserve"],
}
TOOLS = {"schemathesis": ["schemathesis"]}
"""What other benchmarks run in environments of their own."""
SHARED = ["scikit-learn", "pandas", "numpy"]
CONNECTIONS = (1, 32)


class Figures(NamedTuple):
    """Of one measurement; times in milliseconds, processor time in microseconds a request."""

    rate: float
    p50: float
    p99: float
    cpu: float


def table(n_rows: int, seed: int) -> tuple[Any, Any]:
    """Numbers and categories with missing values, and a class that depends on some of them."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({name: rng.normal(size=n_rows).round(4) for name in NUMBERS})
    for name, levels in LEVELS.items():
        frame[name] = rng.choice(levels, n_rows)
    score = (
        frame["number_0"] - frame["number_1"] * (frame["category_0"] == "level 1") + (frame["category_5"] < "level 3")
    )
    bought = (rng.random(n_rows) < 1 / (1 + np.exp(-score))).astype(int)
    for name in ("number_2", "category_1"):
        frame.loc[rng.random(n_rows) < 0.15, name] = None
    return frame, bought


def build(folder: Path) -> None:
    """Fit one model, and write it as the pickle that the peers serve and as the ONNX file that keepfit serves."""
    import numpy as np
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OrdinalEncoder

    from tasks.core.model_records import ModelCard
    from tasks.core.records import Column, Feature, Target
    from tasks.exports.onnx import export
    from tasks.models.boosting import Boosting

    features = [Feature(name=name, kind="number") for name in NUMBERS]
    features += [Feature(name=name, kind="category", levels=levels) for name, levels in LEVELS.items()]
    params: dict[str, Any] = {"learning_rate": 0.06, "l2_regularization": 1.0, "interactions": True, "max_iter": 100}
    params |= {"max_leaf_nodes": 16, "min_samples_leaf": 20, "max_features": 1.0}
    model = Boosting().estimator("binary", features, params, seed=0)
    known: Any = [[*levels, np.nan] for levels in LEVELS.values()]
    codes = OrdinalEncoder(categories=known, handle_unknown="use_encoded_value", unknown_value=-1)
    columns = ColumnTransformer([("numbers", "passthrough", list(NUMBERS)), ("codes", codes, list(LEVELS))])
    frame, bought = table(4_000, seed=1)
    pipeline = Pipeline([("columns", columns), ("model", model)]).fit(frame, bought)
    (folder / "pipeline.pkl").write_bytes(pickle.dumps(_plain(pipeline)))
    sample = json.loads(frame.head(3).to_json(orient="records"))
    card = ModelCard(
        project="shop",
        target=Target(name="bought", problem="binary", classes=("0", "1")),
        metric="log_loss",
        inputs=tuple(Column(name=n, type="number" if n in NUMBERS else "text", n_missing=0) for n in COLUMNS),
        features=tuple(features),
        members=(),
        data_digest="",
        sample=tuple(json.dumps(row) for row in sample),
    )
    (folder / "model.onnx").write_bytes(export(model, card))
    rows: list[dict[str, Any]] = json.loads(table(300, seed=2)[0].to_json(orient="records"))
    rows[::7] = [{**row, "category_0": "never seen"} for row in rows[::7]]
    (folder / "rows.json").write_text(json.dumps(rows))
    expected = pipeline.predict_proba(frame_of(rows))[:, 1]
    (folder / "expected.json").write_text(json.dumps(expected.tolist()))
    for name in ("keepfit", *PEERS):
        bodies = folder / f"{name}.txt"
        bodies.write_text("\n".join(json.dumps(_body(name, row)) for row in rows))
        (folder / f"{name}.lua").write_text(_LUA % json.dumps(str(bodies)))


def build_another(folder: Path) -> None:
    """A second model, with other answers, beside the first."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(folder / "model.onnx")
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name in ("leaf_weights", "target_weights", "class_weights"):
                changed = numpy_helper.to_array(attribute.t) * 0.5
                attribute.t.CopyFrom(numpy_helper.from_array(changed, attribute.t.name))
    (folder / "another.onnx").write_bytes(model.SerializeToString())


def _body(name: str, row: dict[str, Any]) -> dict[str, Any]:
    """The row as the server of that name takes it."""
    return {"dataframe_records": [row]} if name == "mlflow" else {"row": row} if name == "bentoml" else row


def _plain(pipeline: Any) -> Any:
    """The pipeline without classes of ours, so that an environment without keepfit can open it."""
    from sklearn.pipeline import Pipeline

    model = pipeline.named_steps["model"]
    inner = getattr(model, "model_", None) or getattr(model, "estimator_", None) or model
    return Pipeline([("columns", pipeline.named_steps["columns"]), ("model", inner)])


_LUA = """
local bodies = {}
for line in io.lines(%s) do bodies[#bodies + 1] = line end
local headers = {["Content-Type"] = "application/json"}
local next_one = 0
request = function()
  next_one = next_one %% #bodies + 1
  return wrk.format("POST", nil, headers, bodies[next_one])
end
"""


def frame_of(rows: list[dict[str, Any]]) -> Any:
    """What a peer makes of JSON rows before it asks the pipeline."""
    import pandas as pd

    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.astype(dict.fromkeys(NUMBERS, "float64") | dict.fromkeys(LEVELS, "str"))


# Servers


def serve_keepfit(folder: Path, log: str) -> None:
    from tasks.core import store
    from tasks.core.model_records import Champion
    from tasks.core.roles import Roles, file
    from tasks.serving.lineup import Served
    from tasks.serving.listening import listening
    from tasks.serving.section import Serve
    from tasks.serving.site import Serving
    from tasks.serving.worker import Work, serve

    home = folder / f"home {log}"
    home.mkdir()
    with store.opened(home):
        champion = Champion(version="1", artifact=store.put((folder / "model.onnx").read_bytes(), ".onnx"))
        file("shop").parent.mkdir()
        file("shop").write_text(Roles(champion=champion).model_dump_json())
    served = Served(name="shop", home=home, serve=Serve.model_validate({"log": log}))
    with listening("127.0.0.1", 0) as listener:
        _ready(f"http://127.0.0.1:{listener.getsockname()[1]}/v1/shop/predict")
        serve(Work(listener=listener.fileno(), serving=Serving(projects=(served,))), listener)


def serve_echo(folder: Path) -> None:
    import uvicorn
    from fastapi import FastAPI

    app = FastAPI()

    @app.post("/predict")
    async def predict(row: dict[str, Any]) -> dict[str, Any]:
        return row

    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        _ready(f"http://127.0.0.1:{listener.getsockname()[1]}/predict")
        config = uvicorn.Config(app, http="httptools", loop="uvloop", log_level="warning", access_log=False)
        uvicorn.Server(config).run(sockets=[listener])


def _ready(url: str) -> None:
    print(url, flush=True)


# The peers open pickles, as their users do: of a file that this script wrote a moment ago, in a folder of its own.
_PEERS = {
    "bentoml": """
import json, pickle, sys
import bentoml, pandas as pd
NUMBERS, LEVELS = {numbers!r}, {levels!r}

@bentoml.service(workers=1)
class Shop:
    def __init__(self):
        self.pipeline = pickle.load(open({pickle!r}, "rb"))

    @bentoml.api(route="/predict")
    def predict(self, row: dict) -> dict:
        frame = pd.DataFrame([row], columns=[*NUMBERS, *LEVELS])
        frame = frame.astype(dict.fromkeys(NUMBERS, "float64") | dict.fromkeys(LEVELS, "str"))
        return {{"probability": float(self.pipeline.predict_proba(frame)[0, 1])}}
""",
    "litserve": """
import pickle, sys
import litserve as ls, pandas as pd
NUMBERS, LEVELS = {numbers!r}, {levels!r}

class Shop(ls.LitAPI):
    def setup(self, device):
        self.pipeline = pickle.load(open({pickle!r}, "rb"))

    def decode_request(self, request):
        frame = pd.DataFrame([request], columns=[*NUMBERS, *LEVELS])
        return frame.astype(dict.fromkeys(NUMBERS, "float64") | dict.fromkeys(LEVELS, "str"))

    def predict(self, frame):
        return float(self.pipeline.predict_proba(frame)[0, 1])

    def encode_response(self, output):
        return {{"probability": output}}

if __name__ == "__main__":
    ls.LitServer(Shop(), accelerator="cpu", workers_per_device=1).run(port=int(sys.argv[1]), generate_client_file=False)
""",
}


def environment(name: str, venvs: Path) -> Path:
    """The Python of an environment with the peer and this one's scikit-learn and pandas, or with a tool."""
    from importlib.metadata import version

    folder = venvs / name
    python = folder / "bin" / "python"
    if not (folder / ".complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        uv = str(Path(sys.executable).with_name("uv"))
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
        pins = [*PEERS[name], *(f"{each}=={version(each)}" for each in SHARED)] if name in PEERS else TOOLS[name]
        subprocess.run([uv, "pip", "install", "--quiet", "--python", str(python), *pins], check=True)
        (folder / ".complete").touch()
    return python


def peer_command(name: str, folder: Path, venvs: Path, port: int) -> list[str]:
    """What starts the peer on a port."""
    python = environment(name, venvs)
    if name == "mlflow":
        model = folder / "mlflow model"
        code = (
            "import mlflow.sklearn, pickle, sys; "
            "mlflow.sklearn.save_model(pickle.load(open(sys.argv[1], 'rb')), sys.argv[2], "
            "serialization_format='cloudpickle', pip_requirements=['scikit-learn'], pyfunc_predict_fn='predict_proba')"
        )
        subprocess.run([str(python), "-c", code, str(folder / "pipeline.pkl"), str(model)], check=True)
        serve = ["models", "serve", "-m", str(model), "--port", str(port), "--env-manager", "local", "--workers", "1"]
        return [str(python), "-m", "mlflow", *serve]
    script = folder / f"{name}_shop.py"
    levels = dict(LEVELS)
    script.write_text(_PEERS[name].format(numbers=NUMBERS, levels=levels, pickle=str(folder / "pipeline.pkl")))
    if name == "bentoml":
        return [str(python), "-m", "bentoml", "serve", f"{script.stem}:Shop", "--port", str(port)]
    return [str(python), str(script), str(port)]


@contextmanager
def running(name: str, folder: Path, venvs: Path) -> Iterator[tuple[str, int]]:
    """A server in processes of its own: where its predictions are, and the first process' id."""
    env = {**os.environ, "OMP_NUM_THREADS": "1"}  # one row gains nothing from threads
    if name in PEERS:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = peer_command(name, folder, venvs, port)
        env["PATH"] = f"{Path(command[0]).parent}:{env['PATH']}"  # MLflow starts uvicorn by its name
        server = subprocess.Popen(
            command, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        url = f"http://127.0.0.1:{port}/{'invocations' if name == 'mlflow' else 'predict'}"
    else:
        command = [sys.executable, __file__, "--serve", name, str(folder)]
        server = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
        assert server.stdout is not None
        url = server.stdout.readline().strip()
    try:
        _wait(name, url, folder, server)
        yield url, server.pid
    finally:
        for process in _family(server.pid):
            process.terminate()
        server.wait(20)


def _family(pid: int) -> list[Any]:
    import psutil

    first = psutil.Process(pid)
    return [first, *first.children(recursive=True)]


def _asked(name: str, url: str, row: dict[str, Any]) -> float:
    """The probability that the server gives."""
    data = json.dumps(_body(name, row)).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        told = json.load(response)
    if name == "mlflow":
        return told["predictions"][0][1]
    return told["probability"] if "probability" in told else told["probabilities"]["1"]


def _wait(name: str, url: str, folder: Path, server: subprocess.Popen[Any]) -> None:
    rows, expected = (json.loads((folder / f"{each}.json").read_text()) for each in ("rows", "expected"))
    deadline = time.monotonic() + 120
    while True:
        try:
            if name == "echo":
                urllib.request.urlopen(urllib.request.Request(url, b"{}", {"content-type": "application/json"}))
                return
            for row, value in list(zip(rows, expected, strict=True))[:20]:
                found = _asked(name, url, row)
                if abs(found - value) > 1e-9:
                    raise SystemExit(f"{name} answers {found} where the pipeline says {value}")
            return
        except OSError as exc:
            if server.poll() is not None:
                raise SystemExit(f"{name} ended with {server.returncode} before it answered") from exc
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)


def measure(name: str, url: str, pid: int, folder: Path, connections: int, seconds: float) -> Figures:
    """One call of wrk."""
    script = folder / f"{name if name in PEERS else 'keepfit'}.lua"
    before = sum(sum(each.cpu_times()[:2]) for each in _family(pid))
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}", "--latency", "-s", str(script), url]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    spent = sum(sum(each.cpu_times()[:2]) for each in _family(pid)) - before
    if "Non-2xx" in told:
        raise SystemExit(f"{name} refused requests:\n{told}")
    n = int(re.findall(r"(\d+) requests in", told)[0])
    rate = float(re.findall(r"Requests/sec:\s+([\d.]+)", told)[0])
    p50, p99 = (_milliseconds(re.findall(rf"{share}%\s+([\d.]+\w+)", told)[0]) for share in (50, 99))
    return Figures(rate, p50, p99, 1e6 * spent / n)


def _milliseconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(\w+)", text).groups()  # pyright: ignore[reportOptionalMemberAccess]
    return float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--peers", nargs="*", choices=list(PEERS), default=[])
    options.add_argument("--venvs", type=Path, default=Path(tempfile.gettempdir()) / "keepfit-peers")
    options.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    said = options.parse_args()
    if said.serve:
        name, folder = said.serve[0], Path(said.serve[1])
        serve_echo(folder) if name == "echo" else serve_keepfit(folder, "off" if name == "no log" else "required")
        return 0
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed; on Debian: apt-get install wrk")
    said.venvs.mkdir(exist_ok=True)
    ours = ("keepfit", "no log", "echo")
    found: dict[tuple[str, int], list[Figures]] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        build(folder)
        # The three of whom ratios are taken stay up and take turns; a peer comes and goes.
        with running("keepfit", folder, said.venvs) as a, running("no log", folder, said.venvs) as b:
            with running("echo", folder, said.venvs) as c:
                for _ in range(said.rounds):
                    for connections in CONNECTIONS:
                        for name, (url, pid) in zip(ours, (a, b, c), strict=True):
                            one = measure(name, url, pid, folder, connections, said.seconds)
                            found.setdefault((name, connections), []).append(one)
            for peer in said.peers:
                with running(peer, folder, said.venvs) as (url, pid):
                    for connections in CONNECTIONS:
                        one = [measure(peer, url, pid, folder, connections, said.seconds) for _ in range(said.rounds)]
                        found[peer, connections] = one
    medians = {
        key: Figures(*(statistics.median(each) for each in zip(*figures, strict=True)))
        for key, figures in found.items()
    }
    print("| server | connections | requests/s | over echo | p50 ms | p99 ms | µs of processor a request |")
    print("|---|---|---|---|---|---|---|")
    for (name, connections), one in medians.items():
        over = one.rate / medians["echo", connections].rate
        print(
            f"| {name} | {connections} | {one.rate:,.0f} | {over:.2f} | {one.p50:.3f} | {one.p99:.2f} | {one.cpu:.0f} |"
        )
    reached = {
        "ratio 1": medians["keepfit", 1].rate / medians["echo", 1].rate,
        "ratio 32": medians["keepfit", 32].rate / medians["echo", 32].rate,
        "p50 1": medians["keepfit", 1].p50 / medians["echo", 1].p50,
        "p99 32": medians["keepfit", 32].p99 / medians["echo", 32].p99,
        "cpu": medians["keepfit", 32].cpu,
        "log": max(1 - medians["keepfit", n].rate / medians["no log", n].rate for n in CONNECTIONS),
    }
    missed = False
    for name, value in reached.items():
        held = value >= WANTED[name] if name.startswith("ratio") else value <= WANTED[name]
        missed |= not held
        print(f"{name:9} {value:8.3g}  wanted {'at least' if name.startswith('ratio') else 'at most'} {WANTED[name]:g}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
