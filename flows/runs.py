"""What surrounds a flow run: its home, its lock, its MLflow run, its name, and the sign that it is alive."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from prefect.exceptions import TerminationSignal
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from flows import services
from tasks import monitor
from tasks.core import quarantined, roles, step, store, tracking
from tasks.core.errors import KeepfitError, Refused, Unavailable, causes
from tasks.core.model_records import Deployment, Report
from tasks.core.project_file import project_name
from tasks.retraining import trainings

if TYPE_CHECKING:
    from datetime import date

    from tasks.batch_scoring.section import Wanted
    from tasks.project import Project
    from tasks.retraining.trigger import Trigger


def name_of_training() -> str:
    """The flow run's name in the Prefect UI: the project and why it runs."""
    trigger = cast("Trigger", flow_run.parameters["trigger"])
    return f"{_name_of_project()} · {trigger.words}"


def name_of_monitoring() -> str:
    """The same of a look at its live rows."""
    return f"{_name_of_project()} · monitoring"


def name_of_scoring() -> str:
    """The same of scoring a batch."""
    return f"{_name_of_project()} · scoring"


def name_of_replay() -> str:
    """The same of a back-test."""
    return f"{_name_of_project()} · replay"


def _name_of_project() -> str:
    parameters: dict[str, Any] = flow_run.parameters
    folder = Path(parameters["project"])
    try:
        return project_name(folder)
    except KeepfitError:
        return folder.absolute().name  # the flow itself will say what is wrong with it


@contextmanager
def training(project: Project, trigger: Trigger) -> Iterator[tracking.Run | None]:
    """The only training of this project in its home, known to Prefect and MLflow alike.

    None where what it was to do is done, or being done, by another run.
    """
    home, flow_run_id = store.home_of(project.folder), str(flow_run.id)
    services.place_mlflow(home)
    with store.opened(home), services.locked(home, project.name):
        dead = [each.flow_run_id for each in services.sweep(home)]
        trainings.bury(project.name, dead)
        if not trainings.begin(project.name, flow_run_id, trigger.kind, trigger.request):
            get_run_logger().info("Request %s is already done: there is nothing to do.", trigger.request)
            yield None
            return
        tags = {
            "keepfit.trigger": trigger.kind,
            **({"keepfit.evidence": trigger.evidence} if trigger.evidence else {}),
            **({"keepfit.request": trigger.request} if trigger.request else {}),
            "keepfit.flow_run": flow_run_id,
            **tracking.code_version(project.folder),
        }
        with (
            recorded(project.name, flow_run_id),
            tracking.run(project.name, f"training · {trigger.words}", _parameters(project), tags) as run,
            services.running(home, project.name, flow_run_id, run.run_id),
            quarantined.keeping(project.name),
            terminated_as_told(),
        ):
            yield run


@contextmanager
def recorded(project: str, flow_run_id: str) -> Iterator[None]:
    """Keep what comes of the run. One that is ended from outside is dead: what it was to do is still to be done."""
    done = step.history.get()
    token = step.history.set(done := [] if done is None else done)
    try:
        with trainings.alive(flow_run_id):
            yield
        deployment = next(each.record for each in reversed(done) if isinstance(each.record, Deployment))
        won = "challenger" if deployment.waits else "promoted"
        trainings.end(flow_run_id, won if deployment.accepted else "refused", deployment.version)
    except Exception as exc:
        with suppress(Unavailable):  # it is silent from now on, and that tells as much
            trainings.end(flow_run_id, "refused" if isinstance(exc, Refused) else "failed")
        raise
    except BaseException:
        with suppress(Unavailable):
            trainings.bury(project, [flow_run_id])
        raise
    finally:
        step.history.reset(token)


@contextmanager
def terminated_as_told() -> Iterator[None]:
    """Raise the termination, or Ctrl-C, that a failure within hides: Prefect fails to handle one as a task starts."""
    try:
        yield
    except Exception as exc:
        for cause in causes(exc):
            if isinstance(cause, (TerminationSignal, KeyboardInterrupt)):
                raise cause from None
        raise


@contextmanager
def monitoring(project: Project) -> Iterator[tracking.Run]:
    """A look at the project's live rows, as a run of MLflow; it may run beside a training."""
    home = store.home_of(project.folder)
    services.place_mlflow(home)
    with store.opened(home):
        trainings.bury(project.name, [each.flow_run_id for each in services.sweep(home)])
        tags = {"keepfit.flow_run": str(flow_run.id), **tracking.code_version(project.folder)}
        with tracking.run(project.name, "monitoring", {}, tags) as run, terminated_as_told():
            yield run


def was_asked(project: Project, last: date) -> bool:
    """Whether the project's model has live rows up to `last` to look at."""
    home = store.home_of(project.folder)
    services.place_mlflow(home)
    with store.opened(home):
        return monitor.was_asked(project.name, roles.serving(project.name).champion.trained, last)


@contextmanager
def scoring(project: Project, wanted: Wanted) -> Iterator[None]:
    """The only scoring into this output; it may run beside a training, and leaves no run in MLflow."""
    home = store.home_of(project.folder)
    services.place_mlflow(home)
    with store.opened(home):
        name = hashlib.sha256(wanted.output.model_dump_json().encode()).hexdigest()[:16]
        with services.locked(home, f"scoring {name}"):
            trainings.bury(project.name, [each.flow_run_id for each in services.sweep(home)])
            with services.running(home, project.name, str(flow_run.id)), terminated_as_told():
                yield


def publish(project: str, report: Report) -> Path:
    """Put the newest report where a person finds it: `reports/<project>.html` in the home."""
    target = store.home() / "reports" / f"{project}.html"
    target.parent.mkdir(exist_ok=True)
    store.write_file(target, store.path(report.page).read_bytes())
    target.chmod(0o644)  # made to be shown to others
    return target


def _parameters(project: Project) -> dict[str, str]:
    """What project.yaml said, flat, for MLflow's parameters; the source's are left to the data's own record."""
    said = project.model_dump(mode="json", exclude={"source", "expectations_file"}, exclude_defaults=True)
    said["source"] = project.source.kind
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in said.items()}
