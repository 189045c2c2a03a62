"""A server waits awake for a caller that asks one row after the other, and sleeps between others."""

import asyncio
import time

from tasks.serving.awake import BUSY_NS, Awake


async def waited(pause_seconds: float) -> bool:
    """Whether a second answer, so long after the first, has the loop wait awake; it must end by itself."""
    loop, awake = asyncio.get_running_loop(), Awake()
    awake.answered(loop)
    assert not awake.is_waiting
    time.sleep(pause_seconds)
    awake.answered(loop)
    was_waiting = awake.is_waiting
    async with asyncio.timeout(5):
        while awake.is_waiting:
            await asyncio.sleep(0)
    return was_waiting


def test_who_asks_at_once_is_waited_for():
    assert any(asyncio.run(waited(0)) for _ in range(20))  # any: this process may be kept from running


def test_who_asks_now_and_then_is_not():
    assert not asyncio.run(waited(10 * BUSY_NS / 1e9))
