"""What the tests of exports share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_limits


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Models this small are fitted faster by one thread than by several that wait for each other."""
    with threadpool_limits(1):
        yield
