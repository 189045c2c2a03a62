"""The page for people: one HTML file with its own script and style for every project; nothing in it is data.

What it shows it asks from the API, as any other client would.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from tasks.serving.site import Site

PAGE = Path(__file__).with_name("page.html")


def router(site: Site) -> APIRouter:
    api = APIRouter()

    @api.get("/", include_in_schema=False)
    async def page() -> HTMLResponse:
        content, policy = _page()
        return HTMLResponse(content, headers={"content-security-policy": policy})

    return api


@cache
def _page() -> tuple[str, str]:
    """The page, and the policy that lets it use its own script and style and nothing else."""
    content, allowed = PAGE.read_text(encoding="utf-8"), {}
    for tag, suffix in (("script", ".js"), ("style", ".css")):
        own = PAGE.with_suffix(suffix).read_text(encoding="utf-8")
        content = content.replace(f"<{tag}></{tag}>", f"<{tag}>{own}</{tag}>")
        allowed[tag] = f"'sha256-{base64.b64encode(hashlib.sha256(own.encode()).digest()).decode()}'"
    own = f"script-src {allowed['script']}; style-src {allowed['style']}; connect-src 'self'"
    policy = f"default-src 'none'; {own}; img-src data:; media-src data:"
    return content, f"{policy}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
