"""The Prefect server, databases, locks and sweeping, with real processes that are really killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from flows import services
from flows.services import locks, named, templates
from tasks.core.errors import Unavailable
from tests.conftest import kept_environment

COMMAND = """
import json, sys, time
from pathlib import Path
from flows import services
home = Path(sys.argv[1])
server = services.start(home)
server.ready()
print(json.dumps({"url": server.url, "pid": (services.state(home) or {}).get("pid")}), flush=True)
"""

FLOW = (
    COMMAND
    + """
from prefect import flow, get_run_logger, task
from prefect.runtime import flow_run
services.settle()

@task
def step(number):
    return number + 1

@flow
def trivial(body):
    get_run_logger().info("a line that the server keeps")
    print(json.dumps({"flow_run": str(flow_run.id)}), flush=True)
    for number in range(8):
        step(number)
    if body == "kill the server":
        import os, signal
        os.kill(services.state(home)["pid"], signal.SIGKILL)
    if body == "fail":
        raise ValueError("a failure of the flow")
    if body == "hang":
        from tasks.core import tracking
        with tracking.run("trivial", "test", {}, {}) as run:
            with services.running(home, "trivial", str(flow_run.id), run.run_id):
                print(json.dumps({"mlflow_run": run.run_id}), flush=True)
                time.sleep(600)

from tasks.core import store
with store.opened(home):
    print(json.dumps({"swept": [run.flow_run_id for run in services.sweep(home)]}), flush=True)
    try:
        for body in sys.argv[2:]:
            trivial(body)
    except ValueError:
        pass
    services.drain()
"""
)

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    with kept_environment():
        for name in [name for name in os.environ if name.startswith(("PREFECT_", "MLFLOW_"))]:
            del os.environ[name]
        os.environ["PREFECT_HOME"] = "/nonexistent"  # no profile of the machine may decide a test
        yield


@pytest.fixture
def start() -> Iterator[Start]:
    """A function that starts Python code as a command of its own; all are ended after the test."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, *arguments: object, **variables: str) -> subprocess.Popen[str]:
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", code, *map(str, arguments)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=os.environ | variables,
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home with an awkward name, whose server is ended after the test."""
    folder = tmp_path / "häuser #1 50% off" / ".keepfit"
    yield folder
    services.down(folder)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home whose server the tests that do not harm it use together."""
    folder = tmp_path_factory.mktemp("shared")
    yield folder
    services.down(folder)


def said(process: subprocess.Popen[str]) -> dict[str, object]:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate()[1]
    return json.loads(line)


def ended(process: subprocess.Popen[str]) -> str:
    """What it wrote to stderr."""
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return errors


def until(true: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


# The server


@pytest.mark.slow
def test_two_commands_at_once_start_one_server_and_down_leaves_nothing_of_it(home: Path, start: Start) -> None:
    first, second = start(COMMAND, home), start(COMMAND, home)
    server = said(first)
    assert said(second) == server
    assert ended(first) == ended(second) == ""
    assert services.state(home) is not None, "the server outlives the commands"

    assert services.down(home)

    until(lambda: not is_alive(int(str(server["pid"]))), 1)
    assert not locks.is_held(home / "prefect" / "server.lock")
    assert not (home / "prefect" / "server.json").exists()
    assert not services.down(home)


@pytest.mark.slow
def test_a_killed_server_is_replaced_at_the_address_that_the_user_exported(home: Path, start: Start) -> None:
    first = said(start(COMMAND, home))
    os.kill(int(str(first["pid"])), signal.SIGKILL)
    until(lambda: not locks.is_held(home / "prefect" / "server.lock"))
    assert (home / "prefect" / "server.json").exists(), "it had no time to remove it"

    second = said(start(COMMAND, home, PREFECT_API_URL=str(first["url"])))

    assert second["pid"] != first["pid"]
    assert second["url"] == first["url"]


@pytest.mark.slow
def test_a_program_that_took_the_dead_servers_port_is_not_taken_for_it(home: Path, start: Start) -> None:
    class Foreign(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"true")

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Foreign) as foreign:
        threading.Thread(target=foreign.serve_forever, daemon=True).start()
        port = foreign.server_address[1]
        folder = home / "prefect"
        folder.mkdir(parents=True)
        (folder / "port").write_text(str(port))
        stale = {"pid": 2**22, "port": port, "url": f"http://127.0.0.1:{port}/api", "prefect": "3", "token": "a"}
        (folder / "server.json").write_text(json.dumps(stale))
        assert services.state(home) is None

        assert said(start(COMMAND, home))["url"] != stale["url"]
        foreign.shutdown()


