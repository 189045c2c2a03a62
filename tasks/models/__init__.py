"""The model families, by name. A new family is one file with one class, and one line here."""

from __future__ import annotations

from typing import Literal

from tasks.models.baseline import Baseline
from tasks.models.boosting import Boosting
from tasks.models.family import Family
from tasks.models.forest import Forest
from tasks.models.kernel import Kernel
from tasks.models.linear import Linear
from tasks.models.neural import Neural
from tasks.models.tree import Tree

FamilyName = Literal["baseline", "linear", "boosting", "forest", "kernel", "neural", "tree"]

# In this order their first defaults are tried: a budget that ends early has then seen the strongest ones.
FAMILIES: dict[str, Family] = {
    family.kind: family for family in (Baseline(), Linear(), Kernel(), Boosting(), Forest(), Neural(), Tree())
}
