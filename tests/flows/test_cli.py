"""What a person gets to read: help, mistakes in project.yaml, and data that cannot be."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.flows.conftest import Say


def project(folder: Path, table: str | bytes, *, yaml: str = "", name: str = "rows.csv") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(table if isinstance(table, bytes) else table.encode())
    said = yaml or f"name: small\nsource: {{kind: csv, path: {name}}}\ntarget: y\n"
    (folder / "project.yaml").write_text(said, encoding="utf-8")
    return folder


def rows(n: int = 60, y: Callable[[int], object] = lambda i: i % 2, extra: str = "") -> str:
    lines = [f"{i * 7 % 13},{'abc'[i % 3]},{y(i)}" for i in range(n)]
    return "\n".join(["x,kind,y", *lines]) + "\n" + extra


def test_help_imports_nothing_heavy_and_names_every_command() -> None:
    code = "import sys; from flows.arguments import parser; parser().format_help(); print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for name in ("prefect", "mlflow", "pandas", "polars", "pydantic", "sklearn", "numpy"):
        assert f"'{name}'" not in loaded
    shown = subprocess.run([sys.executable, "-m", "flows.cli", "--help"], capture_output=True, text=True, check=True)
    for command in ("train", "predict", "show", "serve", "status", "down"):
        assert command in shown.stdout


@pytest.mark.parametrize(
    ("yaml", "expected"),
    [
        ("name: small\nsource: {kind: csv, path: rows.csv}\ntraget: y\n", "target"),
        ("name: small\nsource: {kind: csv, pth: rows.csv}\ntarget: y\n", "path"),
        ("name: small\nsource: {kind: cvs, path: rows.csv}\ntarget: y\n", "'csv'"),
        ("name: small\nsource: {kind: csv, path: rows.csv}\ntarget: y\nbudget: {second: 3}\n", "seconds"),
        ("name: small\nsource: {kind: csv, path: rows.csv}\ntarget: y\nmodels: [lineal]\n", "linear"),
        ("name: Small Thing\nsource: {kind: csv, path: rows.csv}\ntarget: y\n", "name"),
        ("name: small\nsource: {kind: csv, path: '${NOT_SET_ANYWHERE}'}\ntarget: y\n", "NOT_SET_ANYWHERE"),
        ("name: small\nsource: {kind: csv, path: rows.cvs}\ntarget: y\n", "rows.csv"),
        (f"name: small\nsource: {{kind: csv, path: {'long' * 99}}}\ntarget: y\n", "too long"),
        ("name: small\nsource: {kind: csv, path: rows.csv}\ntarget: z\n", "'z'"),
        ("name: small\nsource: {kind: csv, path: rows.csv}\ntarget: y\nfeatures: {a: lenght(kind)}\n", "length"),
        ("name: small\nsource: {kind: csv, path: rows.csv}\ntarget: y\ndrop: [kidn]\n", "kind"),
        ("name: small\nsource: {kind: csv, path: rows.csv}\ntarget: y\nmetric: acuracy\n", "accuracy"),
        ("name: small\nsource: {kind: csv, path: rows.csv}\ntarget: y\nproblem: regresion\n", "regression"),
        ("- a list\n", "name"),
        ("name: [unclosed\n", "line"),
        ("", "name"),
    ],
)
def test_a_mistake_in_project_yaml_is_told_with_what_may_be_meant(
    yaml: str, expected: str, tmp_path: Path, say: Say
) -> None:
    folder = project(tmp_path / "small", rows(), yaml=yaml or "# nothing\n")
    code, told = say("show", folder)
    assert code == 2, told
    assert expected in told


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("", "empty"),
        ("x,kind,y\n", "no rows"),
        ("x,kind,y\n1,a,0\n", "y"),
        ("x;kind\n1;a;0;7;8\n", "rows.csv"),
        (rows(extra="1,a\n"), "line 62"),
        ("x,x,y\n1,2,0\n", "'x'"),
        (rows(y=lambda i: 1), "'y'"),
        (rows(y=lambda i: ""), "'y'"),
        (rows(y=lambda i: "rare" if i == 3 else "common"), "rare"),
        (rows(y=lambda i: f"class {i}"), "'y'"),
        (rows().encode() + b"1,\xff\xfe,0\n", "utf-8"),
    ],
    ids=["empty", "header", "one row", "ragged", "short", "twice", "constant", "missing", "single", "ids", "encoding"],
)
def test_data_that_cannot_be_learned_are_told_in_words(
    table: str | bytes, expected: str, tmp_path: Path, say: Say
) -> None:
    code, told = say("show", project(tmp_path / "small", table))
    assert code in (2, 3), told
    assert expected in told


def test_text_in_a_numeric_column_is_quarantined_with_its_reason_and_the_rest_goes_on(tmp_path: Path, say: Say) -> None:
    folder = project(tmp_path / "small", rows(200, extra="many,a,1\n"))
    code, told = say("show", folder, "--json")
    assert code == 0, told
    facts = json.loads(told[: told.rindex("}") + 1])
    assert facts["data"] == facts["data"] | {"n_rows": 200, "quarantined": 1}
    assert {feature["name"]: feature["kind"] for feature in facts["features"]}["x"] == "number"


def test_names_with_spaces_quotes_and_other_scripts_are_names_like_others(tmp_path: Path, say: Say) -> None:
    header = '"the x","it\'s ""kind""",größe,年齢,y\n'
    body = "".join(f"{i % 7},{'ab'[i % 2]},{i},{i * 3 % 11},{i % 2}\n" for i in range(80))
    code, told = say("show", project(tmp_path / "small", header + body))
    assert code == 0, told
    for name in ("the x", 'it\'s "kind"', "größe", "年齢"):
        assert name in told


