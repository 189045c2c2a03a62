"""One ONNX file from raw columns to labels: the front, the model of record node by node, and what an answer means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper

from tasks.core.model_records import ModelCard
from tasks.exports.graph import IR_VERSION, OPSETS, Graph
from tasks.exports.packages.front import Front, Input
from tasks.exports.packages.single import single
from tasks.scoring.scorer import Scorer


class Whole:
    """The model with its inputs, and what its outputs are called."""

    def __init__(self, model: ModelProto, inputs: Sequence[Input], outputs: Mapping[str, str]) -> None:
        self.model = model
        self.inputs = tuple(inputs)
        self.outputs = dict(outputs)
        """What the outputs `prediction` and `probabilities` are called: a column may have the name."""


def whole(scorer: Scorer, data: bytes, as_input: Sequence[str], precision: str, notes: Mapping[str, str]) -> Whole:
    """The model of record, of which `data` are the bytes, over raw columns.

    With precision "float32" numbers come and are computed in it; dates, and what is made of raw columns, stay exact.
    """
    card, is_single = scorer.card, precision == "float32"
    names = [*(column.name for column in card.inputs), *(feature.name for feature in card.features)]
    prefix = _free("keepfit/", names)
    graph = Graph(f"{prefix}row/")
    front = Front(card, as_input, graph, is_single)
    body = _renamed(onnx.load_from_string(data), f"{prefix}model/")
    answers = f"{prefix}model/{body.graph.output[0].name}"
    if is_single:
        single(body)
    matrix = helper.make_node("Cast", [front.matrix], [f"{prefix}model/X"], to=_kind(is_single))
    behind = Graph(f"{prefix}answer/")
    given = behind.add("Cast", answers, to=TensorProto.DOUBLE)
    outputs = _outputs(card, names)
    label = _label(behind, card, given)
    parts = [graph.part(), body.graph, behind.part()]
    made = onnx.GraphProto(name="keepfit")
    for part in parts:
        made.initializer.extend(part.initializer)
    for nodes in (parts[0].node, [matrix], body.graph.node, parts[2].node):
        made.node.extend(nodes)
    wanted = {"prediction": label} | ({"probabilities": answers} if card.target.classes else {})
    for role, name in outputs.items():
        made.node.append(helper.make_node("Identity", [wanted[role]], [name]))
        made.output.append(_described(card, role, name, is_single))
    inputs = list(front.inputs.values())
    made.input.extend(_input(each, is_single) for each in inputs)
    model = ModelProto(ir_version=IR_VERSION, producer_name="keepfit", graph=made)
    model.opset_import.extend(helper.make_opsetid(domain, version) for domain, version in OPSETS)
    helper.set_model_props(model, dict(sorted(notes.items())))
    return Whole(model, inputs, outputs)


def is_single(port: Input, precision: str) -> bool:
    """Whether the input comes in float32: all numbers of that precision but dates, which need more digits."""
    return precision == "float32" and port.type != "date"


def _label(graph: Graph, card: ModelCard, answers: str) -> str:
    """What the answers mean, as `Scorer.labels` says."""
    classes = np.array(card.target.classes, dtype=object)
    if card.target.problem == "regression":
        return graph.add("Identity", answers)
    if card.target.problem == "binary":
        positive = graph.add("Reshape", graph.columns(answers, [1]), np.array([-1]))
        at = graph.add("GreaterOrEqual", positive, np.array(card.threshold))
        return graph.add("Gather", classes, graph.add("Cast", at, to=TensorProto.INT64), axis=0)
    return graph.add("Gather", classes, graph.add("ArgMax", answers, axis=1, keepdims=0), axis=0)


def _outputs(card: ModelCard, names: Sequence[str]) -> dict[str, str]:
    roles = ("prediction", "probabilities") if card.target.classes else ("prediction",)
    return {role: role if role not in names else f"{role} of {card.target.name}" for role in roles}


def _described(card: ModelCard, role: str, name: str, is_single: bool) -> onnx.ValueInfoProto:
    if role == "probabilities":
        return helper.make_tensor_value_info(name, _kind(is_single), ["n", len(card.target.classes)])
    kind = TensorProto.STRING if card.target.classes else TensorProto.DOUBLE
    return helper.make_tensor_value_info(name, kind, ["n"])


def _input(port: Input, single: bool) -> onnx.ValueInfoProto:
    kind = TensorProto.STRING if port.type == "text" else _kind(single and port.type != "date")
    return helper.make_tensor_value_info(port.name, kind, ["n", port.width])


def _kind(is_single: bool) -> int:
    return TensorProto.FLOAT if is_single else TensorProto.DOUBLE


def _free(prefix: str, names: Sequence[str]) -> str:
    while any(name.startswith(prefix) for name in names):
        prefix = f"/{prefix}"
    return prefix


def _renamed(model: ModelProto, prefix: str) -> ModelProto:
    """The model with every name of its graph behind the prefix; no column can then be taken for one of them."""
    for node in model.graph.node:
        node.input[:] = [f"{prefix}{name}" if name else name for name in node.input]
        node.output[:] = [f"{prefix}{name}" for name in node.output]
    for constant in model.graph.initializer:
        constant.name = f"{prefix}{constant.name}"
    return model
