"""Writes what tritonclient sends, byte by byte, to tritonclient.json: what test_open_inference.py replays.

    python3 -m venv FOLDER && FOLDER/bin/pip install 'tritonclient[http]'
    FOLDER/bin/python tests/serving/record_tritonclient.py

It has a virtual environment of its own, since it needs other versions of libraries than keepfit's are.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

VALUES = {
    "age": ("FP64", np.array([29.5, np.nan])),
    "cabin class": ("INT32", np.array([1, 3], np.int32)),
    "embarked": ("BYTES", np.array(["S", ""], object)),
    'the "name" \\': ("BYTES", np.array(["Allen", "<b>Ødegård</script>"], object)),
    "возраст 年": ("BOOL", np.array([True, False])),
    "boarded": ("BYTES", np.array(["1912-04-10", "1912-04-11"], object)),
}
recorded: list[dict[str, Any]] = []


class Recorder(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items() if name.lower() != "host"}
        recorded.append({"path": self.path, "headers": headers, "body": base64.b64encode(body).decode()})
        self.send_response(500)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


def inputs(column: bool = False, binary: bool = True) -> list[InferInput]:
    found = []
    for name, (datatype, values) in VALUES.items():
        shaped = values.reshape(-1, 1) if column else values
        tensor = InferInput(name, list(shaped.shape), datatype)
        tensor.set_data_from_numpy(shaped, binary_data=binary)
        found.append(tensor)
    return found


def main() -> None:
    server = HTTPServer(("127.0.0.1", 0), Recorder)
    Thread(target=server.serve_forever, daemon=True).start()
    client = InferenceServerClient(f"127.0.0.1:{server.server_port}")
    asked: list[Callable[[], Any]] = [
        lambda: client.infer("ship", inputs()),
        lambda: client.infer("ship", inputs(column=True), model_version="3", request_id="my request"),
        lambda: client.infer("ship", inputs(), outputs=[InferRequestedOutput("probabilities", binary_data=False)]),
    ]
    for ask in asked:
        with suppress(InferenceServerException):
            ask()
    told = {"tritonclient": version("tritonclient"), "requests": recorded}
    Path(__file__).with_name("tritonclient.json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