def test_infinite_values_are_missing_values_and_said_to_be(tmp_path: Path, say: Say) -> None:
    table = rows(100).replace("\n5,", "\ninf,")
    code, told = say("show", project(tmp_path / "small", table))
    assert code == 0 and "infinite" in told, told


def test_ten_thousand_columns_are_shown(tmp_path: Path, say: Say) -> None:
    names = ",".join([*(f"c{i}" for i in range(10_000)), "y"])
    body = "\n".join(",".join([*(str((i * j + i) % 61) for j in range(10_000)), str(i % 2)]) for i in range(60))
    code, told = say("show", project(tmp_path / "small", f"{names}\n{body}\n"))
    assert code == 0, told[-2000:]


def test_a_folder_without_a_project_names_the_nearest(tmp_path: Path, say: Say) -> None:
    project(tmp_path / "small", rows())
    code, told = say("show", tmp_path / "smal")
    assert code == 2 and "small" in told


def test_a_wrong_option_is_wrong_use(tmp_path: Path, say: Say) -> None:
    assert say("train", tmp_path, "--second", "3")[0] == 2
    for wrong in ("-3", "0", "soon", "nan"):
        assert say("train", project(tmp_path / "small", rows()), "--seconds", wrong)[0] == 2
    assert say("train", tmp_path, "--trials", "2.5")[0] == 2
    assert say("serve", project(tmp_path / "small", rows()), "--port", "0")[0] == 1  # it has no champion yet


def test_a_word_that_is_no_command_names_the_nearest_and_none_shows_all(say: Say) -> None:
    code, told = say("trian")
    assert code == 2 and told == "keepfit: 'trian' is no command. Perhaps `keepfit train` is meant; " + (
        "`keepfit --help` names all.\n"
    )
    code, told = say()
    assert code == 2 and "Begin with your data:" in told


def test_a_password_in_an_address_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.core import tracking

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://keeper:s3cret@db.example/mlflow")
    assert tracking.shown_address() == "postgresql://keeper:***@db.example/mlflow"


def test_only_the_source_reads_the_environment(tmp_path: Path, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROWS", "rows")
    monkeypatch.setenv("SECRET", "s3cret")
    said = "name: small\nsource: {kind: csv, path: '${ROWS}.csv'}\ntarget: y\ndrop: ['${SECRET}']\n"
    code, told = say("show", project(tmp_path / "small", rows(), yaml=said))
    assert code == 2 and "${SECRET}" in told and "s3cret" not in told
