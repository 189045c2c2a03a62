"""Finding and reading a project.yaml, and saying in words what is wrong with one. Light: commands start with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from tasks.core import yaml_file
from tasks.core.errors import ProjectError
from tasks.core.nearest import nearest

FILE = "project.yaml"


def project_file(folder: Path) -> Path:
    """The project.yaml that a path on the command line means."""
    file = (folder if folder.name.endswith((".yaml", ".yml")) else folder / FILE).absolute()
    if file.is_file():
        return file
    siblings = [found.parent.name for found in file.parent.parent.glob(f"*/{FILE}")] if not folder.exists() else []
    near = nearest(file.parent.name, siblings)
    raise ProjectError(
        f"There is no project in {folder}",
        expected=f"a folder with a {FILE}",
        found="no such folder" if not file.parent.exists() else f"no {FILE} in it",
        action=f"Perhaps {file.parent.parent.name}/{near} is meant" if near else f"Name the folder that holds {FILE}",
    )


def project_name(folder: Path) -> str:
    """The project's name, without loading what the rest of the file speaks of."""
    name = read_yaml(project_file(folder)).get("name")
    if not isinstance(name, str):
        raise ProjectError(f"{project_file(folder)}: name", expected="a name", found=repr(name))
    return name


def read_yaml(file: Path) -> dict[str, Any]:
    """The file as a mapping; ProjectError with the line when it is no YAML."""
    said = yaml_file.read(file)
    if not isinstance(said, dict):
        raise ProjectError(f"{file}", expected="keys like `name:`, `source:` and `target:`", found=type(said).__name__)
    return cast("dict[str, Any]", said)


def explained(error: ValidationError, file: Path, model: type[BaseModel]) -> ProjectError:
    """The first thing that is wrong with the file, in words, with the nearest known key for an unknown one."""
    first = error.errors()[0]
    # pydantic names validators by their code: `function-before[<lambda>(), str]`.
    place = [str(part) for part in first["loc"] if not str(part).startswith("function-")]
    where = ".".join(place) or "the file"
    more = f" ({error.error_count() - 1} more after this)" if error.error_count() > 1 else ""
    match first["type"]:
        case "extra_forbidden":
            known = _keys_at(model, tuple(place[:-1]))
            near = nearest(place[-1], known)
            return ProjectError(
                f"{file}: {where} is no key that keepfit knows{more}",
                expected=f"one of {', '.join(known)}",
                action=f"Perhaps `{near}` is meant" if near else "Remove it",
            )
        case "missing":
            return ProjectError(f"{file}: {where} is missing{more}", action=f"Add `{place[-1]}:`")
        case "invalid_key":
            return ProjectError(f"{file}: a key{more}", expected="a name", found=str(first["input"]))
        case "union_tag_invalid":
            context = first.get("ctx", {})
            return ProjectError(
                f"{file}: {where}{more}", expected=f"one of {context['expected_tags']}", found=repr(context["tag"])
            )
        case _:
            what = first["msg"].removeprefix("Value error, ")
            shown = "" if isinstance(first["input"], dict) else repr(first["input"])[:100]
            return ProjectError(f"{file}: {where}{more}", expected=what.removeprefix("Input should be "), found=shown)


def _keys_at(model: type[BaseModel], place: tuple[str, ...]) -> list[str]:
    """The keys that are known at a place of project.yaml, read from its JSON schema."""
    schema = model.model_json_schema()
    nodes: list[dict[str, Any]] = [schema]
    for part in place:
        # A union's tag is a part of the place too: `source.csv.pth`.
        if tagged := [node for node in nodes if part in _tags(node)]:
            nodes = tagged
            continue
        below = [node.get("properties", {}).get(part, node.get("additionalProperties")) for node in nodes]
        nodes = [option for node in below if isinstance(node, dict) for option in _options(schema, node)]
    return sorted({key for node in nodes for key in node.get("properties", {})})


def _options(schema: dict[str, Any], node: dict[str, Any]) -> list[dict[str, Any]]:
    node = _followed(schema, node)
    among = node.get("oneOf") or node.get("anyOf")
    return [option for each in among for option in _options(schema, each)] if among else [node]


def _followed(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    return schema["$defs"][node["$ref"].split("/")[-1]] if "$ref" in node else node


def _tags(node: dict[str, Any]) -> set[object]:
    return {field["const"] for field in node.get("properties", {}).values() if "const" in field}
