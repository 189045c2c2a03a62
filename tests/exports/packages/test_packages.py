"""Every package on every problem: it answers as the served model, says how it is asked, and touches nobody's files."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import onnx
import onnxruntime
import polars as pl
import pytest
from playwright.sync_api import expect, sync_playwright

from flows.arguments import parser
from tasks.core.errors import Refused, UsageError
from tasks.exports.packages import PACKAGES, packed, rows
from tasks.exports.packages.container import NEEDED, served
from tasks.exports.packages.folder import MANIFEST, Manifest
from tasks.exports.packages.package import Made, require_alike
from tasks.scoring.scorer import Scorer
from tasks.serving import alone
from tests.exports.packages.conftest import CLASSES, MakeSource

COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
CHROMIUM = shutil.which("chromium")
RUNTIME = os.environ.get("KEEPFIT_TEST_NODE_MODULES")
"""A `node_modules` that has onnxruntime-web."""

pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_command_offers_every_package() -> None:
    for kind in PACKAGES:
        words = ["export", "ship", "--to", kind, "--output", "there"]
        assert parser().parse_args(words).to == kind
    with pytest.raises(SystemExit, match="2"):
        parser().parse_args(["export", "ship", "--to", "moon", "--output", "there"])


def require_whole(manifest: Manifest, folder: Path) -> None:
    """That the package answers as the served model, and that its manifest tells all that it holds."""
    found = manifest.made.compared
    assert found is not None and found.n_rows >= 4
    assert found.largest_difference < 1e-9 and found.predictions_changed == 0
    assert manifest == Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    present = {each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file()}
    assert present == {each.path for each in manifest.files} | {MANIFEST}
    for each in manifest.files:
        assert hashlib.sha256((folder / each.path).read_bytes()).hexdigest() == each.sha256


@pytest.mark.parametrize("problem", CLASSES)
@pytest.mark.parametrize("kind", [kind for kind in PACKAGES if kind != "docker"])  # whose server takes a second: below
def test_it_answers_as_the_served_model_and_its_manifest_tells_all_of_it(
    kind: str, problem: str, make_source: MakeSource, tmp_path: Path
) -> None:
    if kind == "c" and COMPILER is None:
        pytest.skip("there is no C compiler on this machine")
    require_whole(packed(PACKAGES[kind](), kind, make_source(problem), tmp_path), tmp_path)


@pytest.mark.parametrize("kind", [kind for kind in PACKAGES if kind != "docker"])
def test_a_second_export_gives_the_same_bytes_and_leaves_what_lies_beside(
    kind: str, make_source: MakeSource, tmp_path: Path
) -> None:
    first = packed(PACKAGES[kind](), kind, make_source(), tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    stale = first.model_copy(update={"files": (*first.files, first.files[0].model_copy(update={"path": "stale"}))})
    (tmp_path / "stale").write_text("of an older version")
    (tmp_path / MANIFEST).write_text(stale.model_dump_json())
    assert packed(PACKAGES[kind](), kind, make_source(), tmp_path) == first
    assert (tmp_path / "notes.txt").read_text() == "mine" and not (tmp_path / "stale").exists()


def test_a_folder_of_something_else_a_file_and_another_kind_are_refused_untouched(
    make_source: MakeSource, tmp_path: Path
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "other").mkdir()
    package = PACKAGES["onnx"]()
    other = packed(package, "onnx", make_source(), tmp_path / "onnx").model_copy(update={"to": "moon"})
    (tmp_path / "other" / MANIFEST).write_text(other.model_dump_json())
    for name, word in (("full", "thesis.tex"), ("file", "is a file"), ("other", "--to moon")):
        with pytest.raises(UsageError, match=word):
            packed(package, "onnx", make_source(), tmp_path / name)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "full", "onnx", "other"]
    assert [each.name for each in (tmp_path / "full").iterdir()] == ["thesis.tex"]


@contextmanager
def hosted(folder: Path) -> Iterator[str]:
    """The address of a static host of the folder."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


