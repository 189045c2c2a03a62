"""What moving to a version by hand begins with and ends with: it is found, proves that it answers, and is told of."""

from __future__ import annotations

import argparse
import gc
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from pathlib import Path
from typing import Any

from flows import services
from flows.printed import in_json
from flows.printed.decisions import Moved
from tasks.core import ledger, lineage, store, tracking
from tasks.core.errors import KeepfitError, Unavailable, UsageError
from tasks.core.ledger import Entry
from tasks.core.model_records import Champion
from tasks.core.project_file import project_file, project_name
from tasks.core.records import Blob
from tasks.serving.model import Model

Proven = dict[str, int]
"""How many sample rows the models of these digests have answered in this command."""


@contextmanager
def opened(project: Path) -> Iterator[str]:
    """The project's name, its home open; nothing of what project.yaml says else is needed, no secret of its source."""
    gc.disable()  # while importing, the collector only walks over what will stay anyway
    name, home = project_name(project), store.home_of(project_file(project).parent)
    with store.opened(home):
        services.place_mlflow(home)
        try:
            yield name
        finally:
            gc.freeze()  # and at the interpreter's exit once more, for 0.6 s
            gc.enable()


def proven_ahead(project: str, likely: Callable[[], Entry | None]) -> Proven:
    """Ask the model that is likely to be moved to, if its file is at hand, for as long as MLflow is being imported.

    What fails here fails again where it is due, and is told there.
    """
    answered: Proven = {}

    def imports() -> None:
        with suppress(KeepfitError):
            tracking.client()

    thread = threading.Thread(target=copy_context().run, args=(imports,), name="imports", daemon=True)
    thread.start()
    with suppress(KeepfitError):
        entry = likely()
        if entry is not None and (path := store.path(_blob(entry.digest))).exists():
            answered[entry.digest] = len(Model(path, entry.digest, entry.version, project).card.sample)
    thread.join()
    return answered


def proven(project: str, version: str, answered: Proven) -> tuple[Champion, str]:
    """The registered version, and what it proved (now, unless it did already): it answers the rows of its card.

    UsageError for a version that is not registered, Refused or Unavailable for a damaged or missing file.
    """
    model = tracking.model(project, version)
    if model is None:
        raise UsageError(
            f"{project} has no version {version}",
            expected=f"one of {', '.join(tracking.versions(project)) or 'none: train it first'}",
            action="See `keepfit ledger` for what is known of them",
        )
    digest = model.artifact.digest
    n_rows = answered.get(digest)
    if n_rows is None:
        n_rows = len(Model(store.path(model.artifact), digest, version, project).card.sample)
    return model, f"The model was loaded and answered its {n_rows} sample rows"


def evidence(model: Champion, proof: str) -> dict[str, Any]:
    """What the ledger is told of the version beside why it was moved to: what it proved, and what it corrects."""
    return {"check": proof, **lineage.evidence(model)}


def serving(project: str) -> Entry:
    """The decision by which the project serves; Unavailable when nothing does."""
    now = ledger.serving_since(project)
    if now is None or now.serves is None:
        raise Unavailable(f"{project} has no champion", action="Train it, or name one with `keepfit promote`")
    return now


def tell(options: argparse.Namespace, entry: Entry, started: float, notice: str, sentence: str, proof: str) -> None:
    """Print what was decided, in words or as JSON with the seconds since `started` (`time.monotonic()`)."""
    if options.json:
        seconds = round(time.monotonic() - started, 3)
        print(in_json(Moved(**dict(entry), notice=notice or None, seconds=seconds)))
    else:
        lines = [notice] if notice else []
        last = f"{proof}. Decision {entry.number} of `keepfit ledger`; running servers follow it."
        print("\n".join([*lines, f"{entry.project}: {sentence}", last]))


def _blob(digest: str) -> Blob:
    return Blob(digest=digest, suffix=".onnx", size=0)
