"""A change of units is found with its rows, and what is no change of units is not called one."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.examining.doubts import Numbers
from tasks.examining.units import Levels, doubts


def found(values: np.ndarray, levels: Levels | None = None) -> str | None:
    """What is told of a column of these values."""
    places = np.flatnonzero(~np.isnan(values))
    told = list(doubts([Numbers("x", values[places], places, len(values))], levels or {}, 1))
    return told[0].text if told else None


def weights(n: int = 3000, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).lognormal(4.2, 0.25, n)


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (1000, "thousandths"),
        (0.001, "such as kilograms among"),
        (100, "cents or centimetres"),
        (10, "ten times"),
        (12, "inches or months"),
        (2.54, "centimetres among inches"),
        (1.609344, "kilometres among miles"),
        (1 / 2.20462, "kilograms among pounds"),
    ],
)
def test_a_block_in_another_unit_is_missed_or_misnamed(factor: float, words: str) -> None:
    values = weights()
    values[1234:1734] *= factor
    text = found(values)
    assert text is not None and words in text
    first, last = (int(part.replace(",", "")) for part in text.split("from row ")[1].split(":")[0].split(" to "))
    assert abs(first - 1235) <= 25 and abs(last - 1734) <= 25


def test_fahrenheit_among_celsius_is_missed() -> None:
    values = np.random.default_rng(1).normal(15, 6, 3000)
    values[2000:] = values[2000:] * 1.8 + 32
    assert "Fahrenheit among Celsius" in (found(values) or "")
    assert "from row 2,0" in (found(values) or "")


@pytest.mark.parametrize("share", [0.03, 0.3])
def test_scattered_rows_in_another_unit_are_missed(share: float) -> None:
    values = weights()
    rows = np.random.default_rng(2).choice(len(values), int(share * len(values)), replace=False)
    values[rows] *= 100
    assert "cents or centimetres" in (found(values) or "") and "a cluster apart" in (found(values) or "")


def test_one_file_in_another_unit_is_missed() -> None:
    values, codes = weights(), np.random.default_rng(3).integers(0, 5, 3000)
    values[codes == 2] *= 1.609344
    names = [f"{name}.csv" for name in "abcde"]
    assert "where __file__ is c.csv" in (found(values, {"__file__": (codes, names)}) or "")


@pytest.mark.parametrize(
    "values",
    [
        weights(),
        np.linspace(1, 100, 3000) * weights() / 70,  # a trend
        np.sort(weights()),
        np.concatenate([weights(1500), 1.3 * weights(1500)]),  # a jump that is no conversion
        np.random.default_rng(4).lognormal(5, 2, 3000),
        np.where(np.arange(3000) % 3 == 0, 0.0, weights()),
        np.concatenate([weights(1500), 10 * np.random.default_rng(5).lognormal(4.2, 1.2, 1500)]),  # another shape
        np.concatenate(
            [np.random.default_rng(6).normal(2, 0.3, 1000), np.random.default_rng(7).normal(4.5, 0.4, 2000)]
        ),
        np.full(3000, 7.0),
        np.array([np.nan] * 3000),
        np.repeat(np.arange(1.0, 11.0), 300),
    ],
)
def test_what_moves_by_itself_is_called_another_unit(values: np.ndarray) -> None:
    assert found(values) is None


def test_classes_that_differ_by_nature_are_called_other_units() -> None:
    codes = np.random.default_rng(8).integers(0, 6, 3000)
    values = weights() * np.array([1, 1.1, 2.2, 0.9, 3.3, 1.0])[codes]
    assert found(values, {"kind": (codes, [f"kind {code}" for code in range(6)])}) is None
