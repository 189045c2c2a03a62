"""How a request proves who asks: a token, a key, or a name and password; read from the environment at use."""

from __future__ import annotations

import base64
from typing import Annotated, Literal

from pydantic import Field

from tasks.core import secrets
from tasks.core.errors import ProjectError
from tasks.core.records import Record


class Bearer(Record):
    """A token in the header `Authorization: Bearer …`."""

    kind: Literal["bearer"] = "bearer"
    token: str

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {secrets.resolved(self.token)}"}

    def params(self) -> dict[str, str]:
        return {}

    def values(self) -> list[str]:
        return [secrets.resolved(self.token)]


class Basic(Record):
    """A name and a password in the header `Authorization: Basic …`."""

    kind: Literal["basic"] = "basic"
    user: str
    password: str

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Basic {self._pair()}"}

    def params(self) -> dict[str, str]:
        return {}

    def values(self) -> list[str]:
        return [secrets.resolved(self.password), self._pair()]

    def _pair(self) -> str:
        pair = f"{secrets.resolved(self.user)}:{secrets.resolved(self.password)}"
        return base64.b64encode(pair.encode()).decode()


class HeaderKey(Record):
    """A key in a header of its own, such as `X-API-Key`."""

    kind: Literal["header"] = "header"
    name: str = "X-API-Key"
    value: str

    def headers(self) -> dict[str, str]:
        return {self.name: secrets.resolved(self.value)}

    def params(self) -> dict[str, str]:
        return {}

    def values(self) -> list[str]:
        return [secrets.resolved(self.value)]


class QueryKey(Record):
    """A key in the URL: `?api_key=…`."""

    kind: Literal["query"] = "query"
    name: str = "api_key"
    value: str

    def headers(self) -> dict[str, str]:
        return {}

    def params(self) -> dict[str, str]:
        return {self.name: secrets.resolved(self.value)}

    def values(self) -> list[str]:
        return [secrets.resolved(self.value)]


Auth = Annotated[Bearer | Basic | HeaderKey | QueryKey, Field(discriminator="kind")]


def require_sendable(headers: dict[str, str]) -> None:
    """ProjectError for a header that HTTP cannot carry; its value is not shown."""
    for name, value in headers.items():
        if not value.isascii() or not value.isprintable() or value != value.strip():
            raise ProjectError(
                f"The header {name} cannot be sent",
                expected="printable ASCII without spaces or line ends around it",
                found="other signs in its value",
                action="Look at the variable that it is read from; a file's last line end is often the cause",
            )
