"""What moved a model's answer to one row: by how much each input column, away from the answers to typical rows.

The effects are Shapley values: a column's effect is what its value changes when it takes the place of a background
row's, on average over all orders in which the columns can be replaced and over the background rows, which are the
sample rows of the model's card. They add up to the answer less the base, the mean answer to the background. A column
is replaced as it was sent, so whatever is declared upon it follows. Where all mixtures of the columns can be asked,
the average is exact; else it is taken over random orders, each with its reverse (Štrumbelj and Kononenko, 2014,
Explaining prediction models and individual predictions with feature contributions; Mitchell, Cooper, Frank and Holmes,
2022, Sampling permutations for Shapley value estimation, for the reverse).

A classification is explained by the probability of the class that was answered, a regression by its value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from tasks.core.errors import DataError
from tasks.core.records import Record
from tasks.modalities import MODALITIES
from tasks.scoring.mixtures import Mixtures
from tasks.scoring.scorer import Scorer
from tasks.scoring.words import word_effects

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[np.float64]]
    Masks = np.ndarray[Any, np.dtype[np.bool_]]
    Row = Mapping[str, Any]

ROWS_ASKED = 4_000
"""Rows that the model is asked for one explanation, at most: 10 to 40 ms of a boosted ensemble."""
CELLS_ASKED = 4_000_000
"""Of the matrix of these rows, 32 MB: a text is thousands of columns wide, and fewer rows are asked then."""
ROWS_RANKED = 1_500
"""Of these, for finding the columns that matter, where there are too many."""
MOST_COLUMNS = 48
"""Columns that get an effect each, so that every one is seen in ten orders or more."""
MOST_BACKGROUND = 10


class Effect(Record):
    """By how much a column, or a word, moved the answer."""

    name: str
    value: float


class Explanation(Record):
    """What moved an answer. `of` is the class whose probability is `answer`; None for a regression.

    `columns`: `base`, the effects and `others` (what `n_others` columns did together) add up to `answer`. `words`: an
    effect is what is lost when the word is left out, and nothing adds up. `nothing`: `note` says why.
    """

    of: str | None
    answer: float
    by: Literal["columns", "words", "nothing"]
    base: float | None = None
    effects: tuple[Effect, ...] = ()
    """The largest first."""
    others: float = 0.0
    n_others: int = 0
    n_background: int = 0
    note: str = ""


def explain(scorer: Scorer, row: Row, background: Sequence[Row], seed: int = 0) -> Explanation:
    """What moved the model's answer to the row, values by input column as the model's API reads them.

    The same row and seed give the same explanation. DataError when the model has no finite answer to a mixture.
    """
    card = scorer.card
    mixtures = Mixtures(card.features, row, background[:MOST_BACKGROUND])
    outputs = scorer.ask(mixtures.row)
    of = scorer.labels(outputs)[0] if card.target.classes else None
    position = card.target.classes.index(str(of)) if of is not None else None

    def answers(rows: Floats) -> Floats:
        asked = scorer.ask(rows)
        return asked if position is None else asked[:, position]

    answer = float(outputs[0] if position is None else outputs[0, position])
    told = {"of": of, "answer": answer}
    lone = card.features and len(mixtures.columns) == 1 and all(each.kind in MODALITIES for each in card.features)
    if lone and isinstance(text := row.get(mixtures.columns[0]), str):
        effects, note = word_effects(text, answer, lambda texts: answers(mixtures.of_texts(texts)))
        found = tuple(Effect(name=name, value=value) for name, value in effects)
        return Explanation.model_validate(
            {**told, "by": "words" if found else "nothing", "effects": found, "note": note}
        )
    if lone or not mixtures.columns or not background:
        note = "The answer rests on one thing alone: there are no columns to compare." if lone else ""
        note = note or "There are no rows or no columns to compare with."
        return Explanation.model_validate({**told, "by": "nothing", "note": note})
    return Explanation.model_validate({**told, **_by_columns(mixtures, answers, seed)})


def _by_columns(mixtures: Mixtures, answers: Callable[[Floats], Floats], seed: int) -> dict[str, Any]:
    import numpy as np

    names, n_background = mixtures.columns, mixtures.n_background
    group = np.arange(len(names))
    budget = min(ROWS_ASKED, CELLS_ASKED // mixtures.row.shape[1])

    def worth(masks: Masks, n_rows: int = n_background) -> Floats:
        """The mean answer when these players are of the row and the others of the background."""
        asked = np.concatenate([mixtures.mixed(masks[:, group], number) for number in range(n_rows)])
        found = answers(asked)
        if not np.isfinite(found).all():
            raise DataError(
                "The answer cannot be explained",
                expected="finite answers when a column is replaced",
                found="an overflow",
                action="Look for a number that is far too large",
            )
        return found.reshape(n_rows, len(masks)).mean(axis=0)

    if len(names) > MOST_COLUMNS:
        ranked = min(len(names), ROWS_RANKED)
        alone = ~np.eye(ranked, len(names), dtype=np.bool_)  # each with one column replaced
        n_rows = max(1, min(n_background, ROWS_RANKED // ranked))
        full = worth(np.ones((1, len(names)), np.bool_), n_rows)
        moved = np.abs(worth(alone, n_rows) - full)
        most = np.argsort(-moved, kind="stable")[: MOST_COLUMNS - 1]
        group = np.full(len(names), len(most))  # all others are replaced together
        group[most] = np.arange(len(most))
        budget -= (ranked + 1) * n_rows
        names = [names[position] for position in most]
    n = int(group.max()) + 1
    effects = _exact(n, worth) if 2**n * n_background <= budget else _sampled(n, worth, budget // n_background, seed)
    shown = sorted(zip(names, effects.tolist(), strict=False), key=lambda each: -abs(each[1]))
    return {
        "by": "columns",
        "base": float(worth(np.zeros((1, n), np.bool_))[0]),
        "effects": tuple(Effect(name=name, value=value) for name, value in shown),
        "others": float(effects[len(names) :].sum()),
        "n_others": len(mixtures.columns) - len(names),
        "n_background": n_background,
    }


def _exact(n: int, worth: Callable[[Masks], Floats]) -> Floats:
    """Shapley's formula over all 2^n mixtures."""
    import numpy as np

    subsets = np.arange(2**n)
    masks = (subsets[:, None] >> np.arange(n)) & 1 == 1
    values, sizes = worth(masks), masks.sum(axis=1)
    weights = np.array([1 / (n * math.comb(n - 1, size)) for size in range(n)])
    effects = np.empty(n)
    for player in range(n):
        without = subsets[~masks[:, player]]
        effects[player] = weights[sizes[without]] @ (values[without | 1 << player] - values[without])
    return effects


def _sampled(n: int, worth: Callable[[Masks], Floats], n_masks: int, seed: int) -> Floats:
    """The mean over random orders and their reverses, in which the players are replaced one after the other."""
    import numpy as np

    rng = np.random.default_rng(seed)
    orders = np.array([rng.permutation(n) for _ in range(max(1, n_masks // (2 * n)))])
    ranks = np.argsort(np.concatenate([orders, orders[:, ::-1]]), axis=1)
    walks = ranks[:, None, :] < np.arange(n + 1)[:, None]
    masks, which = np.unique(walks.reshape(-1, n), axis=0, return_inverse=True)
    steps = np.diff(worth(masks)[which].reshape(-1, n + 1), axis=1)
    return np.take_along_axis(steps, ranks, axis=1).mean(axis=0)
