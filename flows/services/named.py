"""The Prefect server that the user named, and a question to a server without importing prefect."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

from tasks.core.errors import Unavailable

NAMED_SECONDS = 5.0


def configured() -> str | None:
    """The server that the user named: PREFECT_API_URL, else the active Prefect profile's."""
    if url := os.environ.get("PREFECT_API_URL"):
        return url.rstrip("/")
    file = Path(os.environ.get("PREFECT_PROFILES_PATH") or _prefect_home() / "profiles.toml").expanduser()
    if not file.is_file():
        return None
    import tomllib

    try:
        profiles = tomllib.loads(file.read_text())
    except (OSError, tomllib.TOMLDecodeError):
        return None  # prefect itself will say what is wrong with it
    active = os.environ.get("PREFECT_PROFILE") or profiles.get("active")
    url = profiles.get("profiles", {}).get(active, {}).get("PREFECT_API_URL")
    if url is None and active == "local":
        url = "http://127.0.0.1:4200/api"  # built into Prefect
    return url.rstrip("/") if url else None


def _prefect_home() -> Path:
    return Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser()


def ask(url: str, path: str, seconds: float) -> str:
    """The body of the answer; `Unavailable` when there is none in time."""
    from http.client import HTTPConnection, HTTPException, HTTPSConnection
    from urllib.parse import urlsplit

    try:
        address = urlsplit(url)
        kind = HTTPSConnection if address.scheme == "https" else HTTPConnection
        with closing(kind(address.hostname or "", address.port, timeout=seconds)) as connection:
            connection.request("GET", address.path + path)
            return connection.getresponse().read().decode()
    except (OSError, HTTPException, ValueError) as exc:
        raise Unavailable(
            f"The Prefect server at {url} does not answer",
            expected=f"an answer within {seconds:.0f} s",
            found=str(exc) or type(exc).__name__,
            action="Start it, or unset PREFECT_API_URL (or the Prefect profile) to use keepfit's own server",
        ) from exc
