"""Sets of two to four columns that make up the target exactly: parts of a sum, a difference, factors of a product.

The columns are found by orthogonal matching pursuit and by least squares over all of them, and each set is cut
until no column can be spared; only what leaves nothing but rounding counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tasks.examining.sampled import Numbers, Sample, is_number, numbers

MOST = 4
ROWS, LEAST_ROWS = 4_000, 1_000
CELLS = 4_000_000
MOST_SOLVED = 300
"""Columns of one least-squares fit; of more, those that go with the target most."""
CLEARLY = 1e-4
"""Share of the target's spread from which a column's part in it is no rounding."""
EXACT = 1e-7
"""Of the target's standard deviation: the last bits of a sum."""


def sums(sample: Sample, without: set[str]) -> dict[str, str]:
    """The columns that make up the target together, and why; the one that must have been made of it, if any."""
    usable = [name for name in sample.train.columns if name not in without and is_number(sample.train[name].dtype)]
    if len(usable) < 2 or sample.target.problem == "multiclass":
        return {}
    n_rows = max(LEAST_ROWS, min(ROWS, CELLS // len(usable)))
    some = np.arange(0, len(sample.values), max(1, len(sample.values) // n_rows))
    target = sample.values[some]
    matrix = np.column_stack([numbers(sample.train[name])[some] for name in usable])
    step = _rounding(target)
    # A target of few steps may be rounded to nearly anything.
    near = max(EXACT * float(target.std()), 0.51 * step if step < target.std() / 50 else 0.0)
    if found := _parts(matrix, target, np.full(len(target), near)):
        return _told(usable, matrix, target, found, "sums and differences")
    whole = np.all((matrix > 0) & np.isfinite(matrix), axis=0)
    if (target > 0).all() and whole.sum() > 1:
        usable = [name for name, positive in zip(usable, whole.tolist(), strict=True) if positive]
        matrix, near_in_logs = np.log(matrix[:, whole]), near / target
        target = np.log(target)
        if found := _parts(matrix, target, near_in_logs):
            return _told(usable, matrix, target, found, "products and ratios")
    return {}


def _told(names: Sequence[str], matrix: Numbers, target: Numbers, found: list[int], what: str) -> dict[str, str]:
    slopes = _solved(matrix[:, found], target)[0]
    parts = ", ".join(f"`{names[i]}`" for i in found)
    if abs(np.sign(slopes).sum()) == len(slopes):
        return {names[i]: f"leaks the target: {parts} make it up exactly, by {what}" for i in found}
    # Of an honest column and its difference to the target, the difference is what goes with the target more.
    usable = np.isfinite(matrix[:, found]).all(axis=1)
    going = [abs(np.corrcoef(matrix[usable, i], target[usable])[0, 1]) for i in found]
    made = max(range(len(found)), key=lambda i: (round(going[i], 9), found[i]))
    return {names[found[made]]: f"leaks the target: {parts} make it up exactly, by {what}"}


def _parts(matrix: Numbers, target: Numbers, near: Numbers) -> list[int]:
    """The places of the columns of a smallest set that makes up the target, or none."""
    for candidates in _candidates(matrix, target):
        found = _cut(matrix, target, near, candidates)
        if 2 <= len(found) <= MOST:
            return found
    return []


def _candidates(matrix: Numbers, target: Numbers) -> Iterator[list[int]]:
    usable = np.isfinite(matrix)
    filled = usable.mean(axis=0) > 0.8
    means = np.where(filled, np.nanmean(np.where(filled, matrix, 0.0), axis=0), 0.0)
    centred = np.where(usable & filled, matrix - means, 0.0)
    spread = np.sqrt((centred**2).mean(axis=0))
    scaled = centred / np.where(spread > 0, spread, 1.0)
    left = target - target.mean()
    yield _pursued(scaled, left)
    going = np.abs(scaled.T @ left)
    most = min(MOST_SOLVED, len(target) // 3)
    taken = np.sort(np.argsort(-going, kind="stable")[:most])
    slopes = np.linalg.lstsq(scaled[:, taken], left, rcond=None)[0]
    yield [int(i) for i in taken[np.abs(slopes) > CLEARLY * target.std()]]


def _pursued(scaled: Numbers, left: Numbers) -> list[int]:
    chosen: list[int] = []
    rest = left
    for _ in range(min(MOST, scaled.shape[1])):
        chosen.append(int(np.argmax(np.abs(scaled.T @ rest))))
        slopes = np.linalg.lstsq(scaled[:, chosen], left, rcond=None)[0]
        rest = left - scaled[:, chosen] @ slopes
    return sorted(set(chosen))


def _cut(matrix: Numbers, target: Numbers, near: Numbers, candidates: list[int]) -> list[int]:
    """The candidates that cannot be spared; none when they do not make up the target."""
    if not 2 <= len(candidates) <= 4 * MOST or not _is_exact(matrix[:, candidates], target, near):
        return []
    for one in list(candidates):
        fewer = [other for other in candidates if other != one]
        if fewer and _is_exact(matrix[:, fewer], target, near):
            candidates = fewer
    return candidates


def _is_exact(matrix: Numbers, target: Numbers, near: Numbers) -> bool:
    """Whether the columns leave nothing of the target open but `near`, where they are filled, which most rows are."""
    rest = _solved(matrix, target)[1]
    usable = np.isfinite(matrix).all(axis=1)
    enough = usable.sum() >= max(30, 10 * matrix.shape[1], 0.8 * len(target))
    return bool(enough and (np.abs(rest) <= near[usable]).all())


def _solved(matrix: Numbers, target: Numbers) -> tuple[Numbers, Numbers]:
    usable = np.isfinite(matrix).all(axis=1)
    design = np.column_stack([matrix[usable], np.ones(int(usable.sum()))])
    slopes = np.linalg.lstsq(design, target[usable], rcond=None)[0]
    rest: Numbers = target[usable] - design @ slopes
    return slopes[:-1].astype(np.float64), rest


def _rounding(values: Numbers) -> float:
    """The step that the values are rounded to: 1 of whole numbers, 0.01 of cents; 0 when there is none."""
    for digits in range(7):
        if np.allclose(values, np.round(values, digits), rtol=0, atol=1e-9):
            return float(10.0**-digits)
    return 0.0
