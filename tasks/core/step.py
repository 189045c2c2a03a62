"""The two kinds of task: `@step` is pure and remembered, `@action` touches the world and always runs.

A step's key is everything that its result can depend on: its name, the source of the modules that it imports from
keepfit (less the plumbing, which cannot change a result), the versions of the libraries that compute, and its
arguments as JSON. Why not Prefect's own result cache: docs/decisions/0001-own-memory.md.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import platform
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, wraps
from importlib.metadata import version
from time import perf_counter
from typing import Any, ParamSpec, TypeVar, cast, get_type_hints

from prefect import Task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.context import FlowRunContext
from prefect.transactions import TransactionState, get_transaction
from pydantic import TypeAdapter

from tasks.core import imports, memory, progress, tracking
from tasks.core.errors import Unavailable
from tasks.core.markdown import markdown
from tasks.core.records import Record

P = ParamSpec("P")
R = TypeVar("R", bound=Record)

PLUMBING = frozenset(
    {
        "tasks.core.errors",
        "tasks.core.imports",
        "tasks.core.markdown",
        "tasks.core.progress",
        "tasks.core.step",
        "tasks.core.store",
    }
    | {f"tasks.core.tracking{part}" for part in ("", ".connection", ".logged", ".registry", ".runs")}
)
COMPUTING = (
    "great-expectations",
    "numpy",
    "onnx",
    "onnxruntime",
    "optuna",
    "pandas",
    "pillow",
    "polars",
    "pyarrow",
    "scikit-learn",
    "scipy",
    "soundfile",
)

HOUR = 3600.0


@dataclass(frozen=True)
class Done:
    """A task that ended: the record it returned, whether that was remembered, and how long it took."""

    name: str
    record: Record
    remembered: bool
    seconds: float


history: ContextVar[list[Done] | None] = ContextVar("history", default=None)
"""What this run has done so far; whoever wants to know sets it to an empty list before."""


def step(fn: Callable[P, R]) -> Task[P, R]:
    """A task whose result is remembered: given what it was given before, it returns what it returned before.

    It is never retried, since the same arguments fail in the same way. Its time limit is a day: what it does is
    bounded by the project's budget, the limit is for what hangs.
    """

    def remembering(*args: P.args, **kwargs: P.kwargs) -> tuple[R, bool]:
        key = key_of(fn, inspect.signature(fn).bind(*args, **kwargs).arguments)
        record = memory.recall(fn.__name__, key, returns(fn))
        if record is not None:
            if transaction := get_transaction():
                # The Prefect UI then shows the task as Cached. Undocumented, so a flow test pins it.
                transaction.state = TransactionState.COMMITTED
            return record, True
        record = fn(*args, **kwargs)
        memory.remember(fn.__name__, key, record)
        return record, False

    return Task(
        fn=_told(fn, remembering),
        name=fn.__name__,
        cache_policy=NO_CACHE,
        persist_result=False,
        timeout_seconds=24 * HOUR,
    )


def action(fn: Callable[P, R]) -> Task[P, R]:
    """A task that touches the world: it always runs, and is tried three times when the world is away."""

    def acting(*args: P.args, **kwargs: P.kwargs) -> tuple[R, bool]:
        return fn(*args, **kwargs), False

    return Task(
        fn=_told(fn, acting),
        name=fn.__name__,
        cache_policy=NO_CACHE,
        persist_result=False,
        retries=2,
        retry_delay_seconds=[2, 10],
        retry_condition_fn=_world_was_away,
        timeout_seconds=6 * HOUR,
    )


def _told(fn: Callable[P, R], body: Callable[P, tuple[R, bool]]) -> Callable[P, R]:
    """`body` as a task: it tells the progress display, MLflow and the Prefect UI what came of it."""

    @wraps(fn)
    def told(*args: P.args, **kwargs: P.kwargs) -> R:
        started = perf_counter()
        progress.advance(fn.__name__, "", 0, None)
        record, remembered = body(*args, **kwargs)
        tracking.log(record)
        _show(fn.__name__, record)
        done = Done(fn.__name__, record, remembered, perf_counter() - started)
        progress.advance(fn.__name__, "remembered" if remembered else f"{done.seconds:.1f} s", 1, 1)
        if (told := history.get()) is not None:
            told.append(done)
        return record

    return told


def _show(name: str, record: Record) -> None:
    """The record as a table in the Prefect UI, when there is a flow run to show it in."""
    if FlowRunContext.get() is not None and (text := markdown(record)):
        create_markdown_artifact(text, key=name.replace("_", "-"), description=f"What {name} found")


def _world_was_away(task: Any, run: Any, state: Any) -> bool:
    """Whether trying again can help: not for bad data, a refusal, or a mistake in code."""
    failure = state.result(raise_on_failure=False)
    return isinstance(failure, (Unavailable, ConnectionError, TimeoutError))


def key_of(fn: Callable[..., Any], arguments: dict[str, Any]) -> str:
    """The digest of all that the step's result can depend on."""
    parts = {
        "step": fn.__name__,
        "source": imports.closure_digest(fn.__module__, PLUMBING),
        "libraries": library_versions(),
        "arguments": {name: _as_json(value) for name, value in arguments.items()},
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def returns(fn: Callable[..., R]) -> type[R]:
    """The record class that the step is annotated to return."""
    return cast("type[R]", get_type_hints(fn)["return"])


@cache
def library_versions() -> dict[str, str]:
    """The versions of Python and of the libraries that a result can depend on."""
    return {"python": platform.python_version(), **{name: version(name) for name in COMPUTING}}


def _as_json(value: object) -> object:
    adapter: TypeAdapter[Any] = TypeAdapter(type(value))
    return adapter.dump_python(value, mode="json")
