"""Tensors of the Open Inference Protocol: columns of a request out of JSON or binary data, and back.

https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol, with the extension for binary
data: after the JSON, whose length a header tells, come the bytes of each tensor that says `binary_data_size`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from tasks.core.records import BYTES, Column
from tasks.serving.refusal import Refusal

if TYPE_CHECKING:
    import polars as pl

NUMPY = {
    **{f"{sign}INT{bits}": f"<{kind}{bits // 8}" for sign, kind in (("", "i"), ("U", "u")) for bits in (8, 16, 32, 64)},
    **{"FP16": "<f2", "FP32": "<f4", "FP64": "<f8", "BOOL": "?"},
}
"""The datatypes of fixed size, as numpy names them. BYTES are the only others."""

Parameters = dict[str, Any]


class Tensor(msgspec.Struct, omit_defaults=True):
    """A tensor as JSON has it."""

    name: str
    datatype: str
    shape: list[int]
    parameters: Parameters = {}
    data: Any = None


class Wanted(msgspec.Struct):
    """An output that a request asks for."""

    name: str
    parameters: Parameters = {}


class Request(msgspec.Struct):
    """The JSON of an inference request."""

    inputs: list[Tensor]
    id: str | None = None
    parameters: Parameters = {}
    outputs: list[Wanted] = []


def datatype(column: Column) -> str:
    """The datatype that a model's input column is told to have; others that fit are taken, too."""
    return {"number": "FP64", "integer": "FP64", "boolean": "BOOL"}.get(column.type, "BYTES")


def request_of(body: bytes, header_length: bytes | None) -> tuple[Request, memoryview]:
    """The request in a body, and its binary data. Raises Refusal."""
    told = header_length or b"%d" % len(body)
    if not told.isdigit() or int(told) > len(body):
        raise _malformed(f"Inference-Header-Content-Length {told[:40]!r}")
    try:
        request = msgspec.json.decode(body[: int(told)], type=Request)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise _malformed(str(exc)[:200]) from exc
    return request, memoryview(body)[int(told) :]


def columns_of(request: Request, binary: memoryview, columns: Sequence[Column]) -> list[pl.Series]:
    """The input tensors as columns of one length, in the request's order. Raises Refusal."""
    types = {column.name: column for column in columns}
    found: list[pl.Series] = []
    at = 0
    for tensor in request.inputs:
        size = tensor.parameters.get("binary_data_size")
        data = None
        if size is not None:
            if not isinstance(size, int) or not 0 <= size <= len(binary) - at:
                raise _wrong(tensor, "its bytes behind the JSON", f"binary_data_size {str(size)[:40]}")
            data, at = binary[at : at + size], at + size
        column = types.get(tensor.name)
        found.append(_column(tensor, data, column is not None and column.type in BYTES))
        if len(found[0]) != len(found[-1]):
            raise _wrong(tensor, f"the {len(found[0])} rows of {found[0].name!r}", f"{len(found[-1])} rows")
    if at != len(binary):
        raise _malformed(f"{len(binary) - at} bytes that belong to no tensor")
    return found


def _column(tensor: Tensor, data: memoryview | None, is_bytes: bool) -> pl.Series:
    shape = tensor.shape
    if len(shape) not in (1, 2) or shape[1:] not in ([], [1]) or shape[0] < 0:
        raise _wrong(tensor, "the shape [n] or [n, 1]", f"{str(shape)[:100]}")
    if tensor.datatype != "BYTES" and tensor.datatype not in NUMPY:
        raise _wrong(tensor, f"a datatype among BYTES, {', '.join(NUMPY)}", tensor.datatype[:40])
    values = _of_json(tensor, is_bytes) if data is None else _of_bytes(tensor, data, is_bytes)
    if len(values) != shape[0]:
        raise _wrong(tensor, f"{shape[0]} values", f"{len(values)}")
    return values


