"""Fitted transformers of scikit-learn: imputation, scaling, and the encoders over category codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

from tasks.exports.graph import Graph, convert, refuse

INT64 = 7
ABSENT = -np.inf  # stands for a missing value where columns are compared with categories: NaN equals nothing
MOST_CODES = 1_000_000


@convert.register(SimpleImputer)
def _imputer(fitted: Any, graph: Graph, x: str) -> str:
    if not (isinstance(fitted.missing_values, float) and np.isnan(fitted.missing_values)):
        raise refuse(fitted, f"missing_values={fitted.missing_values!r}", "missing_values=nan")
    missing = graph.add("IsNaN", x)
    filling = np.asarray(fitted.statistics_, dtype=float)
    filled = graph.add("Where", missing, filling, x)
    if not fitted.keep_empty_features and np.isnan(filling).any():
        filled = graph.columns(filled, np.flatnonzero(~np.isnan(filling)))
    if not fitted.add_indicator or len(fitted.indicator_.features_) == 0:
        return filled
    return graph.side_by_side(filled, graph.columns(graph.number(missing), fitted.indicator_.features_))


@convert.register(StandardScaler)
def _standard_scaler(fitted: Any, graph: Graph, x: str) -> str:
    return _shift_and_scale(graph, x, fitted.mean_ if fitted.with_mean else None, fitted.scale_)


@convert.register(RobustScaler)
def _robust_scaler(fitted: Any, graph: Graph, x: str) -> str:
    return _shift_and_scale(graph, x, fitted.center_, fitted.scale_)


@convert.register(MaxAbsScaler)
def _max_abs_scaler(fitted: Any, graph: Graph, x: str) -> str:
    return _shift_and_scale(graph, x, None, fitted.scale_)


@convert.register(MinMaxScaler)
def _min_max_scaler(fitted: Any, graph: Graph, x: str) -> str:
    scaled = graph.add("Add", graph.add("Mul", x, fitted.scale_), fitted.min_)
    if not fitted.clip:
        return scaled
    low, high = fitted.feature_range
    return graph.add("Clip", scaled, np.array(float(low)), np.array(float(high)))


def _shift_and_scale(graph: Graph, x: str, centre: Any, scale: Any) -> str:
    x = x if centre is None else graph.add("Sub", x, centre)
    return x if scale is None else graph.add("Div", x, scale)


@convert.register(PCA)
def _components(fitted: Any, graph: Graph, x: str) -> str:
    projected = graph.add("MatMul", graph.add("Sub", x, fitted.mean_), fitted.components_.T)
    return graph.add("Div", projected, np.sqrt(fitted.explained_variance_)) if fitted.whiten else projected


@convert.register(PowerTransformer)
def _power(fitted: Any, graph: Graph, x: str) -> str:
    """Box-Cox, or Yeo-Johnson as its two halves, each computed where x has its sign and 0 elsewhere."""
    lambdas = np.asarray(fitted.lambdas_, dtype=float)
    if fitted.method == "box-cox":
        result = _half_power(graph, x, lambdas)
    else:
        zero, one = np.array(0.0), np.array(1.0)
        up = _half_power(graph, graph.add("Add", graph.add("Max", x, zero), one), lambdas)
        down = _half_power(graph, graph.add("Add", graph.add("Max", graph.add("Neg", x), zero), one), 2 - lambdas)
        result = graph.add("Sub", up, down)
    return convert(fitted._scaler, graph, result) if fitted.standardize else result


def _half_power(graph: Graph, base: str, exponents: Any) -> str:
    """(base ** e - 1) / e, and its limit log(base) where e is 0, by column."""
    flat = np.abs(exponents) < np.spacing(1.0)
    powers = np.where(flat, 1.0, exponents)
    curved = graph.add("Div", graph.add("Sub", graph.add("Pow", base, powers), np.array(1.0)), powers)
    if not flat.any():
        return curved
    is_flat = graph.add("Cast", flat.astype(np.int64), to=9)
    return graph.add("Where", is_flat, graph.add("Log", base), curved)


@convert.register(OneHotEncoder)
def _one_hot(fitted: Any, graph: Graph, x: str) -> str:
    _check_unknown(fitted, ("ignore", "infrequent_if_exist", "warn"))
    grouped = fitted._infrequent_enabled and any(found is not None for found in fitted._infrequent_indices)
    if grouped:
        x = _groups(fitted, graph, x)
    columns, wanted = [], []
    for column, categories in enumerate(fitted.categories_):
        values = np.asarray(categories, dtype=float)
        if grouped:
            mapping: Any = fitted._default_to_infrequent_mappings[column]
            values = np.arange(len(values) if mapping is None else mapping.max() + 1, dtype=float)
        values = np.where(np.isnan(values), ABSENT, values)
        dropped = None if fitted._drop_idx_after_grouping is None else fitted._drop_idx_after_grouping[column]
        values = values if dropped is None else np.delete(values, dropped)
        columns += [column] * len(values)
        wanted += values.tolist()
    comparable = graph.add("Where", graph.add("IsNaN", x), np.array(ABSENT), x)
    return graph.number(graph.add("Equal", graph.columns(comparable, columns), np.array(wanted)))


def _groups(fitted: Any, graph: Graph, x: str) -> str:
    """The number of each value's group, when rare categories share one; an unknown value is in group -1 or theirs."""
    numbers, unknown = [], []
    mappings: list[Any] = fitted._default_to_infrequent_mappings
    for categories, mapping in zip(fitted.categories_, mappings, strict=True):
        groups = np.arange(len(categories)) if mapping is None else mapping
        joins = mapping is not None and fitted.handle_unknown != "ignore"  # a rare value like the others
        unknown.append(float(groups.max()) if joins else -1.0)
        numbers.append(groups)
    return lookup(fitted, graph, x, range(len(numbers)), fitted.categories_, numbers, unknown)


