"""What moving to a version by hand begins with: it is found, and proves that it answers, while MLflow is imported."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from pathlib import Path

from flows import services
from tasks.core import ledger, store, tracking
from tasks.core.errors import KeepfitError, Unavailable, UsageError
from tasks.core.ledger import Entry
from tasks.core.model_records import Champion
from tasks.core.project_file import project_file, project_name
from tasks.core.records import Blob
from tasks.serving.model import Model


@contextmanager
def opened(project: Path) -> Iterator[str]:
    """The project's name, its home open; nothing of what project.yaml says else is needed, no secret of its source."""
    gc.disable()  # the collector only walks over what the imports bring
    name, home = project_name(project), store.home_of(project_file(project).parent)
    with store.opened(home):
        services.place_mlflow(home)
        yield name


def proven_ahead(project: str, likely: Callable[[], Entry | None]) -> None:
    """Ask the model that is likely to be moved to, if its file is at hand, for as long as MLflow is being imported.

    What fails here fails again where it is due, and is told there.
    """

    def imports() -> None:
        with suppress(KeepfitError):
            tracking.client()

    thread = threading.Thread(target=copy_context().run, args=(imports,), name="imports", daemon=True)
    thread.start()
    with suppress(KeepfitError):
        entry = likely()
        if entry is not None and (path := store.path(_blob(entry.digest))).exists():
            _PROVEN[entry.digest] = len(Model(path, entry.digest, entry.version, project).card.sample)
    thread.join()


def proven(project: str, version: str) -> tuple[Champion, str]:
    """The registered version, and what it proved: it loads, and answers the sample rows of its card.

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
    if digest not in _PROVEN:
        _PROVEN[digest] = len(Model(store.path(model.artifact), digest, version, project).card.sample)
    return model, f"The model was loaded and answered its {_PROVEN[digest]} sample rows"


def serving(project: str) -> Entry:
    """The decision by which the project serves; Unavailable when nothing does."""
    now = ledger.serving_since(project)
    if now is None or now.serves is None:
        raise Unavailable(f"{project} has no champion", action="Train it, or name one with `keepfit promote`")
    return now


_PROVEN: dict[str, int] = {}
"""How many sample rows the models of these digests have answered in this process."""


def _blob(digest: str) -> Blob:
    return Blob(digest=digest, suffix=".onnx", size=0)
