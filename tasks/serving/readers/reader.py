"""What a reader of request bodies is: how it answers, how much it takes, and what the API's description says of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.core.model_records import ModelCard
from tasks.serving.bodies import MAX_BODY, Scope
from tasks.serving.service import Service

Answer = Callable[[Service, bytes, Scope, int], Awaitable[tuple[bytes, str]]]
"""Answers a body that was there at that `time.perf_counter_ns()`: the response's body and its content type."""
Described = Callable[[ModelCard, Sequence[str]], dict[str, Any] | None]
"""The OpenAPI media type of bodies for a model and the columns of its key; None where the model takes no such body."""


@dataclass(frozen=True)
class Reader:
    """One kind of bodies."""

    answer: Answer
    described: Described
    max_body: int = MAX_BODY
    is_simple: bool = False
    """Whether a browser may send it from any web site without asking first."""
