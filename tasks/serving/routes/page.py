"""The page for people: one HTML file with its own script and style for every project; nothing in it is data."""

from __future__ import annotations

import base64
import hashlib
import re
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
    """The page, and the policy that lets it run its own script and nothing else."""
    content = PAGE.read_text(encoding="utf-8")
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in re.findall(r"<script>(.*?)</script>", content, re.DOTALL)
    )
    media = "img-src data:; media-src data:"
    policy = f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; connect-src 'self'; {media}"
    return content, f"{policy}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
