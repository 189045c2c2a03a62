"""A step is done again when, and only when, something that its result can depend on has changed."""

from __future__ import annotations

import gc
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tasks.core import imports, progress, step, store
from tasks.core.errors import DataError, Unavailable
from tasks.core.model_records import Member
from tasks.core.records import Blob, Record


class Count(Record):
    n: int
    file: Blob | None = None


done: list[str] = []


@step.step
def counted(names: tuple[Member, ...], weight: float = 1.0) -> Count:
    done.append("counted")
    return Count(n=len(names), file=store.put(str(weight).encode(), ".txt"))


@step.step
def failing(name: str) -> Count:
    raise DataError(f"{name} cannot be")


def member(weight: float = 0.5) -> Member:
    return Member(family="linear", params="{}", weight=weight, score=0.1)


@pytest.fixture(autouse=True)
def nothing_done() -> None:
    done.clear()


def test_the_same_arguments_are_answered_from_memory_however_they_are_given(open_store: Path) -> None:
    first = counted.fn((member(),), 2.0)
    assert counted.fn(weight=2.0, names=(member(),)) == first
    assert done == ["counted"]


@pytest.mark.parametrize("names", [(), (member(0.4),), (member(), member())])
def test_other_arguments_are_another_question(open_store: Path, names: tuple[Member, ...]) -> None:
    counted.fn((member(),))
    counted.fn(names)
    assert done == ["counted", "counted"]


def test_another_version_of_a_library_is_another_question(open_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted.fn((member(),))
    versions = {**step.library_versions(), "scikit-learn": "0.1"}
    monkeypatch.setattr(step, "library_versions", lambda: versions)
    counted.fn((member(),))
    assert done == ["counted", "counted"]


def test_a_result_whose_file_is_gone_is_made_again(open_store: Path) -> None:
    record = counted.fn((member(),))
    assert record.file is not None
    store.path(record.file).unlink()
    assert counted.fn((member(),)) == record
    assert done == ["counted", "counted"] and store.path(record.file).exists()


def test_a_failure_is_not_remembered(open_store: Path) -> None:
    for _ in range(2):
        with pytest.raises(DataError, match="cannot be"):
            failing.fn("it")
    assert not (open_store / "memory" / "failing").exists()


def test_whoever_listens_hears_of_each_step_and_whether_it_was_remembered(open_store: Path) -> None:
    heard: list[tuple[str, str]] = []
    history: list[step.Done] = []
    token, told = progress.listener.set(lambda name, text, *_: heard.append((name, text))), step.history.set(history)
    try:
        counted.fn((member(),))
        counted.fn((member(),))
    finally:
        progress.listener.reset(token)
        step.history.reset(told)
    assert [done.remembered for done in history] == [False, True]
    assert [name for name, _ in heard] == ["counted"] * 4 and heard[-1][1] == "remembered"


def test_only_what_was_away_is_tried_again() -> None:
    from tasks.collect import collect

    class State:
        def __init__(self, failure: Exception) -> None:
            self.failure = failure

        def result(self, raise_on_failure: bool = True) -> Exception:
            return self.failure

    assert collect.retries == 2 and collect.timeout_seconds and counted.retries == 0 and counted.timeout_seconds
    assert collect.retry_condition_fn is not None
    assert collect.retry_condition_fn(None, None, State(Unavailable("The server")))  # pyright: ignore
    assert collect.retry_condition_fn(None, None, State(ConnectionResetError()))  # pyright: ignore
    assert not collect.retry_condition_fn(None, None, State(DataError("The file")))  # pyright: ignore


def test_the_closure_of_a_step_holds_its_plug_ins_and_not_the_plumbing() -> None:
    names = imports.closure("tasks.tune", step.PLUMBING)
    assert {"tasks.tune", "tasks.models.boosting", "tasks.core.metrics", "tasks.core.records"} <= names
    assert not names & step.PLUMBING and "tasks.serving.app" not in names and "tasks.sources.csv" not in names


def test_a_changed_template_changes_the_digest_of_those_that_use_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("tasks", "tasks/pages"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").write_text("")
    (tmp_path / "tasks" / "a.py").write_text("from tasks.pages import page\n")
    (tmp_path / "tasks" / "pages" / "page.py").write_text("")
    template = tmp_path / "tasks" / "pages" / "page.html"
    monkeypatch.setattr(imports, "ROOT", tmp_path)
    found = []
    for text in ("<p>", "<p>", "<b>"):
        template.write_text(text)
        imports.closure_digest.cache_clear()
        found.append(imports.closure_digest("tasks.a", frozenset()))
    imports.closure_digest.cache_clear()
    assert found[0] == found[1] != found[2]


def test_a_changed_module_changes_the_digest_of_those_that_import_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "tasks"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "a.py").write_text("def f():\n    from tasks import b\n")
    (package / "b.py").write_text("x = 1\n")
    (package / "c.py").write_text("import tasks.core.store\n")
    monkeypatch.setattr(imports, "ROOT", tmp_path)

    def digests() -> list[str]:
        imports.closure_digest.cache_clear()
        return [imports.closure_digest(f"tasks.{name}", frozenset()) for name in "abc"]

    before = digests()
    (package / "b.py").write_text("x = 2\n")
    after = digests()
    imports.closure_digest.cache_clear()
    assert [old == new for old, new in zip(before, after, strict=True)] == [False, False, True]


def test_threads_that_read_imports_at_once_disturb_each_other() -> None:
    def closure(depth: int) -> int:
        return closure(depth - 1) if depth else len(imports.closure("tasks.core.step", frozenset()))

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    gc.callbacks.append(another := lambda *_: [None for _ in range(10)])  # Python within C lets another thread go on
    try:
        with ThreadPoolExecutor(4) as threads:
            assert len(set(threads.map(closure, [i % 7 for i in range(40)]))) == 1
    finally:
        gc.callbacks.remove(another)
        sys.setswitchinterval(before)
