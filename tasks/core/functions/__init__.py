"""What declared features can do: every function and operator by its name.

A function's meaning never changes once it is released: declared features travel as text in the cards of models.
"""

from __future__ import annotations

from tasks.core.functions.choices import CHOICES
from tasks.core.functions.dates import DATES
from tasks.core.functions.function import Constant, Function, Type, Wanted, finite, normal
from tasks.core.functions.numbers import NUMBERS
from tasks.core.functions.texts import TEXTS

__all__ = ["FUNCTIONS", "Constant", "Function", "Type", "Wanted", "finite", "normal"]

FUNCTIONS: dict[str, Function] = {**NUMBERS, **CHOICES, **TEXTS, **DATES}
