"""A reader in a process of its own: a file that crashes a decoder in C++ ends that process, not the server.

The process is started with the first body, answers one after the other, and ends when its parent does. A body and an
answer are `length | bytes`, the answer with a first byte: an Arrow stream, or why there is none.
"""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import IO, TYPE_CHECKING

from tasks.serving.refusal import Refusal

if TYPE_CHECKING:
    import pyarrow as pa

SECONDS = 20.0
"""A body that takes longer is given up, and its process ended."""
LENGTH = struct.Struct("<Q")
TABLE, REFUSAL = b"T", b"R"


class Apart:
    """Asks the process that the command starts; for several threads at once, one of which is answered at a time."""

    def __init__(self, command: Sequence[str], what: str) -> None:
        self._command = list(command)
        self._what = what
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def read(self, body: bytes) -> pa.Table:
        """The table that the process makes of the body. Raises Refusal: its own, or that the body ended it."""
        with self._lock:
            answer = self._asked(body)
        if answer[:1] == TABLE:
            import pyarrow as pa

            return pa.ipc.open_stream(pa.py_buffer(answer)[1:]).read_all()
        if answer[:1] == REFUSAL:
            raise Refusal(**json.loads(answer[1:]))
        raise Refusal(
            400,
            f"The body is no {self._what} that can be read",
            expected=f"a {self._what} as its usual libraries write it",
            found="one that a reader fails on",
            action="Write it anew, or send the rows as an Arrow stream or as JSON.",
        )

    def _asked(self, body: bytes) -> bytes:
        if self._process is not None and self._process.poll() is not None:
            self.close()
        process = self._process
        if process is None:
            process = self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdin is not None and process.stdout is not None
        watch = threading.Timer(SECONDS, process.kill)
        watch.start()
        try:
            send(process.stdin, body)
            answer = receive(process.stdout)
        except OSError:  # it ended while it was told
            answer = b""
        finally:
            watch.cancel()
        if not answer:
            self.close()
        return answer

    def close(self) -> None:
        """End the process; the next body starts another."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


def send(pipe: IO[bytes], data: bytes) -> None:
    """Write the data with their length."""
    pipe.write(LENGTH.pack(len(data)))
    pipe.write(data)
    pipe.flush()


def receive(pipe: IO[bytes]) -> bytes:
    """What was sent; nothing at the end of the pipe."""
    head = pipe.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return b""
    (n,) = LENGTH.unpack(head)
    data = pipe.read(n)
    return data if len(data) == n else b""


def answer(table_of: Callable[[bytes], pa.Table], what: str) -> None:
    """Read bodies from standard input until it ends: what the process of an `Apart` does."""
    import pyarrow as pa

    from tasks.serving.readers.columns import malformed

    while body := receive(sys.stdin.buffer):
        try:
            table = table_of(body)
            with malformed(what):
                table.validate(full=True)
                sink = pa.BufferOutputStream()
                with pa.ipc.new_stream(sink, table.schema) as stream:
                    stream.write_table(table)
            told = TABLE + sink.getvalue().to_pybytes()
        except Refusal as refusal:
            said = {"action" if key == "next" else key: value for key, value in refusal.error.items()}
            told = REFUSAL + json.dumps({"status": refusal.status, **said}).encode()
        send(sys.stdout.buffer, told)
