"""What a run costs before and after its work: seconds of a flow of eight trivial tasks, as a command of its own.

    python benchmarks/startup.py [REPEATS]

Against it stands Prefect's own way: the same flow without a server, which starts an ephemeral one. Run it on an
idle machine, with bytecode compiled.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from flows import services

TASKS = """
@task
def step(number):
    return number + 1

@flow
def trivial():
    number = 0
    for _ in range(8):
        number = step(number)

"""

EPHEMERAL = "from prefect import flow, task\n" + TASKS + "trivial()"

KEEPFIT = (
    """
import time
from pathlib import Path
import sys
begin = last = time.perf_counter()

def tell(what):
    global last
    now = time.perf_counter()
    print(f"{what} {now - last:.3f}", flush=True)
    last = now

import gc
gc.disable()
from flows import services
server = services.start(Path(sys.argv[1]))
tell("find or spawn")
from prefect import flow, task
import prefect.flow_engine, prefect.task_engine
gc.freeze()
gc.enable()
tell("import prefect")
server.ready()
services.settle()
tell("wait for the server")
"""
    + TASKS
    + """
trivial()
tell("eight tasks")
services.drain()
tell("drain")
"""
)


def seconds(code: str, *arguments: object) -> tuple[float, dict[str, float]]:
    """The wall time of the whole process, and of the phases that it told."""
    begin = time.perf_counter()
    command = [sys.executable, "-c", code, *map(str, arguments)]
    told = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
    whole = time.perf_counter() - begin
    phases = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in told.splitlines()}
    return whole, {**phases, "process start and end": whole - sum(phases.values())} if phases else {}


def help_seconds() -> float:
    """The processor time of `keepfit --help`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([Path(sys.executable).with_name("keepfit"), "--help"], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        del os.environ[name]
    folder = Path(tempfile.mkdtemp(prefix="keepfit-startup-"))
    home = folder / ".keepfit"
    measured: dict[str, list[tuple[float, dict[str, float]]]] = {}
    try:
        for _ in range(repeats):
            shutil.rmtree(home, ignore_errors=True)
            for case in ("first ever", "server running", "server running", "server down"):
                if case == "server down":
                    services.down(home)
                measured.setdefault(case, []).append(seconds(KEEPFIT, home))
            services.down(home)
        os.environ["PREFECT_HOME"] = str(folder / "prefect")
        os.environ["DO_NOT_TRACK"] = "true"
        os.environ["PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"] = "120"
        seconds(EPHEMERAL)  # it migrates its database once
        measured["Prefect ephemeral"] = [seconds(EPHEMERAL) for _ in range(repeats)]
    finally:
        services.down(home)
        shutil.rmtree(folder)
    print(f"keepfit --help       {statistics.median(help_seconds() for _ in range(repeats)):6.2f} s of processor time")
    reference = statistics.median(whole for whole, _ in measured["Prefect ephemeral"])
    for case, runs in measured.items():
        whole = statistics.median(whole for whole, _ in runs)
        print(f"{case:20} {whole:6.2f} s   {whole / reference:5.2f} of Prefect ephemeral")
        for phase in runs[0][1]:
            print(f"    {phase:24} {statistics.median(phases[phase] for _, phases in runs):6.2f}")


if __name__ == "__main__":
    main()
