"""A YAML file as plain values, or a sentence with the line where it is none. Light: commands start with it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

import yaml

from tasks.core.errors import ProjectError

_CONSTRUCTORS_RAISE = (ValueError, ArithmeticError, AttributeError, LookupError, TypeError)
"""What PyYAML lets through of the values that it makes: 2024-13-45 is a ValueError, `!!bool x` a KeyError."""


def read(file: Path, quick: bool = False) -> Any:
    """What the file says; ProjectError when it cannot be read or is no YAML. `quick` is for long flat files."""
    try:
        # Both loaders are SafeLoaders: plain values alone, no object of a class that the file names.
        return yaml.load(file.read_text(encoding="utf-8"), _Quick if quick else _Loader)
    except yaml.MarkedYAMLError as exc:
        at = f", line {exc.problem_mark.line + 1}" if exc.problem_mark else ""
        expected, found = _told(exc.problem or "")
        raise ProjectError(f"{file}{at} is no YAML", expected=expected, found=found, action="Mend that line") from exc
    except UnicodeDecodeError as exc:
        raise ProjectError(f"{file} is no YAML", found=str(exc), action="Save it as UTF-8") from exc
    except yaml.YAMLError as exc:
        # A character that YAML forbids.
        raise ProjectError(f"{file} is no YAML", found=str(exc).splitlines()[0], action="Remove it") from exc
    except RecursionError as exc:
        raise ProjectError(f"{file} is no YAML", found="brackets in hundreds of brackets", action="Correct it") from exc
    except OSError as exc:
        raise ProjectError(f"{file} cannot be read", found=exc.strerror or "", action="Put a file there") from exc


def meant(text: str) -> Any:
    """What the text of a file says, that is YAML for certain."""
    return yaml.load(text, _Loader)  # a SafeLoader, as above


def _told(problem: str) -> tuple[str, str]:
    """What was expected and found: PyYAML says `expected X, but found Y`, `found Y` or in other words what is wrong."""
    split = re.fullmatch(r"expected (.+), but (?:found|got) (.+)", problem, re.DOTALL)
    return (split[1], split[2]) if split else ("", problem.removeprefix("found "))


class _Telling:
    """A loader to whom a value that cannot be is an error in a line, and a key always a name: `on:` is no boolean."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:bool":
                key.tag = "tag:yaml.org,2002:str"
        return cast("Any", super()).construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return cast("Any", super()).construct_object(node, deep)
        except _CONSTRUCTORS_RAISE as exc:
            problem = f"{str(node.value)[:60]!r}, which cannot be a {node.tag.rpartition(':')[2]} ({exc})"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from exc


# Both are safe loaders, which make plain values alone; PyYAML can be without the one in C.
class _Loader(_Telling, yaml.SafeLoader): ...


_Quick = type("_Quick", (_Telling, getattr(yaml, "CSafeLoader", yaml.SafeLoader)), {})
