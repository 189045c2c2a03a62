"""The two kinds of task: `@step` is pure and remembered, `@action` touches the world and always runs.

A step's key is everything that its result can depend on: its name, the source of the modules that it imports from
this project (less the plumbing, which cannot change a result), the versions of the libraries that compute, and its
arguments as JSON. Prefect's own result cache is not used (docs/decisions/0001-own-memory.md).
"""

from __future__ import annotations

import hashlib
import inspect
import json
import platform
from collections.abc import Callable
from contextvars import ContextVar
from functools import cache, wraps
from importlib.metadata import version
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, get_type_hints

from prefect import Task
from prefect.cache_policies import NO_CACHE
from prefect.transactions import TransactionState, get_transaction
from pydantic import TypeAdapter

from tasks.core import imports, store, tracking
from tasks.core.records import Record

P = ParamSpec("P")
R = TypeVar("R", bound=Record)

PLUMBING = frozenset(f"tasks.core.{name}" for name in ("errors", "imports", "step", "store", "tracking"))
COMPUTING = ("numpy", "onnx", "optuna", "pandas", "polars", "pyarrow", "scikit-learn", "scipy")

remembered_steps: ContextVar[list[str]] = ContextVar("remembered_steps")
"""The names of the steps that this run did not have to do again; a flow sets it to an empty list."""
