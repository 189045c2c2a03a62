"""`${NAME}` in what a project says of its source: kept as it stands everywhere, read from the environment at use alone.

So a record with a secret's name can be stored, compared and shown; the secret itself is in no record.
"""

from __future__ import annotations

import os
import re

from tasks.core.errors import ProjectError

_VARIABLE = re.compile(r"\$\{(\w+)\}")


def resolved(text: str) -> str:
    """The text with every `${NAME}` replaced by that variable; ProjectError when there is none."""
    return _VARIABLE.sub(lambda match: _value(match.group(1)), text)


def masked(message: str, *texts: str) -> str:
    """The message with what the variables named in `texts` hold replaced by their names again, for errors and logs."""
    names = {name for text in texts for name in _VARIABLE.findall(text)}
    # The longest first: one secret may be a part of another.
    for name in sorted(names, key=lambda name: -len(os.environ.get(name, ""))):
        if value := os.environ.get(name):
            message = message.replace(value, f"${{{name}}}")
    return message


def require(text: str) -> None:
    """ProjectError unless every variable that the text names is set."""
    for name in _VARIABLE.findall(text):
        _value(name)


def _value(name: str) -> str:
    if name not in os.environ:
        raise ProjectError(f"project.yaml reads ${{{name}}}", expected="that variable in the environment", found="none")
    return os.environ[name]
