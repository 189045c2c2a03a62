"""What hides a source's secrets: in errors, in what lies on disk, and in the HTTP library's log."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, quote_plus

from tasks.core import secrets
from tasks.sources.credentials import Auth

_VARIABLE = re.compile(r"\$\{(\w+)\}")
_LOGGERS = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy")


class Veil:
    """Takes what a source keeps secret out of texts, and puts it back into what only its own server is sent.

    Unlike `secrets.masked` it knows a secret also as it stands in a URL, and one that is written out in `auth`.
    """

    def __init__(self, said: str, auth: Auth | None) -> None:
        # Only these names are ever put back: a server may not ask for other variables by writing ${NAME} into a URL.
        self._values = {f"${{{name}}}": secrets.resolved(f"${{{name}}}") for name in set(_VARIABLE.findall(said))}
        for number, value in enumerate(auth.values() if auth else []):
            if value not in self._values.values():
                self._values[f"${{auth.{number}}}"] = value
        forms = {
            form: name
            for name, value in self._values.items()
            for form in (value, quote(value, safe=""), quote_plus(value))
        }
        # The longest first: one secret may be a part of another.
        self._shown = sorted(((form, name) for form, name in forms.items() if form), key=lambda one: -len(one[0]))

    def over(self, text: str) -> str:
        """The text without secrets."""
        for form, name in self._shown:
            text = text.replace(form, name)
        return text

    def off(self, text: str, in_url: bool = False) -> str:
        """The text with the secrets where `over` took them out."""
        for name, value in self._values.items():
            text = text.replace(name, quote(value, safe="") if in_url else value)
        return text


class _Veiling(logging.Filter):
    def __init__(self, veil: Veil) -> None:
        super().__init__()
        self._veil = veil

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self._veil.over(record.getMessage()), ()
        return True


@contextmanager
def veiled_logs(veil: Veil) -> Iterator[None]:
    """The HTTP library logs each URL, and a key may be in it: not while this holds."""
    veiling = _Veiling(veil)
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(veiling)
    try:
        yield
    finally:
        for name in _LOGGERS:
            logging.getLogger(name).removeFilter(veiling)
