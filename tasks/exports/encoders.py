"""Fitted encoders over category codes, and bins: comparisons and tables that lie in the graph as constants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder, OrdinalEncoder, TargetEncoder

from tasks.exports.graph import Graph, convert, refuse
from tasks.exports.trees import Trees

INT64 = 7
ABSENT = -np.inf  # stands for a missing value where columns are compared with categories: NaN equals nothing
MOST_CODES = 1_000_000


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
        return _bin_numbers(fitted, graph, x)
    columns = np.repeat(np.arange(len(fitted.bin_edges_)), [len(edges) - 1 for edges in fitted.bin_edges_])
    lower = np.concatenate([[-np.inf, *edges[1:-1]] for edges in fitted.bin_edges_])
    upper = np.concatenate([[*edges[1:-1], np.inf] for edges in fitted.bin_edges_])
    wide = graph.columns(x, columns)
    inside = graph.add("And", graph.add("GreaterOrEqual", wide, lower), graph.add("Less", wide, upper))
    return graph.number(inside)


def _bin_numbers(fitted: Any, graph: Graph, x: str) -> str:
    """How many of its column's inner edges a value has reached."""
    trees = Trees()
    for column, edges in enumerate(fitted.bin_edges_):
        inner = np.asarray(edges[1:-1], dtype=float)
        trees.add_steps(column, np.nextafter(inner, -np.inf), np.arange(len(inner) + 1.0))
    return trees.write(graph, x, len(fitted.bin_edges_))


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
