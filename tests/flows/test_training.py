"""The whole main path with real Prefect, MLflow and Great Expectations, as a user runs it."""

from __future__ import annotations

import csv
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from tests.flows.conftest import EXAMPLES, STEPS, Finished, Keepfit, Say, require_published

ACTIONS = {"collect", "deploy"}

pytestmark = pytest.mark.slow

Trained = tuple[Keepfit, Path, Finished]


def mlflow_run(keepfit: Keepfit, outcome: dict[str, Any]) -> tuple[MlflowClient, Run]:
    client = MlflowClient(f"sqlite:///{keepfit.home / 'mlflow.db'}")
    return client, client.get_run(outcome["run_id"])


def test_titanic_is_accepted_and_the_outcome_says_all_that_programs_need(trained: Trained) -> None:
    _, _, finished = trained
    assert finished.code == 0, finished.err
    outcome = finished.json
    assert outcome["project"] == "titanic" and outcome["accepted"] is True
    assert outcome["model"]["version"] == "1" and len(outcome["model"]["digest"]) == 64
    assert outcome["metrics"]["test"]["roc_auc"] > 0.75  # a model of sex and class alone reaches about 0.8
    assert {"accuracy", "precision", "recall", "f1", "log_loss"} <= outcome["metrics"]["test"].keys()
    for name, (low, high) in outcome["metrics"]["test_intervals"].items():
        assert low <= outcome["metrics"]["test"][name] <= high
    assert list(outcome["steps"]) == STEPS and outcome["cached"] == [] and outcome["seconds"] > 0
    assert any("baseline" in reason for reason in outcome["reasons"])
    report = Path(outcome["report"]).read_text(encoding="utf-8")
    assert len(report) < 2_000_000 and "titanic" in report
    assert "http://" not in report.replace("http://www.w3.org", "") and "https://" not in report


def test_mlflow_holds_what_a_run_rests_on(trained: Trained) -> None:
    keepfit, _, finished = trained
    client, run = mlflow_run(keepfit, finished.json)
    assert run.info.status == "FINISHED"
    assert run.data.params.keys() >= {"data.digest", "model.digest", "target", "n_trials", "families", "train.n_rows"}
    assert run.data.metrics["test.log_loss"] == finished.json["metrics"]["test"]["log_loss"]
    assert {"keepfit.trigger", "keepfit.lock", "keepfit.flow_run", "keepfit.accepted"} <= run.data.tags.keys()
    assert "the rows have no moment" in run.data.tags["keepfit.ageing"] and "ageing.cadence" not in run.data.metrics
    assert run.inputs.dataset_inputs[0].dataset.digest == run.data.params["data.digest"][:36]
    found = {
        artifact.path
        for folder in ("", "data", "quality", "tune")
        for artifact in client.list_artifacts(run.info.run_id, folder or None)
    }
    assert {"report.html", "data/sample.csv", "tune/trials.json", "quality/raw.json"} <= found
    curves = [name for name in run.data.metrics if name.startswith("curve.")]
    assert all(len(client.get_metric_history(run.info.run_id, name)) > 1 for name in curves)


