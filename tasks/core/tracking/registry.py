"""What the model registry knows: versions, aliases, and the files behind them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tasks.core import store
from tasks.core.errors import KeepfitError, Unavailable
from tasks.core.model_records import Champion
from tasks.core.records import Blob, Record
from tasks.core.tracking.connection import address, client, page, shown_address

if TYPE_CHECKING:
    from mlflow import MlflowException

NUMBER, DATABASE = "keepfit.ledger", "keepfit.ledger_database"
"""Tags of the registered model: the number of the decision that its alias follows, and whose number that is."""


class Standing(Record):
    """Which versions the aliases name, and the decision that `champion` follows, by its number in a ledger."""

    champion: str | None = None
    challenger: str | None = None
    number: int = 0
    database: str = ""


def champion(project: str) -> Champion | None:
    """The model with the alias `champion`, its file at hand in the store; None when the project has none yet."""
    return _as_champion(_version_of_alias(project, "champion"))


def standing(project: str) -> Standing:
    """What the registry says of the project; nothing at all when it does not know it."""
    with _in_words(project):
        try:
            found = client().get_registered_model(project)
        except _mlflow_exception() as exc:
            if exc.error_code == "RESOURCE_DOES_NOT_EXIST":
                return Standing()
            raise
    number = found.tags.get(NUMBER, "")
    return Standing(
        champion=_text(found.aliases.get("champion")),
        challenger=_text(found.aliases.get("challenger")),
        number=int(number) if number.isdecimal() else 0,
        database=found.tags.get(DATABASE, ""),
    )


def model(project: str, version: str) -> Champion | None:
    """The registered version, its file at hand in the store; None when there is none, or it is not keepfit's."""
    return _as_champion(_version(project, version))


def version_page(project: str, version: str) -> str | None:
    """The page of a version in MLflow's UI, when a tracking server serves one."""
    return page(f"models/{quote(project)}/versions/{version}")


def digest_of(project: str, version: str) -> str | None:
    """The digest of the registered version's model; None when there is none, or it is not keepfit's."""
    found = _version(project, version)
    return found.tags.get("keepfit.digest") if found is not None else None


def is_refused(project: str, version: str) -> bool:
    """Whether the gates refused the registered version when they last judged it."""
    found = _version(project, version)
    return found is not None and found.tags.get("keepfit.decision") == "refused"


def versions(project: str) -> list[str]:
    """Every version of the project that keepfit registered, the oldest first."""
    with _in_words(project):
        found = client().search_model_versions(f"name = '{project}'")
    return [str(each.version) for each in reversed(found) if "keepfit.digest" in each.tags]


def mark(project: str, number: int, database: str) -> None:
    """Note in the registry which decision, of which ledger, its alias follows.

    The ledger is named first: were the process killed in between, the alias would be taken for this ledger's.
    """
    with _in_words(project):
        client().set_registered_model_tag(project, DATABASE, database)
        client().set_registered_model_tag(project, NUMBER, str(number))


def opponent(project: str, digest: str) -> Champion | None:
    """The model that the one with this digest must be compared with.

    That is the champion, or what the champion corrects: the correction may have learnt from the rows that judge. When
    the model itself is that already, it is the one that it took over from, so that running again with nothing changed
    compares what was compared before.
    """
    found = champion(project)
    if found is not None and found.trained.artifact.digest == digest:
        version = _version(project, found.trained.version)
        previous = version.tags.get("keepfit.previous") if version is not None else None
        found = model(project, previous) if previous else None
    return found.trained if found is not None else None


def version_of(project: str, digest: str) -> str | None:
    """The registered version of the model with this digest; None when it was never registered."""
    found = client().search_model_versions(f"name = '{project}' and tag.`keepfit.digest` = '{digest}'")
    return str(found[0].version) if found else None


def describe(project: str, version: str, decision: str, reasons: tuple[str, ...], previous: str | None) -> None:
    """Write the decision and its evidence on a registered version."""
    client().set_model_version_tag(project, version, "keepfit.decision", decision)
    if previous is not None:
        client().set_model_version_tag(project, version, "keepfit.previous", previous)
    client().update_model_version(project, version, "\n".join(f"- {reason}" for reason in reasons))


def set_alias(project: str, alias: str, version: str) -> None:
    """Point the alias at the version: for `champion`, the moment from which it serves."""
    with _in_words(project):
        client().set_registered_model_alias(project, alias, version)


def drop_alias(project: str, alias: str) -> None:
    """Take the alias away."""
    with _in_words(project):
        client().delete_registered_model_alias(project, alias)


def _version_of_alias(project: str, alias: str) -> Any | None:
    version = getattr(standing(project), alias)
    return None if version is None else _version(project, version)


def _version(project: str, version: str) -> Any | None:
    with _in_words(project):
        try:
            return client().get_model_version(project, version)
        except _mlflow_exception() as exc:
            if exc.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise


@contextmanager
def _in_words(project: str) -> Iterator[None]:
    """A registry that fails within the block is Unavailable."""
    try:
        yield
    except KeepfitError:
        raise
    except _mlflow_exception() as exc:
        found = (str(exc).strip().splitlines() or [type(exc).__name__])[0][:200]
        raise Unavailable(
            f"MLflow's registry at {shown_address()} does not answer for {project}",
            found=found,
            action="Start it, or unset MLFLOW_TRACKING_URI to use the project's own database",
        ) from exc


def _mlflow_exception() -> type[MlflowException]:
    from mlflow import MlflowException

    return MlflowException


def _text(version: object) -> str | None:
    return None if version is None else str(version)


def _as_champion(version: Any | None) -> Champion | None:
    if version is None or "keepfit.digest" not in version.tags:
        return None
    artifact = Blob(digest=version.tags["keepfit.digest"], suffix=".onnx", size=int(version.tags["keepfit.size"]))
    if not store.path(artifact).exists():
        _fetch(version, artifact)
    base = version.tags.get("keepfit.base")
    found = _as_champion(_version(version.name, base)) if base else None
    return Champion(version=str(version.version), artifact=artifact, base=found)


def _fetch(version: Any, artifact: Blob) -> None:
    """Bring a registered model's file back into the store: another machine, or a store that was cleaned."""
    from mlflow.artifacts import download_artifacts

    folder = Path(download_artifacts(version.source, tracking_uri=address()))
    for file in folder.rglob("*.onnx"):
        if store.put(file.read_bytes(), ".onnx").digest == artifact.digest:
            return
    raise Unavailable(
        f"Version {version.version} of {version.name} in the registry",
        expected=f"a model file with digest {artifact.digest[:12]}",
        found="none",
        action="Train again",
    )
