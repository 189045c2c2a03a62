"""What a server says of the newest judged window: of the model that serves, in bounded series, and no other file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tasks.core import newest_window, roles, store
from tasks.core.newest_window import Figure, NewestWindow, WatchedColumn

NOW = datetime(2026, 4, 12, 9, tzinfo=UTC)
EVIL = '<img src=x onerror="alert(1)">"\n'


def window(digest: str, day: str = "2026-04-11", **changed: object) -> NewestWindow:
    return NewestWindow(
        window=day,
        until=datetime.fromisoformat(f"{day}T00:00:00+00:00") + timedelta(days=1),
        judged=NOW,
        version="3",
        digest=digest,
        n_rows=500,
        state="drift",
        summary="drift in fare",
        incident=None,
        n_drifted=1,
        n_columns=2,
        columns=(
            WatchedColumn(column=EVIL, score=2.5, drift=True, words="0.31 sd higher"),
            WatchedColumn(column="age", score=0.1, drift=False, words="0.01 sd lower"),
        ),
        performance=(Figure(metric="log_loss", value=0.5, low=0.4, high=0.6),),
        performance_window=day,
        n_labelled=300,
        estimated=None,
        alarms_promised=0.01,
        alarms_spent=1,
        promise="At most 1 false alarm a year.",
        data_age=10.0,
    ).model_copy(update=changed)


@pytest.mark.slow
def test_the_window_is_told_as_json_as_a_page_and_to_prometheus(ship: Any, tmp_path: Path) -> None:
    server = ship.start(tmp_path, ship.card())
    try:
        with httpx.Client(base_url=server.url, timeout=10, trust_env=False) as client:
            unwatched = client.get("/v1/ship/monitoring").json()
            assert unwatched["window"] is None and unwatched["report"] is None and not unwatched["current"]
            assert "keepfit_drift_score{" not in client.get("/metrics").text
            assert client.get("/v1/ship/monitoring/newest.html").status_code == 404

            with store.opened(tmp_path):
                known = roles.known("ship")
                assert known is not None
                newest_window.keep("ship", window(known.champion.artifact.digest))
            pages = newest_window.pages(tmp_path, "ship")
            pages.mkdir(parents=True)
            (pages / "newest.html").write_text("<h1>the page</h1>", encoding="utf-8")
            (pages.parent / "secret.html").write_text("secret", encoding="utf-8")

            told = client.get("/v1/ship/monitoring").json()
            assert told["current"] and told["window"]["columns"][0]["column"] == EVIL
            page = client.get(told["report"])
            assert page.text == "<h1>the page</h1>" and "default-src 'none'" in page.headers["content-security-policy"]
            for outside in ("secret.html", "..%2Fsecret.html", "2026-01-01.html", "newest.html%00"):
                assert client.get(f"/v1/ship/monitoring/{outside}").status_code == 404
            metrics = client.get("/metrics").text
            assert 'keepfit_drift_score{column="age",project="ship"} 0.1' in metrics
            assert 'keepfit_window_state{project="ship",state="drift"} 1.0' in metrics
            assert 'keepfit_performance{metric="log_loss",project="ship"} 0.5' in metrics
            paths = client.get("/openapi.json").json()["paths"]
            answer = paths["/v1/{project}/monitoring"]["get"]["responses"]["200"]["content"]["application/json"]
            assert answer["schema"]["$ref"].endswith("/Monitoring")

            # A window of the model before says nothing of the one that serves.
            store.write_file(newest_window.file(tmp_path, "ship"), window("00ff", n_rows=7).model_dump_json().encode())
            assert not client.get("/v1/ship/monitoring").json()["current"]
            assert "keepfit_drift_score{" not in client.get("/metrics").text
            newest_window.file(tmp_path, "ship").write_text("{half", encoding="utf-8")
            assert client.get("/v1/ship/monitoring").json()["window"] is None
    finally:
        server.stop()


def test_an_older_window_takes_no_newer_ones_place(open_store: Path) -> None:
    newest_window.keep("ship", window("ab"))
    newest_window.keep("ship", window("ab", "2026-04-09"))
    known = newest_window.known(open_store, "ship")
    assert known is not None and known.window == "2026-04-11"
    newest_window.keep("ship", window("ab", judged=NOW + timedelta(hours=1)))
    known = newest_window.known(open_store, "ship")
    assert known is not None and known.judged == NOW, "nothing was judged anew"
    newest_window.keep("ship", window("cd", "2026-04-09"))
    known = newest_window.known(open_store, "ship")
    assert known is not None and known.digest == "cd", "another model serves, and was watched to there"


@pytest.mark.parametrize(
    ("day", "until", "due"),
    [
        ("2026-04-11", 24, datetime(2026, 4, 13, tzinfo=UTC)),
        ("2026-04-11", 9, datetime(2026, 4, 12, tzinfo=UTC)),
        ("2026-04-10", 24, datetime(2026, 4, 12, tzinfo=UTC)),
    ],
)
def test_the_next_window_is_due_when_its_day_is_over(day: str, until: int, due: datetime) -> None:
    start = datetime.fromisoformat(f"{day}T00:00:00+00:00")
    assert newest_window.due(window("ab", day, until=start + timedelta(hours=until)), NOW) == due
