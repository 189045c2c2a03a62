"""What may be expected of a column of numbers or moments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from tasks.profiling.claims import Claim, claim, figure
from tasks.profiling.figures import ColumnFigures, Spread
from tasks.profiling.suspects import rounded, stand_ins, stuck
from tasks.profiling.tolerance import Tolerance, outward

FAR = 10.0
"""A request this many times the seen span away is no such value: a wrong unit, or a code for something else."""
MODES = 12
"""Values that may be the commonest of fresh rows, and that a person still reads."""
YEAR = 365.25 * 86_400


def of_numbers(one: ColumnFigures, tolerance: Tolerance, closed: bool) -> Iterator[Claim]:
    """Range, ends that are still reached, mean, deviation, commonest value and distribution."""
    if (spread := one.spread) is None or not one.n_present:
        return
    write = _number(spread.whole)
    low, high = limits(spread)
    name, n = one.name, spread.n
    seen = f"{figure(spread.low.seen)} to {figure(spread.high.seen)} in {n:,} values"
    if not closed:
        yield claim(
            "expect_column_values_to_be_between", seen, column=name, min_value=write(low), max_value=write(high)
        )
        yield from _reached(one, spread, write)
        yield from stand_ins(one, low, high, tolerance)
        yield from rounded(one, tolerance)
        yield from stuck(one, tolerance)
    if spread.deviation == 0:
        return
    if (margin := tolerance.mean(spread.deviation, spread.kurtosis, n)) is not None:
        digits = 4
        yield claim(
            "expect_column_mean_to_be_between",
            f"mean {figure(spread.mean)} of {n:,} values, deviation {figure(spread.deviation)}",
            column=name,
            min_value=outward(spread.mean - margin, False, digits),
            max_value=outward(spread.mean + margin, True, digits),
            severity="warn",
        )
    if not closed and (margin := tolerance.deviation(spread.deviation, spread.kurtosis, n)) is not None:
        yield claim(
            "expect_column_stdev_to_be_between",
            f"deviation {figure(spread.deviation)} of {n:,} values",
            column=name,
            min_value=outward(spread.deviation - margin, False),
            max_value=outward(spread.deviation + margin, True),
            severity="warn",
        )
    yield from commonest(one, tolerance)
    yield from _distribution(one, spread, tolerance)


def of_moments(one: ColumnFigures) -> Iterator[Claim]:
    """Not before the first ones, not in a far future, and as new as they were."""
    if (spread := one.spread) is None or not one.n_present:
        return
    span = max(spread.high.seen - spread.low.seen, YEAR)
    seen = f"{_day(spread.low.seen)} to {_day(spread.high.seen)} in {spread.n:,} values"
    yield claim(
        "expect_column_values_to_be_between",
        seen,
        column=one.name,
        min_value=_day(spread.low.limit),
        max_value=_day(spread.high.seen + span + 86_400),
    )
    if spread.high.reached > spread.low.seen:
        yield claim(
            "expect_column_max_to_be_between",
            f"the newest is of {_day(spread.high.seen)}",
            column=one.name,
            min_value=_day(spread.high.reached),
            severity="warn",
        )


def limits(spread: Spread) -> tuple[float, float]:
    """Where impossible values begin: beyond the tails, and where a sign or a share ends."""
    low = outward(spread.low.limit, False, whole=spread.whole)
    high = outward(spread.high.limit, True, whole=spread.whole)
    if spread.low.limit == spread.low.seen:
        low = spread.low.seen
    if spread.high.limit == spread.high.seen:
        high = spread.high.seen
    if low < 0 <= spread.low.seen:
        low = 0.0
    if high > 0 >= spread.high.seen:
        high = 0.0
    if spread.low.seen >= 0 and spread.high.seen == 1 < high and not spread.whole:
        high = 1.0
    return low, high


def of_requests(one: ColumnFigures) -> Iterator[Claim]:
    """What no request may hold: another sign, or a number that is far from all that were seen."""
    if (spread := one.spread) is None or one.type not in ("number", "integer") or one.counts_rows:
        return
    low, high = limits(spread)
    span = high - low or abs(high) or 1.0
    seen = f"{figure(spread.low.seen)} to {figure(spread.high.seen)}; ten times that is another unit"
    write = _number(spread.whole)
    least = 0.0 if spread.low.seen >= 0 else outward(low - FAR * span, False, 2)
    most = 0.0 if spread.high.seen <= 0 else outward(high + FAR * span, True, 2)
    if least < most:
        found = claim(
            "expect_column_values_to_be_between", seen, column=one.name, min_value=write(least), max_value=write(most)
        )
        yield found.model_copy(update={"section": "serving"})


def commonest(one: ColumnFigures, tolerance: Tolerance) -> Iterator[Claim]:
    """Which values may be the commonest: a value that stands in for others, or a sensor that is stuck, becomes it."""
    if not one.common or one.distinct <= 1 or (one.distinct <= len(one.common) and one.distinct <= MODES):
        return
    n, (value, n_rows) = one.n_looked, one.common[0]
    if n_rows < 5:
        return
    # The counts of two values differ by chance by the root of their sum, in each of two samples.
    rivals = [other for other, k in one.common if n_rows - k <= tolerance.sigmas * (2 * (n_rows + k)) ** 0.5]
    if len(rivals) > MODES:
        return
    yield claim(
        "expect_column_most_common_value_to_be_in_set",
        f"{value!r} in {n_rows / n:.1%} of {n:,} rows",
        column=one.name,
        value_set=sorted(rivals, key=lambda rival: (str(type(rival)), rival)),
        ties_okay=True,
        severity="warn",
    )


def _reached(one: ColumnFigures, spread: Spread, write: Callable[[float], float]) -> Iterator[Claim]:
    """That fresh rows go nearly as far: what is cut off or clipped does not."""
    for tail, kind, bound in ((spread.high, "max", "min_value"), (spread.low, "min", "max_value")):
        other = spread.low.seen if kind == "max" else spread.high.seen
        # Where many rows are at the end itself, their share tells of them.
        if tail.reached != other and tail.limit != tail.seen:
            yield claim(
                f"expect_column_{kind}_to_be_between",
                f"{kind} {figure(tail.seen)}; fourteen rows go as far",
                column=one.name,
                severity="warn",
                **{bound: write(tail.reached)},
            )


def _distribution(one: ColumnFigures, spread: Spread, tolerance: Tolerance) -> Iterator[Claim]:
    if len(spread.edges) < 2 or spread.n < 200:
        return
    write = _number(spread.whole)
    first, *inner = spread.weights[:-1]
    n = spread.n_weighed
    yield claim(
        "expect_column_kl_divergence_to_be_less_than",
        f"shares of {n:,} values",
        column=one.name,
        partition_object={
            "bins": [write(edge) for edge in spread.edges],
            "weights": [round(share, 4) for share in inner],
            "tail_weights": [round(first, 4), round(1 - round(first, 4) - sum(round(w, 4) for w in inner), 4)],
        },
        threshold=outward(tolerance.divergence(len(spread.weights), n), True, 2),
        severity="warn",
    )


def _number(whole: bool) -> Callable[[float], float]:
    return lambda value: int(value) if whole and value == round(value) else value


def _day(moment: float) -> str:
    return datetime.fromtimestamp(moment, tz=UTC).date().isoformat()
