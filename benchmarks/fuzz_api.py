"""Random requests to the whole model API, by schemathesis from its own environment, and rude clients beside them.

    .venv/bin/python benchmarks/fuzz_api.py [--cases 10000] [--venvs FOLDER]

schemathesis reads /openapi.json and makes requests that follow it and requests that do not. Wanted: no answer of 5xx,
no answer after more than five seconds, as many cases as asked for. Meanwhile rude clients send heads and bodies slowly,
in pieces, too large, broken, pipelined, and go away in the middle, while a polite one asks a row again and again: it
must get 200 each time. Exits with 1 when something of that is missed.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "benchmarks"))

import durability  # noqa: E402
import serving  # noqa: E402

SECONDS = 5.0
CHECKS = "not_a_server_error"


def rude(port: int, ended: threading.Event, seed: int) -> None:
    """A client that does what it should not, until told to end."""
    draw = random.Random(seed)
    body = json.dumps({"number_0": 1}).encode()
    head = b"POST /v1/shop/predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    good = head + b"content-length: %d\r\n\r\n" % len(body) + body
    while not ended.is_set():
        kind = draw.randrange(7)
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
                if kind == 0:  # slow
                    for byte in good[: draw.randrange(len(good))]:
                        connection.sendall(bytes([byte]))
                        if ended.wait(0.002):
                            return
                elif kind == 1:  # goes away in the middle
                    connection.sendall(good[: draw.randrange(len(good))])
                elif kind == 2:  # noise
                    connection.sendall(draw.randbytes(draw.randrange(1, 5_000)))
                    connection.recv(10_000)
                elif kind == 3:  # pipelined, and not read
                    connection.sendall(good * 200)
                elif kind == 4:  # chunked, broken in the middle
                    connection.sendall(head + b'transfer-encoding: chunked\r\n\r\n5\r\n{"age\r\nzz\r\n')
                    connection.recv(10_000)
                elif kind == 5:  # oversized
                    connection.sendall(head + b"content-length: 999999999999\r\n\r\n" + b" " * 1_000_000)
                else:  # two lengths
                    connection.sendall(head + b"content-length: 5\r\ncontent-length: 7\r\n\r\n" + body)
                    connection.recv(10_000)
        except OSError:
            pass


def polite(port: int, row: bytes, ended: threading.Event, found: list[tuple[int, float]]) -> None:
    """A client that asks one row again and again: status and seconds of each answer."""
    url = f"http://127.0.0.1:{port}/v1/shop/predict"
    while not ended.wait(0.02):
        started = time.monotonic()
        request = urllib.request.Request(url, row, {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                found.append((response.status, time.monotonic() - started))
        except OSError:
            found.append((0, time.monotonic() - started))


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--cases", type=int, default=10_000)
    options.add_argument("--venvs", type=Path, default=Path(tempfile.gettempdir()) / "keepfit-peers")
    said = options.parse_args()
    said.venvs.mkdir(exist_ok=True)
    python = serving.environment("schemathesis", said.venvs)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        serving.build(folder)
        row = json.dumps(json.loads((folder / "rows.json").read_text())[1]).encode()
        home = folder / "home"
        durability.point(home, (folder / "model.onnx").read_bytes(), "1")
        with durability.server(home) as (port, _):
            ended = threading.Event()
            found: list[tuple[int, float]] = []
            threads = [threading.Thread(target=rude, args=(port, ended, seed)) for seed in range(3)]
            threads.append(threading.Thread(target=polite, args=(port, row, ended, found)))
            for thread in threads:
                thread.start()
            n_cases, told, seed = 0, "", 0
            try:
                while n_cases < said.cases and seed < 50:
                    seed += 1
                    command = [str(python.with_name("schemathesis")), "run", "--checks", CHECKS, "--seed", str(seed)]
                    command += ["--max-examples", "200", "--request-timeout", "30", "--continue-on-failure"]
                    command += ["--suppress-health-check", "all", "--no-color", "--max-response-time", str(SECONDS)]
                    command += [f"http://127.0.0.1:{port}/openapi.json"]
                    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
                    n_cases += sum(int(n) for n in re.findall(r"(\d+) generated", done.stdout))
                    if done.returncode:
                        told = done.stdout
                        break
            finally:
                ended.set()
                for thread in threads:
                    thread.join()
        slowest = max(seconds for _, seconds in found)
        refused = [status for status, _ in found if status != 200]
        print(told[-6_000:])
        print(f"{n_cases:,} cases in {seed} calls: {'failures, see above' if told else 'no answer of 5xx, none late'}")
        print(f"Beside rude clients {len(found):,} polite requests: {len(refused)} failed, the slowest {slowest:.2f} s")
    return int(bool(told) or bool(refused) or n_cases < said.cases)


if __name__ == "__main__":
    sys.exit(main())
