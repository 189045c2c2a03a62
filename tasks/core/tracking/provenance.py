"""Which code and which libraries a run was made with."""

from __future__ import annotations

import hashlib
import subprocess
from functools import cache
from pathlib import Path

from tasks.core.imports import ROOT


def code_version(project: Path) -> dict[str, str]:
    """Which code and which libraries a run was made with: the git commit of the project and the lock's digest."""
    tags = {"keepfit.lock": _lock_digest()}
    try:
        git = ["git", "-C", str(project), "--no-optional-locks"]
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=True)
        changed = subprocess.run(
            [*git, "status", "--porcelain", "--untracked-files=no", "."], capture_output=True, timeout=5
        )
        tags["mlflow.source.git.commit"] = commit.stdout.strip()
        tags["keepfit.git.dirty"] = str(bool(changed.stdout.strip())).lower()
    except (OSError, subprocess.SubprocessError):
        pass  # no git, or not a checkout: there is no commit to tell
    return tags


@cache
def _lock_digest() -> str:
    lock = ROOT / "requirements.lock"
    if lock.is_file():
        return hashlib.sha256(lock.read_bytes()).hexdigest()
    from importlib.metadata import distributions

    installed = sorted(f"{found.name}=={found.version}" for found in distributions())
    return hashlib.sha256("\n".join(installed).encode()).hexdigest()
