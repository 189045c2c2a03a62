"""The model of record in float32, for devices that have no doubles or little room."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from onnx import AttributeProto, GraphProto, ModelProto, TensorProto, numpy_helper

FLOORED = "nodes_splits"
"""Of a threshold the next lower float32: a float32 is at most the one exactly when it is at most the other."""


def single(model: ModelProto) -> None:
    """Have the graph compute in float32, in place."""
    graph: GraphProto = model.graph
    for constant in graph.initializer:
        if constant.data_type == TensorProto.DOUBLE:
            constant.CopyFrom(numpy_helper.from_array(_nearest(numpy_helper.to_array(constant)), constant.name))
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.DOUBLE:
                attribute.i = TensorProto.FLOAT
            if attribute.type == AttributeProto.TENSOR and attribute.t.data_type == TensorProto.DOUBLE:
                values = numpy_helper.to_array(attribute.t)
                made = _floored(values) if attribute.name == FLOORED else _nearest(values)
                attribute.t.CopyFrom(numpy_helper.from_array(made, attribute.t.name))


def _nearest(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """The nearest numbers; what is finite stays so."""
    most = np.finfo(np.float32).max
    return np.where(np.isfinite(values), np.clip(values, -most, most), values).astype(np.float32)


def _floored(values: NDArray[np.float64]) -> NDArray[np.float32]:
    near = _nearest(values)
    return np.where(near > values, np.nextafter(near, np.float32(-np.inf)), near)
