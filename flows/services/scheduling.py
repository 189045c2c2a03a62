"""What the Prefect server is told before a worker of `keepfit up` takes runs, and when the machine has paused."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from flows import events
from flows.services import deployments, jobs, late, locks, rest, trainings
from tasks.core import store

if TYPE_CHECKING:
    from flows.services.up import Up


class Scheduling:
    """The pool, the deployments and the runs of this supervisor's server."""

    def __init__(self, up: Up) -> None:
        self._up = up

    def prepare(self) -> None:
        """Before a worker takes runs: a pool to take them from, the dead told so, the piled up skipped."""
        up = self._up
        rest.post(f"{up.url}/work_pools/", {"name": deployments.POOL, "type": "process"})
        if any(not locks.is_held(file) for file in (up.home / "runs").glob("*.json")):
            self._job("sweep", [sys.executable, "-P", "-m", "flows.services", "sweep", str(up.home)])
        if up.has_private_server:
            trainings.bury(up.url, up.home)
        self.skip()

    def skip(self) -> None:
        """Of what a pause of the machine piled up, leave the latest of each deployment."""
        up = self._up
        if n_skipped := sum(late.skip_late(up.url).values()):
            up.told(f"{n_skipped} scheduled runs were missed and are skipped; the latest of each runs now")

    def send_forgotten(self) -> None:
        """Ask once more for the trainings whose event went with a server that died, or never reached one."""
        up = self._up
        with store.opened(up.home):
            for project in events.send_forgotten(up.url, up.served):
                up.told(f"the training that {project} asked for is asked for again: no run came of it")

    def deploy(self) -> None:
        """Send the deployments of the chosen projects, unless the server has just these."""
        up = self._up
        described = up.described
        file, stamp = up.home / "up" / deployments.FILE, deployments.stamp(described, up.url)
        last = file.with_suffix(".stamp")
        if last.exists() and last.read_text() == stamp and deployments.are_there(described, up.url):
            return  # it takes 4 s of imports, and twice that on a busy machine
        store.write_file(file, json.dumps(described, indent=1).encode())  # JSON is YAML
        up.told(f"deploying {len(described['deployments'])} deployments …")
        command = [sys.executable, "-P", "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file)]
        self._job("deploy", command)
        store.write_file(last, stamp.encode())

    def _job(self, name: str, command: list[str]) -> None:
        up = self._up
        jobs.do(name, command, home=up.home, root=up.root, token=up.token, ended=up.ended)
