"""A served lab's metrics for the programs of others: pages to scrape, targets, rules, history.

    /metrics/{node}      the page of one node (text format); 503 while the node does not answer
    /lab/targets         where to scrape, for Prometheus' http_sd_configs
    /lab/prometheus.yml  a configuration of Prometheus that does it, with the course's rules
    /lab/rules/{name}    the rules files
    /lab/history.txt     all samples so far, OpenMetrics with timestamps, for a backfill

They need no token, as exporters' pages do not; the service listens on this machine only. A scraped
page has the wall clock's time, the history the lab's own. Also here: the metrics of the REST API.
"""

import re
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import PlainTextResponse

from course.catalogue import rules
from course.faces.served import Served
from course.lab import Lab
from course.lab.commands import CommandError
from course.lab.hosts import EPOCH
from course.telemetry.exposition import OPENMETRICS_TYPE, PAGE_TYPE
from course.telemetry.labels import nameless

POINTS_MAX = 1_000  # data points of one answer
RULE_FILES = (*rules.NAMES, "alertmanager.yml")

CONFIG = """# Prometheus on a served lab: prometheus --config.file=prometheus.yml
# The rules beside it: curl -O {url}/lab/rules/alerts.yaml, and recording.yaml
global:
  scrape_interval: 15s
  evaluation_interval: 15s
rule_files: [alerts.yaml, recording.yaml]
scrape_configs:
  - job_name: dwcp
    honor_labels: true
    http_sd_configs: [{{url: "{url}/lab/targets", refresh_interval: 15s}}]
"""


def make_router(served: Served) -> APIRouter:
    """The pages; `served` holds the lab and its lock."""
    router = APIRouter(tags=["metrics"])

    @router.get("/metrics/{node}", response_class=PlainTextResponse)
    def page(node: str) -> PlainTextResponse:
        """What a node exposes now."""
        try:
            text = served.look(lambda lab: lab.metrics.page(node))
        except ValueError as error:
            raise HTTPException(404, str(error)) from None
        if text is None:
            raise HTTPException(503, f"{node} does not answer")
        return PlainTextResponse(text, media_type=PAGE_TYPE)

    @router.get("/lab/targets")
    def targets(request: Request) -> list[dict[str, Any]]:
        """Every node as a target, with the labels that a scrape adds."""
        return served.look(lambda lab: [_target(node, request) for node in _targets(lab)])

    @router.get("/lab/prometheus.yml", response_class=PlainTextResponse)
    def config(request: Request) -> str:
        """A configuration that scrapes this lab."""
        return CONFIG.format(url=str(request.base_url).rstrip("/"))

    @router.get("/lab/rules/{name}", response_class=PlainTextResponse)
    def rules_file(name: str) -> str:
        """A rules file, or Alertmanager's."""
        if name not in RULE_FILES:
            raise HTTPException(404, f"no file {name!r}; there are {', '.join(RULE_FILES)}")
        return rules.text(name)

    @router.get("/lab/history.txt", response_class=PlainTextResponse)
    def history() -> PlainTextResponse:
        """All samples so far."""
        text = served.look(lambda lab: lab.metrics.openmetrics())
        return PlainTextResponse(text, media_type=OPENMETRICS_TYPE)

    return router


def _targets(lab: Lab) -> list[Any]:
    return lab.metrics.monitor.targets()


def _target(node: Any, request: Request) -> dict[str, Any]:
    here = request.url
    labels = {**node.target, "__metrics_path__": f"/metrics/{node.host.name}"}
    return {"targets": [f"{here.hostname}:{here.port or 80}"], "labels": labels}


def catalog(lab: Lab) -> dict[str, Any]:
    """GET /v3/metrics/catalog: every metric that is fed."""
    return {
        "metrics": [
            {
                "name": family.name, "type": family.kind, "unit": family.unit,
                "labels": list(family.labels), "component": family.name.split("_")[1],
            }
            for family in lab.metrics.families()
        ]
    }  # fmt: skip


def series(
    lab: Lab, name: str, duration_s: int, node: str | None = None, step_s: int = 15
) -> dict[str, Any]:
    """GET /v3/metrics: the samples of one metric in the last `duration_s`, each `step_s`.

    The name may be given without `dwcp_`, as the command line does.
    """
    full = name if name.startswith("dwcp_") or name == "up" else f"dwcp_{name}"
    known = [one for family in lab.metrics.families() for one in family.series_names]
    if full not in [*known, "up"]:
        bare = f"; a histogram writes {full}_bucket, _sum, _count" if f"{full}_sum" in known else ""
        raise CommandError("METRIC_NOT_FOUND", f"no metric is called {name!r}{bare}")
    if duration_s // step_s >= POINTS_MAX:
        raise CommandError("INVALID_REQUEST", f"over {POINTS_MAX} points a series; a longer step")
    if node is not None and not re.fullmatch(r"[a-z0-9-]+", node):
        raise CommandError("NODE_NOT_FOUND", f"no node {node!r}")
    matcher = f'{{node="{node}"}}' if node else ""
    start = max(0.0, lab.now_s - duration_s)
    answer = lab.metrics.answers(full + matcher, start, None, step_s)
    points = [
        {"timestamp": at / 1_000, "value": value, "labels": dict(nameless(line.labels))}
        for line in answer.lines
        for at, value in zip(line.times.tolist(), line.values.tolist(), strict=True)
    ]
    return {"metric": full, "data_points": points}


def firing(
    lab: Lab, severity: str | None, clock_text: Callable[[float], str]
) -> list[dict[str, Any]]:
    """GET /v3/alerts: what fires now. `scenarios` are the entries of the catalogue to read."""
    return [
        {
            "name": row["alert"], "severity": row["severity"], "value": row["value"],
            "since": clock_text(EPOCH / 1e6 + row["firing_s"]), "labels": row["labels"],
            "scenarios": [row["runbook"]],
        }
        for row in lab.alerts.firing()
        if severity in (None, row["severity"])
    ]  # fmt: skip


Step = Annotated[int, Query(ge=15, le=3_600)]