@pytest.mark.slow
def test_an_idle_server_ends_but_not_while_a_quiet_command_uses_it(home: Path, start: Start) -> None:
    command = start(COMMAND + "sys.stdin.read(1); time.sleep(600)", home, KEEPFIT_SERVER_IDLE="0.4")
    pid = int(str(said(command)["pid"]))
    time.sleep(1.5)
    assert is_alive(pid)

    command.kill()
    command.wait()

    until(lambda: not locks.is_held(home / "prefect" / "server.lock"))
    assert not (home / "prefect" / "server.json").exists()
    until(lambda: not is_alive(pid))


def test_a_named_server_that_is_away_is_an_error_that_names_it_and_the_way_out(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/api"
    os.environ["PREFECT_API_URL"] = url
    server = services.start(tmp_path)
    assert not server.private

    with pytest.raises(Unavailable, match=rf"(?s){url}.*unset PREFECT_API_URL"):
        server.ready()


def test_a_named_server_that_never_answers_does_not_hang_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.services.server.NAMED_SECONDS", 0.3)
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{mute.getsockname()[1]}/api"

        with pytest.raises(Unavailable, match="timed out"):
            services.start(tmp_path).ready()


@pytest.mark.parametrize(
    ("profiles", "url"),
    [
        (
            'active = "work"\n[profiles.work]\nPREFECT_API_URL = "http://prefect.example/api/"',
            "http://prefect.example/api",
        ),
        ('active = "local"', "http://127.0.0.1:4200/api"),
        ('active = "ephemeral"', None),
        ("not toml", None),
    ],
)
def test_the_active_prefect_profile_names_the_server(tmp_path: Path, profiles: str, url: str | None) -> None:
    (tmp_path / "profiles.toml").write_text(profiles)
    os.environ["PREFECT_HOME"] = str(tmp_path)
    assert named.configured() == url


# A run under it


@pytest.mark.slow
def test_behind_a_proxy_the_command_is_silent_and_the_server_has_every_task_and_line(
    shared: Path, start: Start
) -> None:
    nowhere = "http://127.0.0.1:9"
    command = start(FLOW, shared, "run", "fail", HTTP_PROXY=nowhere, http_proxy=nowhere, NO_PROXY="example.org")
    url = str(said(command)["url"])
    said(command)
    runs = [said(command)["flow_run"] for _ in range(2)]

    assert ended(command) == "", "Prefect's engine writes 95 lines for one ValueError"

    for run, state in zip(runs, ("COMPLETED", "FAILED"), strict=True):
        assert posted(f"{url}/flow_runs/filter", {"flow_runs": {"id": {"any_": [run]}}})[0]["state_type"] == state
        lines = posted(f"{url}/logs/filter", {"logs": {"flow_run_id": {"any_": [run]}}})
        assert any(line["message"] == "a line that the server keeps" for line in lines)
        # The server takes the tasks from their events, a moment later.
        until(lambda run=run: task_states(url, run) == ["COMPLETED"] * 8)


@pytest.mark.slow
def test_a_page_that_has_its_own_name_point_here_is_answered_nothing(shared: Path, start: Start) -> None:
    url = str(said(start(COMMAND, shared))["url"])
    port = url.rpartition(":")[2].removesuffix("/api")
    for host, status in (
        ("evil.example", 421),
        (f"evil.example:{port}", 421),
        ("127.0.0.1.evil.example", 421),
        (f"localhost:{port}", 200),
        ("LOCALHOST", 200),
    ):
        for path in ("/api/health", "/keepfit"):
            request = Request(url.removesuffix("/api") + path, headers={"Host": host})
            try:
                with urlopen(request, timeout=10) as answer:
                    assert answer.status == status, host
            except HTTPError as exc:
                assert exc.code == status, host
    pools = posted(f"{url}/work_pools/filter", {})
    assert [pool["name"] for pool in pools] == ["keepfit"], "what the server asks of itself is answered"


@pytest.mark.slow
def test_flow_runs_in_a_row_never_find_the_database_locked(home: Path, start: Start) -> None:
    command = start(FLOW, home, *["run"] * 8, PREFECT_SERVER_LOG_RETRYABLE_ERRORS="true")
    ended(command)
    assert "locked" not in (home / "logs" / "prefect.log").read_text()


@pytest.mark.slow
def test_a_run_whose_server_is_killed_goes_on_with_the_next(home: Path, start: Start) -> None:
    command = start(FLOW, home, "kill the server")
    server = said(command)
    said(command)
    run = said(command)["flow_run"]

    assert ended(command) == ""

    again = services.state(home)
    assert again is not None
    assert (again["url"], again["pid"] == server["pid"]) == (server["url"], False)
    [found] = posted(f"{server['url']}/flow_runs/filter", {"flow_runs": {"id": {"any_": [run]}}})
    assert found["state_type"] == "COMPLETED"


@pytest.mark.slow
def test_a_server_that_cannot_start_is_an_error_with_its_last_words(home: Path, start: Start) -> None:
    (home / "prefect").mkdir(parents=True)
    (home / "prefect" / "prefect.db").write_text("not a database" * 100)

    _, errors = start(COMMAND, home).communicate(timeout=120)

    assert "does not answer" in errors
    assert str(home / "logs" / "prefect.log") in errors


@pytest.mark.slow
def test_the_pages_load_and_ask_the_right_address(shared: Path, start: Start) -> None:
    url = str(said(start(COMMAND, shared))["url"])
    root = url.removesuffix("/api")
    with urlopen(f"{root}/ui-settings") as answer:
        assert json.load(answer)["api_url"] == url
    with urlopen(Request(f"{root}/dashboard", headers={"Accept": "text/html"})) as answer:
        page = answer.read().decode()
    assert '<div id="app"' in page
    script = page.split('src="')[1].split('"')[0]
    with urlopen(root + script) as answer:
        assert "javascript" in answer.headers["content-type"]


@pytest.mark.slow
def test_a_killed_command_is_crashed_and_killed_at_the_next_start(shared: Path, start: Start) -> None:
    killed, living = start(FLOW, shared, "hang"), start(FLOW, shared, "hang")
    dead, alive = (
        {key: value for _ in range(4) for key, value in said(process).items()} for process in (killed, living)
    )
    url = str(dead["url"])
    runs = [dead["flow_run"], alive["flow_run"]]
    killed.kill()
    killed.wait()

    following = start(FLOW, shared)
    assert said(following)["pid"] == dead["pid"], "the server goes on"
    assert said(following)["swept"] == [dead["flow_run"]]
    ended(following)

    found = posted(f"{url}/flow_runs/filter", {"flow_runs": {"id": {"any_": runs}}})
    assert {run["id"]: run["state_type"] for run in found} == dict(zip(runs, ("CRASHED", "RUNNING"), strict=True))
    with closing(sqlite3.connect(shared / "mlflow.db")) as database:
        status = dict(database.execute("SELECT run_uuid, status FROM runs").fetchall())
    assert status == {dead["mlflow_run"]: "KILLED", alive["mlflow_run"]: "RUNNING"}


def test_a_sweep_of_a_home_without_dead_runs_imports_nothing(tmp_path: Path, start: Start) -> None:
    code = """
import sys
from pathlib import Path
from flows import services
with services.running(Path(sys.argv[1]), "p", "an id"):
    assert services.sweep(Path(sys.argv[1])) == []
assert services.sweep(Path(sys.argv[1])) == []
heavy = {"prefect", "mlflow", "pydantic", "httpx", "http.client"} & set(sys.modules)
assert not heavy, heavy
"""
    ended(start(code, tmp_path))
    assert list((tmp_path / "runs").iterdir()) == []


def posted(url: str, body: dict[str, object]) -> list[dict[str, str]]:
    request = Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urlopen(request, timeout=10) as answer:
        return json.load(answer)


def task_states(url: str, flow_run: object) -> list[str]:
    tasks = posted(f"{url}/task_runs/filter", {"flow_runs": {"id": {"any_": [flow_run]}}})
    return [task["state_type"] for task in tasks]


# Locks

HOLD = """
import sys, time
from pathlib import Path
from flows import services
with services.locked(Path(sys.argv[1]), sys.argv[2]):
    print(1, flush=True)
    time.sleep(600)
"""


def test_a_second_run_of_a_project_waits_and_says_for_whom_until_the_first_is_killed(
    tmp_path: Path, start: Start
) -> None:
    name = "häuser/../../titanic"
    holder = start(HOLD, tmp_path, name)
    said(holder)
    told: list[str] = []
    threading.Timer(0.3, holder.kill).start()

    with services.locked(tmp_path, name, say=told.append):
        assert holder.wait() == -signal.SIGKILL

    assert told == [f"waiting for the run of {name} (pid {holder.pid}) …"]
    assert [file.parent for file in tmp_path.rglob("*.lock")] == [tmp_path / "locks"]


def test_a_command_told_not_to_wait_says_who_is_busy(tmp_path: Path, start: Start) -> None:
    holder = start(HOLD, tmp_path, "titanic")
    said(holder)
    with (
        pytest.raises(Unavailable, match=f"titanic is busy.*process {holder.pid}"),
        services.locked(tmp_path, "titanic", wait=False),
    ):
        pass
    with services.locked(tmp_path, "houses", wait=False):
        pass  # another project is free


# Databases


@pytest.fixture(scope="module")
def made() -> tuple[Path, Path]:
    prefect, mlflow = templates.make()
    return prefect, mlflow


@pytest.mark.slow
def test_the_templates_are_at_the_head_of_the_installed_migrations(made: tuple[Path, Path]) -> None:
    code = """
import json
from alembic.script import ScriptDirectory
from mlflow.store.db.utils import _get_latest_schema_revision
from prefect.server.database import _migrations
folder = _migrations.__path__[0]
prefect = ScriptDirectory(folder, version_locations=[folder + "/versions/sqlite"])
print(json.dumps([prefect.get_current_head(), _get_latest_schema_revision()]))
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [templates.revision(database) for database in made] == json.loads(answer.stdout)


@pytest.mark.slow
def test_a_new_home_has_its_own_artifacts_and_no_key_of_the_template(made: tuple[Path, Path], tmp_path: Path) -> None:
    templates.place_mlflow(tmp_path)
    templates.place_prefect(tmp_path)
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database:
        locations = database.execute("SELECT artifact_location FROM experiments").fetchall()
    assert locations == [((tmp_path / "mlartifacts" / "0").as_uri(),)]
    with closing(sqlite3.connect(tmp_path / "prefect" / "prefect.db")) as database:
        assert database.execute("SELECT * FROM configuration").fetchall() == []
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_database_that_exists_is_never_replaced(tmp_path: Path) -> None:
    source, target = tmp_path / "template.db", tmp_path / "home" / "mlflow.db"
    source.write_bytes(b"template")
    target.parent.mkdir()
    target.write_bytes(b"a year of runs")
    templates.place(source, target)
    assert target.read_bytes() == b"a year of runs"
    assert list(target.parent.iterdir()) == [target]


def test_a_database_of_another_version_is_migrated(tmp_path: Path, made: tuple[Path, Path]) -> None:
    templates.place_prefect(tmp_path)
    database = tmp_path / "prefect" / "prefect.db"
    assert templates.is_current(database)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'an older one'")
    assert not templates.is_current(database)
    assert not templates.is_current(tmp_path / "none.db")


def test_mlflow_elsewhere_gets_no_database_here(tmp_path: Path) -> None:
    os.environ["MLFLOW_TRACKING_URI"] = "http://mlflow.example"
    templates.place_mlflow(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_asking_for_the_state_creates_nothing(tmp_path: Path) -> None:
    assert services.state(tmp_path) is None
    assert not services.down(tmp_path)
    assert list(tmp_path.iterdir()) == []
