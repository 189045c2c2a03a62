"""`keepfit up`: Prefect, MLflow, a worker, the model API and its page, under one supervisor, until Ctrl-C."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from flows.printed import in_json
from flows.services import deployments, standing
from flows.services.supervised import supervised
from flows.services.up import Up
from tasks.core import store, tracking
from tasks.core.errors import UsageError


def run(options: argparse.Namespace) -> int:
    """Say where everything is, and keep it up; where it is up already, say that."""
    root, chosen = deployments.choose(options.projects, Path.cwd())
    began = time.monotonic()
    told = teller(began)
    if options.once:
        from flows.commands import demonstration

        return demonstration.run(root, chosen, options, told, began)
    homes = {store.home_of(each.folder) for each in chosen}
    if len(homes) > 1:
        raise UsageError(
            "The projects have no common home",
            found=", ".join(sorted(map(str, homes))),
            action="Give each its own `keepfit up`, or set KEEPFIT_HOME",
        )
    home = homes.pop()
    names = [each.name for each in chosen]
    if (running := standing.found(home)) is not None:
        return _already(running, names, options.json)
    home.mkdir(parents=True, exist_ok=True)
    supervisor = Up(home, root, chosen, options.port, told)
    with supervised(supervisor):
        try:
            supervisor.begin()
            standing.write(supervisor)
            state = standing.state(supervisor)
            print(in_json(state) if options.json else table(state, standing.addresses(supervisor)), flush=True)
            supervisor.watch()
        except KeyboardInterrupt:
            pass  # it is told to end while it starts
        print("ending …", file=sys.stderr, flush=True)
    return 0


def teller(started: float) -> Callable[[str], None]:
    """A function that tells a person a sentence, with the seconds since the start."""

    def told(sentence: str) -> None:
        print(f"{time.monotonic() - started:6.1f} s  {sentence}", file=sys.stderr, flush=True)

    return told


def table(state: standing.Standing, where: standing.Addresses) -> str:
    """The addresses, one a line."""
    rows = [("Page", where.page, "ask the models by hand")]
    for name, address in where.predict.items():
        rows.append((name, address, "not yet: see below" if name in state.untrained else "POST rows here"))
    rows += [
        ("Prefect", where.prefect, "runs, schedules, verdicts"),
        ("MLflow", tracking.page_at(where.mlflow, "experiments"), "models, figures"),
    ]
    rows += [("Logs", str(Path(state.home) / "logs"), "of every part")]
    width, longest = (max(len(row[i]) for row in rows) for i in (0, 1))
    lines = [f"{title:<{width}}  {address:<{longest}}  {what}" for title, address, what in rows]
    for part, told in state.parts.items():
        if told.restarts:
            lines.append(f"{part} was started again {told.restarts} times: it {told.reason}")
    lines += [f"{name} is not served yet: {why}" for name, why in state.untrained.items()]
    return "\n".join([*lines, "Ctrl-C, or `keepfit down`, ends all of it."])


def _already(running: standing.Standing, names: list[str], as_json: bool) -> int:
    where = running.addresses
    missing = [name for name in names if name not in running.projects] if running.pid else []
    if as_json:
        print(in_json(running.model_copy(update={"already": True})))
    elif isinstance(where, standing.Nowhere) or running.since is None:
        print("It is just starting, in another process.")
    else:
        print(f"It is up already, since {running.since.isoformat()} (process {running.pid}):\n{table(running, where)}")
    if missing:
        print(f"keepfit: not among them: {', '.join(missing)}. `keepfit down`, then up with all.", file=sys.stderr)
    return 1 if missing else 0
