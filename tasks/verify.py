"""Start the exported model in a fresh process and ask it: the check before it may serve."""

from __future__ import annotations

import subprocess
import sys

from tasks.core import store
from tasks.core.errors import KeepfitError
from tasks.core.model_records import TrainedModel, Verification
from tasks.core.step import step

TIME_LIMIT = 300.0
"""Seconds. A model that needs longer to start and to answer two thousand rows is no model to serve."""


@step
def verify(model: TrainedModel) -> Verification:
    """How far the exported model's answers are from the fitted one's; a KeepfitError when it does not start."""
    files = [str(store.path(model.artifact)), model.digest, str(store.path(model.parity))]
    command = [sys.executable, "-m", "tasks.exports.probe", *files]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=TIME_LIMIT, check=True)
    except subprocess.TimeoutExpired as exc:
        raise _failed(f"no answer within {TIME_LIMIT:.0f} seconds") from exc
    except subprocess.CalledProcessError as exc:
        raise _failed(exc.stderr.strip().splitlines()[-1] if exc.stderr.strip() else f"exit {exc.returncode}") from exc
    return Verification.model_validate_json(answer.stdout)


def _failed(found: str) -> KeepfitError:
    return KeepfitError(
        "The exported model did not start in a fresh process",
        found=found,
        action="The champion before goes on serving; report this with the output of `keepfit train --debug`",
    )
