"""A small model with one input column of each type and names that break naive servers, served on a free port."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest
from onnx import TensorProto, helper

from tasks.core import roles, store
from tasks.core.model_records import Champion, ModelCard
from tasks.core.records import Column, ColumnType, Feature, Problem, Target
from tasks.core.roles import Roles
from tasks.modalities.matrix import width
from tasks.serving.lineup import Served
from tasks.serving.listening import listening
from tasks.serving.section import Serve
from tasks.serving.site import Serving, Site
from tasks.serving.worker import Work

INPUTS: dict[str, ColumnType] = {
    "age": "number",
    "cabin class": "integer",
    "embarked": "text",
    'the "name" \\': "text",
    "возраст 年": "boolean",
    "boarded": "date",
}
SAMPLES = (
    {
        "age": 29.5,
        "cabin class": 1,
        "embarked": "S",
        'the "name" \\': "Allen",
        "возраст 年": True,
        "boarded": "1912-04-10",
    },
    {
        "age": None,
        "cabin class": 3,
        "embarked": None,
        'the "name" \\': "<b>Ødegård</script>",
        "возраст 年": False,
        "boarded": "1912-04-11",
    },
)


def card(problem: Problem = "binary", escaped: bool = True, n_numbers: int = 0) -> ModelCard:
    """A card over INPUTS, or over `n_numbers` number columns."""
    inputs: dict[str, ColumnType] = {name: kind for name, kind in INPUTS.items() if escaped or '"' not in name}
    features = [
        Feature(name="age", kind="number"),
        Feature(name="cabin class", kind="category", levels=("3", "1", "2")),
        Feature(name="embarked", kind="category", levels=("S", "C", "Q")),
        Feature(name="возраст 年", kind="boolean"),
        Feature(name="boarded", kind="date"),
        Feature(name="day", kind="number", expression="day(boarded)"),
        Feature(name="port", kind="category", levels=("J", "S"), expression="extract(embarked, '^(.)')"),
    ]
    samples = [{name: row[name] for name in inputs} for row in SAMPLES]
    if n_numbers:
        inputs = dict.fromkeys((f"x{i}" for i in range(n_numbers)), "number")
        features = [Feature(name=name, kind="number") for name in inputs]
        samples = [dict.fromkeys(inputs, 1.5)]
    classes: dict[Problem, tuple[str, ...]] = {
        "binary": ("drowned", "saved"),
        "multiclass": ("a", "b", "c"),
        "regression": (),
    }
    return ModelCard.model_validate(
        {
            "project": "ship",
            "target": Target(name="fate", problem=problem, classes=classes[problem]),
            "metric": "log_loss",
            "inputs": tuple(Column(name=name, type=kind, n_missing=0) for name, kind in inputs.items()),
            "features": tuple(features),
            "threshold": 0.6,
            "members": (),
            "data_digest": "0" * 64,
            "sample": tuple(json.dumps(row) for row in samples),
        }
    )


def onnx_model(card: ModelCard, seed: int = 0) -> bytes:
    """A linear model with missing values as zero: small, and different for different rows."""
    n_features, n_outputs = width(card.features), max(1, len(card.target.classes))
    weights = np.random.default_rng(seed).normal(size=(n_features, n_outputs))
    regression = card.target.problem == "regression"
    nodes = [
        helper.make_node("IsNaN", ["X"], ["missing"]),
        helper.make_node("Where", ["missing", "zero", "X"], ["filled"]),
        helper.make_node("Abs", ["filled"], ["size"]),
        helper.make_node("Sum", ["size", "one"], ["divisor"]),
        helper.make_node("Div", ["filled", "divisor"], ["squashed"]),
        helper.make_node("MatMul", ["squashed", "weights"], ["scores"]),
        helper.make_node("Reshape", ["scores", "flat"], ["prediction"])
        if regression
        else helper.make_node("Softmax", ["scores"], ["probabilities"]),
    ]
    output = (
        helper.make_tensor_value_info("prediction", TensorProto.DOUBLE, ["n"])
        if regression
        else helper.make_tensor_value_info("probabilities", TensorProto.DOUBLE, ["n", n_outputs])
    )
    constants = [
        helper.make_tensor("zero", TensorProto.DOUBLE, [1], [0.0]),
        helper.make_tensor("one", TensorProto.DOUBLE, [1], [1.0]),
        helper.make_tensor("weights", TensorProto.DOUBLE, weights.shape, weights.ravel()),
        helper.make_tensor("flat", TensorProto.INT64, [1], [-1]),
    ]
    graph = helper.make_graph(
        nodes,
        "ship",
        [helper.make_tensor_value_info("X", TensorProto.DOUBLE, ["n", n_features])],
        [output],
        constants if regression else constants[:3],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    helper.set_model_props(model, {"keepfit": card.model_dump_json()})
    return model.SerializeToString()


@dataclass
class Running:
    """A process that serves, and the home that it serves from."""

    url: str
    home: Path
    card: ModelCard
    process: subprocess.Popen[str]

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def path(self) -> Path:
        """The ONNX file of the champion."""
        with store.opened(self.home):
            known = roles.known("ship")
            assert known is not None
            return store.path(known.champion.artifact)

    def told(self) -> dict[str, object]:
        """The next thing that the process tells whoever started it."""
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def stop(self) -> int:
        """Its exit code after SIGTERM."""
        self.process.terminate()
        assert self.process.stdout is not None and self.process.stdin is not None
        with self.process.stdout, self.process.stdin:
            return self.process.wait(timeout=10)


class Ship:
    """What the tests build with (pytest's importlib mode lets no test import a conftest)."""

    samples = SAMPLES
    card = staticmethod(card)
    onnx_model = staticmethod(onnx_model)

    def keep(self, home: Path, card: ModelCard, version: str = "3", seed: int = 0) -> Champion:
        """A model of this card in the store of a home."""
        with store.opened(home):
            return Champion(version=version, artifact=store.put(onnx_model(card, seed), ".onnx"))

    def point(self, home: Path, champion: Champion, challenger: Champion | None = None, name: str = "ship") -> None:
        """Let the champion serve, as whoever moves an alias does."""
        (home / "champions").mkdir(exist_ok=True)
        told = Roles(champion=champion, challenger=challenger).model_dump_json()
        store.write_file(home / "champions" / f"{name}.json", told.encode())

    def served(self, home: Path, name: str = "ship", key: tuple[str, ...] = (), **serve: object) -> Served:
        """What a server is told of the project."""
        return Served(name=name, home=home, key=key, serve=Serve.model_validate(serve))

    def site(self, home: Path, **serve: object) -> Site:
        """The project within this process."""
        return Site(Serving(projects=(self.served(home, **serve),)), lambda *event: None)

    def start(self, folder: Path, card: ModelCard, key: tuple[str, ...] = (), **serve: object) -> Running:
        """A process that serves a model of this card, ready."""
        folder.mkdir(exist_ok=True)
        champion = self.keep(folder, card)
        self.point(folder, champion)
        return self.run(Serving(projects=(self.served(folder, key=key, **serve),)), folder, card)

    def run(self, serving: Serving, home: Path, card: ModelCard, **tls: str) -> Running:
        """A process that serves, ready."""
        with listening("127.0.0.1", 0) as listener:
            work = Work(listener=listener.fileno(), serving=serving, **tls)
            process = subprocess.Popen(
                [sys.executable, "-m", "tasks.serving.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                pass_fds=[listener.fileno()],
            )
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(work.model_dump_json() + "\n")
            process.stdin.flush()
            told = json.loads(process.stdout.readline())
            assert told == {"ready": True}, told
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        return Running(url, home, card, process)


@pytest.fixture(scope="session")
def ship() -> Ship:
    return Ship()


@pytest.fixture(scope="session")
def served(ship: Ship, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The binary model with all its names."""
    server = ship.start(tmp_path_factory.mktemp("served"), ship.card())
    yield server
    server.stop()


@pytest.fixture
def client(served: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, timeout=10, trust_env=False) as client:
        yield client


@pytest.fixture
def row() -> dict[str, object]:
    return dict(SAMPLES[0])