class TestOnnx:
    def test_inputs_are_raw_columns_whatever_they_are_called_and_no_training_row_is_told(
        self, make_source: MakeSource, tmp_path: Path
    ) -> None:
        source = make_source()
        manifest = packed(PACKAGES["onnx"](), "onnx", source, tmp_path)
        model = onnx.load(tmp_path / "model.onnx")
        onnx.checker.check_model(model, full_check=True)
        session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
        assert {each.name for each in session.get_inputs()} == {each.name for each in source.scorer.card.inputs}
        assert [each.name for each in session.get_outputs()] == ["prediction of y", "probabilities"]
        told = {each.key: each.value for each in model.metadata_props}
        assert told == {"keepfit.project": "ship", "keepfit.version": "3", "keepfit.digest": manifest.digest}
        assert json.loads(source.scorer.card.sample[1])["naïve “x”"] and "sample" not in str(told)
        assert any("milliseconds" in note for note in manifest.made.notes)

    def test_in_float32_it_is_smaller_and_what_that_costs_is_told(
        self, make_source: MakeSource, tmp_path: Path
    ) -> None:
        package = PACKAGES["onnx"]
        exact = packed(package(), "onnx", make_source(), tmp_path / "exact")
        coarse = packed(package(precision="float32"), "onnx", make_source(), tmp_path / "coarse")
        assert coarse.files[0].size < exact.files[0].size
        assert exact.made.compared and coarse.made.compared
        assert exact.made.compared.largest_difference < 1e-12 < coarse.made.compared.largest_difference
        types = {
            each.name: each.type for each in onnxruntime.InferenceSession(tmp_path / "coarse/model.onnx").get_inputs()
        }
        assert types["size"] == "tensor(float)" and types["sold"] == "tensor(double)"

    def test_a_feature_may_be_the_hosts_to_compute_and_only_one_that_is_computed(
        self, make_source: MakeSource, tmp_path: Path
    ) -> None:
        manifest = packed(PACKAGES["onnx"](as_input=("band",)), "onnx", make_source(), tmp_path)
        (band,) = (each for each in manifest.made.inputs if each.by_host)
        assert (band.name, band.type, band.levels) == ("band", "text", ("middle", "small"))
        with pytest.raises(UsageError, match=r"--as-input brand.*per_room.*band"):
            packed(PACKAGES["onnx"](as_input=("brand",)), "onnx", make_source(), tmp_path)


class TestBrowser:
    @pytest.mark.slow
    @pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")
    def test_the_page_has_a_field_for_each_input_and_says_how_to_get_what_runs_the_model(
        self, make_source: MakeSource, tmp_path: Path
    ) -> None:
        packed(PACKAGES["browser"](as_input=("band",)), "browser", make_source(), tmp_path)
        if RUNTIME:  # an installed onnxruntime-web: then the page answers
            (tmp_path / "node_modules").symlink_to(RUNTIME)
        with hosted(tmp_path) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page()
            page.goto(address)
            row = {"size": "120", "town": "Paris", "sold": "2021-06-01T12:00", "naïve “x”": "0.5"}
            for label, value in {**row, "band": "middle"}.items():
                page.get_by_label(label, exact=True).fill(value)
            page.get_by_label("flag", exact=True).select_option("yes")
            assert page.locator("#fields label").all_text_contents()[-1] == "band"
            assert "case(size < 50" in page.inner_text("#fields")
            if RUNTIME:
                page.get_by_role("button").click()
                answer = make_source().scorer.predict(pl.DataFrame([{**row, "flag": True}]), missing_ok=True)
                expected = answer["prediction"][0]
                expect(page.locator(".answer")).to_have_text(f"y: {expected}")
            else:
                expect(page.locator("#answer")).to_contain_text("npm install")
                expect(page.get_by_role("button")).to_be_disabled()
            browser.close()


