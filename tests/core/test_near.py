"""Nearly equal texts and rows: found where they are, not where they are not, and the same whatever comes later."""

from __future__ import annotations

import random
import string

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks.core.near import Forest, Sketch, link_near
from tasks.core.shingles import BINS, SIZE, sketches
from tasks.core.together import Kin, Seen

ALIKE = 0.75
SKETCH = Sketch(
    kind="text",
    columns=("t",),
    band=5,
    bands=16,
    lags=8,
    of=lambda batch: sketches(pl.Series(batch.column("t"))),
    alike=lambda one, other: (one == other).mean(axis=1) >= ALIKE,
)


def words(n: int, seed: int) -> list[str]:
    pick = random.Random(seed)
    return ["".join(pick.choices(string.ascii_lowercase, k=pick.randint(2, 9))) for _ in range(n)]


def shingles(text: str) -> set[str]:
    folded = "".join(text.lower().split())
    return {folded[at : at + SIZE] for at in range(max(1, len(folded) - SIZE + 1))}


def resemblance(one: str, other: str) -> float:
    ours, theirs = shingles(one), shingles(other)
    return len(ours & theirs) / len(ours | theirs)


def trees(texts: list[str]) -> tuple[Forest, list[int]]:
    forest = Forest(len(texts))
    found, present = sketches(pl.Series(texts, dtype=pl.String))
    rows = np.flatnonzero(present)
    link_near(forest, rows, found[rows], SKETCH)
    return forest, forest.roots.tolist()


def test_the_share_of_equal_bytes_is_another_than_that_of_the_texts() -> None:
    pick, every = random.Random(3), words(2000, 0)
    one = [pick.choices(every, k=pick.choice([8, 20, 60])) for _ in range(1500)]
    other = [[word if pick.random() > 0.15 else pick.choice(every) for word in text] for text in one]
    pairs = [(" ".join(a), " ".join(b)) for a, b in zip(one, other, strict=True)]
    ours, theirs = (sketches(pl.Series(texts))[0] for texts in zip(*pairs, strict=True))
    off = (ours == theirs).mean(axis=1) - np.array([resemblance(*pair) for pair in pairs])
    assert abs(off.mean()) < 0.01
    assert off.std() < 0.06


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Sorry, I'll call later", "SORRY,   i'll call\nlater "),
        ("\ufb01ne \uff34e\u00a0xt", "fine text"),
        ("ok", " O K"),
        ("请在周末之前给我打电话", "请在周末之前给我打电话"),
        (
            "Win a £200 Summer Shopping spree every WK. Txt STORE to 88039 now",
            "Win a £200 Summer Shopping spree every WK. Txt STORE to 88038 now",
        ),
    ],
)
def test_a_text_in_other_letters_or_reworded_a_little_counts_as_another(one: str, other: str) -> None:
    assert trees(["something quite different", one, other])[1] == [0, 1, 1]


@settings(deadline=None)
@given(st.text(max_size=12))
def test_a_text_in_other_spaces_is_another(text: str) -> None:
    found, _ = sketches(pl.Series([text, f" {text.replace(' ', '  ')}\n"], dtype=pl.String))
    assert (found[0] == found[1]).all()


@pytest.mark.parametrize("text", ["", "  \n", None])
def test_all_missing_texts_are_one(text: str | None) -> None:
    found, present = sketches(pl.Series([text, text, "a"], dtype=pl.String))
    assert present.tolist() == [False, False, True]
    assert found.shape == (3, BINS)


def test_texts_that_share_a_phrase_are_glued_together() -> None:
    every = words(3000, 5)
    pick = random.Random(1)
    texts = [f"Dear customer, your order {' '.join(pick.sample(every, 25))} thank you" for _ in range(3000)]
    _, roots = trees(texts)
    assert roots == list(range(3000))


def test_reworded_texts_among_many_are_not_found() -> None:
    pick, every = random.Random(2), words(3000, 6)
    whole = [pick.sample(every, 30) for _ in range(2000)]
    changed = [[*text[:-1], "elsewhere"] for text in whole[:500]]
    texts = [" ".join(text) for text in (*whole, *changed)]
    _, roots = trees(texts)
    assert sum(roots[2000 + at] == at for at in range(500)) >= 498
    assert roots[:2000] == list(range(2000))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=60), st.integers(1, 60))
def test_rows_that_come_later_change_which_earlier_ones_are_alike(steps: list[int], n_first: int) -> None:
    # A text that changes a word at a time: each is near the last ones, the first and the last are far apart.
    every, text, texts = words(31, 7), words(20, 8), []
    for number, step in enumerate(steps):
        text = [*text]
        text[number % 20] = every[step]
        texts.append(" ".join(text))
    whole, first = trees(texts)[1], trees(texts[:n_first])[1]
    assert whole[: len(first)] == first


def kin_of(texts: list[str], units: list[int] | None = None) -> Kin:
    found, present = sketches(pl.Series(texts))
    named = np.array(units if units is not None else range(1, len(texts) + 1), np.uint64)
    return Kin(named, [Seen(SKETCH, found, present)])


@settings(max_examples=60, deadline=None)
@example([0, 4, 2, 2, 1, 4, 0], [0, 1, 0, *[0] * 77])
@given(st.lists(st.integers(0, 12), min_size=1, max_size=80), st.lists(st.integers(0, 2), min_size=80, max_size=80))
def test_rows_that_are_alike_stay_in_different_places(steps: list[int], places: list[int]) -> None:
    every, text, texts = words(13, 7), words(16, 8), []
    for number, step in enumerate(steps):
        text = [*text]
        text[number % 16] = every[step]
        texts.append(" ".join(text))
    kin = kin_of(texts)
    found, _ = sketches(pl.Series(texts))
    given_places = np.array(places[: len(texts)])
    following = kin.following(lambda leads: np.array(places[: len(texts)], np.uint8)[leads])
    for where in (given_places, following.astype(np.int64)):
        stays = ~kin.torn(where)
        groups = kin.groups(stays, np.arange(1, len(texts) + 1, dtype=np.uint64))
        assert stays[kin.leads].all()
        rows = np.flatnonzero(stays)
        for later in rows:
            # What is compared of a row: the last eight that share a band, and the first. Here all rows are few enough.
            for earlier in rows[(rows < later) & (rows >= later - 8)]:
                if (found[earlier] == found[later]).mean() >= ALIKE and shares_a_band(found[earlier], found[later]):
                    assert where[earlier] == where[later]
                    assert groups[earlier] == groups[later]


def shares_a_band(one: np.ndarray, other: np.ndarray) -> bool:
    return bool((one.reshape(16, 5) == other.reshape(16, 5)).all(axis=1).any())


def test_rows_of_one_unit_are_near_duplicates_or_apart() -> None:
    texts = [" ".join(words(20, seed)) for seed in range(4)]
    kin = kin_of(texts, [7, 8, 7, 9])
    assert kin.roots.tolist() == [0, 1, 0, 3]
    assert not kin.near.any()
    assert kin.torn(np.array([0, 1, 2, 0])).tolist() == [False, False, True, False]
