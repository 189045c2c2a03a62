"""Rows from a log of events: nothing of the future gets in, and neither order nor copies nor threads show."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from tasks.collect import collect
from tasks.core import store
from tasks.core.errors import DataError
from tasks.core.intake import Intake
from tasks.core.splits import GroupSplit, HashSplit
from tasks.prepare import Preparation, prepare
from tasks.project import load_project
from tasks.sources import Source, event_log, event_quarantine
from tasks.sources.event_features import FUNCTIONS, Aggregate, parsed
from tasks.sources.events import Events
from tasks.sources.files import listed

Event = dict[str, Any]

START = datetime(2025, 1, 1, tzinfo=UTC)
AT = START + timedelta(days=50)
WINDOWS = {"7d": timedelta(days=7), "30d": timedelta(days=30), "all": timedelta(days=9999)}
FEATURES = {
    "n": "count()",
    "views": "count(view)",
    "spent": "sum(props.price, buy)",
    "mean": "mean(props.price)",
    "dearest": "max(props.price)",
    "pages": "distinct(page)",
    "bought": "distinct(page, buy)",
    "last": "last(page)",
    "since": "recency(buy)",
    "days": "active_days()",
    "s": "sessions(30m)",
}


def lines(events: Iterable[Event]) -> str:
    return "".join(json.dumps(event) + "\n" for event in events)


def event(entity: str, at: datetime | str | float | None, name: str | None = "view", **more: Any) -> Event:
    return {"user": entity, "ts": at.isoformat() if isinstance(at, datetime) else at, "event": name, **more}


def read(source: Events, intake: Intake | None = None) -> pl.DataFrame:
    batches = list(source.batches(intake or Intake()))
    return pl.DataFrame(pl.concat([pl.DataFrame(batch) for batch in batches])) if batches else pl.DataFrame()


def source(path: Path, **more: Any) -> Events:
    said: dict[str, Any] = {"path": path, "entity": "user", "time": "ts", "features": FEATURES}
    return Events.model_validate(said | ({} if "labels" in more else {"at": AT}) | more)


def of(events: Iterable[Event], intake: Intake | None = None, **more: Any) -> pl.DataFrame:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "log.jsonl"
        path.write_text(lines(events))
        return read(source(path, **more), intake)


# A slow implementation in plain Python, to compare with


def slowly(events: Sequence[Event]) -> list[dict[str, Any]]:
    once = list({json.dumps(one): one for one in events}.values())
    rows: list[dict[str, Any]] = []
    for entity in sorted({one["user"] for one in once}):
        seen = [
            (AT - datetime.fromisoformat(one["ts"]), one)
            for one in once
            if one["user"] == entity and datetime.fromisoformat(one["ts"]) < AT
        ]
        if not seen:
            continue
        row: dict[str, Any] = {"user": entity, "at": AT.replace(tzinfo=None)}
        buys = [age for age, one in seen if one["event"] == "buy"]
        paged = [(-age, one["page"]) for age, one in seen if one["page"] is not None]
        row["last"] = max(paged)[1] if paged else None
        row["since"] = min(buys) / timedelta(days=1) if buys else None
        runs = sessions(sorted((age for age, _ in seen), reverse=True))
        for name, length in WINDOWS.items():
            inside = [(age, one) for age, one in seen if age <= length]
            prices = [Decimal(str(one["props"]["price"])) for _, one in inside if one["props"]["price"] is not None]
            spent = [
                Decimal(str(one["props"]["price"]))
                for _, one in inside
                if one["event"] == "buy" and one["props"]["price"] is not None
            ]
            row[f"n_{name}"] = len(inside)
            row[f"views_{name}"] = sum(one["event"] == "view" for _, one in inside)
            row[f"spent_{name}"] = float(sum(spent))
            row[f"mean_{name}"] = float(sum(prices)) / len(prices) if prices else None
            row[f"dearest_{name}"] = float(max(prices)) if prices else None
            row[f"pages_{name}"] = len({one["page"] for _, one in inside} - {None})
            row[f"bought_{name}"] = len({one["page"] for _, one in inside if one["event"] == "buy"} - {None})
            row[f"days_{name}"] = len({(age - timedelta(microseconds=1)) // timedelta(days=1) for age, _ in inside})
            within = [run for run in runs if run[-1] <= length]
            row[f"s_{name}"] = len(within)
            minutes = [(run[0] - run[-1]) / timedelta(minutes=1) for run in within]
            row[f"s_minutes_{name}"] = sum(minutes) / len(minutes) if minutes else None
        rows.append(row)
    return rows


def sessions(ages: Sequence[timedelta]) -> list[list[timedelta]]:
    runs: list[list[timedelta]] = []
    for age in ages:
        if runs and runs[-1][-1] - age <= timedelta(minutes=30):
            runs[-1].append(age)
        else:
            runs.append([age])
    return runs


def events_at(minutes: st.SearchStrategy[int]) -> st.SearchStrategy[list[Event]]:
    one = st.builds(
        lambda user, minute, name, price, page: event(
            user, START + timedelta(minutes=minute), name, props={"price": price}, page=page
        ),
        st.sampled_from(["a", "b", "007"]),
        minutes,
        st.sampled_from(["view", "buy", "it's", None]),
        st.none() | st.integers(-10_000, 10_000).map(lambda cents: cents / 100),
        st.none() | st.sampled_from(["x", "y", "z'"]),
    )
    return st.lists(one, max_size=25)


POINT = 50 * 24 * 60
BEFORE = events_at(st.integers(0, 60) | st.integers(0, POINT - 1) | st.integers(POINT - 24 * 60 * 8, POINT - 1))
AFTER = events_at(st.integers(POINT, POINT + 5) | st.integers(POINT, 2 * POINT))
few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


@pytest.mark.slow
@few
@given(BEFORE, AFTER)
def test_a_feature_is_not_what_it_says(before: list[Event], after: list[Event]) -> None:
    found = of([*before, *after, event("c", AT)])
    expected = slowly([*before, *after])
    assert found.height == len(expected)
    for row, wanted in zip(found.iter_rows(named=True), expected, strict=True):
        assert row.keys() == wanted.keys()
        assert row == {name: pytest.approx(v) if isinstance(v, float) else v for name, v in wanted.items()}


@pytest.mark.slow
@pytest.mark.parametrize("declared", [FEATURES, {}], ids=["declared", "inferred"])
@few
@given(BEFORE, AFTER, AFTER)
def test_something_at_or_after_the_point_reaches_the_features(
    declared: dict[str, str], before: list[Event], after: list[Event], others: list[Event]
) -> None:
    one = [*before, *after, event("d", AT, "new name", new=1, page=7)]
    another = [*before, *others, event("d", AT, props={"price": "broken"}), event("a", AT + timedelta(days=300))]
    assert of(one, features=declared).equals(of(another, features=declared))


def test_a_copy_of_the_future_takes_the_event_of_the_past_away() -> None:
    past, day = AT - timedelta(days=1), timedelta(days=1)
    log = [event("a", past, id=1), event("b", past, id=2)]
    # The same id again: later, of another entity, and of one whose point is before the copy.
    later = [event("a", AT + day, id=1), event("b", past - day, id=1), event("c", AT, id=2)]
    found = of([*later, *log], id="id")
    assert found["n_all"].to_list() == [1, 2]
    assert found["since"].to_list() == [None, None] and found["s_7d"].to_list() == [1, 2]


@pytest.mark.slow
@few
@given(BEFORE, AFTER, st.randoms(use_true_random=False))
def test_order_copies_or_files_show(before: list[Event], after: list[Event], chance: random.Random) -> None:
    log = [*before, *after, event("a", AT - timedelta(days=3))]
    shuffled = [*log, *chance.choices(log, k=5)]
    chance.shuffle(shuffled)
    with TemporaryDirectory() as folder:
        cut = chance.randrange(len(shuffled))
        (Path(folder) / "1.jsonl").write_text(lines(shuffled[:cut]))
        (Path(folder) / "2.jsonl.gz").write_bytes(gzip.compress(lines(shuffled[cut:]).encode()))
        assert read(source(Path(folder))).equals(of(log))


@pytest.mark.slow
@pytest.mark.usefixtures("open_store")
def test_the_number_of_threads_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(0)
    log = [
        event(
            f"{chance.randrange(300)}",
            START + timedelta(seconds=chance.randrange(4_000_000)),
            chance.choice(["view", "buy"]),
            props={"price": chance.lognormvariate(3, 4)},
            page=f"p{chance.randrange(50)}",
        )
        for _ in range(60_000)
    ]
    (tmp_path / "log.jsonl").write_text(lines(log))
    digests: set[str] = set()
    for threads in (1, 2, 4, 2):
        monkeypatch.setitem(event_log.SETTINGS, "threads", threads)
        label = {"event": "buy", "within": "3d"}
        digests.add(collect.fn(source(tmp_path, at=START + timedelta(days=40), label=label)).digest)
    assert len(digests) == 1


# Time


@pytest.mark.parametrize(
    "written",
    [
        "2025-01-31T11:30:00+01:00",
        "2025-01-31T10:30:00Z",
        "2025-01-31 10:30:00",
        "2025-01-31T10:30:00.000000-00:00",
        1738319400,
        1738319400.0,
        "1738319400",
        1738319400000,
        1738319400000000,
    ],
)
def test_a_time_is_read_as_another(written: str | float) -> None:
    found = of([event("a", written)], at="2025-01-31T10:31:00Z", features={"since": "recency()"})
    assert found["since"].to_list() == [1 / (24 * 60)]
    boundary = of([event("a", written), event("b", START)], at="2025-01-31T10:30:00Z", features={"since": "recency()"})
    assert boundary["user"].to_list() == ["b"]


@pytest.mark.parametrize(
    "written", ["", None, "soon", "20250131", 20250131, 0, -5, "2025-02-30", "0001-01-01T00:00:00Z", "infinity", 1e30]
)
def test_what_is_no_time_is_taken_for_one(written: str | float | None) -> None:
    intake = Intake()
    of([event("a", written), event("a", START)], intake)
    assert intake.reasons == {"its ts is no time since 1970": 1}


def test_a_clock_that_is_ahead_ends_the_log_too_late() -> None:
    intake = Intake()
    of([event("a", datetime(2199, 1, 1, tzinfo=UTC)), event("a", START)], intake)
    assert intake.reasons == {"its ts is in the future": 1}


# Points and labels


def test_a_label_is_false_before_its_time_is_over() -> None:
    intake, day = Intake(), timedelta(days=1)
    log = [
        *(event("a", START, "signup"), event("a", START + 8 * day, "buy")),
        *(event("b", START, "signup"), event("b", START + 7 * day, "buy")),
        *(event("c", START, "signup"), event("c", START + 17 * day, "buy")),
        *(event("d", START + 5 * day, "signup"), event("e", START + 19 * day, "view")),
    ]
    more = {"at": {"event": "signup", "after": "7d"}, "label": {"name": "buys", "event": "buy", "within": "10d"}}
    found = of(log, intake, **more)
    # On the point is after it; at the end of the ten days is too late.
    assert found.select("user", "buys").rows() == [("a", True), ("b", True), ("c", False)]
    assert found["n_all"].to_list() == [1, 1, 1]
    assert [(note.kind, note.n_rows) for note in intake.notes] == [("missing", 1)]
    with pytest.raises(DataError, match=r"no event 'buys'.*Perhaps 'buy'"):
        of([*log, event("d", START, "buy")], **more | {"label": {"event": "buys", "within": "1d"}})


def test_a_row_is_made_for_each_of_several_points() -> None:
    log = [event("a", START), event("b", START + timedelta(days=10))]
    found = of(log, at=[START + timedelta(days=5), START + timedelta(days=15)], features={"n": "count()"})
    assert found.select("user", pl.col("at").dt.day(), "n_7d", "n_all").rows() == [
        ("a", 6, 1, 1),
        ("a", 16, 0, 1),
        ("b", 16, 1, 1),
    ]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_labels_come_to_another_entity(tmp_path: Path, suffix: str) -> None:
    path, day = tmp_path / f"labels.{suffix}", timedelta(days=1)
    labels = pl.DataFrame(
        {
            "who": ["007", "7", "b", None, "b"],
            "asked on": ["2025-01-03", "2025-01-03", "2025-01-05T00:00:00Z", "2025-01-03", "tomorrow"],
            "churned": [1, 0, None, 1, 1],
        }
    )
    labels.write_csv(path) if suffix == "csv" else labels.write_parquet(path)
    log = [event("007", START), event("b", START + day), event("b", START + 9 * day), event("z", START)]
    said = {"path": str(path), "entity": "who", "at": "asked on", "label": "churned"}
    intake = Intake()
    found = of(log, intake, labels=said, features={"n": "count()"})
    assert found.select("user", "n_all", "churned").rows() == [("007", 1, 1), ("7", 0, 0), ("b", 1, None)]
    assert found.schema["churned"] == pl.Int64
    assert intake.reasons == {"a label of no entity": 1, "a label at no readable time": 1}
    with pytest.raises(DataError, match=r"no column 'churn'.*Perhaps 'churned'"):
        of(log, labels={**said, "label": "churn"})
    at_once = of(log, at=START + day, labels={**said, "at": None}, features={"n": "count()"})
    assert at_once["user"].to_list() == ["007", "7", "b", "b"]


@pytest.mark.usefixtures("open_store")
@pytest.mark.parametrize("split", [HashSplit(), GroupSplit(by="group", column="user")], ids=["hash", "group"])
def test_the_entity_is_learned_from(tmp_path: Path, split: Any) -> None:
    days = timedelta(days=1)
    log = [event(f"{i % 40:03}", START + i * days / 20, "buy" if i % 3 else "view") for i in range(2000)]
    (tmp_path / "log.jsonl").write_text(lines(log))
    points = [START + 20 * days, START + 40 * days, START + 60 * days, START + 80 * days]
    label = {"event": "buy", "within": "1d"}
    dataset = collect.fn(source(tmp_path, at=points, label=label, features={"n": "count()", "since": "recency()"}))
    assert [(column.name, column.type) for column in dataset.columns][:2] == [("user", "text"), ("at", "date")]
    assert store.scan(dataset).collect()["user"].to_list()[:5] == ["000"] * 4 + ["001"]
    from tasks.core.records import CheckedDataset, QualityReport

    report = QualityReport(suite="raw", n_rows=1, evaluated=0, failed=(), n_quarantined=0, quarantined=None)
    splits = prepare.fn(CheckedDataset(dataset=dataset, report=report), Preparation(target="label", split=split))
    assert "user" not in {feature.name for feature in splits.features}
    assert "user" in {note.column for note in splits.notes}


# What is broken


def test_broken_events_vanish_or_stop_the_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = lines([event("a", START, "buy", props={"price": 2})])
    broken = ["no json", '{"user": "a"', "[1]", "null", lines([event("", START)]).strip()]
    broken += [
        lines([event("a", START, props={"price": "dear"})]).strip(),
        '{"user": "a", "ts": "2025-01-01T25:00:00"}',
    ]
    (tmp_path / "log.jsonl").write_bytes(good.encode() + "\n\n".join(broken).encode() + b'\r\n{"user": "\xff"}\r\n')
    reasons = {
        "it has no user": 3,
        "its props.price is no number": 1,
        "its ts is no time since 1970": 1,
        "the line is no JSON": 3,
    }
    intake = Intake()
    assert read(source(tmp_path), intake)["spent_all"].to_list() == [2.0]
    assert intake.reasons == reasons
    rejected = {content for _, _, content in intake._rejected}
    assert b"line 2: no json" in rejected and b"[1]" in rejected
    monkeypatch.setattr(event_quarantine, "MOST_SHOWN", 2)
    intake = Intake()
    read(source(tmp_path), intake)
    assert intake.reasons == reasons and sum(content != b"" for _, _, content in intake._rejected) == 2


def test_copies_are_dropped_without_a_word() -> None:
    intake = Intake()
    of([event("a", START), event("a", START), event("a", START, sku=1), event("b", START)], intake)
    assert [(note.kind, note.n_rows) for note in intake.notes] == [("duplicates", 1)]


def test_a_log_without_usable_events_is_a_traceback(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"")
    with pytest.raises(DataError, match=r"log\.jsonl"):
        read(source(path))
    path.write_text('{"user_id": "a", "ts": "2025-01-01"}\n')
    with pytest.raises(DataError, match=r"no user.*Perhaps 'user_id' is meant"):
        read(source(path))
    with pytest.raises(DataError, match=r"other\.jsonl"):
        read(source(tmp_path / "other.jsonl"))
    path.write_text(lines([event("a", AT)]))
    assert read(source(path)).is_empty()


# Declarations


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("cuont(view)", "Perhaps 'count' is meant"),
        ("sum()", "sum(property[, event])"),
        ("sessions(half an hour)", "a call like"),
        ("sessions(soon)", "a number and a unit"),
        ("count(view", "a call like"),
        ("count(a, b)", "count([event])"),
        ("count(view); DROP TABLE events", "a call like"),
    ],
)
def test_a_wrong_feature_is_not_explained(said: str, problem: str) -> None:
    with pytest.raises(ValueError) as failure:
        source(Path("log"), features={"x": said})
    assert problem in str(failure.value)


def test_a_declaration_is_read_as_another() -> None:
    assert parsed("x", " sum ( props.price , 'bought, ''again''' ) ") == Aggregate(
        "x", "sum", "props.price", "bought, 'again'"
    )
    assert parsed("x", "sessions(30m)").gap == 1_800_000_000
    page = (Path(__file__).parents[2] / "docs" / "sources" / "events.md").read_text(encoding="utf-8")
    for name in FUNCTIONS:
        assert f"`{name}(" in page, name


@pytest.mark.parametrize(
    "more",
    [
        {"at": None},
        {"labels": {"path": "l.csv", "entity": "u", "label": "y", "at": "t"}, "at": AT},
        {"labels": {"path": "l.csv", "entity": "u", "label": "y"}, "label": {"event": "buy", "within": "1d"}, "at": AT},
        {"features": {"user": "last(page)"}},
        {"label": {"name": "since", "event": "buy", "within": "1d"}},
        {"label": {"event": "buy", "within": "soon"}},
        {"windows": ["7 days ago"], "features": {}},
    ],
)
def test_a_source_that_contradicts_itself_is_taken(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        source(Path("log"), **more)


def test_its_settings_do_not_survive_the_way_through_json() -> None:
    for at in (AT, [AT, START], {"event": "signup", "after": "7d"}):
        made = source(Path("log"), at=at, label={"event": "buy", "within": "1d"})
        assert TypeAdapter(Source).validate_json(made.model_dump_json()) == made


def test_a_feature_called_path_is_taken_for_a_file(tmp_path: Path) -> None:
    said = "name: x\ntarget: label\nsource: {kind: events, path: '*.jsonl', entity: user, time: ts, at: 2025-02-01,"
    (tmp_path / "project.yaml").write_text(said + " features: {path: last(path), labels: count(label)}}\n")
    found = load_project(tmp_path).source
    assert isinstance(found, Events)
    assert found.path == str(tmp_path / "*.jsonl") and found.features["path"] == "last(path)"


# The database


def test_names_are_taken_for_sql(tmp_path: Path) -> None:
    folder = tmp_path / 'it\'s [a] "folder"'
    folder.mkdir()
    evil = "x'; DROP TABLE events; --"
    log = {'us"er': {"i'd": "a"}, "t/s": "2025-01-01", "~e": evil, "p\"'r": 1.5}
    (folder / "lo*g.jsonl").write_text(json.dumps(log) + "\n")
    quoted = evil.replace("'", "''")
    found = read(
        Events.model_validate(
            {
                **{"path": folder / "lo*g.jsonl", "entity": "us\"er.i'd", "time": "t/s", "event": "~e", "at": AT},
                "features": {'n"1': f"count('{quoted}')", "s'2": "sum('p\"''r')"},
                "windows": ["all"],
            }
        )
    )
    assert found.columns == ["us\"er.i'd", "at", 'n"1_all', "s'2_all"]
    assert found.rows()[0][2:] == (1, 1.5)


def test_the_database_reads_what_it_was_not_given(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(lines([event("a", START)]))
    (tmp_path / "secret.csv").write_text("a\n1\n")
    files = listed(str(tmp_path / "log.jsonl"), (".jsonl",), tmp_path)
    with event_log.database(files, tmp_path) as connection:
        for statement in (
            f"SELECT * FROM read_csv('{tmp_path}/secret.csv')",
            f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
            "SELECT * FROM read_csv('https://example.org/x.csv')",
            "INSTALL spatial",
            "SET enable_external_access = true",
            f"ATTACH '{tmp_path}/other.db'",
        ):
            with pytest.raises(duckdb.Error):
                connection.execute(statement)


@pytest.mark.usefixtures("open_store")
def test_a_gzip_that_is_cut_off_gives_a_traceback(tmp_path: Path) -> None:
    lines = "".join(f'{{"user": "u{i % 9}", "ts": "2025-01-{i % 28 + 1:02}", "action": "view"}}\n' for i in range(5000))
    packed = gzip.compress(lines.encode())
    broken = packed[: len(packed) // 2], packed[:40] + packed[60:], b"\x1f\x8b" + packed[9:]
    for number, data in enumerate(broken):
        file = tmp_path / f"{number}.jsonl.gz"
        file.write_bytes(data)
        source = Events(path=str(file), entity="user", time="ts", event="action", at="2025-02-01")
        with pytest.raises(DataError, match=file.name):
            collect.fn(source)
