"""The champion of a real training, watched as a user watches it: by the command, on a file, and on a schedule."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import polars as pl
import pytest

from flows.arguments import parser
from tasks.core import newest_window, roles, store
from tests.flows.conftest import Keepfit, Say
from tests.watched import write_log

FLOW = """
import sys
from flows.monitoring import monitoring
print(monitoring(sys.argv[1]).windows[-1].model_dump_json())
"""
YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)


@pytest.mark.slow
def test_titanic_is_watched_from_its_log_and_from_files(keepfit: Keepfit, example: Callable[[str], Path]) -> None:
    project = example("titanic")
    assert keepfit("train", project, "--trials", 2, "--json").code == 0
    unserved = keepfit("monitor", project)
    assert unserved.code == 1 and "Let `keepfit serve` answer some" in unserved.err

    idle = keepfit(project, code=FLOW.replace(".windows[-1].model_dump_json()", ".windows"))
    assert idle.code == 0 and idle.out.splitlines()[-1] == "()", "each night would be a failed run"

    with store.opened(keepfit.home):
        known = roles.known("titanic")
        assert known is not None
        noon = datetime.combine(YESTERDAY, time(12))
        rows = pl.read_csv(project / "titanic.csv").with_columns(pl.lit(noon).alias("when"))
        write_log(keepfit.home, "titanic", known.champion, rows)
    found = keepfit("monitor", project, "--json").json
    assert (found["window"], found["n_rows"], found["drift"]) == (str(YESTERDAY), rows.height, False)
    assert found["incident"] is None and found["alarms_spent"] == 0 and found["alarms_promised"] is None
    assert "no dates" in found["promise"] and found["model"]["version"] == "1"
    columns = {each["column"] for each in found["columns"]}
    assert {"age", "sex", "class", "prediction"} <= columns and any(each.startswith("name · ") for each in columns)
    assert all({"score", "effect", "threshold", "drift"} <= each.keys() for each in found["columns"])
    assert found["performance"]["labelled"]["n_labelled"] == 0 and found["windows"][-1]["window"] == found["window"]

    broken = project / "broken.csv"
    rows.drop("when").with_columns(pl.col("age") * 60).write_csv(broken)
    told: dict[str, Any] = keepfit("monitor", project, "--input", broken, "--json").json
    assert told["incident"]["evidence"] and told["drift"] is False and told["columns"] == []
    words = keepfit("monitor", project, "--input", broken)
    assert words.code == 0 and "INCIDENT" in words.out and "age" in words.out

    by_flow = keepfit(project, code=FLOW)
    assert by_flow.code == 0, by_flow.err
    assert f'"window":"{YESTERDAY}"' in by_flow.out.splitlines()[-1]
    by_command = keepfit("monitor", project, "--json").json
    _is_seen_in_prefect_and_mlflow(keepfit)
    window, verdict = newest_window.known(keepfit.home, "titanic"), by_command["verdict"]
    assert window is not None and window.verdict == verdict["sentence"] and verdict["action"] == "healthy"
    assert verdict["sentence"] in Path(found["report"]).read_text(encoding="utf-8")

    assert Path(found["report"]).read_text(encoding="utf-8").count("<figure") == len(found["columns"])
    status = keepfit("status", project).out
    assert f"Monitoring: {YESTERDAY}, version 1: healthy" in status
    assert "next due" in status and found["report"] in status


def _is_seen_in_prefect_and_mlflow(keepfit: Keepfit) -> None:
    """The run is named by what it found; columns and words are artifacts; figures lie at their day, with the page."""
    from mlflow import MlflowClient

    def asked(what: str) -> list[dict[str, Any]]:
        body = json.dumps({"flows": {"name": {"any_": ["monitoring"]}}, "limit": 50}).encode()
        request = Request(f"{keepfit.server}/{what}/filter", body, {"content-type": "application/json"})
        with urlopen(request, timeout=10) as answer:
            return json.load(answer)

    found = {each["name"]: each for each in asked("flow_runs") if each["name"].startswith("titanic · ")}
    assert found.keys() == {"titanic · not asked yet", "titanic · healthy"}
    assert {each["state_type"] for each in found.values()} == {"COMPLETED"}
    run = found["titanic · healthy"]
    mine = {each["key"]: each for each in asked("artifacts") if each["flow_run_id"] == run["id"]}
    assert mine["titanic-columns"]["type"] == "table" and "no drift" in mine["titanic-monitoring"]["data"]

    client = MlflowClient(f"sqlite:///{keepfit.home / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("titanic")
    assert experiment is not None
    [logged] = client.search_runs([experiment.experiment_id], "tags.`keepfit.state` = 'healthy'")
    assert logged.info.run_name == f"{YESTERDAY} · healthy"
    [rows] = client.get_metric_history(logged.info.run_id, "monitoring.n_rows")
    assert datetime.fromtimestamp(rows.timestamp / 1000, UTC).date() == YESTERDAY
    assert {each.path for each in client.list_artifacts(logged.info.run_id)} >= {"report.html", "window.json"}


def test_a_day_that_cannot_be_is_refused_in_words(say: Say, tmp_path: Path) -> None:
    (tmp_path / "project.yaml").write_text("name: ship\nmonitor: {false_alarms: often}\n", encoding="utf-8")
    code, told = say("monitor", tmp_path)
    assert code == 2 and "monitor.false_alarms" in told and "such as 1 per year" in told
    with pytest.raises(SystemExit):
        parser().parse_args(["monitor", "ship", "--window", "31.3.2026"])
    with pytest.raises(SystemExit):
        parser().parse_args(["monitor", "ship", "--window", "today", "--days", "2"])
    assert parser().parse_args(["monitor", "ship", "--window", "today"]).window >= YESTERDAY
