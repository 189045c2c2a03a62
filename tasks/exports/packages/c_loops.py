"""The loops of nodes whose values depend on others than those at the same place."""

from __future__ import annotations

from tasks.exports.packages.c_values import Tensor


def concat(given: list[Tensor], out: Tensor) -> list[str]:
    lines, at = [], 0
    for each in given:
        lines.append(f"for (i = 0; i < {each.size}; i++) {out.name}[{at} + i] = {each.name}[i];")
        at += each.size
    return lines


def gather(given: list[Tensor], out: Tensor, width: int) -> list[str]:
    """Each of the places has so many values."""
    data, places = given
    if width == 1:
        return [f"for (i = 0; i < {out.size}; i++) {out.name}[i] = {data.name}[{places.name}[i]];"]
    value = f"{data.name}[{places.name}[i] * {width} + j]"
    loop = f"for (j = 0; j < {width}; j++) {out.name}[i * {width} + j] = {value};"
    return [f"for (i = 0; i < {places.size}; i++) {{ {loop} }}"]


def matmul(given: list[Tensor], out: Tensor) -> list[str]:
    x, weights = given
    total = f"total += {x.name}[j] * {weights.name}[j * {out.size} + i];"
    loop = f"double total = 0; for (j = 0; j < {x.size}; j++) {total} {out.name}[i] = total;"
    return [f"for (i = 0; i < {out.size}; i++) {{ {loop} }}"]


def softmax(given: list[Tensor], out: Tensor) -> list[str]:
    x, size = given[0].name, out.size
    return [
        f"{{ double top = {x}[0], total = 0; for (i = 1; i < {size}; i++) top = most(top, {x}[i]);",
        f"for (i = 0; i < {size}; i++) total += {out.name}[i] = exp({x}[i] - top);",
        f"for (i = 0; i < {size}; i++) {out.name}[i] /= total; }}",
    ]


def reduced(x: Tensor, out: Tensor, length: int, step: str) -> list[str]:
    """The axis of that length is the first: the values that are put together lie `out.size` apart."""
    made = step.format(f"{out.name}[i]", f"{x.name}[j * {out.size} + i]")
    loop = f"for (j = 1; j < {length}; j++) {out.name}[i] = {made};"
    return [f"for (i = 0; i < {out.size}; i++) {{ {out.name}[i] = {x.name}[i]; {loop} }}"]


def argmax(given: list[Tensor], out: Tensor) -> list[str]:
    x = given[0].name
    loop = f"for (i = 1; i < {given[0].size}; i++) if ({x}[i] > {x}[{out.name}[0]]) {out.name}[0] = i;"
    return [f"{out.name}[0] = 0;", loop]


def looked_up(x: Tensor, out: Tensor, keys: Tensor, values: Tensor, default: str) -> list[str]:
    key = f"{keys.name}[j]"
    same = f"strcmp({x.name}[0], {key}) == 0" if keys.type.startswith("char const") else f"{x.name}[0] == {key}"
    return [
        f"{out.name}[0] = {default};",
        f"for (j = 0; j < {keys.size}; j++) if ({same}) {{ {out.name}[0] = {values.name}[j]; break; }}",
    ]