def _of_json(tensor: Tensor, is_bytes: bool) -> pl.Series:
    import polars as pl

    kind = bool if tensor.datatype == "BOOL" else str if tensor.datatype == "BYTES" else float
    kind = bytes if is_bytes and kind is str else kind
    values = tensor.data
    if isinstance(values, list) and len(tensor.shape) == 2 and all(isinstance(v, list) and len(v) == 1 for v in values):
        values = [value for (value,) in values]
    try:
        said = msgspec.convert(values, list[kind | None])
    except (msgspec.ValidationError, OverflowError) as exc:
        raise _wrong(tensor, f"a list of {tensor.datatype} or null", str(exc)[:100]) from exc
    names = {bool: pl.Boolean, str: pl.String, float: pl.Float64, bytes: pl.Binary}
    return pl.Series(tensor.name, said, names[kind])


def _of_bytes(tensor: Tensor, data: memoryview, is_bytes: bool) -> pl.Series:
    import numpy as np
    import polars as pl

    if tensor.datatype == "BYTES":
        try:
            values = list(_elements(data))
            # There is no null among bytes: an empty one stands for it.
            said = [bytes(each) or None for each in values] if is_bytes else [str(each, "utf-8") for each in values]
        except (struct.error, ValueError) as exc:
            expected = "elements of four bytes of length and so many more" + ("" if is_bytes else ", in UTF-8")
            raise _wrong(tensor, expected, str(exc)[:100]) from exc
        return pl.Series(tensor.name, said, pl.Binary if is_bytes else pl.String)
    kind = np.dtype(NUMPY[tensor.datatype])
    if len(data) % kind.itemsize:
        raise _wrong(tensor, f"{kind.itemsize} bytes a value", f"{len(data)} bytes")
    if tensor.datatype == "BOOL":
        return pl.Series(tensor.name, np.frombuffer(data, np.uint8) != 0)
    values = np.frombuffer(data, kind)
    return pl.Series(tensor.name, values.astype(np.float32) if tensor.datatype == "FP16" else values)


def _elements(data: memoryview) -> Iterator[memoryview]:
    at = 0
    while at < len(data):
        end = at + 4 + struct.unpack_from("<I", data, at)[0]
        if end > len(data):
            raise ValueError(f"an element of {end - at - 4} bytes where {len(data) - at - 4} are left")
        yield data[at + 4 : end]
        at = end


def response(
    outputs: Mapping[str, tuple[str, Any]], request: Request, head: Mapping[str, Any]
) -> tuple[bytes, int | None]:
    """The body of an answer, and how long its JSON is if binary data follow. `outputs` have a datatype and values."""
    default = bool(request.parameters.get("binary_data_output"))
    wanted = request.outputs or [Wanted(name) for name in outputs]
    tensors: list[Tensor] = []
    binary: list[bytes] = []
    for each in wanted:
        kind, values = outputs[each.name]
        shape = list(values.shape) if kind != "BYTES" else [len(values)]
        tensor = Tensor(each.name, kind, shape)
        if each.parameters.get("binary_data", default):
            data = values.tobytes() if kind != "BYTES" else b"".join(_packed(value) for value in values)
            tensor.parameters = {"binary_data_size": len(data)}
            binary.append(data)
        else:
            tensor.data = values.ravel().tolist() if kind != "BYTES" else list(values)
        tensors.append(tensor)
    said = {**head, **({"id": request.id} if request.id is not None else {}), "outputs": tensors}
    start = msgspec.json.encode(said)
    return b"".join([start, *binary]), len(start) if binary else None


def _packed(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<I", len(data)) + data


def _malformed(found: str) -> Refusal:
    return Refusal(
        400,
        "The body is no inference request",
        expected="the JSON of the Open Inference Protocol, perhaps with binary data behind it",
        found=found,
        action='Send {"inputs": [{"name": …, "datatype": …, "shape": [n], "data": […]}, …]}.',
    )


def _wrong(tensor: Tensor, expected: str, found: str) -> Refusal:
    name = tensor.name
    return Refusal(
        422,
        f"The input “{name[:100]}” cannot be read",
        field=name,
        expected=expected,
        found=found,
        action="Correct it.",
    )
