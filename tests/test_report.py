"""The report: one file that asks nothing of the network, and no data, however odd, breaks it or runs in it."""

from __future__ import annotations

import inspect
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.appraise import appraise
from tasks.core import store
from tasks.core.age_curve import AgeCurve, Aged, Ageing
from tasks.core.metrics import compare, intervals
from tasks.core.model_records import (
    Candidate,
    Candidates,
    Deployment,
    Evaluation,
    FamilyScore,
    Importance,
    Member,
    ModelCard,
    Slice,
    TrainedModel,
    Tuned,
)
from tasks.core.noise import Conflicts, LabelAudit, Noise, Oddity
from tasks.core.records import CheckedDataset, CheckedSplits, Column, Dataset, FailedExpectation, Note, QualityReport
from tasks.report import report
from tasks.scoring.judging import Answered, confusion, per_class, predictions

EVIL = '<script>alert("1")</script>&\''
TARGET = "target " + EVIL
POINTS = (Aged(age=4, relative_loss=1.4), Aged(age=1, relative_loss=1.1))
CURVE = AgeCurve(points=POINTS, per_window=0.1, cadence=2.0, error=0.02)
AGED = Ageing(every=EVIL, curve=CURVE, n_learned=900, n_judged=200)
VOID = {"meta", "link", "wbr", "path", "line", "circle", "rect"}


