"""What does `keepfit train data/titanic` cost beyond its fits? Whole processes, against a plain script.

    python benchmarks/train.py [--trials 20] [--runs 5] [--project data/titanic]

The plain script imports the same libraries, reads the file, makes the same matrix, and does the same fits and scores:
every trial's fits with the same parameters, the same final fits, importances and intervals, as many at once. It has no
server, no checks, no search, no store, no registry and no report; it is told which parameters to fit. Ratios are of the
medians of wall time over interleaved runs; run it on an idle machine, with bytecode compiled (`make setup`).

Wanted: 1.25 with a server running, 1.6 without, 1.8 on the first run ever; with nothing changed 0.5 and 0.8.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
KEEPFIT = [str(Path(sys.executable).with_name("keepfit"))]

PLAIN = """
import json, sys
import great_expectations, mlflow, numpy as np, onnx, onnxruntime, optuna, pandas as pd, polars as pl, prefect, pyarrow
import sklearn.ensemble, sklearn.linear_model, sklearn.neural_network
from pathlib import Path
from tasks.core import metrics, store
from tasks.core.model_records import Member
from tasks.core.records import CheckedSplits
from tasks.learning import development, fitting, trial
from tasks.learning.importances import importances
from tasks.learning.parallel import heard, one_thread
from tasks.models.family import answer

told = json.loads(Path(sys.argv[1]).read_text())
pd.read_csv(told["table"])
with store.opened(Path(told["home"])):
    splits = CheckedSplits.model_validate(told["splits"]).splits
    data = development.load(splits, most_rows=None)
    x_test, y_test, _ = development.rows_of(splits, splits.test)
    members = [Member.model_validate(each) for each in told["members"]]
    for number, (family, params) in enumerate(told["trials"]):
        trial.attempted(number, family, params, data, told["metric"], 0, told["threads"], lambda seconds: True)
    with heard(), one_thread():
        model, _ = fitting.watched(members, data, 0, told["threads"])
        unseen = slice(data.n_train, None)
        importances(lambda x: answer(model, x), data.x[unseen], data.y[unseen], data.features, told["metric"], 0)
        final = fitting.blended(members, data, np.arange(len(data.y)), 0, told["threads"])
        predicted = answer(final, x_test)
    print(metrics.intervals(told["metrics"], y_test, predicted, 0, 0.5)[0][0])
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--trials", type=int, default=20)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--project", type=Path, default=ROOT / "data" / "titanic")
    said = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="keepfit-") as name:
        folder = Path(name)
        project = Path(shutil.copytree(said.project, folder / said.project.name))
        train = [*KEEPFIT, "train", str(project), "--trials", str(said.trials), "--json"]
        measured: dict[str, list[float]] = {}
        told = _told(folder, project, train)
        for run in range(said.runs):
            home = folder / f"home {run}"
            took = {"plain script": _seconds([sys.executable, "-c", PLAIN, str(told)], home)}
            took["first run ever"] = _seconds(train, home)
            took["nothing changed, server running"] = _seconds(train, home)
            _down(home)
            took["nothing changed, no server"] = _seconds(train, home)
            _forget(home)
            took["server running"] = _seconds(train, home)
            _down(home)
            _forget(home)
            took["no server"] = _seconds(train, home)
            _down(home)
            for what, seconds in took.items():
                measured.setdefault(what, []).append(seconds)
            print(f"run {run + 1}: " + ", ".join(f"{what} {s:.2f}" for what, s in took.items()), file=sys.stderr)
    plain = statistics.median(measured["plain script"])
    for what, seconds in measured.items():
        middle = statistics.median(seconds)
        print(f"{what:<34} {middle:6.2f} s ({min(seconds):.2f} to {max(seconds):.2f})  ratio {middle / plain:.2f}")


def _told(folder: Path, project: Path, train: list[str]) -> Path:
    """What the plain script is given: a trained home's splits, and the parameters that were fitted."""
    import polars as pl

    from tasks.core import store
    from tasks.core.model_records import Tuned
    from tasks.core.records import CheckedSplits
    from tasks.project import load_project

    home = folder / "home of the plain script"
    _seconds(train, home)
    _down(home)

    def remembered(step: str) -> Any:
        return json.loads(next((home / "memory" / step).glob("*.json")).read_text())

    tuned, splits = Tuned.model_validate(remembered("tune")), CheckedSplits.model_validate(remembered("check_splits"))
    with store.opened(home):
        trials = pl.read_parquet(store.path(tuned.trials))
        names = [each["name"] for each in remembered("evaluate")["metrics"]]
    config = load_project(project)
    file = folder / "told.json"
    file.write_text(
        json.dumps(
            {
                "table": str(config.source.path),
                "home": str(home),
                "splits": splits.model_dump(mode="json"),
                "members": [member.model_dump(mode="json") for member in tuned.members],
                "trials": [(row["family"], json.loads(row["params"])) for row in trials.iter_rows(named=True)],
                "metric": tuned.metric,
                "metrics": names,
                "threads": config.training.threads,
            }
        )
    )
    return file


def _seconds(command: list[str], home: Path) -> float:
    environment = {**os.environ, "KEEPFIT_HOME": str(home)}
    environment.pop("PREFECT_API_URL", None)
    started = time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
    return time.perf_counter() - started


def _down(home: Path) -> None:
    _seconds([*KEEPFIT, "down"], home)


def _forget(home: Path) -> None:
    """Everything but the databases: all steps have to be done again."""
    for folder in ("memory", "store", "tuning"):
        shutil.rmtree(home / folder, ignore_errors=True)


if __name__ == "__main__":
    main()