@convert.register(OrdinalEncoder)
def _ordinal(fitted: Any, graph: Graph, x: str) -> str:
    _check_unknown(fitted, ("use_encoded_value",))
    values = []
    for column, categories in enumerate(fitted.categories_):
        mapping = fitted._default_to_infrequent_mappings[column] if fitted._infrequent_enabled else None
        numbers = np.arange(len(categories), dtype=float) if mapping is None else mapping.astype(float)
        if column in fitted._missing_indices:
            numbers[fitted._missing_indices[column]] = fitted.encoded_missing_value
        values.append(numbers)
    unknown = [float(fitted.unknown_value)] * len(values)
    return lookup(fitted, graph, x, range(len(values)), fitted.categories_, values, unknown)


@convert.register(TargetEncoder)
def _target_encoder(fitted: Any, graph: Graph, x: str) -> str:
    n_classes = len(fitted.classes_) if fitted.target_type_ == "multiclass" else 1
    columns = np.repeat(np.arange(len(fitted.categories_)), n_classes)
    categories = [fitted.categories_[column] for column in columns]
    means = np.tile(np.atleast_1d(fitted.target_mean_), len(fitted.categories_))
    return lookup(fitted, graph, x, columns, categories, fitted.encodings_, means)


@convert.register(KBinsDiscretizer)
def _bins(fitted: Any, graph: Graph, x: str) -> str:
    if fitted.encode == "ordinal":
        raise refuse(fitted, "encode='ordinal'", "encode='onehot' or 'onehot-dense'")
    columns = np.repeat(np.arange(len(fitted.bin_edges_)), [len(edges) - 1 for edges in fitted.bin_edges_])
    lower = np.concatenate([[-np.inf, *edges[1:-1]] for edges in fitted.bin_edges_])
    upper = np.concatenate([[*edges[1:-1], np.inf] for edges in fitted.bin_edges_])
    wide = graph.columns(x, columns)
    inside = graph.add("And", graph.add("GreaterOrEqual", wide, lower), graph.add("Less", wide, upper))
    return graph.number(inside)


def lookup(
    fitted: Any, graph: Graph, x: str, columns: Sequence[int] | Any, keys: Any, values: Any, unknown: Any
) -> str:
    """One result a table: table i looks up column `columns[i]` of x among whole-number `keys[i]` (and NaN).

    All the tables lie in one constant, each as: unknown, lowest key … highest key, unknown, missing.
    """
    flat, low, high, start = [], [], [], []
    for known, found, other in zip(keys, values, unknown, strict=True):
        codes = np.asarray(known, dtype=float)
        present = codes[~np.isnan(codes)]
        first, last = (present.min(), present.max()) if len(present) else (0.0, 0.0)
        if not np.array_equal(present, np.floor(present)) or last - first > MOST_CODES:
            raise refuse(fitted, "values that are no category codes", f"whole numbers in a range below {MOST_CODES}")
        table = np.full(int(last - first) + 4, other, dtype=float)
        table[(present - first).astype(int) + 1] = np.asarray(found, dtype=float)[~np.isnan(codes)]
        if np.isnan(codes).any():
            table[-1] = np.asarray(found, dtype=float)[np.isnan(codes)][0]
        start.append(sum(map(len, flat)) + 1 - first)
        low.append(first - 1)
        high.append(last + 1)
        flat.append(table)
    outside, above, offset = np.array(low), np.array(high), np.array(start)
    if not np.array_equal(columns, np.arange(fitted.n_features_in_)):
        x = graph.columns(x, columns)
    code = graph.add("Min", graph.add("Max", x, outside), above)
    code = graph.add("Where", graph.add("IsNaN", x), above + 1, code)
    whole = graph.add("Equal", graph.add("Floor", code), code)
    slot = graph.add("Add", graph.add("Where", whole, code, outside), offset)
    return graph.add("Gather", np.concatenate(flat), graph.add("Cast", slot, to=INT64), axis=0)


def _check_unknown(fitted: Any, allowed: Sequence[str]) -> None:
    if fitted.handle_unknown not in allowed:
        raise refuse(fitted, f"handle_unknown={fitted.handle_unknown!r}", f"handle_unknown in {tuple(allowed)}")