class Tags(HTMLParser):
    """What a page consists of; an unclosed or stray tag is an error."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID or tag == "path":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID or tag == "path":
            assert self.open.pop() == tag, (tag, self.open[-3:])

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text.append(data)


def arguments(splits: CheckedSplits, *, curves: bool = True, champion: bool = True, accepted: bool = True) -> Any:
    """What the flow gives to `report`, for a model whose answers are the truth with noise."""
    told, target = splits.splits, splits.splits.target
    test = store.scan(told.test).collect()
    generator = np.random.default_rng(0)
    if target.problem == "regression":
        y = test[target.name].cast(pl.Float64).to_numpy()
        answers, metric = y + generator.normal(size=len(y)), "rmse"
    else:
        y = np.array([target.classes.index(name) for name in test[target.name]])
        raw = np.exp(generator.normal(size=(len(y), len(target.classes))) + 2 * np.eye(len(target.classes))[y])
        answers, metric = raw / raw.sum(axis=1, keepdims=True), "log_loss"
    names = {"regression": ("rmse", "r2", "mae")}.get(target.problem, ("log_loss", "roc_auc", "accuracy"))
    figures, left_out = intervals(names, y, answers, 0)
    compared = compare(metric, y, answers, answers[::-1], 0)
    member = Member(family="boosting", params='{"rate": 0.1}', weight=1.0, score=0.4)
    card = ModelCard(project="p", target=target, metric=metric, inputs=told.inputs, features=told.features,
                     members=(member,), data_digest="d", sample=())  # fmt: skip
    answered = Answered(test["__row__"].to_numpy(), y, np.empty((len(y), 0)), answers)
    confused = confusion(answered, card)
    raw_rows = store.scan(told.train).drop("__row__", "__fold__").collect()
    columns = tuple(
        Column(name=name, type="number" if dtype.is_numeric() else "text", n_missing=1)
        for name, dtype in raw_rows.schema.items()
    )
    raw = store.dataset("raw", store.put_parts(raw_rows.to_arrow().to_batches(), raw_rows.to_arrow().schema), columns)
    broken = store.put_table(pl.DataFrame({EVIL: [EVIL], "bytes": [b"123"], "reason": [EVIL]}))
    failed = FailedExpectation(expectation="e", column=EVIL, n_rows=1, examples=(EVIL,), reason=EVIL)
    suite = QualityReport(suite="raw", n_rows=10, evaluated=2, failed=(failed,), n_quarantined=1, quarantined=broken)
    trials = pl.DataFrame(
        {
            "number": range(30),
            "family": ["boosting"] * 30,
            "params": [EVIL] * 30,
            "score": [None, *generator.uniform(size=29)],
            "seconds": [0.5] * 30,
            "state": ["failed", *["finished"] * 29],
            "reason": [EVIL] * 30,
        }
    )
    learned = pl.DataFrame(
        {
            "member": [0] * 6,
            "family": ["boosting"] * 6,
            "iteration": [0, 1, 2] * 2,
            "set": ["train"] * 3 + ["validation"] * 3,
            "loss": [3.0, 2.0, 1.0, 3.0, 2.5, 2.6],
        }
    )
    blob = store.put(b"model", ".onnx")
    checked = CheckedDataset(dataset=raw, report=suite)
    return {
        "checked": checked,
        "appraisal": inspect.unwrap(appraise.fn)(checked, splits),
        "splits": splits.model_copy(
            update={
                "splits": told.model_copy(
                    update={"notes": (Note(kind="noise", column=EVIL, n_rows=1, text=EVIL),)},
                ),
                "reports": (suite.model_copy(update={"suite": "train", "failed": (), "quarantined": None}),),
            }
        ),
        "candidates": Candidates(
            problem=target.problem,
            metric=metric,
            families=tuple(
                Candidate(family=name, chosen=name != "neural", reason=EVIL) for name in ("boosting", "tree", "neural")
            ),
        ),
        "tuned": Tuned(
            metric=metric,
            members=(member,),
            score=0.4,
            leaderboard=(FamilyScore(family="boosting", params="{}", score=0.4, n_trials=29, seconds=15.0),),
            trials=store.put_table(trials),
            n_trials=29,
            stopped_by="seconds",
            n_folds=4,
        ),
        "model": TrainedModel(
            artifact=blob,
            digest=blob.digest,
            parity=blob,
            curves=store.put_table(learned) if curves else None,
            members=(member,),
            importances=tuple(
                Importance(feature=each.name, value=0.1 - index) for index, each in enumerate(told.features)
            ),
        ),
        "evaluation": Evaluation(
            metric=metric,
            n_rows=len(y),
            metrics=figures,
            classes=per_class(confused, target.classes),
            confusion=confused,
            slices=(Slice(feature=EVIL, value=EVIL, n_rows=40, score=1.0, low=0.5, high=1.5),) if champion else (),
            n_slices=7,
            baseline=compared,
            champion=compared.model_copy(update={"against": "champion version 1"}) if champion else None,
            incomparable="" if champion else EVIL,
            notes=left_out,
            predictions=predictions(answered, card),
        ),
        "ageing": AGED if champion else Ageing(every="7d", why=EVIL),
        "deployment": Deployment(
            project=EVIL,
            accepted=accepted,
            reasons=(EVIL,),
            version="2",
            digest=blob.digest,
            previous="1" if champion else None,
        ),
        "noise": noise(),
        "labels": doubtful(raw),
        "source_name": EVIL,
    }


def noise() -> Noise:
    """What looks wrong, in the words of data that want to break the page."""
    odd = Oddity(kind="outliers", column=EVIL, n_rows=2, share=0.2, first=1, last=9, text=EVIL, advice=EVIL)
    schema = ("oddity", "row", "value", "others")
    rows = pl.DataFrame([(0, 9, EVIL, json.dumps({EVIL: EVIL}))], schema=schema, orient="row")
    groups = pl.DataFrame(
        [(0, EVIL, 1, "{}"), (0, "b", 2, "{}")], schema=("group", "answer", "n_rows", "inputs"), orient="row"
    )
    conflicts = Conflicts(n_judged=9, n_groups=1, n_rows=3, metric="accuracy", best=0.9, advice=EVIL)
    return Noise(
        n_rows=10,
        n_sampled=5,
        oddities=(odd,),
        conflicts=conflicts,
        rows=store.put_table(rows),
        groups=store.put_table(groups),
    )


def doubtful(raw: Dataset) -> LabelAudit:
    """Rows whose answers are in doubt; one of them is not found among the raw ones."""
    rows = store.scan(raw).head(2).collect()
    named = {"row": [None, 3], "given": [EVIL, "b"], "likely": ["b", EVIL], "confidence": [0.9, 0.8]}
    table = pl.DataFrame(named).hstack(rows.select(pl.exclude(TARGET)))
    return LabelAudit(n_judged=9, n_rows=2, text=EVIL, advice=EVIL, rows=store.put_table(table))


def page_of(given: Any) -> str:
    return store.path(inspect.unwrap(report.fn)(**given).page).read_text(encoding="utf-8")


def frame(n_rows: int, n_columns: int, target: list[Any]) -> pl.DataFrame:
    generator = np.random.default_rng(1)
    columns = {EVIL if index == 0 else f"c{index}": generator.normal(size=n_rows) for index in range(n_columns)}
    return pl.DataFrame({**columns, TARGET: target})


def binary(n_columns: int = 3, n_rows: int = 300) -> pl.DataFrame:
    levels = [f"{EVIL}{index % 3}" for index in range(n_rows)]
    return frame(n_rows, n_columns, ["no", EVIL] * (n_rows // 2)).with_columns(עמודה=pl.Series(levels))


SHAPES = {
    "binary": (binary(), {}),
    "refused, first of its project": (binary(), {"accepted": False, "champion": False, "curves": False}),
    "300 columns": (binary(300), {}),
    "60 classes": (frame(1200, 2, [f"class {EVIL} {index % 60}" for index in range(1200)]), {}),
    "one feature": (frame(100, 1, ["a", "b"] * 50), {"curves": False}),
    "regression": (frame(300, 3, np.random.default_rng(2).normal(size=300).tolist()), {}),
    "many rows": (frame(6000, 1, np.random.default_rng(2).normal(size=6000).tolist()), {}),
    "constant answers": (frame(100, 1, [1e9, 1e9 + 1] * 50), {}),
}


@pytest.fixture(params=list(SHAPES))
def page(request: pytest.FixtureRequest, open_store: Path, make_splits: Any) -> str:
    rows, options = SHAPES[request.param]
    return page_of(arguments(make_splits(rows, TARGET), **options))


def test_a_page_breaks_runs_what_it_was_told_or_calls_home(page: str) -> None:
    tags = Tags(page)
    names = {tag for tag, _ in tags.seen}
    assert not names & {"script", "iframe", "object", "embed", "img", "form", "base"}
    for _, attributes in tags.seen:
        assert not any(name.startswith("on") for name in attributes)
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith(("#", "data:,"))
    assert not re.search(r"@import|url\(|https?:", page)
    assert EVIL in "".join(tags.text)
    assert "nan" not in re.sub(r"[a-z]nan|nan[a-z]", "", "".join(tags.text)).split()
    assert len(page.encode()) < 2_000_000


def test_a_page_cannot_be_heard_or_found_a_way_in(page: str) -> None:
    tags = Tags(page)
    ids = [attributes["id"] for _, attributes in tags.seen if "id" in attributes]
    links = [attributes["href"] for tag, attributes in tags.seen if tag == "a"]
    assert len(ids) == len(set(ids))
    assert links and all(str(link).removeprefix("#") in ids for link in links)
    assert sum(tag == "h1" for tag, _ in tags.seen) == 1
    assert all(a.get("aria-label") and a.get("role") == "img" for tag, a in tags.seen if tag == "svg")
    assert all("scope" in attributes for tag, attributes in tags.seen if tag == "th")
    assert sum(tag in ("circle", "path", "rect", "line") for tag, _ in tags.seen) < 8_000


def test_the_decision_is_hidden_or_told_wrong(open_store: Path, make_splits: Any) -> None:
    splits = make_splits(binary(), TARGET)
    accepted = page_of(arguments(splits))
    refused = page_of(arguments(splits, accepted=False))
    first = page_of(arguments(splits, accepted=False, champion=False))
    assert "Accepted: version 2 is the champion" in accepted and "It replaces version 1" in accepted
    assert "Refused: version 2 does not serve" in refused and "Version 1 goes on serving" in refused
    assert "No model of this project serves" in first
    assert accepted.index("Accepted") < accepted.index("<h2>Data")
    assert "--trials 29" in accepted


def test_a_comparison_that_may_be_chance_is_told_as_a_win() -> None:
    from tasks.core.model_records import Comparison
    from tasks.reporting.page import sentence

    def told(gain: float, low: float, high: float) -> str:
        return sentence(Comparison(against="x", metric="rmse", ours=1, theirs=1, gain=gain, low=low, high=high))

    assert "may be chance" in told(0.1, -0.1, 0.3) and "may be chance" in told(-0.1, -0.3, 0.1)
    assert told(0.2, 0.1, 0.3).startswith("Better, and by more")
    assert told(-0.2, -0.3, -0.1).startswith("Worse, and by more")
    assert told(0, 0, 0) == "No difference."


def test_the_same_records_give_another_page(open_store: Path, make_splits: Any) -> None:
    splits = make_splits(binary(), TARGET)
    assert page_of(arguments(splits)) == page_of(arguments(splits))
