"""What was counted: for people on the page, minute by minute, and for Prometheus."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Response

from tasks.serving import counters, watched
from tasks.serving.counters import BOUNDS_US, Tally
from tasks.serving.site import Site

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric


def router(site: Site) -> APIRouter:
    api = APIRouter(tags=["figures"])

    @api.get("/v1/{project}/figures")
    async def figures(project: str) -> dict[str, Any]:
        """Requests, latency and what was answered: since the server began, and for each minute of the last hours."""
        service = site.service(project)
        told = (await asyncio.to_thread(site.figures))[service.name]
        whole, minutes = counters.merged(told)
        return {
            "project": project,
            "in_all": _told(whole),
            "minutes": [{"minute": minute * 60, **_told(tally)} for minute, tally in minutes.items()],
            "lost": sum(each["lost"] for each in told),
            "canary": _canary(told),
            "shadow": _shadow(told),
        }

    @api.get("/metrics")
    async def metrics() -> Response:
        """The same for Prometheus, in its text format."""
        text, kind = await asyncio.to_thread(_exposed, site)
        return Response(text, media_type=kind)

    return api


def _told(tally: Tally) -> dict[str, Any]:
    def milliseconds(share: float) -> float | None:
        found = tally.quantile_us(share)
        return None if found is None or found == float("inf") else found / 1000

    return {
        "requests": tally.requests,
        "rows": tally.rows,
        "refused": tally.refused,
        "failed": tally.failed,
        "p50_ms": milliseconds(0.5),
        "p95_ms": milliseconds(0.95),
        "p99_ms": milliseconds(0.99),
        "classes": dict(tally.classes),
        "mean": tally.total / tally.rows if tally.rows and not tally.classes else None,
    }


def _canary(told: list[dict[str, Any]]) -> dict[str, Any] | None:
    found = [each["canary"] for each in told if "canary" in each]
    if not found:
        return None
    whole, _ = counters.merged(found)
    return {**_told(whole), "refused": sum(each["refused"] for each in found)}


def _shadow(told: list[dict[str, Any]]) -> dict[str, int] | None:
    found = [each["shadow"] for each in told if "shadow" in each]
    return {name: sum(each[name] for each in found) for name in found[0]} if found else None


def _exposed(site: Site) -> tuple[bytes, str]:
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

    class Figures:
        def collect(self) -> Iterator[Metric]:
            yield from _families(site)

    registry = CollectorRegistry()
    registry.register(Figures())  # pyright: ignore[reportArgumentType]  # anything that collects will do
    return generate_latest(registry), CONTENT_TYPE_LATEST


def _families(site: Site) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    requests = CounterMetricFamily("keepfit_requests", "Requests by HTTP status", labels=["project", "status"])
    rows = CounterMetricFamily("keepfit_predictions", "Rows predicted", labels=["project"])
    classes = CounterMetricFamily("keepfit_predicted", "Rows predicted, by class", labels=["project", "class"])
    total = CounterMetricFamily("keepfit_predicted_value", "Sum of predicted values", labels=["project"])
    lost = CounterMetricFamily("keepfit_unlogged", "Predictions that could not be logged", labels=["project"])
    latency = HistogramMetricFamily("keepfit_latency_seconds", "From request to answer", labels=["project"])
    model = GaugeMetricFamily("keepfit_model_info", "The model that serves", labels=["project", "version", "digest"])
    failed = GaugeMetricFamily("keepfit_model_failed", "1: the newest model could not be loaded", labels=["project"])
    for name, told in site.figures().items():
        whole, _ = counters.merged(told)
        requests.add_metric([name, "200"], whole.requests)
        for status, n in sorted(whole.statuses.items()):
            requests.add_metric([name, status], n)
        rows.add_metric([name], whole.rows)
        for label, n in sorted(whole.classes.items()):
            classes.add_metric([name, label], n)
        if not whole.classes:
            total.add_metric([name], whole.total)
        lost.add_metric([name], sum(each["lost"] for each in told))
        latency.add_metric([name], _buckets(whole), whole.latency_us / 1e6)
        service = site.services[name]
        identity = service.champion.model.identity
        model.add_metric([name, identity.version, identity.digest], 1)
        failed.add_metric([name], int(bool(service.lineup.failed)))
    up = GaugeMetricFamily("keepfit_time_seconds", "The server's clock", value=time.time())
    yield from (requests, rows, classes, total, lost, latency, model, failed, up)
    yield from watched.families(site)


def _buckets(tally: Tally) -> list[tuple[str, float]]:
    found, so_far = [], 0
    for n, bound in zip(tally.latency, [*BOUNDS_US, float("inf")], strict=True):
        so_far += n
        found.append(("+Inf" if bound == float("inf") else f"{bound / 1e6:g}", so_far))
    return found
