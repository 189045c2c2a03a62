"""A registered model that serves by itself, as in a container: no registry, no training packages, the port by $PORT.

    python -m tasks.serving.alone FOLDER     the folder holds `model.onnx` and `served.json`

With `KEEPFIT_HOME` (a volume) its answers are logged there as the project says; without one nothing is kept.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import threading
from pathlib import Path

from pydantic import ValidationError

from tasks.core import roles, store
from tasks.core.errors import KeepfitError, Refused, UsageError
from tasks.core.model_records import Champion
from tasks.core.records import Record
from tasks.core.roles import Roles
from tasks.serving import upkeep, worker
from tasks.serving.lineup import Served
from tasks.serving.listening import listening
from tasks.serving.section import Log, Serve
from tasks.serving.site import Serving

MODEL, SERVED = "model.onnx", "served.json"
PORT = 8080
"""What Cloud Run, Knative and KServe take for granted, where `PORT` does not say another."""


class Alone(Record):
    """Which model the folder holds, and how its project says that it is served."""

    name: str
    version: str
    digest: str
    key: tuple[str, ...] = ()
    serve: Serve = Serve()


def main(folder: Path) -> None:
    """Serve until SIGTERM; a failure to start is one sentence."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    try:
        with tempfile.TemporaryDirectory(prefix="keepfit-") as place:
            home = os.environ.get("KEEPFIT_HOME")
            run(folder, Path(home or place), keeps=bool(home))
    except KeepfitError as exc:
        print(f"keepfit: {exc}", file=sys.stderr)
        sys.exit(exc.exit_code)


def run(folder: Path, home: Path, *, keeps: bool) -> None:
    """Answer with the folder's model; what is logged goes to the home where it is kept."""
    try:
        alone = Alone.model_validate_json((folder / SERVED).read_bytes())
    except (OSError, ValidationError) as exc:
        raise UsageError(
            f"There is no model to serve in {folder}",
            expected=f"{MODEL} and {SERVED}, as `keepfit export --to docker` writes them",
            found=str(exc).splitlines()[0],
        ) from exc
    serve = alone.serve if keeps else alone.serve.model_copy(update={"log": Log(keep="off")})
    _require_keys_known(alone)
    with store.opened(home):
        blob = store.put((folder / MODEL).read_bytes(), ".onnx")
        if blob.digest != alone.digest:
            raise Refused(
                f"{folder / MODEL} is not the model that was exported",
                expected=f"SHA-256 {alone.digest}",
                found=blob.digest,
                action="Export it again",
            )
        champion = Champion(version=alone.version, artifact=blob)
        roles.file(alone.name).parent.mkdir(parents=True, exist_ok=True)
        store.write_file(roles.file(alone.name), Roles(champion=champion).model_dump_json().encode())
    served = Served(name=alone.name, home=home, key=alone.key, serve=serve)
    serving = Serving(projects=(served,), host=os.environ.get("HOST", "0.0.0.0"))
    ended = threading.Event()
    with (
        listening(serving.host, _port()) as listener,
        upkeep.log_kept(serving if keeps else Serving(projects=()), ended),
    ):
        print(
            json.dumps({"project": alone.name, "version": alone.version, "port": listener.getsockname()[1]}), flush=True
        )
        worker.serve(worker.Work(listener=listener.fileno(), serving=serving), listener, has_parent=False)


def _port() -> int:
    said = os.environ.get("PORT") or str(PORT)
    if not said.isdecimal():
        raise UsageError("The variable PORT", expected="a number", found=repr(said))
    return int(said)


def _require_keys_known(alone: Alone) -> None:
    if alone.serve.access == "keys" and not os.environ.get("KEEPFIT_DATABASE_URL"):
        raise UsageError(
            f"{alone.name} is served to those with an API key alone",
            expected="KEEPFIT_DATABASE_URL, the database that the keys are in",
            action="Set it, or export again without `serve: {access: keys}`, and have the platform ask who calls",
        )


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