class TestC:
    @pytest.mark.skipif(COMPILER is None, reason="there is no C compiler on this machine")
    @pytest.mark.parametrize("family", ["tree", "neural"])
    def test_other_families_are_the_same_to_the_last_bits(
        self, family: str, make_source: MakeSource, tmp_path: Path
    ) -> None:
        found = packed(PACKAGES["c"](), "c", make_source("multiclass", (family,)), tmp_path).made.compared
        assert found and found.largest_difference < 1e-14

    def test_without_a_compiler_it_is_written_and_says_that_it_was_not_compared(
        self, make_source: MakeSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
        manifest = packed(PACKAGES["c"](as_input=("band",)), "c", make_source(), tmp_path / "c")
        assert manifest.made.compared is None and "no C compiler" in manifest.made.notes[-1]
        header = (tmp_path / "c" / "model.h").read_text(encoding="utf-8")
        assert "  double na_ve_x; /* naïve “x”: number */" in header and "void ship_predict(" in header
        assert "  char const *band; /* band: text, case(size < 50" in header

    def test_what_c_cannot_compute_is_refused_with_the_way_out(self, make_source: MakeSource, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="float32 with C"):
            packed(PACKAGES["c"](precision="float32"), "c", make_source(), tmp_path)
        source = make_source()
        first, *others = source.scorer.card.features
        pattern = first.model_copy(update={"expression": "if(contains(town, 'ari'), size, 0)"})
        card = source.scorer.card.model_copy(update={"features": (pattern, *others)})
        changed = replace(source, scorer=Scorer(source.scorer._session, card, source.scorer.digest))
        with pytest.raises(UsageError, match=r"cannot be written as C.*found a pattern.*--to onnx"):
            packed(PACKAGES["c"](), "c", changed, tmp_path)
        assert not list(tmp_path.iterdir())


class TestDocker:
    @pytest.mark.slow
    def test_its_server_needs_nothing_but_its_requirements_and_keeps_a_log_where_it_has_a_volume(
        self, make_source: MakeSource, tmp_path: Path
    ) -> None:
        folder = tmp_path / "ship"
        source = make_source("multiclass")
        require_whole(packed(PACKAGES["docker"](), "docker", source, folder), folder)
        pinned = (folder / "requirements.txt").read_text()
        assert all(f"{name}==" in pinned for name in NEEDED) and "mlflow" not in pinned
        others = ["mlflow", "prefect", "sklearn", "pandas", "optuna", "onnx", "great_expectations"]
        refuse = f"import sys\nfor name in {others}:\n    sys.modules[name] = None\n"
        (folder / "server" / "sitecustomize.py").write_text(refuse)
        with served(folder, {"KEEPFIT_HOME": str(tmp_path / "volume")}) as address:
            told = httpx.get(f"{address}/readyz").json()
            assert told["model"]["version"] == "3"
            refused = httpx.post(f"{address}/predict", json={"size": "big"})
            assert refused.status_code == 422
            assert httpx.get(f"{address}/").status_code == httpx.get(f"{address}/metrics").status_code == 200
            row = json.loads(source.scorer.card.sample[0])
            answer = httpx.post(f"{address}/predict", json=row)
            assert answer.status_code == 200, answer.text
        assert list((tmp_path / "volume" / "predictions" / "ship" / "segments").iterdir())

    def test_options_that_it_has_no_use_for_and_a_model_that_was_changed_are_refused(
        self, make_source: MakeSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for options in ({"precision": "float32"}, {"as_input": ("band",)}):
            with pytest.raises(UsageError, match="with a container"):
                packed(PACKAGES["docker"](**options), "docker", make_source(), tmp_path / "ship")
        assert not list(tmp_path.iterdir())
        with pytest.raises(UsageError, match=r"no model to serve.*model\.onnx"):
            alone.run(tmp_path, tmp_path / "home", keeps=False)
        (tmp_path / "served.json").write_text(make_source().serving)
        (tmp_path / "model.onnx").write_bytes(b"another")
        with pytest.raises(Refused, match="is not the model that was exported"):
            alone.run(tmp_path, tmp_path / "home", keeps=False)
        closed = make_source().serving.replace('"open"', '"keys"')
        (tmp_path / "served.json").write_text(closed)
        with pytest.raises(UsageError, match="KEEPFIT_DATABASE_URL"):
            alone.run(tmp_path, tmp_path / "home", keeps=False)
        monkeypatch.setenv("PORT", "http")
        (tmp_path / "served.json").write_text(make_source().serving)
        (tmp_path / "model.onnx").write_bytes(make_source().data)
        with pytest.raises(UsageError, match="PORT: expected a number"):
            alone.run(tmp_path, tmp_path / "home", keeps=False)


def test_an_export_that_answers_otherwise_is_refused(make_source: MakeSource) -> None:
    served = make_source().scorer.predict(rows.strange(make_source().scorer.card))
    probabilities = served.select("probability_no", "probability_yes").to_numpy()
    same = rows.compared(served, served["prediction"].to_list(), probabilities)
    assert (same.largest_difference, same.predictions_changed) == (0.0, 0)
    other = rows.compared(served, ["no"] * len(served), probabilities + 1e-6)
    assert other.predictions_changed == (served["prediction"] == "yes").sum()
    require_alike(same, "float64", "It")
    for precision in ("float64", "float32"):
        with pytest.raises(Refused, match="It "):
            require_alike(other, precision, "It")
    assert Made().compared is None
