"""The four dashboards, as code that makes Grafana's JSON, and what it takes to draw that here.

    python -m course.telemetry.dashboards          write deploy/observability/grafana/dashboards

Reading order: `panels` (one panel), `boards` (the four), `reading` (JSON back to what is to be
seen), `answers` (its queries answered on a store). The picture is `course.figures.panels`. A
learner's own panel goes the same way: `panel(...)` is Grafana's JSON, and is drawn from it. What is
handed to another Grafana is `shared`.
"""

from course.telemetry.dashboards.answers import answered
from course.telemetry.dashboards.boards import BOARDS, board, dashboard
from course.telemetry.dashboards.panels import panel
from course.telemetry.dashboards.reading import Panel, PanelError, read
from course.telemetry.dashboards.sharing import shared

__all__ = [
    "BOARDS",
    "Panel",
    "PanelError",
    "answered",
    "board",
    "dashboard",
    "panel",
    "read",
    "shared",
]
