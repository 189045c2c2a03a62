"""The pages' templates: all text is escaped, and figures read as in every other place."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from tasks.core import figures
from tasks.reporting import goodness


@cache
def template(name: str) -> Template:
    """The template in the file of that name."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for each in ("decimals", "estimate", "figure", "fixed", "percent", "ranged", "seconds", "within"):
        environment.filters[each] = getattr(figures, each)
    environment.filters["breakable"] = breakable
    environment.filters["quoting"] = goodness.quoting
    return environment.get_template(name)


def breakable(name: str) -> Markup:
    """A name that may be broken after its underscores, as a phone must."""
    return Markup("_<wbr>").join(name.split("_"))
