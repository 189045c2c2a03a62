"""What the newest judged window says of the model's live rows, and its page."""

from __future__ import annotations

import re
from datetime import datetime

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from tasks.core import clock, newest_window
from tasks.core.newest_window import NewestWindow
from tasks.serving.refusal import Refusal
from tasks.serving.site import Site

PAGE = re.compile(r"(newest|\d{4}-\d\d-\d\d)\.html")
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"


class Monitoring(BaseModel):
    """The newest judged window of a project."""

    project: str
    window: NewestWindow | None = Field(description="The newest window that was judged; null: none was yet")
    current: bool = Field(description="Whether the window was answered by the model that serves now")
    due: datetime = Field(description="When the next whole day is over, and can be judged")
    report: str | None = Field(description="Where the window's page is, as HTML")


def router(site: Site) -> APIRouter:
    api = APIRouter(tags=["monitoring"])

    @api.get("/v1/{project}/monitoring")
    def monitoring(project: str) -> Monitoring:
        """What the newest judged window of live rows says: what broke, what drifted, how right the answers were."""
        service = site.service(project)
        window = newest_window.known(service.home, service.name)
        has_page = window is not None and (newest_window.pages(service.home, service.name) / "newest.html").exists()
        return Monitoring(
            project=project,
            window=window,
            current=window is not None and window.is_of(service.champion.model.watched),
            due=newest_window.due(window, clock.now()),
            report=f"/v1/{project}/monitoring/newest.html" if has_page else None,
        )

    @api.get("/v1/{project}/monitoring/{page}", response_class=HTMLResponse)
    def page(project: str, page: str) -> HTMLResponse:
        """The page of a day (`2026-03-31.html`), or of the newest one (`newest.html`)."""
        service = site.service(project)
        file = newest_window.pages(service.home, service.name) / page
        if not PAGE.fullmatch(page) or not file.exists():
            raise Refusal(
                404,
                "There is no such page",
                expected="newest.html, or a judged day such as 2026-03-31.html",
                found=page[:100],
                action="Run `keepfit monitor PROJECT`, which makes it.",
            )
        return HTMLResponse(file.read_bytes(), headers={"content-security-policy": POLICY})

    return api
