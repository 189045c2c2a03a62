"""Markdown for the Prefect UI: every record that a step returns has some, and no text of the data breaks a table."""

from __future__ import annotations

import re

from tasks.core.markdown import MOST_LINES, markdown
from tasks.core.model_records import (
    Candidate,
    Candidates,
    Comparison,
    Deployment,
    Evaluation,
    FamilyScore,
    Importance,
    Member,
    Metric,
    Slice,
    TrainedModel,
    Tuned,
)
from tasks.core.records import (
    Blob,
    CheckedDataset,
    CheckedSplits,
    Column,
    Dataset,
    FailedExpectation,
    Feature,
    Note,
    QualityReport,
    Record,
    Splits,
    Target,
)

EVIL = "<script>a|b`c\n# head [x](y)\\"
BLOB = Blob(digest="0" * 64, suffix=".parquet", size=10)
COLUMN = Column(name=EVIL, type="text", n_missing=1)
DATA = Dataset(name="raw", parts=(), digest="d", n_rows=10, columns=(COLUMN,))
FAILED = FailedExpectation(expectation="e", column=EVIL, n_rows=2, examples=(EVIL,), reason=EVIL)
REPORT = QualityReport(suite="raw", n_rows=10, evaluated=3, failed=(FAILED,), n_quarantined=2, quarantined=BLOB)
MEMBER = Member(family="linear", params='{"a": "|"}', weight=1.0, score=0.5)
COMPARED = Comparison(against="baseline", metric="rmse", ours=1, theirs=2, gain=1, low=0.5, high=1.5)
SPLITS = Splits(
    train=DATA,
    validation=DATA,
    test=DATA,
    inputs=(COLUMN,),
    features=(Feature(name=EVIL, kind="category", expression=EVIL, reason=EVIL),),
    target=Target(name=EVIL, problem="regression", reason=EVIL),
    notes=(Note(kind="noise", column=EVIL, n_rows=1, text=EVIL),),
)
RECORDS: tuple[Record, ...] = (
    DATA,
    CheckedDataset(dataset=DATA, report=REPORT),
    SPLITS,
    CheckedSplits(splits=SPLITS, reports=(REPORT,)),
    Candidates(problem="regression", metric="rmse", families=(Candidate(family="linear", chosen=True, reason=EVIL),)),
    Tuned(
        metric="rmse",
        members=(MEMBER,),
        score=1.0,
        leaderboard=(FamilyScore(family="linear", params=EVIL, score=1.0, n_trials=2, seconds=3.0),),
        trials=BLOB,
        n_trials=2,
        stopped_by="trials",
        n_folds=5,
    ),
    TrainedModel(
        artifact=BLOB,
        digest="d",
        parity=BLOB,
        curves=None,
        members=(MEMBER,),
        importances=(Importance(feature=EVIL, value=0.1),),
    ),
    Evaluation(
        metric="rmse",
        n_rows=10,
        metrics=(Metric(name="rmse", value=1.0, low=0.5, high=1.5, greater_is_better=False),),
        classes=(),
        confusion=(),
        slices=(Slice(feature=EVIL, value=EVIL, n_rows=40, score=2.0, low=1.0, high=3.0),),
        n_slices=1,
        baseline=COMPARED,
        champion=None,
        incomparable=EVIL,
        predictions=BLOB,
    ),
    Deployment(project=EVIL, accepted=False, reasons=(EVIL,), version="2", digest="d", previous="1"),
)


def test_a_record_has_no_markdown_or_a_name_breaks_its_table() -> None:
    for record in RECORDS:
        text = markdown(record)
        assert text, type(record)
        assert "<script" not in text and "# head" not in text.splitlines()
        for block in text.split("\n\n"):
            if block.startswith("|"):
                widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
                assert len(widths) == 1, (type(record).__name__, block)


def test_a_thousand_columns_make_a_thousand_lines() -> None:
    wide = DATA.model_copy(update={"columns": (COLUMN,) * 1000})
    assert len(markdown(wide).splitlines()) < MOST_LINES + 10
    assert "970 more" in markdown(wide)


def test_an_unknown_record_fails_the_step() -> None:
    assert markdown(BLOB) == ""
