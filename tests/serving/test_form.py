"""One row as a form, or the bytes of one image: answered as JSON is, refused in words whatever the bytes."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.model_records import ModelCard
from tasks.core.records import Column, Feature
from tasks.modalities.image import Sight
from tasks.serving.access import same_origin
from tasks.serving.readers.form import _values
from tasks.serving.readers.parts import parts_of
from tasks.serving.refusal import Refusal

NAME = 'the "name" \\'
ROW = {"age": "29.5", "cabin class": "1", "embarked": "S", NAME: "Allen", "возраст 年": "true", "boarded": "1912-04-10"}


def picture(kind: str = "PNG") -> bytes:
    sink = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    PIL.Image.fromarray(pixels).save(sink, kind)
    return sink.getvalue()


def looking(card: ModelCard, *besides: str) -> ModelCard:
    """The card of a model of one image, and numbers besides."""
    sight = Sight(side=16, cell=4, grid=8)
    photo = Feature(name="photo", kind="image", width=sight.width, settings=sight.model_dump_json())
    sample = {"photo": base64.b64encode(picture()).decode(), **dict.fromkeys(besides, 1.0)}
    return card.model_copy(
        update={
            "inputs": (
                Column(name="photo", type="image", n_missing=0),
                *(Column(name=name, type="number", n_missing=0) for name in besides),
            ),
            "features": (photo, *(Feature(name=name, kind="number") for name in besides)),
            "sample": (json.dumps(sample),),
        }
    )


@pytest.fixture(scope="module")
def photographer(ship: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    server = ship.start(tmp_path_factory.mktemp("photos"), looking(ship.card()))
    with httpx.Client(base_url=server.url, timeout=10, trust_env=False) as client:
        yield client
    server.stop()


def form(**parts: Any) -> dict[str, Any]:
    return {name: value if isinstance(value, tuple) else (None, value) for name, value in parts.items()}


@pytest.mark.slow
def test_a_form_is_answered_as_json_is(client: httpx.Client, row: dict[str, Any]) -> None:
    expected = client.post("/predict", json=row).json()
    for same in (ROW, {**ROW, "age": " 29.5 ", "возраст 年": "1"}):
        answer = client.post("/predict", files=form(**same)).raise_for_status().json()
        assert answer["probabilities"] == expected["probabilities"]
    missing = client.post("/predict", json=dict.fromkeys(row)).json()
    empty = client.post("/predict", files=form(**dict.fromkeys(ROW, ""))).json()
    assert empty["probabilities"] == missing["probabilities"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"age": "old"}, "age"),
        ({"age": "nan"}, "age"),
        ({"возраст 年": "perhaps"}, "возраст 年"),
        ({"boarded": "yesterday"}, "boarded"),
        ({"agee": "1"}, "agee"),
        ({"embarked": b"\xff"}, "embarked"),
    ],
)
def test_a_part_of_the_wrong_type_is_named(client: httpx.Client, change: dict[str, Any], field: str) -> None:
    few = {name: value for name, value in ROW.items() if not ({"agee"} & change.keys() and name == "age")}
    response = client.post("/predict", files=form(**{**few, **change}))
    assert (response.status_code, response.json()["error"]["field"]) == (422, field)
    assert response.json()["error"]["row"] == 0


@pytest.mark.slow
def test_a_forgotten_and_a_repeated_part_are_named(client: httpx.Client) -> None:
    response = client.post("/predict", files=form(**{k: v for k, v in ROW.items() if k != "age"}))
    assert (response.status_code, response.json()["error"]["field"]) == (422, "age")
    parts = [*form(**{k: v for k, v in ROW.items() if k != "boarded"}).items(), ("age", (None, "3"))]
    response = client.post("/predict", files=parts)
    assert (response.status_code, response.json()["error"]["field"]) == (422, "age")


@pytest.mark.slow
def test_another_site_may_not_send_forms(client: httpx.Client) -> None:
    for origin in ("http://evil.example", "null", "http://localhost:1"):
        response = client.post("/predict", files=form(**ROW), headers={"origin": origin})
        assert response.status_code == 403 and origin in response.json()["error"]["found"]
    own = f"http://{client.base_url.netloc.decode()}"
    assert client.post("/predict", files=form(**ROW), headers={"origin": own}).status_code == 200


def test_an_origin_is_the_host_that_is_asked() -> None:
    same_origin([(b"host", b"model.example:8000")])
    same_origin([(b"host", b"Model.example"), (b"origin", b"https://model.Example")])
    for origin in (b"https://model.example.evil.example", b"model.example", b"", b"https://"):
        with pytest.raises(Refusal):
            same_origin([(b"host", b"model.example"), (b"origin", origin)])
    with pytest.raises(Refusal):
        same_origin([(b"origin", b"https://")])


@pytest.mark.slow
def test_an_image_may_come_in_four_ways(photographer: httpx.Client) -> None:
    data = picture()
    expected = photographer.post("/predict", json={"photo": base64.b64encode(data).decode()}).json()["probabilities"]
    named = photographer.post("/predict", files={"photo": ("a.png", data)})
    nameless = photographer.post("/predict", files={"file": ("a.png", data, "image/png")})
    raw = photographer.post("/predict", content=data, headers={"content-type": "image/png"})
    for response in (named, nameless, raw):
        assert response.raise_for_status().json()["probabilities"] == expected
    lossy = photographer.post("/predict", content=picture("JPEG"), headers={"content-type": "image/jpeg"})
    assert lossy.status_code == 200
    empty = photographer.post("/predict", files={"photo": ("", b"")}).json()["probabilities"]
    assert empty == photographer.post("/predict", json={"photo": None}).json()["probabilities"] != expected


@pytest.mark.slow
def test_what_is_no_image_is_refused(photographer: httpx.Client, client: httpx.Client) -> None:
    cut = photographer.post("/predict", content=picture()[:200], headers={"content-type": "image/png"})
    assert (cut.status_code, cut.json()["error"]["field"]) == (422, "photo")
    sound = photographer.post("/predict", content=b"RIFF", headers={"content-type": "audio/wav"})
    assert sound.status_code == 415
    assert client.post("/predict", content=picture(), headers={"content-type": "image/png"}).status_code == 415
    origin = {"content-type": "image/png", "origin": "http://evil.example"}
    assert photographer.post("/predict", content=picture(), headers=origin).status_code == 403
    kinds = photographer.get("/openapi.json").json()["paths"]["/v1/ship/predict"]["post"]["requestBody"]["content"]
    assert "image/png" in kinds and "audio/wav" not in kinds


@pytest.mark.slow
def test_an_image_and_numbers_come_as_a_form(ship: Any, tmp_path: Path) -> None:
    server = ship.start(tmp_path, looking(ship.card(), "width"))
    try:
        with httpx.Client(base_url=server.url, timeout=10, trust_env=False) as client:
            encoded = base64.b64encode(picture()).decode()
            expected = client.post("/predict", json={"photo": encoded, "width": 2}).json()
            answer = client.post("/predict", files={"image": ("a.png", picture()), "width": (None, "2")}).json()
            assert answer["probabilities"] == expected["probabilities"]
            raw = client.post("/predict", content=picture(), headers={"content-type": "image/png"})
            assert raw.status_code == 415 and "width" in raw.json()["error"]["expected"]
    finally:
        server.stop()


COLUMNS = (Column(name="n", type="number", n_missing=0), Column(name="photo", type="image", n_missing=0))
BODY = (
    b'--x\r\ncontent-disposition: form-data; name="n"\r\n\r\n1.5\r\n'
    b'--x\r\ncontent-disposition: form-data; name="photo"; filename="a.png"\r\ncontent-type: image/png\r\n\r\n'
    b"\x89PNG\r\n--\r\n\x00\xff\r\n--x--\r\n"
)
KIND = b"multipart/form-data; boundary=x"


def test_bytes_of_a_file_arrive_as_they_are() -> None:
    assert _values(parts_of(BODY, KIND, 2), COLUMNS) == {"n": 1.5, "photo": b"\x89PNG\r\n--\r\n\x00\xff"}


@settings(max_examples=500, deadline=None)
@given(data=st.data())
def test_changed_bytes_of_a_form_are_read_or_refused(data: st.DataObject) -> None:
    changed = bytearray(BODY)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(changed)))
        changed[at : at + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8) | st.just(b"--x\r\n"))
    kind = data.draw(st.just(KIND) | st.binary(max_size=30).map(lambda end: b"multipart/form-data; " + end))
    try:
        _values(parts_of(bytes(changed), kind, 2), COLUMNS)
    except Refusal as refusal:
        assert refusal.status in (400, 413, 422)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        BODY[:-8],
        BODY.replace(b'name="n"', b""),
        BODY.replace(b'name="n"', b'name="\xff"'),
        b'--x\r\ncontent-disposition: form-data; name="%b"\r\n\r\n\r\n--x--\r\n' % (b"n" * 5000),
        b"--x\r\n" + b"a: b\r\n" * 9 + b"\r\n\r\n--x--\r\n",
    ],
    ids=["empty", "cut", "no name", "no text", "long header", "many headers"],
)
def test_what_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        parts_of(body, KIND, 2)
    assert caught.value.status == 400


def test_more_parts_than_columns_are_refused() -> None:
    part = b'--x\r\ncontent-disposition: form-data; name="n"\r\n\r\n1\r\n'
    with pytest.raises(Refusal) as caught:
        parts_of(part * 3 + b"--x--\r\n", KIND, 2)
    assert caught.value.status == 413
