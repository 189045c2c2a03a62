"""What expectations see in one frame: the only module that speaks to Great Expectations.

Every call has a context of its own: one that is shared by threads gives each thread the results of the others.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from tasks.core.errors import DataError, ProjectError
from tasks.core.expectation import Expectation
from tasks.core.records import QualityReport

if TYPE_CHECKING:
    import polars as pl

_BOUNDS = ("min_value", "max_value", "value_set")
SAME = 1e-9
"""By how much sums of floats may differ, as a share of what is added."""
N_SHOWN = 5
_FORMAT = {"result_format": "COMPLETE", "exclude_unexpected_values": True, "partial_unexpected_count": 5}


@dataclass(frozen=True)
class Seen:
    """One expectation's result on one frame.

    Of single rows: it spoke of `n_rows` (those with a value), and those at the positions `broken` do not hold it.
    Of the table: `observed` is the figure that was found.
    """

    held: bool
    n_rows: int = 0
    broken: Sequence[int] = ()
    observed: str = ""


def evaluate(frame: pl.DataFrame, expectations: Sequence[Expectation]) -> list[Seen]:
    """What each expectation sees in the frame, in order; DataError when one cannot be evaluated on it."""
    if not expectations:
        return []
    import numpy as np
    import polars as pl

    gx = preload()
    from great_expectations.core.expectation_suite import ExpectationSuite
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    dates = frozenset(name for name, kind in frame.schema.items() if kind.is_temporal())
    asked = [_asked(expectation, dates, position) for position, expectation in enumerate(expectations)]
    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )
    source = gx.get_context(mode="ephemeral", project_config=config).data_sources.add_pandas("rows")
    whole = source.add_dataframe_asset("rows").add_batch_definition_whole_dataframe("rows")
    for one in filter(_is_sum, expectations):
        try:
            frame = frame.with_columns(_sum(one))
        except pl.exceptions.InvalidOperationError as exc:
            raise _unfit(one, str(exc)) from exc
    rows = frame.with_columns(pl.col(pl.Datetime).dt.replace_time_zone(None)).to_arrow().to_pandas(date_as_object=False)
    suite = ExpectationSuite(name="rows", expectations=asked)
    with np.errstate(all="ignore"):  # a distribution without a value in any bin divides by zero, and does not hold
        results = whole.get_batch({"dataframe": rows}).validate(suite, result_format=_FORMAT).results
    by_position = {result.expectation_config.meta["position"]: result for result in results}
    if sorted(by_position) != list(range(len(expectations))):
        raise RuntimeError(f"Great Expectations evaluated {len(results)} of {len(expectations)} expectations")
    if len(expectations) > 1 and any(_exception(result) for result in results):
        # One that cannot be evaluated takes others of its suite with it; alone, each tells its own failure.
        return [evaluate(frame, [expectation])[0] for expectation in expectations]
    return [_seen(by_position[position], expectation) for position, expectation in enumerate(expectations)]


def try_arguments(expectations: Sequence[Expectation], dates: frozenset[str]) -> None:
    """ProjectError for the first expectation whose arguments cannot be, before any data are read."""
    for expectation in expectations:
        _asked(expectation, dates)


def summary(report: QualityReport) -> str:
    """The report as Markdown, for people."""
    n_held = report.evaluated - len(report.failed)
    lines = [f"**{report.suite}**: {n_held} of {report.evaluated} expectations hold in {report.n_rows:,} rows."]
    if report.quarantined is not None:
        name = f"{report.quarantined.digest}{report.quarantined.suffix}"
        lines += ["", f"{report.n_quarantined:,} rows are quarantined, with the reasons, in `{name}`."]
    if report.failed:
        lines += ["", "| broken expectation | rows | found | then |", "|---|--:|---|---|"]
    for failed in report.failed:
        cells = (failed.reason, f"{failed.n_rows:,}", ", ".join(failed.examples), failed.severity)
        lines.append("| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def preload() -> Any:
    """Great Expectations itself; importing it takes seconds, which can pass while something else is waited for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on import it uses modules that Python has deprecated
        import great_expectations as gx
    return gx


