"""The fitted QuantileTransformer: ranks among the training values, uniform or as of a normal distribution."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import norm
from sklearn.preprocessing import QuantileTransformer

from tasks.exports.graph import Graph, convert
from tasks.exports.trees import Trees

NEAR = 1e-7
"""scikit-learn's: values so near to a bound count as the bound, and ranks so near to 0 and 1 are cut."""


@convert.register(QuantileTransformer)
def _quantiles(fitted: Any, graph: Graph, x: str) -> str:
    """The mean of the interpolations from below and from above, which differ where training values are tied.

    A tree finds the piece that a value lies in, a table has each piece's line.
    """
    is_normal = fitted.output_distribution == "normal"
    trees, tables = Trees(), []
    quantiles: Any = fitted.quantiles_
    for column, knots in enumerate(quantiles.T):
        edges, pieces = _pieces(knots, fitted.references_)
        start = sum(map(len, tables))
        trees.add_steps(column, edges, start + np.arange(len(edges) + 1.0))
        tables.append(pieces)
    piece = graph.add("Cast", trees.write(graph, x, len(tables)), to=7)
    base, slope, rank = (
        graph.add("Gather", np.ascontiguousarray(values), piece, axis=0) for values in np.concatenate(tables).T
    )
    found = graph.add("Add", graph.add("Mul", slope, graph.add("Sub", x, base)), rank)
    if not is_normal:
        return found
    low, high = quantiles[0], quantiles[-1]
    is_high = graph.add("Greater", graph.add("Add", x, np.array(NEAR)), high)
    is_low = graph.add("Less", graph.add("Sub", x, np.array(NEAR)), low)
    found = graph.add("Where", is_high, np.array(1.0), found)
    found = graph.add("Where", is_low, np.array(0.0), found)
    return normal_quantile(graph, found)


def _pieces(knots: Any, ranks: Any) -> tuple[Any, Any]:
    """Where pieces end, and each as base, slope, rank: below all knots, then each knot alone and what follows it."""
    if np.isnan(knots).any():  # no value was known
        return np.array([]), np.array([[np.nan, 0.0, np.nan]])
    points, first = np.unique(knots, return_index=True)
    last = np.append(first[1:], len(knots)) - 1
    low, high = ranks[first], ranks[last]
    at = (low + high) / 2
    at[-1], at[0] = 1.0, 0.0  # the bounds are no ties; of a constant column the lower one is meant
    edges = np.column_stack([np.nextafter(points, -np.inf), points]).ravel()
    slope = np.append((low[1:] - high[:-1]) / np.diff(points), 0.0)
    pieces = np.empty((2 * len(points) + 1, 3))
    pieces[0] = points[0], 0.0, 0.0
    pieces[1::2] = np.column_stack([points, np.zeros(len(points)), at])
    pieces[2::2] = np.column_stack([points, slope, np.append(high[:-1], 1.0)])
    return edges, pieces


COEFFICIENTS = np.array(
    [
        [3.3871328727963666080e0, 1.0, 1.42343711074968357734e0, 1.0],
        [1.3314166789178437745e2, 4.2313330701600911252e1, 4.63033784615654529590e0, 2.05319162663775882187e0],
        [1.9715909503065514427e3, 6.8718700749205790830e2, 5.76949722146069140550e0, 1.67638483018380384940e0],
        [1.3731693765509461125e4, 5.3941960214247511077e3, 3.64784832476320460504e0, 6.89767334985100004550e-1],
        [4.5921953931549871457e4, 2.1213794301586595867e4, 1.27045825245236838258e0, 1.48103976427480074590e-1],
        [6.7265770927008700853e4, 3.9307895800092710610e4, 2.41780725177450611770e-1, 1.51986665636164571966e-2],
        [3.3430575583588128105e4, 2.8729085735721942674e4, 2.27238449892691845833e-2, 5.47593808499534494600e-4],
        [2.5090809287301226727e3, 5.2264952788528545610e3, 7.74545014278341407640e-4, 1.05075007164441684324e-9],
    ]
).T
"""Of AS 241, the constant first: above and below the line in the centre, above and below it in the tails."""


def normal_quantile(graph: Graph, ranks: str) -> str:
    """The quantiles of the standard normal distribution, cut as scikit-learn cuts them.

    Algorithm AS 241 (Wichura, 1988), good to 1e-16; its third part is for ranks under 1e-11, which are cut before.
    """
    edge = NEAR - np.spacing(1)
    ranks = graph.add("Max", graph.add("Min", ranks, np.array(1 - edge)), np.array(edge))
    offset = graph.add("Sub", ranks, np.array(0.5))
    square = graph.add("Sub", np.array(0.425**2), graph.add("Mul", offset, offset))
    centre = graph.add("Mul", offset, _ratio(graph, graph.add("Max", square, np.array(0.0)), *COEFFICIENTS[:2]))
    outer = graph.add("Min", ranks, graph.add("Sub", np.array(1.0), ranks))
    root = graph.add("Sqrt", graph.add("Neg", graph.add("Log", outer)))
    tail = _ratio(graph, graph.add("Sub", root, np.array(1.6)), *COEFFICIENTS[2:])
    tail = graph.add("Mul", graph.add("Sign", offset), tail)
    near = graph.add("LessOrEqual", graph.add("Abs", offset), np.array(0.425))
    found = graph.add("Where", near, centre, tail)
    low, high = norm.ppf(edge), norm.ppf(1 - edge)
    return graph.add("Max", graph.add("Min", found, np.array(float(high))), np.array(float(low)))


def _ratio(graph: Graph, x: str, above: Any, below: Any) -> str:
    return graph.add("Div", _polynomial(graph, x, above), _polynomial(graph, x, below))


def _polynomial(graph: Graph, x: str, coefficients: Any) -> str:
    """By Horner's rule; the constant comes first."""
    value: Any = np.array(coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        value = graph.add("Add", graph.add("Mul", value, x), np.array(coefficient))
    return value
