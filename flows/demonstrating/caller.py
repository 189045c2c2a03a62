"""Who asks a project's model API, and tells it later what came true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from flows.demonstrating.rows import OFFSET
from flows.services import rest
from tasks.core import clock
from tasks.scoring.inputs import as_json

if TYPE_CHECKING:
    import polars as pl

HOUR = "__hour__"
ROWS_A_REQUEST = 100
"""More than 256 would be answered by the champion alone, also where a canary is to have its share."""


@dataclass(frozen=True)
class Caller:
    """A caller of the API at `api` (`http://127.0.0.1:8000`), with its key where one is asked for."""

    api: str
    project: str
    key: str | None = None

    def ask(self, rows: pl.DataFrame) -> list[dict[str, Any]]:
        """The answers to the rows, as the API gives them; Unavailable when it refuses one."""
        answers: list[dict[str, Any]] = []
        for part in rows.iter_slices(ROWS_A_REQUEST):
            answers += self._post("predict", f"[{','.join(as_json(part))}]")
        return answers

    def tell(self, answers: Sequence[dict[str, Any]], outcomes: pl.Series) -> int:
        """Tell what came true of what was answered; how many outcomes were new."""
        pairs = zip(answers, outcomes, strict=True)
        return int(self._post("outcomes", [{"id": answer["id"], "outcome": came} for answer, came in pairs])["new"])

    def live(self, day: date, rows: pl.DataFrame, target: str) -> list[dict[str, Any]]:
        """Ask the rows in the hours of their `OFFSET`, by the played clock, and tell their outcomes in the evening."""
        midnight, answers = datetime.combine(day, time(), UTC), list[dict[str, Any]]()
        hours = rows[OFFSET].dt.total_hours()
        for part in rows.with_columns(hours.alias(HOUR)).partition_by(HOUR, maintain_order=True, include_key=False):
            clock.set_to(midnight + part[OFFSET][0])
            answers += self.ask(part.drop(OFFSET, target))
        clock.set_to(midnight + timedelta(hours=23, minutes=50))
        self.tell(answers, rows[target])
        return answers

    def serving(self) -> str:
        """The version that answers."""
        return str(rest.get(f"{self._address}/model", headers=self._headers)["model"]["version"])

    def _post(self, path: str, body: object) -> Any:
        return rest.post(f"{self._address}/{path}", body, headers=self._headers)

    @property
    def _address(self) -> str:
        return f"{self.api}/v1/{self.project}"

    @property
    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.key}"} if self.key else {}
