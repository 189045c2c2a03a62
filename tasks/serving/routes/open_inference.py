"""The Open Inference Protocol (V2) over HTTP, so that clients of KServe and Triton can ask the champion.

One input tensor a column, answered by the tensors `prediction`, `probabilities` and `id`; tasks/serving/tensors.py has
their form. Requests are answered as bulk bodies of `predict` are.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from tasks.core.model_records import ModelCard
from tasks.serving import access, bodies, bulk, frames, openapi, tensors
from tasks.serving.bulk import Answered
from tasks.serving.group import Group
from tasks.serving.model import Model
from tasks.serving.readers.arrow import MAX_BODY
from tasks.serving.refusal import Refusal
from tasks.serving.service import Service
from tasks.serving.site import Site

LENGTH = b"inference-header-content-length"
KINDS = ("application/json", "application/octet-stream", "")
"""Content types of requests; tritonclient sends none."""


def router(site: Site) -> APIRouter:
    api = APIRouter(tags=["open inference protocol"], prefix="/v2")

    @api.get("")
    async def server() -> dict[str, Any]:
        """The server, and which extensions of the protocol it knows."""
        return {"name": "keepfit", "version": "1", "extensions": ["binary_tensor_data"]}

    @api.get("/health/live")
    async def live() -> dict[str, bool]:
        """The process answers."""
        return {"live": True}

    @api.get("/health/ready")
    async def ready() -> dict[str, bool]:
        """Every model answers."""
        for service in site.services.values():
            service.champion  # noqa: B018  # raises
        return {"ready": True}

    @api.get("/models/{name}/ready")
    @api.get("/models/{name}/versions/{version}/ready")
    async def model_ready(name: str, version: str = "") -> dict[str, Any]:
        """The model answers."""
        _group(site.service(name), version)
        return {"name": name, "ready": True}

    @api.get("/models/{name}")
    @api.get("/models/{name}/versions/{version}")
    async def metadata(name: str, version: str = "") -> dict[str, Any]:
        """The model's tensors."""
        model = _group(site.service(name), version).model
        inputs = [{"name": c.name, "datatype": tensors.datatype(c), "shape": [-1]} for c in model.card.inputs]
        identity = model.identity
        outputs = _outputs(model.card)
        return {
            "name": name,
            "versions": [identity.version],
            "platform": "onnx_keepfit",
            "inputs": inputs,
            "outputs": outputs,
        }

    @api.post("/models/{name}/infer", openapi_extra=_DESCRIBED)
    @api.post("/models/{name}/versions/{version}/infer", openapi_extra=_DESCRIBED)
    async def infer(name: str, request: Request, version: str = "") -> Response:
        """Predict: the answer to each row of the input tensors."""
        started = time.perf_counter_ns()
        service = site.service(name)
        try:
            return await _infer(service, version, request, started)
        except Exception as exc:
            raise service.refused(exc) from exc

    return api


async def _infer(service: Service, version: str, request: Request, started: int) -> Response:
    scope = request.scope
    group = _group(service, version)
    if (kind := bodies.content_type(scope)) not in KINDS:
        raise Refusal(415, "The body has another content type", expected=" or ".join(KINDS[:2]), found=kind[:100])
    access.same_origin(scope["headers"])
    body = await bodies.whole(scope, request.receive, MAX_BODY)
    asked, binary = tensors.request_of(body, bodies.header(scope, LENGTH))
    _check_outputs(asked, group.model.card)
    found = await bulk.answered(group, lambda model: _rows(asked, binary, model), started)
    answer, length = await bulk.in_thread(lambda: _answer(found, asked))
    if length is None:
        return Response(answer, media_type="application/json")
    return Response(answer, headers={LENGTH.decode(): str(length)}, media_type="application/octet-stream")


def _group(service: Service, version: str) -> Group:
    """The champion's. Raises Refusal when another version is asked for, or none serves."""
    group = service.champion
    if version and version != group.model.identity.version:
        raise Refusal(
            404,
            f"This version of {service.name} does not serve",
            expected=group.model.identity.version,
            found=version[:100],
            action="Leave the version out, to ask the one that serves.",
        )
    return group


def _rows(request: tensors.Request, binary: memoryview, model: Model) -> frames.Rows:
    import polars as pl

    columns = model.schema.columns
    frames.check_names([tensor.name for tensor in request.inputs], columns, model.schema.key)
    for tensor in request.inputs:
        frames.check_number(tensor.shape[0] if tensor.shape else 0)
    return frames.read(pl.DataFrame(tensors.columns_of(request, binary, columns)), model)


def _outputs(card: ModelCard) -> list[dict[str, Any]]:
    """What the model answers, as its metadata tell. The protocol's parameters are plain values: classes are JSON."""
    classes = card.target.classes
    found: list[dict[str, Any]] = [
        {"name": "prediction", "datatype": "BYTES" if classes else "FP64", "shape": [-1]},
        {"name": "id", "datatype": "BYTES", "shape": [-1]},
    ]
    if classes:
        named = {"classes": msgspec.json.encode(classes).decode()}
        shape = [-1, len(classes)]
        found.insert(1, {"name": "probabilities", "datatype": "FP64", "shape": shape, "parameters": named})
    return found


def _check_outputs(request: tensors.Request, card: ModelCard) -> None:
    """Raises Refusal when an output is asked for that there is not, before anything is computed and logged."""
    known = [each["name"] for each in _outputs(card)]
    for wanted in request.outputs:
        if wanted.name not in known:
            what = f"There is no output “{wanted.name[:100]}”"
            raise Refusal(422, what, field=wanted.name, expected=", ".join(known), action="Leave it out.")


def _answer(answered: Answered, request: tensors.Request) -> tuple[bytes, int | None]:
    import numpy as np

    classes, identity = answered.model.card.target.classes, answered.model.identity
    outputs: dict[str, tuple[str, Any]] = {
        "prediction": ("BYTES", answered.labels) if classes else ("FP64", np.array(answered.labels, np.float64))
    }
    if classes:
        outputs["probabilities"] = ("FP64", answered.outputs)
    outputs["id"] = ("BYTES", answered.ids)
    head = {
        "model_name": identity.name,
        "model_version": identity.version,
        "parameters": {"digest": identity.digest},
    }
    return tensors.response(outputs, request, head)


_TENSOR: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "datatype": {"type": "string", "enum": ["BYTES", *tensors.NUMPY]},
        "shape": {"type": "array", "items": {"type": "integer"}},
        "parameters": {"type": "object"},
        "data": {"type": "array"},
    },
    "required": ["name", "datatype", "shape"],
}
_ERROR = {"type": "object", "properties": {"error": {"type": "string"}}}
_REQUEST: dict[str, Any] = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "inputs": {"type": "array", "items": _TENSOR}},
    "required": ["inputs"],
}
_DESCRIBED: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": _REQUEST},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    },
    "responses": {
        status: {"description": text, "content": {"application/json": {"schema": _ERROR}}}
        for status, text in {**openapi.REASONS, "404": "There is no such model or version"}.items()
    },
}
