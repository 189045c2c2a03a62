"""An ONNX graph over one row as the statements of a C function: each node writes an array on the stack.

Shapes are known once the row is one, so there are no loops over rows, no allocation and no interpreter.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper, shape_inference

from tasks.exports.packages import c_loops as loops
from tasks.exports.packages.c_trees import trees
from tasks.exports.packages.c_values import NotInC, Tensor, array, literal
from tasks.exports.packages.front import words_of

TYPES: dict[int, str] = {
    TensorProto.DOUBLE: "double",
    TensorProto.INT64: "long",
    TensorProto.BOOL: "char",
    TensorProto.STRING: "char const *",
}
INT64 = TensorProto.INT64

ONE = {
    **{"Abs": "fabs({})", "Neg": "-{}", "Sqrt": "sqrt({})", "Exp": "exp({})", "Log": "log({})", "Floor": "floor({})"},
    **{"Ceil": "ceil({})", "Round": "rint({})", "Sin": "sin({})", "Cos": "cos({})", "Tanh": "tanh({})", "Not": "!{}"},
    **{"Sign": "({0} > 0) - ({0} < 0) + 0 * {0}", "IsNaN": "isnan({}) != 0", "Relu": "{0} < 0 ? 0 : {0}"},
    **{"Sigmoid": "1 / (1 + exp(-{}))", "Identity": "{}", "Cast": "{}", "Reshape": "{}", "Expand": "{}"},
}
TWO = {
    **{"Add": "{} + {}", "Sub": "{} - {}", "Mul": "{} * {}", "Div": "{} / {}", "Less": "{} < {}", "Greater": "{} > {}"},
    **{"LessOrEqual": "{} <= {}", "GreaterOrEqual": "{} >= {}", "And": "{} && {}", "Or": "{} || {}"},
    **{"Pow": "pow({}, {})", "Mod": "fmod({}, {})", "Equal": "{} == {}"},
}
REDUCED = {"ReduceSum": "{} + {}", "ReduceMean": "{} + {}", "ReduceMax": "most({}, {})"}
MANY = {"Sum": "{} + {}", "Max": "most({}, {})", "Min": "least({}, {})"}


class Statements:
    """The constants and the statements of the graph; `model`'s inputs are read by `read`, a text for each name."""

    def __init__(self, model: ModelProto, read: dict[str, str]) -> None:
        one_row = ModelProto()
        one_row.CopyFrom(model)
        for value in (*one_row.graph.input, *one_row.graph.output):
            value.type.tensor_type.shape.dim[0].dim_value = 1
        graph = shape_inference.infer_shapes(one_row, data_prop=True).graph
        self.constants: list[str] = []
        self.lines: list[str] = []
        self._tensors: dict[str, Tensor] = {}
        self._shapes: dict[str, list[int]] = {}
        for value in (*graph.value_info, *graph.output, *graph.input):
            kind = TYPES.get(int(value.type.tensor_type.elem_type))
            shape = [each.dim_value for each in value.type.tensor_type.shape.dim]
            if kind is None or 0 in shape:
                raise NotInC(f"a value of shape {shape}")
            self._shapes[value.name] = shape
            self._tensors[value.name] = Tensor(f"v{len(self._tensors)}", kind, int(np.prod(shape)))
        needed, nodes = _needed(graph)
        for constant in graph.initializer:
            self._shapes[constant.name] = list(constant.dims)
            if constant.name in needed:
                self._tensors[constant.name] = self._constant(numpy_helper.to_array(constant))
        self._axes = {each.name: numpy_helper.to_array(each) for each in graph.initializer if each.data_type == INT64}
        for name, text in read.items():
            if name in needed:
                self._declare(self._tensors[name], text)
        for node in nodes:
            self._node(node)

    def result(self, name: str) -> Tensor:
        """The array of that output."""
        return self._tensors[name]

    def _constant(self, values: np.ndarray) -> Tensor:
        kind = "char const *" if values.dtype.kind in "OSU" else "long" if values.dtype.kind == "i" else "double"
        tensor = Tensor(f"c{len(self.constants)}", kind, values.size)
        self.constants.append(array(tensor.name, kind, values.ravel()))
        return tensor

    def _declare(self, tensor: Tensor, first: str = "") -> None:
        self.lines.append(f"{tensor.type} {tensor.name}[{tensor.size}]{f' = {{{first}}}' if first else ''};")

    def _node(self, node: NodeProto) -> None:
        given = [self._tensors[name] for name in _read(node)]
        out = self._tensors[node.output[0]]
        settings = {each.name: helper.get_attribute_value(each) for each in node.attribute}
        self._declare(out)
        simple = self._each(node.op_type, given, out)
        if simple is not None:
            self.lines.append(f"for (i = 0; i < {out.size}; i++) {out.name}[i] = {simple};")
            return
        written: dict[str, Callable[..., list[str]]] = {
            **{"Concat": loops.concat, "MatMul": loops.matmul, "Softmax": loops.softmax, "ArgMax": loops.argmax}
        }
        if node.op_type == "LabelEncoder":
            keys, values = (numpy_helper.to_array(settings[name]) for name in ("keys_tensor", "values_tensor"))
            default = numpy_helper.to_array(settings["default_tensor"]).ravel()[0]
            self.lines += loops.looked_up(given[0], out, self._constant(keys), self._constant(values), literal(default))
        elif node.op_type == "TreeEnsemble":
            declared, lines = trees(settings, given[0].name, out.name, out.size, f"t{len(self.constants)}")
            self.constants += declared
            self.lines += lines
        elif node.op_type == "RegexFullMatch":
            words = words_of(settings["pattern"].decode())
            if words is None:
                raise NotInC(f"a pattern, {settings['pattern'].decode()}")
            constant = self._constant(np.array(words, dtype=object))
            self.lines.append(f"{out.name}[0] = is_marker({given[0].name}[0], {constant.name}, {len(words)});")
        elif node.op_type == "Shape":
            shape = self._shapes[node.input[0]]
            self.lines += [f"{out.name}[{at}] = {length};" for at, length in enumerate(shape)]
        elif node.op_type in written:
            self.lines += written[node.op_type](given, out)
        elif node.op_type == "Gather":
            shape, axis = self._shapes[node.input[0]], settings.get("axis", 0)
            if np.prod(shape[:axis]) != 1:
                raise NotInC(f"Gather from axis {axis} of {shape}")
            self.lines += loops.gather(given, out, int(np.prod(shape[axis + 1 :])))
        elif node.op_type in REDUCED:
            axes = self._axes[node.input[1]].ravel().tolist()
            shape = self._shapes[node.input[0]]
            axis = axes[0] % len(shape)
            if len(axes) > 1 or np.prod(shape[:axis]) != 1:
                raise NotInC(f"{node.op_type} over {axes} of {shape}")
            self.lines += loops.reduced(given[0], out, shape[axis], REDUCED[node.op_type])
            if node.op_type == "ReduceMean":
                self.lines.append(f"for (i = 0; i < {out.size}; i++) {out.name}[i] /= {shape[axis]};")
        else:
            raise NotInC(node.op_type)

    def _each(self, operator: str, given: list[Tensor], out: Tensor) -> str | None:
        """The i-th value of the result, where it depends on the i-th values alone; None where it does not."""
        if operator in ("Reshape", "Expand", *ONE):
            return ONE[operator].format(_at(given[0], out))
        values = [_at(tensor, out) for tensor in given] if operator in ("Where", "Clip", *TWO, *MANY) else []
        if operator == "Equal" and given[0].type.startswith("char const"):
            return f"strcmp({values[0]}, {values[1]}) == 0"
        if operator in TWO:
            return TWO[operator].format(*values)
        if operator == "Where":
            return f"{values[0]} ? {values[1]} : {values[2]}"
        if operator == "Clip":
            return f"least(most({values[0]}, {values[1]}), {values[2]})"
        if operator in MANY:
            made = values[0]
            for value in values[1:]:
                made = MANY[operator].format(made, value)
            return made
        return None


def _read(node: NodeProto) -> list[str]:
    """The inputs whose values count, where shapes are known."""
    return list(node.input)[:1] if node.op_type in ("Reshape", "Expand", *REDUCED) else list(node.input)


def _needed(graph: GraphProto) -> tuple[set[str], list[NodeProto]]:
    """What the outputs depend on: the names, and the nodes in order."""
    needed, nodes = {value.name for value in graph.output}, list[NodeProto]()
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(_read(node))
            nodes.insert(0, node)
    return needed, nodes


def _at(tensor: Tensor, out: Tensor) -> str:
    if tensor.size not in (1, out.size):
        raise NotInC(f"a value of {tensor.size} beside one of {out.size}")
    return f"{tensor.name}[{'0' if tensor.size == 1 else 'i'}]"
