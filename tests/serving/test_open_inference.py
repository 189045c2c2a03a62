"""The Open Inference Protocol: tritonclient's own bytes are answered, as `predict` answers the same rows."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.predictions import reading
from tasks.core.records import Column
from tasks.serving import tensors
from tasks.serving.refusal import Refusal

RECORDED = json.loads(Path(__file__).with_name("tritonclient.json").read_text())["requests"]
NAME = 'the "name" \\'
INFER = "/v2/models/ship/infer"


def tensor(name: str, datatype: str, data: list[Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [len(data)], "data": data, **more}


def inputs() -> list[dict[str, Any]]:
    """The sample rows of the card."""
    return [
        tensor("age", "FP64", [29.5, None]),
        tensor("cabin class", "INT64", [1, 3]),
        tensor("embarked", "BYTES", ["S", None]),
        tensor(NAME, "BYTES", ["Allen", "<b>Ødegård</script>"]),
        tensor("возраст 年", "BOOL", [True, False]),
        tensor("boarded", "BYTES", ["1912-04-10", "1912-04-11"]),
    ]


def asked(client: httpx.Client, *more: dict[str, Any], **said: Any) -> httpx.Response:
    changed = {each["name"]: each for each in (*inputs(), *more)}
    return client.post(INFER, json={"inputs": list(changed.values()), **said})


def values(response: httpx.Response) -> dict[str, Any]:
    """The output tensors of an answer, binary or not."""
    length = int(response.headers.get("inference-header-content-length", len(response.content)))
    told, data, found = json.loads(response.content[:length]), response.content[length:], {}
    for output in told["outputs"]:
        if (size := output.get("parameters", {}).get("binary_data_size")) is None:
            found[output["name"]] = output["data"]
            continue
        mine, data = data[:size], data[size:]
        if output["datatype"] == "FP64":
            found[output["name"]] = np.frombuffer(mine, "<f8").tolist()
        else:
            found[output["name"]] = texts = []
            while mine:
                end = 4 + struct.unpack("<I", mine[:4])[0]
                texts.append(mine[4:end].decode())
                mine = mine[end:]
    assert not data
    return found


def predicted(client: httpx.Client, ship: Any) -> tuple[list[str], list[float]]:
    answers = client.post("/predict", json=list(ship.samples)).json()
    flat = [value for answer in answers for value in answer["probabilities"].values()]
    return [answer["prediction"] for answer in answers], flat


@pytest.mark.slow
@pytest.mark.parametrize("recorded", RECORDED, ids=["plain", "version and id", "one output"])
def test_tritonclient_is_answered(client: httpx.Client, ship: Any, recorded: dict[str, Any]) -> None:
    body = base64.b64decode(recorded["body"])
    response = client.post(recorded["path"], content=body, headers=recorded["headers"]).raise_for_status()
    found, (labels, probabilities) = values(response), predicted(client, ship)
    assert found["probabilities"] == probabilities
    assert found.get("prediction", labels) == labels
    request = json.loads(body[: int(recorded["headers"]["inference-header-content-length"])])
    length = int(response.headers.get("inference-header-content-length", len(response.content)))
    assert json.loads(response.content[:length]).get("id") == request.get("id")
    assert ("inference-header-content-length" in response.headers) == ("outputs" not in request)


@pytest.mark.slow
def test_json_is_answered_as_predict_answers(client: httpx.Client, ship: Any) -> None:
    response = asked(client, id="mine").raise_for_status()
    told = response.json()
    assert (told["id"], told["model_name"], told["model_version"]) == ("mine", "ship", "3")
    labels, probabilities = predicted(client, ship)
    found = values(response)
    assert (found["prediction"], found["probabilities"]) == (labels, probabilities)
    assert [output["shape"] for output in told["outputs"]] == [[2], [2, 2], [2]]
    columns = [{**each, "shape": [2, 1], "data": [[value] for value in each["data"]]} for each in inputs()]
    assert values(asked(client, *columns))["probabilities"] == probabilities
    only = asked(client, outputs=[{"name": "probabilities", "parameters": {"binary_data": True}}])
    assert values(only) == {"probabilities": probabilities}


@pytest.mark.slow
def test_metadata_name_what_is_asked_and_answered(client: httpx.Client) -> None:
    told = client.get("/v2/models/ship").json()
    assert told == client.get("/v2/models/ship/versions/3").json()
    assert {each["name"]: each["datatype"] for each in told["inputs"]} == {
        "age": "FP64",
        "cabin class": "FP64",
        "embarked": "BYTES",
        NAME: "BYTES",
        "возраст 年": "BOOL",
        "boarded": "BYTES",
    }
    assert [each["name"] for each in told["outputs"]] == ["prediction", "probabilities", "id"]
    assert json.loads(told["outputs"][1]["parameters"]["classes"]) == ["drowned", "saved"]
    assert "binary_tensor_data" in client.get("/v2").json()["extensions"]
    for path in ("health/live", "health/ready", "models/ship/ready", "models/ship/versions/3/ready"):
        assert client.get(f"/v2/{path}").status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/v2/models/boat", "/v2/models/ship/versions/4", "/v2/models/ship/versions/4/ready"])
def test_what_does_not_serve_is_not_found(client: httpx.Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert isinstance(response.json()["error"], str) and response.json()["error"].endswith(".")
    assert client.post(f"{path.removesuffix('/ready')}/infer", json={"inputs": inputs()}).status_code == 404


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "said", "status", "word"),
    [
        (tensor("agee", "FP64", [1, 2]), {}, 422, "agee"),
        (tensor("age", "FP64", ["old", 2]), {}, 422, "age"),
        (tensor("age", "BYTES", ["old", "3"]), {}, 422, "in row 0"),
        (tensor("age", "FP64", [1, 2, 3]), {}, 422, "3 rows"),
        (tensor("age", "FP64", [1, 2], shape=[1, 2]), {}, 422, "shape"),
        (tensor("age", "FP64", [1, 2], shape=[2, -1]), {}, 422, "shape"),
        (tensor("age", "FP64", [1, 2], shape=[]), {}, 422, "shape"),
        (tensor("age", "BF16", [1, 2]), {}, 422, "BF16"),
        (tensor("age", "FP64", [1, 2], parameters={"binary_data_size": 16}), {}, 422, "binary_data_size"),
        (tensor("age", "FP64", [1, 2], parameters={"binary_data_size": "x"}), {}, 422, "binary_data_size"),
        (tensor("age", "FP64", [1, 2], shape=[10**9]), {}, 413, "rows"),
        (tensor("boarded", "BYTES", ["yesterday", "today"]), {}, 422, "boarded"),
        (tensor("age", "FP64", [1, 2]), {"outputs": [{"name": "logits"}]}, 422, "logits"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(
    client: httpx.Client, more: dict[str, Any], said: dict[str, Any], status: int, word: str
) -> None:
    response = asked(client, more, **said)
    assert response.status_code == status
    assert word in response.json()["error"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"[]", {}, 400),
        (b'{"inputs": []}', {}, 422),
        (b'{"inputs": []}', {"inference-header-content-length": "15"}, 400),
        (b'{"inputs": []}', {"inference-header-content-length": "-1"}, 400),
        (b'{"inputs": []}', {"content-type": "text/plain"}, 415),
        (b'{"inputs": []}', {"origin": "http://evil.example"}, 403),
    ],
)
def test_a_malformed_request_is_refused(
    client: httpx.Client, body: bytes, headers: dict[str, str], status: int
) -> None:
    response = client.post(INFER, content=body, headers=headers)
    assert response.status_code == status and isinstance(response.json()["error"], str)
    assert client.get("/v2/nothing").json().keys() == {"error"}


@pytest.mark.slow
def test_inferences_are_logged_and_counted(ship: Any, tmp_path: Path) -> None:
    server = ship.start(tmp_path, ship.card("regression"))
    try:
        with httpx.Client(base_url=server.url, timeout=10, trust_env=False) as client:
            found = values(asked(client).raise_for_status())
            assert asked(client, tensor("age", "FP64", ["old", 2])).status_code == 422
            figures = client.get("/v1/ship/figures").json()["in_all"]
    finally:
        server.stop()
    assert found.keys() == {"prediction", "id"}
    assert (figures["requests"], figures["rows"], figures["refused"]) == (1, 2, 1)
    logged = pa.Table.from_batches(reading.read(tmp_path, "ship")).to_pylist()
    assert {row["__id__"]: row["__prediction__"] for row in logged} == dict(
        zip(found["id"], found["prediction"], strict=True)
    )


COLUMNS = (
    Column(name="n", type="number", n_missing=0),
    Column(name="t", type="text", n_missing=0),
    Column(name="b", type="boolean", n_missing=0),
    Column(name="i", type="image", n_missing=0),
)


def binary(parts: dict[str, tuple[str, bytes]]) -> tuple[bytes, bytes]:
    told = [
        {"name": name, "datatype": kind, "shape": [2], "parameters": {"binary_data_size": len(data)}}
        for name, (kind, data) in parts.items()
    ]
    head = json.dumps({"inputs": told}).encode()
    return head + b"".join(data for _, data in parts.values()), b"%d" % len(head)


BODY, LENGTH = binary(
    {
        "n": ("FP16", np.array([1.5, np.nan], np.float16).tobytes()),
        "t": ("BYTES", b"\1\0\0\0a\0\0\0\0"),
        "b": ("BOOL", b"\1\0"),
        "i": ("BYTES", b"\2\0\0\0\xff\0\0\0\0\0"),
    }
)


def test_binary_tensors_are_columns() -> None:
    found = [column.to_list() for column in tensors.columns_of(*tensors.request_of(BODY, LENGTH), COLUMNS)]
    assert found[0][0] == 1.5 and found[0][1] != found[0][1]
    assert found[1:] == [["a", ""], [True, False], [b"\xff\0", None]]


def test_bytes_of_no_tensor_are_refused() -> None:
    with pytest.raises(Refusal) as caught:
        tensors.columns_of(*tensors.request_of(BODY + b"x", LENGTH), COLUMNS)
    assert caught.value.status == 400


@settings(max_examples=500, deadline=None)
@given(data=st.data())
def test_changed_bytes_are_read_or_refused(data: st.DataObject) -> None:
    changed = bytearray(BODY)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(changed)))
        changed[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    length = data.draw(st.just(LENGTH) | st.none() | st.integers(-1, 999).map(lambda n: b"%d" % n))
    try:
        tensors.columns_of(*tensors.request_of(bytes(changed), length), COLUMNS)
    except Refusal as refusal:
        assert refusal.status in (400, 422) and refusal.sentence