def test_the_registered_model_answers_by_itself_with_signature_and_requirements(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    import mlflow
    import pandas as pd

    keepfit, project, _ = trained
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{keepfit.home / 'mlflow.db'}")
    mlflow.set_tracking_uri(f"sqlite:///{keepfit.home / 'mlflow.db'}")
    model = mlflow.pyfunc.load_model("models:/titanic@champion")
    assert [column.name for column in model.metadata.signature.inputs] == ["name", "class", "age", "sex"]
    rows = pd.read_csv(project / "titanic.csv").head(20)[["name", "class", "age", "sex"]]
    answers = model.predict(rows)
    output = keepfit.home / "answers.csv"
    assert keepfit("predict", project, "--input", project / "titanic.csv", "--output", output).code == 0
    expected = pd.read_csv(output).head(20)
    assert answers["probability_1"].tolist() == pytest.approx(expected["probability_1"].tolist(), abs=1e-12)
    requirements = (
        Path(mlflow.artifacts.download_artifacts("models:/titanic@champion")) / "requirements.txt"
    ).read_text()
    assert "onnxruntime==" in requirements and "scikit-learn" not in requirements


def test_prefect_shows_each_step_by_its_name_with_a_table_and_remembered_ones_as_cached(
    trained: Trained, prefect_server: str
) -> None:
    keepfit, project, finished = trained
    again = keepfit("train", project, "--trials", 6, "--json").json
    assert again["cached"] == [step for step in STEPS if step not in ACTIONS]
    assert again["model"] == finished.json["model"] and again["reasons"] == finished.json["reasons"]
    with httpx.Client(base_url=prefect_server) as api:
        for outcome, cached in ((finished.json, set()), (again, set(STEPS) - ACTIONS)):
            run = {"flow_runs": {"id": {"any_": [outcome["flow_run_id"]]}}}
            tasks = _when_all_are_there(lambda run=run: api.post("/task_runs/filter", json=run).json(), len(STEPS))
            assert sorted(task["name"].rsplit("-", 1)[0] for task in tasks) == sorted(STEPS)
            assert {task["name"].rsplit("-", 1)[0] for task in tasks if task["state"]["name"] == "Cached"} == cached
            shown = {"artifacts": {"flow_run_id": {"any_": [outcome["flow_run_id"]]}}}
            artifacts = api.post("/artifacts/filter", json=shown).json()
            assert {artifact["key"] for artifact in artifacts} == {step.replace("_", "-") for step in STEPS}
            assert all(len(artifact["data"]) > 20 for artifact in artifacts)
        flow_run = api.get(f"/flow_runs/{finished.json['flow_run_id']}").json()
        assert flow_run["name"] == "titanic · manual" and flow_run["state"]["type"] == "COMPLETED"


def _when_all_are_there(ask: Callable[[], list[dict[str, Any]]], n: int) -> list[dict[str, Any]]:
    # The server writes task runs a moment after the flow has ended.
    deadline = time.monotonic() + 20
    while True:
        found = ask()
        if len(found) >= n and all(task["state"]["type"] == "COMPLETED" for task in found):
            return found
        assert time.monotonic() < deadline, [task["name"] for task in found]
        time.sleep(0.2)


def test_changed_data_rerun_what_depends_on_them_and_the_champion_is_compared(
    keepfit: Keepfit, example: Callable[[str], Path]
) -> None:
    project = example("titanic")
    first = keepfit("train", project, "--trials", 4, "--json").json
    table = project / "titanic.csv"
    rows = table.read_text(encoding="utf-8").splitlines(keepends=True)
    table.write_text("".join([rows[0], *reversed(rows[1:1200])]), encoding="utf-8")
    finished = keepfit("train", project, "--trials", 4, "--json")
    second = finished.json
    assert "tune" not in second["cached"] and "train" not in second["cached"]
    assert second["model"]["digest"] != first["model"]["digest"]
    assert any("champion" in reason for reason in second["reasons"])
    assert finished.code == (0 if second["accepted"] else 3)
    # The same rows from a file that was written anew stop at collect: all else is remembered.
    table.write_bytes(table.read_bytes())
    third = keepfit("train", project, "--trials", 4, "--json").json
    assert third["cached"] == [step for step in STEPS if step not in ACTIONS]


def test_houses_are_judged_on_the_newest_months(keepfit: Keepfit, example: Callable[[str], Path]) -> None:
    project = example("houses")
    finished = keepfit("train", project, "--trials", 4, "--json")
    assert finished.code == 0, finished.err
    assert finished.json["metrics"]["test"]["r2"] > 0.5
    assert {"rmse", "mae", "mse", "r2"} <= finished.json["metrics"]["test"].keys()


def test_a_model_that_a_gate_refuses_leaves_the_champion_and_exits_with_3(
    trained: Trained, example: Callable[[str], Path]
) -> None:
    keepfit, _, first = trained
    project = example("titanic")
    with (project / "project.yaml").open("a", encoding="utf-8") as file:
        file.write("acceptance: {minimum: {accuracy: 0.99}}\n")
    finished = keepfit("train", project, "--trials", 3, "--json")
    assert finished.code == 3
    assert finished.json["accepted"] is False and "accuracy" in finished.json["reasons"][0]
    assert finished.json["champion"] == first.json["model"]["version"]
    status = keepfit("status", project, "--json").json
    assert status["champion"]["digest"] == first.json["model"]["digest"]
    assert [row["decision"] for row in status["decisions"]] == ["refused", "champion"]


def test_two_commands_at_once_on_one_home_train_once(keepfit: Keepfit, example: Callable[[str], Path]) -> None:
    project = example("titanic")
    outcomes: list[Finished] = []
    threads = [
        threading.Thread(target=lambda: outcomes.append(keepfit("train", project, "--trials", 4, "--json")))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [finished.code for finished in outcomes] == [0, 0], [finished.err for finished in outcomes]
    assert sorted("tune" in finished.json["cached"] for finished in outcomes) == [False, True]
    assert len({finished.json["model"]["digest"] for finished in outcomes}) == 1
    assert any("waiting for the run of titanic" in finished.err for finished in outcomes)


def test_the_model_api_serves_what_was_trained(trained: Trained) -> None:
    keepfit, project, finished = trained
    process = keepfit.start("serve", project, "--port", 0, "--json")
    assert process.stdout is not None
    try:
        told = process.stdout.readline()
        require_published(("serve", "--json"), told)
        address = json.loads(told)["address"]
        with (project / "titanic.csv").open(encoding="utf-8") as file:
            row = next(csv.DictReader(file))
        body = {"name": row["name"], "class": row["class"], "age": float(row["age"]), "sex": row["sex"]}
        answer = httpx.post(f"{address}/predict", json=body).json()
        assert answer["prediction"] in ("0", "1") and sum(answer["probabilities"].values()) == pytest.approx(1)
        assert httpx.get(f"{address}/model").json()["model"]["digest"] == finished.json["model"]["digest"][:12]
        wrong = httpx.post(f"{address}/predict", json={**body, "age": "old"})
        assert wrong.status_code == 422 and "age" in wrong.text
    finally:
        process.terminate()
        process.communicate(timeout=10)
    assert process.returncode == 0


def test_commands_that_look_print_what_their_schemas_say(trained: Trained, tmp_path: Path, say: Say) -> None:
    keepfit, project, _ = trained
    (tmp_path / "rows.csv").write_text("name,class,age,sex\nDoe,1st,30,female\nRoe,3rd,,male\n")
    rows = ("--input", tmp_path / "rows.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KEEPFIT_HOME", str(keepfit.home))
        for command, *options in (
            ("predict", *rows),
            ("predict", *rows, "--output", tmp_path / "answers.csv"),
            ("prepare", "--output", tmp_path / "splits"),
            ("export", "--to", "onnx", "--as-input", "title", "--output", tmp_path / "export", "--version", 1),
            ("ledger",),
        ):
            code, told = say(command, project, *options, "--json")  # `say` holds it against the schema
            assert code == 0, told
        export = ("export", project, "--to", "onnx", "--output", tmp_path / "other")
        code, told = say(*export, "--version", 99)
        assert code == 1 and "has no version 99: expected one of 1" in told
        code, told = say(*export)
        assert code == 2 and "`--as-input title`" in told.replace("Add ", "") and not (tmp_path / "other").exists()
        code, told = say(*export, "--as-input", "title")
        assert code == 0 and "differs from the served answers by at most" in told and "computes 'title'" in told
    assert say("completion", "fish", "--json")[0] == say("down", tmp_path, "--json")[0] == 0


def test_with_mlflow_away_training_says_so_and_the_champion_still_answers(trained: Trained, tmp_path: Path) -> None:
    keepfit, project, _ = trained
    assert keepfit("predict", project, "--input", project / "titanic.csv", "--output", tmp_path / "a.csv").code == 0
    away = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    finished = keepfit("train", project, "--json", **away)
    assert finished.code == 1 and "MLFLOW_TRACKING_URI" in finished.json["error"]
    assert "Traceback" not in finished.err
    output = tmp_path / "b.csv"
    assert keepfit("predict", project, "--input", project / "titanic.csv", "--output", output, **away).code == 0
    assert output.read_bytes() == (tmp_path / "a.csv").read_bytes()


def test_with_prefect_away_training_says_so(trained: Trained) -> None:
    keepfit, project, _ = trained
    finished = keepfit("train", project, "--json", PREFECT_API_URL="http://127.0.0.1:9/api")
    assert finished.code == 1 and "http://127.0.0.1:9/api" in finished.json["error"]
    assert "Traceback" not in finished.err


def test_a_full_disk_loses_nothing_and_is_told(keepfit: Keepfit, example: Callable[[str], Path]) -> None:
    project = example("titanic")
    # No file may grow beyond 20 kB: what a full disk does, without filling one.
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))"
    full = f"{limit}; from flows.cli import main; main()"
    before = keepfit("train", project, "--trials", 2, "--json").json
    (project / "titanic.csv").write_text((EXAMPLES / "titanic" / "titanic.csv").read_text().replace("29.0", "30.0", 1))
    finished = keepfit("train", project, "--trials", 2, "--json", code=full)
    assert finished.code == 1 and "space" in finished.json["error"], finished.err
    assert "Traceback" not in finished.err
    assert keepfit("status", project, "--json").json["champion"]["digest"] == before["model"]["digest"]
    assert keepfit("train", project, "--trials", 2, "--json").code in (0, 3)
