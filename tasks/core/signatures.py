"""The type of an expression before any row is read, or the place where its parts do not fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import NoReturn, cast, get_args

from tasks.core import dialects, syntax
from tasks.core.functions import FUNCTIONS, Constant, Function, Type, Wanted
from tasks.core.functions.dates import UNITS, moment
from tasks.core.functions.formats import regex_of
from tasks.core.functions.zones import require_zone
from tasks.core.nearest import perhaps
from tasks.core.patterns import pattern
from tasks.core.syntax import Call, ExpressionError, Literal, Name, Node

Types = Mapping[str, Type]

CONSTANTS = frozenset[str](get_args(Constant))
_CALLABLE = tuple(name for name in FUNCTIONS if name.isidentifier() and name not in syntax.WORDS)
_KINDS: dict[type, Type] = {str: "text", bool: "boolean", float: "number"}
MOST_PATTERNS = 20
"""Patterns of an expression: each may take a row a tenth of a millisecond, and more when it is hostile."""
_MOST_NAMES, _LONGEST_NAME = 1_000, 60
"""The nearest name is looked for among so many, so that a wrong one is told within milliseconds."""


def type_of(text: str, columns: Types) -> Type:
    """What the expression gives over columns of these types; ExpressionError when its parts do not fit."""
    return _Typing(text, columns).of(syntax.parse(text))


def _nearest(name: str, known: Iterable[str], otherwise: str) -> str:
    if len(name) > _LONGEST_NAME:
        return otherwise
    return perhaps(name, (each for each in islice(known, _MOST_NAMES) if len(each) <= _LONGEST_NAME), otherwise)


class _Typing:
    def __init__(self, text: str, columns: Types) -> None:
        self._text = text
        self._columns = columns
        self._n_patterns = 0

    def of(self, node: Node) -> Type:
        if isinstance(node, Literal):
            return _KINDS[type(node.value)]
        if isinstance(node, Call):
            return self._call(node)
        found = self._columns.get(node.name)
        return found if found is not None else self._unknown_column(node)

    def _call(self, node: Call) -> Type:
        function = FUNCTIONS.get(node.function)
        if function is None:
            self._unknown_function(node)
        wanted = function.wanted(len(node.arguments))
        if wanted is None:
            problem = f"{node.function} does not take {len(node.arguments)} arguments"
            self._fail(node, problem, f"An example is {function.example}")
        groups: dict[str, Type] = {}
        for argument, kind in zip(node.arguments, wanted, strict=True):
            if kind in CONSTANTS:
                self._constant(node, argument, kind, groups)
            else:
                self._expression(node, argument, kind, groups)
        self._agree(node, function, wanted)
        if function.gives == "same" or function.gives == "other":
            return groups["any" if function.gives == "same" else "other"]
        return function.gives

    def _expression(self, call: Call, argument: Node, kind: Wanted, groups: dict[str, Type]) -> None:
        found = self.of(argument)
        if kind in ("any", "ordered", "other"):
            if kind == "ordered" and found == "boolean":
                self._fail(argument, f"{call.function} does not order truth values")
            self._alike(argument, found, "other" if kind == "other" else "any", groups)
        elif kind != found:
            hint = _CONVERSIONS.get((call.function, found)) or _CONVERSIONS.get((kind, found), "")
            self._fail(argument, f"{call.function} takes {kind} here, and this is {found}", hint)

    def _alike(self, argument: Node, found: Type, group: str, groups: dict[str, Type]) -> None:
        before = groups.setdefault(group, found)
        if before != found:
            hint = _CONVERSIONS.get((before, found), "")
            self._fail(argument, f"{before} is expected here, as before, and this is {found}", hint)

    def _constant(self, call: Call, argument: Node, kind: Wanted, groups: dict[str, Type]) -> None:
        what, expected, check = _CHECKS[kind]
        if not isinstance(argument, Literal) or not isinstance(argument.value, expected):
            hint = f"An example is {FUNCTIONS[call.function].example}"
            self._fail(argument, f"this must be {what}, the same for all rows", hint)
        if kind in ("constant", "other constant"):
            self._alike(argument, _KINDS[type(argument.value)], "any" if kind == "constant" else "other", groups)
        self._n_patterns += kind == "pattern"
        if self._n_patterns > MOST_PATTERNS:
            self._fail(argument, f"an expression has at most {MOST_PATTERNS} patterns")
        try:
            check(argument.value)
        except ValueError as exc:
            self._fail(argument, f"{'the pattern cannot be used: ' if kind == 'pattern' else ''}{exc}")

    def _agree(self, call: Call, function: Function, wanted: Iterable[Wanted]) -> None:
        if function.agree is None:
            return
        both = zip(call.arguments, wanted, strict=True)
        constants = [cast("Literal", argument) for argument, kind in both if kind in CONSTANTS]
        try:
            function.agree(*(constant.value for constant in constants))
        except ValueError as exc:
            self._fail(constants[0], str(exc))

    def _unknown_column(self, node: Name) -> NoReturn:
        hint = dialects.NAMES.get(node.name.lower())
        columns = f"The columns are {', '.join(name[:_LONGEST_NAME] for name in islice(self._columns, 10))}"
        found = hint or _nearest(node.name, self._columns, columns)
        self._fail(node, f"there is no column {node.name[:_LONGEST_NAME]!r}", found)

    def _unknown_function(self, node: Call) -> NoReturn:
        hint = dialects.function(node.function) or dialects.WORDS.get(node.function.lower())
        found = hint or _nearest(node.function, _CALLABLE, f"The functions are {', '.join(_CALLABLE)}")
        self._fail(node, f"there is no function {node.function[:_LONGEST_NAME]!r}", found)

    def _fail(self, node: Node, problem: str, hint: str = "") -> NoReturn:
        raise ExpressionError(self._text, node.at, problem, hint)


_CONVERSIONS = {
    ("-", "date"): "What lies between two dates is days_between(start, end)",
    ("+", "text"): "Texts are joined by concat(a, b)",
    ("number", "text"): "A number that is written in a text is read by number(text)",
    ("number", "boolean"): "A number is made of it by if(condition, 1, 0)",
    ("text", "number"): "A text is made of it by text(number)",
    ("date", "text"): "A date that is written in a text is read by date(text, '%Y-%m-%d')",
    ("boolean", "number"): "A truth value is made of it by a comparison, such as rooms > 0",
}
"""What a type wanted (or the function that wants it) and a type found have in between."""


def _not_empty(text: str) -> None:
    if not text:
        raise ValueError("this text must have a character at least")


def _whole(low: int, high: int, without: int | None = None) -> Callable[[float], None]:
    def check(number: float) -> None:
        if not (number.is_integer() and low <= number <= high) or number == without:
            but = "" if without is None else f" but {without}"
            raise ValueError(f"this must be a whole number from {low} to {high}{but}")

    return check


def _positive(number: float) -> None:
    if number <= 0:
        raise ValueError("this must be above zero")


def _unit(name: str) -> None:
    if name not in UNITS:
        raise ValueError(f"this must be one of {', '.join(UNITS)}")


def _anything(_value: object) -> None:
    pass


_TEXT, _NUMBER = "a text in quotes", "a number"
_CHECKS: dict[Wanted, tuple[str, type | tuple[type, ...], Callable[..., object]]] = {
    "pattern": (_TEXT, str, pattern),
    "constant text": (_TEXT, str, _anything),
    "part": (_TEXT, str, _not_empty),
    "constant number": (_NUMBER, float, _anything),
    "whole": (_NUMBER, float, _whole(0, 100_000)),
    "position": (_NUMBER, float, _whole(1, 100_000)),
    "place": (_NUMBER, float, _whole(-1_000, 1_000, without=0)),
    "digits": (_NUMBER, float, _whole(0, 15)),
    "period": (_NUMBER, float, _positive),
    "constant": ("a text in quotes or a number", (str, float, bool), _anything),
    "other constant": ("a text in quotes, a number, true or false", (str, float, bool), _anything),
    "zone": (_TEXT, str, require_zone),
    "format": (_TEXT, str, regex_of),
    "moment": (_TEXT, str, moment),
    "unit": (_TEXT, str, _unit),
}
