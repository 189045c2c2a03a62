"""Drift that is not seen or was none, a broken feed that is taken for it, and days that are judged twice or never."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from tasks.core import database, outcomes, store
from tasks.core.errors import Unavailable
from tasks.core.model_records import Champion, Member
from tasks.core.outcomes import Outcome
from tasks.core.records import CheckedSplits
from tasks.monitor import monitor
from tasks.monitoring import logged_windows, windows
from tasks.monitoring.file_window import judge_rows
from tasks.monitoring.kept import keep
from tasks.monitoring.section import Monitor
from tasks.monitoring.spread import Spread
from tasks.monitoring.told import told
from tasks.monitoring.watched_model import WatchedModel
from tasks.monitoring.window_report import WindowReport, figures
from tasks.reference import reference
from tasks.report_windows import report_rows, report_windows
from tasks.scoring.scorer import Scorer
from tasks.serving.section import Log
from tasks.train import Training, train
from tests.conftest import splits_of
from tests.watched import dated_rows, trained, write_log

SECTION = Monitor(time="when")
ROWS = 100
LIVE = date(2026, 3, 2)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with store.opened(tmp_path_factory.mktemp("home")) as home:
        yield home


@pytest.fixture(scope="module")
def champion(home: Path) -> Champion:
    return trained(dated_rows(40, ROWS), SECTION).champion


@pytest.fixture
def project(request: pytest.FixtureRequest) -> str:
    """A project of the test's own, whose champion is everybody's."""
    return request.node.name[:60].lower().replace("[", "-").replace("]", "")


def day(number: int, seed: int = 1, n_rows: int = ROWS) -> pl.DataFrame:
    return dated_rows(1, n_rows, LIVE + timedelta(days=number), seed=seed + number)


def judged(project: str, champion: Champion, last: int) -> tuple[WindowReport, ...]:
    return monitor(project, champion, SECTION, Log(), LIVE + timedelta(days=last)).windows


def test_days_like_those_of_training_do_not_drift(home: Path, project: str, champion: Champion) -> None:
    write_log(home, project, champion, pl.concat(day(number) for number in range(5)))
    found = judged(project, champion, 4)
    assert [each.window for each in found] == [str(LIVE + timedelta(days=number)) for number in range(5)]
    assert {each.state for each in found} == {"healthy"} and {each.n_rows for each in found} == {ROWS}
    assert found[-1].alarms_spent == 0 and found[-1].alarms_promised == pytest.approx(5 / 365)
    assert found[-1].service is not None and found[-1].service.latency is not None
    assert found[-1].service.latency.p50 == 0.25


def test_a_shifted_column_drifts_and_is_told_first(home: Path, project: str, champion: Champion) -> None:
    moved = day(1).with_columns(pl.col("x") + 15)
    write_log(home, project, champion, pl.concat([day(0), moved]))
    before, found = judged(project, champion, 1)
    assert not before.drift and found.drift and found.state == "drift" and found.incident is None
    worst = next(each for each in found.worst if each.column == "x")
    assert worst.drift and worst.score > worst.threshold and worst.effect > 1
    assert found.alarms_spent > before.alarms_spent
    told_first = told(project, "1", found).splitlines()[1]
    assert told_first.startswith("  DRIFT") and "x: " in told(project, "1", found)
    assert figures(found)["monitoring.drift"] == 1


def test_an_incident_does_not_wipe_out_the_alarms_before(home: Path, project: str, champion: Champion) -> None:
    moved, broken = day(1).with_columns(pl.col("x") + 15), day(2).with_columns(pl.col("x") * 1_000)
    write_log(home, project, champion, pl.concat([day(0), moved, broken]))
    _, drifted, found = judged(project, champion, 2)
    assert found.incident is not None and drifted.alarms_spent > 0
    assert (found.alarms_spent, found.alarms_promised) == (drifted.alarms_spent, drifted.alarms_promised)


def test_another_unit_is_an_incident_and_neither_drift_nor_history(
    home: Path, project: str, champion: Champion
) -> None:
    broken = day(1).with_columns(pl.col("x") * 1_000)
    write_log(home, project, champion, pl.concat([day(0), broken, day(2)]))
    before, found, after = judged(project, champion, 2)
    assert found.incident is not None and found.incident.evidence[0].kind == "unit_change"
    assert "x" in found.incident.cause and found.incident.evidence[0].rows
    assert not found.drift and found.columns == () and found.alarms_spent == 0
    assert not after.drift and after.alarms_spent == before.alarms_spent
    kept = windows.read(project, champion.artifact.digest)
    assert [each.daily is None for each in kept.values()] == [False, True, False]
    assert "INCIDENT" in told(project, "1", found) and "unit_change" in told(project, "1", found)


def test_what_was_judged_is_remembered_to_the_byte(home: Path, project: str, champion: Champion) -> None:
    write_log(home, project, champion, pl.concat(day(number) for number in range(3)))
    first = judged(project, champion, 2)
    kept = windows.read(project, champion.artifact.digest)
    assert judged(project, champion, 2) == first
    assert windows.read(project, champion.artifact.digest) == kept
    # Whoever judges day by day comes to the same words as who does it all at once.
    step_by_step = f"{project}-2"
    write_log(home, step_by_step, champion, pl.concat(day(number) for number in range(3)))
    assert tuple(judged(step_by_step, champion, number)[-1] for number in range(3)) == first


def test_late_rows_open_their_day_again_and_the_days_after_it(home: Path, project: str, champion: Champion) -> None:
    write_log(home, project, champion, pl.concat(day(number) for number in range(3)))
    first = judged(project, champion, 2)
    write_log(home, project, champion, day(1, seed=77, n_rows=240).with_columns(pl.col("x") + 15), "late")
    second = judged(project, champion, 2)
    assert second[0] == first[0]
    assert second[1].n_rows == ROWS + 240 and second[1].drift and not first[1].drift
    assert second[2].n_rows == ROWS and second[2].alarms_spent > first[2].alarms_spent


def test_a_day_that_was_judged_before_it_was_over_is_judged_again(home: Path, project: str, champion: Champion) -> None:
    write_log(home, project, champion, day(0))
    first = judged(project, champion, 0)
    digest, start = champion.artifact.digest, LIVE
    kept = windows.read(project, digest)[start]
    early = kept.model_copy(update={"end": kept.start + timedelta(hours=9), "report": "told before noon"})
    windows.write(project, digest, early)
    assert judged(project, champion, 0) == first and windows.read(project, digest)[start] == kept


def test_rows_that_retention_removed_are_no_news(home: Path, project: str, champion: Champion) -> None:
    write_log(home, project, champion, pl.concat(day(number) for number in range(2)))
    first = judged(project, champion, 1)
    for file in (home / "predictions" / project).rglob("*.seg"):
        file.unlink()
    assert judged(project, champion, 1) == first


def test_days_that_were_missed_are_caught_up_in_order(home: Path, project: str, champion: Champion) -> None:
    write_log(home, project, champion, pl.concat(day(number) for number in (0, 1, 2, 4)))
    judged(project, champion, 0)
    found = judged(project, champion, 4)
    assert [each.n_rows for each in found] == [ROWS, ROWS, ROWS, 0, ROWS]
    assert found[3].state == "empty" and not found[3].drift
    assert list(windows.read(project, champion.artifact.digest)) == [LIVE + timedelta(days=n) for n in range(5)]


def test_a_feed_that_stands_still_is_told_once_its_rhythm_is_known(
    home: Path, project: str, champion: Champion
) -> None:
    before = trained(dated_rows(20, 60, seed=5), SECTION).champion  # the rhythm is the callers', whoever answers
    write_log(home, project, before, pl.concat(day(number) for number in range(14)), "bbbb")
    write_log(home, project, champion, day(14))
    assert judged(project, champion, 14)[-1].state == "healthy"
    silent = judged(project, champion, 15)[-1]
    assert silent.n_rows == 0 and silent.incident is not None
    assert [each.kind for each in silent.incident.evidence] == ["stale_feed"]


def test_a_champion_that_came_at_noon_is_not_blamed_for_the_morning(
    home: Path, project: str, champion: Champion
) -> None:
    other = trained(dated_rows(20, 60, seed=5), SECTION).champion
    write_log(home, project, other, pl.concat(day(number) for number in range(15)), "bbbb")
    last = day(15)
    write_log(home, project, other, last.filter(pl.col("when").dt.hour() < 12), "cccc")
    write_log(home, project, champion, last.filter(pl.col("when").dt.hour() >= 12))
    (found,) = judged(project, champion, 15)
    assert found.n_rows == ROWS // 2 and found.incident is None


def test_outcomes_that_come_or_are_corrected_open_their_day(home: Path, project: str, champion: Champion) -> None:
    rows = day(0)
    ids = write_log(home, project, champion, rows)
    (before,) = judged(project, champion, 0)
    assert before.performance is not None and before.performance.labelled.n_labelled == 0
    outcomes.add(project, [Outcome(id=name, outcome=y) for name, y in zip(ids, rows["y"], strict=True)])
    (after,) = judged(project, champion, 0)
    assert after.performance is not None and after.performance.labelled.n_labelled == ROWS
    metrics = {each.name: each for each in after.performance.labelled.metrics}
    assert next(iter(metrics)) == "log_loss" and metrics["accuracy"].value > 0.75
    estimated, checked = after.performance.estimated, after.performance.checked
    assert estimated is not None and checked is not None and estimated.metric == checked.metric == "log_loss"
    assert checked.real == pytest.approx(metrics["log_loss"].value)
    assert "by 100 known outcomes" in told(project, "1", after) and "Estimated" in told(project, "1", after)
    wrong = [Outcome(id=name, outcome="no" if y == "yes" else "yes") for name, y in zip(ids, rows["y"], strict=True)]
    outcomes.add(project, wrong)
    (corrected,) = judged(project, champion, 0)
    assert corrected.performance is not None
    assert {each.name: each.value for each in corrected.performance.labelled.metrics}["accuracy"] < 0.25


def test_rows_of_another_model_are_not_judged_as_the_champions(home: Path, project: str, champion: Champion) -> None:
    other = trained(dated_rows(20, 60, seed=5), SECTION).champion
    assert other.artifact.digest != champion.artifact.digest
    write_log(home, project, other, day(0))
    with pytest.raises(Unavailable, match=r"nothing to judge of .*expected rows that version 1 answered, found none"):
        judged(project, champion, 0)


def test_a_log_that_is_kept_otherwise_than_in_training_is_told(home: Path, project: str, champion: Champion) -> None:
    write_log(home, project, champion, day(0))
    with pytest.raises(Unavailable, match=r"expected 'kind' in the log.* Run `keepfit train` again"):
        monitor(project, champion, SECTION, Log(columns={"kind": "hash"}), LIVE)


def test_a_file_is_one_window_and_leaves_nothing_behind(home: Path, project: str, champion: Champion) -> None:
    def found(rows: pl.DataFrame) -> WindowReport:
        return judge_rows(project, champion, SECTION, Log(), rows.iter_slices, "rows.csv").report

    quiet, moved = found(day(0).drop("y")), found(day(0).with_columns(pl.col("x") + 15))
    assert quiet.state == "healthy" and quiet.window == "rows.csv" and quiet.n_rows == ROWS
    assert moved.state == "drift" and moved.worst[0].drift
    assert found(day(0).drop("x")).state == "incident" and found(day(0).drop("when")).state == "healthy"
    assert found(day(0).clear()).state == "empty"
    answered = day(0).with_columns(pl.col("when").dt.to_string(), prediction=pl.lit("yes"))
    assert found(answered).columns == quiet.columns
    assert windows.read(project, champion.artifact.digest) == {}


def test_a_day_and_a_file_of_too_many_rows_for_memory_are_judged_the_same(
    home: Path, project: str, champion: Champion, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = day(0).with_columns(pl.col("x") + 15)
    ids = write_log(home, project, champion, rows)
    outcomes.add(project, [Outcome(id=name, outcome=y) for name, y in zip(ids, rows["y"], strict=True)])
    asked = (project, champion, SECTION, Log(), rows.iter_slices)
    whole, (known,) = judge_rows(*asked, "rows.csv"), judged(project, champion, 0)
    write_log(home, project, champion, rows.head(1), "late")  # the day is judged anew
    monkeypatch.setattr(logged_windows, "ROWS", 16)
    monkeypatch.setattr(Spread, "most", 40)
    monkeypatch.setattr(Spread, "block", 4)

    part, (found,) = judge_rows(*asked, "rows.csv"), judged(project, champion, 0)
    assert part.report == whole.report and part.daily == whole.daily and part.rows.height < rows.height
    assert known.performance and found.performance and known.service and found.service
    assert found.n_rows == ROWS + 1 and found.service.n_answered == ROWS + 1
    assert found.performance.labelled.metrics == known.performance.labelled.metrics
    assert {each.column for each in found.columns if each.drift} == {
        each.column for each in known.columns if each.drift
    }


def test_a_file_has_a_page_that_shows_its_rows(home: Path, project: str, champion: Champion) -> None:
    def page(rows: pl.DataFrame) -> str:
        asked = (project, champion, SECTION, Log())
        found = judge_rows(*asked, rows.iter_slices, "rows.csv")
        return report_rows(*asked, found.report, found.rows, found.daily).read_text(encoding="utf-8")

    broken = day(0).with_columns(pl.col("x") * 1_000)
    assert f"{broken['x'][0]}" in page(broken)
    assert "Drift in" in (text := page(day(0).with_columns(pl.col("x") + 15))) and "most unlike" in text


def test_answers_are_held_against_those_of_a_model_that_had_not_seen_the_rows_either(home: Path) -> None:
    """By time the champion knows all rows: what the reference knows of are answers of its proxy."""
    checked = splits_of(dated_rows(80, ROWS).select("when", "x", "kind", "y"), "y", in_time=True)
    splits = checked.splits
    seen = {"inputs": splits.inputs[1:], "features": splits.features[1:]}
    checked = CheckedSplits(splits=splits.model_copy(update=seen), reports=())
    said = {"learning_rate": 0.1, "max_leaf_nodes": 8, "min_samples_leaf": 5, "max_features": 1.0}
    said |= {"l2_regularization": 0.0, "max_iter": 60, "interactions": True, "target": "raw"}
    member = Member(family="boosting", params=json.dumps(said), weight=1.0, score=0.1)
    model = train.fn((member,), checked, Training(threads=1), "log_loss", "ship")
    assert model.proxy is not None
    test = store.scan(splits.test).collect()
    said = Scorer.open(store.path(model.proxy), model.proxy.digest).predict(test)
    said = said.select(test["__row__"], p_no="probability_no", p_yes="probability_yes", target=test["y"])
    keep(model.digest, reference.fn(checked, None, store.put_table(said), model.artifact, SECTION, Log()))
    watched = WatchedModel.open("ship", Champion(version="1", artifact=model.artifact), SECTION, Log())

    def drifted(by: float) -> set[str]:
        days = [day(number).with_columns(pl.col("x") + by) for number in range(10)]
        rows = [each.hstack(watched.scorer.predict(each)) for each in days]
        history = [watched.measured([each], LIVE + timedelta(number)) for number, each in enumerate(rows)]
        reports = [watched.judged(history[: number + 1]) for number in range(10)]
        return {name for report in reports for each in report.columns if each.drift for name in each.columns}

    assert not drifted(0)
    assert {"x", "probability · yes"} <= drifted(15)


def test_a_database_from_before_there_were_windows_gets_them(open_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy import text

    database.identity()
    with database.writing() as connection:
        connection.execute(text("drop table windows"))
        connection.execute(text("update schema_version set version = 1"))
    database._engine.cache_clear()  # pyright: ignore[reportPrivateUsage]
    assert windows.read("ship", "ab") == {}


def test_a_page_is_made_once_and_again_when_its_day_is_judged_anew(
    home: Path, project: str, champion: Champion
) -> None:
    write_log(home, project, champion, pl.concat([day(0), day(1).with_columns(pl.col("x") * 1_000)]))
    judged(project, champion, 1)
    days = [LIVE, LIVE + timedelta(days=1)]
    newest = report_windows(project, champion, SECTION, Log(), days)
    pages = [newest.with_name(f"{each}.html") for each in days]
    assert newest.read_bytes() == pages[1].read_bytes() and "aaaa-64" in newest.read_text(encoding="utf-8")
    before = [each.stat().st_mtime_ns for each in pages]
    report_windows(project, champion, SECTION, Log(), days)
    assert [each.stat().st_mtime_ns for each in pages] == before

    write_log(home, project, champion, day(0, seed=9).with_columns(pl.col("x") + 15), "late")
    judged(project, champion, 1)
    report_windows(project, champion, SECTION, Log(), days)
    told_again = pages[0].read_text(encoding="utf-8")
    assert "Drift in" in told_again and 'id="moved"' in told_again and "most unlike" in told_again


def test_a_log_that_is_read_part_by_part_holds_the_same(
    home: Path, project: str, champion: Champion, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = pl.concat(day(number) for number in range(3))
    ids = write_log(home, project, champion, rows)
    outcomes.add(project, [Outcome(id=name, outcome=y) for name, y in zip(ids[::7], rows["y"][::7], strict=True)])
    asked = (project, champion.artifact.digest, None, datetime(2026, 4, 1, tzinfo=UTC))
    whole = logged_windows.held(*asked)
    monkeypatch.setattr(logged_windows, "ROWS", 10)
    assert logged_windows.held(*asked) == whole
    assert [each.n_rows for each in whole.values()] == [ROWS] * 3 and all(each.outcomes for each in whole.values())
