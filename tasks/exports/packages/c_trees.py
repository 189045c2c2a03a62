"""Trees as arrays and the one loop that walks them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from onnx import numpy_helper

from tasks.exports.packages.c_values import array
from tasks.exports.trees import LESS_OR_EQUAL, MEMBER


def trees(settings: Mapping[str, Any], x: str, out: str, n_targets: int, name: str) -> tuple[list[str], list[str]]:
    """The constants and the statements of a TreeEnsemble node over one row.

    A branch that is a leaf is its position, counted from -1 downwards. Members of a category's set lie in one array,
    from `members[split]`, each set ended by a NaN.
    """
    modes = numpy_helper.to_array(settings["nodes_modes"])
    splits = numpy_helper.to_array(settings["nodes_splits"]).astype(np.float64)
    if not np.isin(modes, (LESS_OR_EQUAL, MEMBER)).all():
        raise ValueError("a mode of nodes that keepfit does not write")
    members = numpy_helper.to_array(settings["membership_values"]) if "membership_values" in settings else np.array([])
    starts = np.concatenate([[0], np.flatnonzero(np.isnan(members)) + 1])
    splits = splits.copy()
    splits[modes == MEMBER] = starts[: int((modes == MEMBER).sum())]
    branches: dict[str, np.ndarray] = {}
    for side in ("true", "false"):
        place = np.array(settings[f"nodes_{side}nodeids"])
        branches[side] = np.where(settings[f"nodes_{side}leafs"], -1 - place, place)
    missing = settings.get("nodes_missing_value_tracks_true", np.zeros(len(modes), int))
    declared = [
        array(f"{name}_feature", "int", settings["nodes_featureids"]),
        array(f"{name}_member", "char", (modes == MEMBER).astype(int)),
        array(f"{name}_split", "double", splits),
        array(f"{name}_yes", "int", branches["true"]),
        array(f"{name}_no", "int", branches["false"]),
        array(f"{name}_missing", "char", missing),
        array(f"{name}_root", "int", settings["tree_roots"]),
        array(f"{name}_target", "int", settings["leaf_targetids"]),
        array(f"{name}_weight", "double", numpy_helper.to_array(settings["leaf_weights"])),
        array(f"{name}_members", "double", members if len(members) else [0.0]),
    ]
    lines = [
        f"for (i = 0; i < {n_targets}; i++) {out}[i] = 0;",
        f"for (i = 0; i < {len(settings['tree_roots'])}; i++) {{",
        f"  long node = {name}_root[i];",
        "  do {",
        f"    double value = {x}[{name}_feature[node]];",
        "    int yes;",
        f"    if (isnan(value)) yes = {name}_missing[node];",
        f"    else if ({name}_member[node]) yes = is_member(value, {name}_members + (long){name}_split[node]);",
        f"    else yes = value <= {name}_split[node];",
        f"    node = yes ? {name}_yes[node] : {name}_no[node];",
        "  } while (node >= 0);",
        f"  {out}[{name}_target[-1 - node]] += {name}_weight[-1 - node];",
        "}",
    ]
    return declared, lines
