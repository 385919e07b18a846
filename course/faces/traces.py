"""A served lab's traces and logs for the programs of others.

    /lab/traces            all traces, for Jaeger's page "JSON File"; ?shape=otlp for a collector
    /lab/logs              one JSON object a line; ?node= ?level= ?text= select

Spans under way are left out. They need no token, as the pages of `metrics`: the service listens on
this machine only, and neither holds a secret.
"""

from typing import Any

from fastapi import APIRouter, HTTPException
from fastapi.responses import PlainTextResponse

from course.faces.served import Served
from course.telemetry import logs
from course.telemetry.traces import jaeger, otlp

SHAPES = {"jaeger": jaeger.write, "otlp": otlp.write}


def make_router(served: Served) -> APIRouter:
    """The pages; `served` holds the lab and its lock."""
    router = APIRouter(tags=["traces"])

    @router.get("/lab/traces")
    def traces(shape: str = "jaeger") -> dict[str, Any]:
        """All traces so far, oldest first."""
        if shape not in SHAPES:
            raise HTTPException(422, f"no shape {shape!r}; there are {', '.join(SHAPES)}")
        return served.look(lambda lab: SHAPES[shape](lab.traces()))

    @router.get("/lab/logs", response_class=PlainTextResponse)
    def log(node: str | None = None, level: str | None = None, text: str | None = None) -> str:
        """The lines that fit all that is given."""
        try:
            return logs.lines(served.look(lambda lab: lab.logs.query(node, level, text)))
        except ValueError as error:
            raise HTTPException(422, str(error)) from None

    return router
