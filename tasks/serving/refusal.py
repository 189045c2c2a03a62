"""Requests that are not answered with a prediction: one JSON shape for all of them, and nothing of our inside in it."""

from __future__ import annotations

import msgspec


class Refusal(Exception):
    """Why a request is refused: HTTP status, what is wrong on which row and field, what to send instead.

    `row` counts from 0 as JSON arrays do; a lone object is row 0.
    """

    def __init__(
        self,
        status: int,
        what: str,
        *,
        row: int | None = None,
        field: str | None = None,
        expected: str | None = None,
        found: str | None = None,
        action: str | None = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(what)
        self.status = status
        self.headers = headers
        self.error = {"what": what, "row": row, "field": field, "expected": expected, "found": found, "next": action}

    def body(self, path: str = "") -> bytes:
        """The answer: `{"error": {what, row, field, expected, found, next}}`; below /v2 one sentence in its place."""
        if path.startswith("/v2/") or path == "/v2":
            return msgspec.json.encode({"error": self.sentence})
        return msgspec.json.encode({"error": {key: _shortened(value) for key, value in self.error.items()}})

    @property
    def sentence(self) -> str:
        """The same in words, as the errors of commands are told."""
        told = {key: _shortened(value) for key, value in self.error.items()}
        where = f" in row {told['row']}" if told["row"] is not None else ""
        facts = [f"{word} {told[word]}" for word in ("expected", "found") if told[word]]
        sentence = f"{told['what']}{where}{': ' if facts else ''}{', '.join(facts)}."
        return f"{sentence} {str(told['next']).rstrip('.')}." if told["next"] else sentence


def _shortened(value: str | int | None) -> str | int | None:
    """What a request said may be a megabyte, or half of a surrogate pair."""
    return value[:1000].encode("utf-8", "replace").decode() if isinstance(value, str) else value


BROKEN = Refusal(500, "The model could not answer", action="Try again; the server's log says what happened.")
