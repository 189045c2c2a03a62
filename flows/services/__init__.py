"""What a run stands on besides its own process: a Prefect server, databases that exist, locks, and a clean end.

    services.start(home)      before prefect is imported: a server is found or spawned, the environment set
    server.ready()            before the flow is called: the server answers
    services.locked(home, …)  one run of a project at a time
    services.running(home, …) so that the next start knows that this run died
    services.sweep(home)      says so to Prefect and MLflow
    services.drain()          before the process ends: what Prefect still has to send is sent
    services.down(home)       the private server ends

Importing this imports nothing but a little of the standard library, for it comes before everything else.
"""

from flows.services.environment import drain, settle
from flows.services.locks import locked
from flows.services.runs import running, sweep
from flows.services.server import Server, down, start, state
from flows.services.templates import place_mlflow

__all__ = ["Server", "down", "drain", "locked", "place_mlflow", "running", "settle", "start", "state", "sweep"]