def _asked(expectation: Expectation, dates: frozenset[str], position: int = 0) -> Any:
    """Great Expectations' own object for it; bounds that are text in the file are moments where the column's are."""
    preload()
    from great_expectations.expectations.registry import get_expectation_impl

    given: dict[str, Any] = dict(expectation.arguments)
    kind = expectation.type
    if _is_sum(expectation):
        kind = "expect_column_pair_values_to_be_equal"
        given = {"column_A": _sum_name(expectation), "column_B": given["sum_total"]}
        given["ignore_row_if"] = "either_value_is_missing"
    if condition := given.pop("row_condition", None):
        from great_expectations.expectations.row_conditions import PassThroughCondition

        given["row_condition"] = PassThroughCondition(pass_through_filter=condition)
    try:
        if set(expectation.columns) & dates:
            for bound in given.keys() & set(_BOUNDS):
                value = given[bound]
                given[bound] = [_moment(item) for item in value] if isinstance(value, list) else _moment(value)
        return get_expectation_impl(kind)(**given, meta={"position": position})
    except (TypeError, ValueError) as exc:
        raise ProjectError(
            f"{expectation.type} in expectations.yaml cannot be asked with {dict(expectation.arguments)}",
            found=" ".join(str(exc).split()),
            action="Correct its arguments",
        ) from exc


def _is_sum(expectation: Expectation) -> bool:
    """Whether columns must add up to another column, where Great Expectations itself knows one number for all rows."""
    return expectation.type == "expect_multicolumn_sum_to_equal" and isinstance(expectation.arguments["sum_total"], str)


def _sum_name(expectation: Expectation) -> str:
    return f"sum of {', '.join(expectation.columns[:-1])} as {expectation.columns[-1]}"


def _sum(expectation: Expectation) -> pl.Expr:
    """The sum as a column that equals the total where only the last digits of floats differ."""
    import polars as pl

    *parts, total = (pl.col(name).cast(pl.Float64) for name in expectation.columns)
    added = pl.fold(pl.lit(0.0), lambda so_far, part: so_far + part, parts)
    near = SAME * pl.sum_horizontal(part.abs() for part in parts) + SAME
    return pl.when((added - total).abs() <= near).then(total).otherwise(added).alias(_sum_name(expectation))


def _moment(value: Any) -> Any:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _exception(result: Any) -> str:
    """What Great Expectations stumbled over, which it tells in two shapes; empty when it did not."""
    told: dict[str, Any] = result.exception_info or {}
    each: list[Any] = [told] if "raised_exception" in told else list(told.values())
    return "; ".join(
        sorted({" ".join(str(one["exception_message"]).split()) for one in each if one["raised_exception"]})
    )


def _seen(result: Any, expectation: Expectation) -> Seen:
    found: dict[str, Any] = result.result
    stumbled = _exception(result)
    if stumbled or (expectation.names_rows and "element_count" not in found):
        raise _unfit(expectation, stumbled or "no result")
    if not expectation.names_rows:
        return Seen(bool(result.success), observed=_observed(found))
    broken: Sequence[int] = found.get("unexpected_index_list") or []
    if len(broken) != found["unexpected_count"]:
        raise RuntimeError(f"{expectation.type}: {found['unexpected_count']} rows broke it, {len(broken)} are named")
    return Seen(not broken, n_rows=found["element_count"] - found.get("missing_count", 0), broken=broken)


def _unfit(expectation: Expectation, found: str) -> DataError:
    return DataError(
        f"{expectation.type} cannot be evaluated on {', '.join(expectation.columns) or 'the table'}",
        found=found,
        action="Check in expectations.yaml that the expectation suits the column's type",
    )


def _observed(found: dict[str, Any]) -> str:
    """The figure that was found; of a set of values, those that are too many and those that lack."""
    observed = found.get("observed_value")
    if isinstance(observed, float):
        return f"{observed:g}"
    if isinstance(observed, list):  # of values that are as common; there may be as many as rows
        several = cast("list[Any]", observed)
        shown = ", ".join(_one(value) for value in several[:N_SHOWN])
        return shown + (f" and {len(several) - N_SHOWN} more" if len(several) > N_SHOWN else "")
    if observed is not None:
        return str(observed)
    unexpected, lacking = found.get("partial_unexpected_list") or [], found.get("partial_missing_list") or []
    said = [*(("also", value) for value in unexpected), *(("no", value) for value in lacking)]
    return ", ".join(f"{word} {_one(value)}" for word, value in said)


def _one(value: Any) -> str:
    # numpy's own numbers show themselves as np.float64(5.0)
    return repr(value.item() if hasattr(value, "item") else value)
