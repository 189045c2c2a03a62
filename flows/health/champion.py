"""Whether a project's champion loads and answers the rows that came with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from flows.health.finding import Finding, failed, ok, warning
from tasks.core import roles, store
from tasks.core.errors import KeepfitError
from tasks.core.project_file import project_file, project_name


def champion(folder: Path, home: Path) -> Iterator[Finding]:
    """The champion of the project in the folder."""
    name = project_name(project_file(folder).parent)
    if not home.exists():
        yield warning("champion", f"{name} was never trained", f"`keepfit train {folder}`")
        return
    with store.opened(home):
        known = roles.known(name)
        if known is None:
            yield warning("champion", f"{name} has none yet", f"`keepfit train {folder}`")
            return
        version = f"version {known.champion.version} of {name}"
        file = store.path(known.champion.artifact)
        if not file.exists():
            action = f"Serve another: `keepfit rollback {folder}`, or `keepfit train {folder}`"
            yield failed("champion", f"the file of {version} is gone: {file}", action)
            return
        from tasks.scoring.scorer import Scorer

        try:
            scorer = Scorer.open(file, known.champion.artifact.digest)
            from flows import answering

            for row in scorer.card.sample:
                answering.answer(scorer, row)
        except KeepfitError as exc:
            yield failed("champion", f"{version}: {exc}", f"`keepfit rollback {folder}`, or train anew")
        except Exception as exc:
            yield failed("champion", f"{version}: {type(exc).__name__}: {exc}", f"`keepfit rollback {folder}`")
        else:
            n_rows = len([json.loads(row) for row in scorer.card.sample])
            yield ok("champion", f"{version} loads and answers its {n_rows} sample rows")
