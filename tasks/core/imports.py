"""Which source a module's result depends on: the digest of its import closure within keepfit.

The imports are read from the syntax trees, nothing is imported: `importlib.util.find_spec` would import parent
packages (2.7 s against 21 ms).
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from threading import Lock

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = frozenset({"tasks"})
_PARSING = Lock()
"""CPython 3.11 counts the depth of a syntax tree for all threads together: two that parse at once get a SystemError."""


@cache
def closure_digest(module: str, without: frozenset[str]) -> str:
    """SHA-256 over the source of `module` and of all that it imports from keepfit, at any depth, less `without`."""
    digest = hashlib.sha256()
    for name in sorted(closure(module, without)):
        path = source_of(name)
        if path is not None:
            for file in (path, *_pages_beside(path)):
                digest.update(f"{name} {file.name}".encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _pages_beside(path: Path) -> list[Path]:
    """A package's templates and style sheets: what its modules write depends on them too."""
    if path.name != "__init__.py":
        return []
    return sorted(file for file in path.parent.iterdir() if file.suffix in (".html", ".css"))


def source_of(module: str) -> Path | None:
    """The file that a module of keepfit is read from; None when there is no such module."""
    base = ROOT.joinpath(*module.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


def closure(module: str, without: frozenset[str]) -> set[str]:
    """The module and all that it imports from keepfit, at any depth, less `without`."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in found or name in without or source_of(name) is None:
            continue
        found.add(name)
        waiting.extend(_imports(name))
    return found


def _imports(module: str) -> Iterator[str]:
    path = source_of(module)
    if path is None:
        return
    with _PARSING:
        tree = ast.parse(path.read_bytes())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            # `from tasks.core import store` names a module, `from tasks.core.store import scan` a thing in one.
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            if name.split(".")[0] in PACKAGES:
                parents = name.split(".")
                yield from (".".join(parents[: depth + 1]) for depth in range(len(parents)))
