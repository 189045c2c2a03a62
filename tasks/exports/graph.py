"""An ONNX graph in the making, and `convert`: the table of what is written for which fitted scikit-learn object.

Everything is float64. Equal constants and equal nodes are written once, so members of a blend that prepare their
input alike share that part of the graph.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import singledispatch
from typing import Any

import numpy as np
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from tasks.core.errors import KeepfitError

OPSETS = (("", 21), ("ai.onnx.ml", 5))
IR_VERSION = 10


class Graph:
    """Nodes and constants in the order in which they were asked for: the same requests give the same bytes."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []
        self._names: dict[bytes, str] = {}

    def constant(self, value: Any) -> str:
        """The name of a constant: float64, int64 where the value is whole by type, or texts (an array of objects)."""
        array = np.ascontiguousarray(value)
        if array.dtype == object:
            key = f"texts{array.shape}{array.tolist()}".encode()
            return self._once(key, lambda name: self._constants.append(numpy_helper.from_array(array, name)), "c")
        array = array.astype("<i8" if array.dtype.kind in "iub" else "<f8", copy=False)
        key = f"{array.dtype}{array.shape}".encode() + array.tobytes()
        return self._once(key, lambda name: self._constants.append(numpy_helper.from_array(array, name)), "c")

    def add(self, operator: str, *inputs: Any, domain: str = "", **attributes: Any) -> str:
        """The name of the node's one result. Inputs are names; anything else becomes a constant."""
        names = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        node = NodeProto(op_type=operator, domain=domain, input=names)
        node.attribute.extend(_attribute(key, attributes[key]) for key in sorted(attributes))

        def append(name: str) -> None:
            node.output.append(name)
            self._nodes.append(node)

        return self._once(node.SerializeToString(deterministic=True), append, "v")

    def columns(self, x: str, positions: Any) -> str:
        """Some columns of a matrix, in the order of `positions`."""
        return self.add("Gather", x, np.asarray(positions, dtype=np.int64), axis=1)

    def number(self, condition: str) -> str:
        """1.0 where the condition holds, 0.0 elsewhere."""
        return self.add("Cast", condition, to=TensorProto.DOUBLE)

    def side_by_side(self, *blocks: str) -> str:
        """One matrix of all the blocks' columns."""
        return blocks[0] if len(blocks) == 1 else self.add("Concat", *blocks, axis=1)

    def part(self) -> GraphProto:
        """The nodes and constants so far, without inputs and outputs: to be joined with those of another graph."""
        return GraphProto(name="keepfit", initializer=self._constants, node=self._nodes)

    def model(
        self, output: str, name: str, shape: list[int | None], n_features: int, notes: Mapping[str, str]
    ) -> bytes:
        """The whole model's bytes: input `X`, one output called `name`, and the notes as its metadata."""
        graph = self.part()
        graph.node.append(NodeProto(op_type="Identity", input=[output], output=[name]))
        graph.input.append(helper.make_tensor_value_info("X", TensorProto.DOUBLE, [None, n_features]))
        graph.output.append(helper.make_tensor_value_info(name, TensorProto.DOUBLE, shape))
        model = ModelProto(ir_version=IR_VERSION, producer_name="keepfit", graph=graph)
        model.opset_import.extend(helper.make_opsetid(domain, version) for domain, version in OPSETS)
        helper.set_model_props(model, dict(sorted(notes.items())))
        return model.SerializeToString(deterministic=True)

    def _once(self, key: bytes, write: Any, letter: str) -> str:
        digest = hashlib.sha256(letter.encode() + key).digest()
        if digest not in self._names:
            self._names[digest] = f"{self._prefix}{letter}{len(self._names)}"
            write(self._names[digest])
        return self._names[digest]


def _attribute(name: str, value: Any) -> AttributeProto:
    if not isinstance(value, np.ndarray):
        return helper.make_attribute(name, value)
    if value.dtype.kind in "iub" and value.dtype != np.uint8:  # `make_attribute` looks at every whole number in turn
        return AttributeProto(name=name, type=AttributeProto.INTS, ints=value.tolist())
    return AttributeProto(name=name, type=AttributeProto.TENSOR, t=numpy_helper.from_array(value, name))


@singledispatch
def convert(fitted: Any, graph: Graph, x: str) -> str:
    """Write what the fitted object does to the matrix called `x`; the name of the result, a matrix again.

    A regressor gives (n, 1), a classifier (n, n_classes), a binary one only the positive class's column (n, 1).
    """
    if hasattr(fitted, "members") and hasattr(fitted, "weights"):
        return blend(fitted, graph, x)
    kind = type(fitted)
    raise KeepfitError(
        f"The model cannot be exported, {kind.__module__}.{kind.__qualname__} has no converter",
        expected=f"one of {', '.join(sorted(known.__name__ for known in convert.registry if known is not object))}",
        action=f"Register one with `@convert.register({kind.__name__})` in tasks/exports, or use another model family",
    )


def blend(fitted: Any, graph: Graph, x: str) -> str:
    """The weighted mean of what the members answer to the same matrix."""
    weights = np.asarray(fitted.weights, dtype=float)
    shares = weights / weights.sum()
    used = [(member, share) for member, share in zip(fitted.members, shares, strict=True) if share != 0]
    parts = [graph.add("Mul", convert(member, graph, x), np.array(share)) for member, share in used]
    return parts[0] if len(parts) == 1 else graph.add("Sum", *parts)


def refuse(fitted: Any, what: str, expected: str) -> KeepfitError:
    """The error for a fitted object whose class is known, but not with this setting."""
    return KeepfitError(
        f"The model cannot be exported, {type(fitted).__name__} with {what}",
        expected=expected,
        action="Change that parameter, or teach its converter in tasks/exports the other way",
    )
