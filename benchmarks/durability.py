"""What a server keeps and holds on to: kills, a full disk, champions that change, and a million requests.

    .venv/bin/python benchmarks/durability.py [--kills 50] [--answers 10000] [--swaps 100] [--requests 1000000]

Each part is skipped with 0. kills: a server is killed with SIGKILL after so many answers, again and again; then every
answer that arrived must be in the prediction log once, with the row that was sent and the numbers that were answered,
before and after compaction. disk: the log lies on a disk of 2 MB (a tmpfs; needs root) until it is full; what is not
logged must be refused with 507, and once there is room predictions go on without a restart. swaps: two models take
turns as the champion under load; no request may fail, and each is answered by one of them. requests: resident memory
before and after, wanted: at most 10 MB more. Exits with 1 when anything was lost, doubled, altered or failed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "benchmarks"))

import serving  # noqa: E402

CONNECTIONS = 32
GROWTH_MB = 10.0

Answer = tuple[dict[str, Any], dict[str, Any]]
"""The row that was sent, and what came back."""


@contextmanager
def server(home: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A process that serves the home's champion: its port, and itself."""
    from tasks.serving.lineup import Served
    from tasks.serving.listening import listening
    from tasks.serving.site import Serving
    from tasks.serving.worker import Work

    with listening("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        work = Work(listener=listener.fileno(), serving=Serving(projects=(Served(name="shop", home=home),)))
        process = subprocess.Popen(
            [sys.executable, "-m", "tasks.serving.worker"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[listener.fileno()],
        )
    assert process.stdin is not None and process.stdout is not None
    with process.stdin, process.stdout:
        process.stdin.write(work.model_dump_json().encode() + b"\n")
        process.stdin.flush()
        told = json.loads(process.stdout.readline())
        assert told == {"ready": True}, told
        yield port, process
        process.terminate()
        process.wait(20)


def point(home: Path, model: bytes, version: str) -> None:
    """Let the model be the champion."""
    from tasks.core import store
    from tasks.core.model_records import Champion
    from tasks.core.roles import Roles, file

    with store.opened(home):
        champion = Champion(version=version, artifact=store.put(model, ".onnx"))
        file("shop").parent.mkdir(exist_ok=True)
        store.write_file(file("shop"), Roles(champion=champion).model_dump_json().encode())


class Asking:
    """Connections that ask one row after the other; every row differs, so that no answer can be another's."""

    def __init__(self, rows: list[dict[str, Any]], port: int) -> None:
        self.answered: list[Answer] = []
        self.refused: list[tuple[int, dict[str, Any]]] = []
        self.broken = 0
        self._rows = rows
        self._port = port
        self._draw = random.Random(port)

    async def until(self, ended: Callable[[], bool]) -> None:
        """Ask until it says so, or the server is gone."""
        await asyncio.gather(*(self._one(ended) for _ in range(CONNECTIONS)))

    async def _one(self, ended: Callable[[], bool]) -> None:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            self.broken += 1
            return
        try:
            while not ended():
                row = {**self._draw.choice(self._rows), "number_3": self._draw.random()}
                body = json.dumps(row).encode()
                head = "POST /v1/shop/predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
                told = await reader.readuntil(b"\r\n\r\n")
                length = int(told.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
                answer = json.loads(await reader.readexactly(length))
                if told.startswith(b"HTTP/1.1 200"):
                    self.answered.append((row, answer))
                else:
                    self.refused.append((int(told.split()[1]), answer))
        except (OSError, asyncio.IncompleteReadError):
            self.broken += 1
        finally:
            writer.close()


def kills(folder: Path, rows: list[dict[str, Any]], n_kills: int, n_answers: int) -> bool:
    from tasks.core.predictions.compaction import compact
    from tasks.core.predictions.layout import folder_of

    home = folder / "kills"
    point(home, (folder / "model.onnx").read_bytes(), "1")
    answered: list[Answer] = []
    for _ in range(n_kills):
        with server(home) as (port, process):
            asking = Asking(rows, port)

            async def ask(asking: Asking = asking, process: subprocess.Popen[bytes] = process) -> None:
                async def kill() -> None:
                    while len(asking.answered) < n_answers:
                        await asyncio.sleep(0.001)
                    process.send_signal(signal.SIGKILL)

                await asyncio.gather(asking.until(lambda: False), kill())

            asyncio.run(ask())
            answered += asking.answered
    first = _compared(home, answered)
    compact(folder_of(home, "shop"))
    second = _compared(home, answered)
    print(f"{len(answered):,} answers over {n_kills} kills: lost, twice, altered {first}; after compaction {second}")
    return first == second == (0, 0, 0)


def _compared(home: Path, answered: list[Answer]) -> tuple[int, int, int]:
    """How many answers are not in the log, twice in it, or otherwise in it."""
    from collections import Counter

    from tasks.core.predictions import reading

    seen: Counter[str] = Counter()
    found: dict[str, tuple[list[Any], list[float]]] = {}
    names = list(answered[0][0])
    for batch in reading.read(home, "shop"):
        ids = batch["__id__"].to_pylist()
        seen.update(ids)
        values = zip(*(batch[name].to_pylist() for name in names), strict=True)
        for id_, row, outputs in zip(ids, values, batch["__outputs__"].to_pylist(), strict=True):
            found[id_] = (list(row), outputs)
    lost = altered = 0
    for row, answer in answered:
        logged = found.get(answer["id"])
        if logged is None:
            lost += 1
        elif logged != ([row[name] for name in names], list(answer["probabilities"].values())):
            altered += 1
    return lost, sum(n > 1 for n in seen.values()), altered


def full_disk(folder: Path, rows: list[dict[str, Any]]) -> bool:
    if os.geteuid() != 0:
        print("full disk: skipped, a disk of its own needs root")
        return True
    home = folder / "disk"
    log = home / "predictions"
    log.mkdir(parents=True)
    point(home, (folder / "model.onnx").read_bytes(), "1")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(log)], check=True)
    try:
        with server(home) as (port, _):
            asking = Asking(rows, port)
            asyncio.run(asking.until(lambda: len(asking.refused) >= 2_000))
            n_before = len(asking.answered)
            full = {status for status, _ in asking.refused}
            subprocess.run(["mount", "-o", "remount,size=64m", str(log)], check=True)
            asyncio.run(asking.until(lambda: len(asking.answered) >= n_before + 2_000))
        found = _compared(home, asking.answered)
    finally:
        subprocess.run(["umount", str(log)], check=True)
    print(
        f"full disk: {n_before:,} answers, {len(asking.refused):,} refused with {full}, then "
        f"{len(asking.answered) - n_before:,} more without a restart; lost, twice, altered {found}"
    )
    return full == {507} and found == (0, 0, 0)


def swaps(folder: Path, rows: list[dict[str, Any]], n_swaps: int) -> bool:
    home = folder / "swaps"
    models = [(folder / "model.onnx").read_bytes(), (folder / "another.onnx").read_bytes()]
    point(home, models[0], "0")
    with server(home) as (port, _):
        asking = Asking(rows, port)
        n_done = 0
        waits: list[float] = []

        async def swap() -> None:
            nonlocal n_done
            for number in range(1, n_swaps + 1):
                point(home, models[number % 2], str(number))
                started = time.monotonic()
                while not asking.answered or asking.answered[-1][1]["model"]["version"] != str(number):
                    await asyncio.sleep(0.01)
                waits.append(time.monotonic() - started)
                n_done = number

        async def both() -> None:
            await asyncio.gather(asking.until(lambda: n_done == n_swaps), swap())

        asyncio.run(both())
    versions = {answer["model"]["version"] for _, answer in asking.answered}
    failed = len(asking.refused) + asking.broken
    print(
        f"{n_swaps} swaps: {len(asking.answered):,} answers by {len(versions)} versions, {failed} failed; "
        f"followed after {sum(waits) / len(waits):.2f} s on average, {max(waits):.2f} s at most"
    )
    return failed == 0 and len(versions) == n_swaps + 1 and max(waits) <= 5


def growth(folder: Path, n_requests: int) -> bool:
    import psutil

    home = folder / "growth"
    point(home, (folder / "model.onnx").read_bytes(), "1")

    def ask(port: int, n: int) -> int:
        done = 0
        url = f"http://127.0.0.1:{port}/v1/shop/predict"
        while done < n:
            told = serving.measure("keepfit", url, process.pid, folder, CONNECTIONS, 5)
            done += int(told.rate * 5)
        return done

    with server(home) as (port, process):
        ask(port, n_requests // 10)
        memory = psutil.Process(process.pid).memory_info
        before = memory().rss
        done = ask(port, n_requests)
        grown = (memory().rss - before) / 2**20
    print(f"{done:,} requests: {grown:+.1f} MB from {before / 2**20:.0f} MB")
    return grown <= GROWTH_MB


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--kills", type=int, default=50)
    options.add_argument("--answers", type=int, default=10_000, help="before each kill")
    options.add_argument("--swaps", type=int, default=100)
    options.add_argument("--requests", type=int, default=1_000_000)
    options.add_argument("--no-disk", action="store_true", help="leave out the full disk")
    said = options.parse_args()
    held: list[bool] = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        serving.build(folder)
        serving.build_another(folder)
        rows = json.loads((folder / "rows.json").read_text())
        if said.kills:
            held.append(kills(folder, rows, said.kills, said.answers))
        if not said.no_disk:
            held.append(full_disk(folder, rows))
        if said.swaps:
            held.append(swaps(folder, rows, said.swaps))
        if said.requests:
            held.append(growth(folder, said.requests))
    return int(not all(held))


if __name__ == "__main__":
    sys.exit(main())
