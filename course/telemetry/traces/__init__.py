"""Traces: what one request did, span by span, on whichever nodes it came to.

Reading order: `spans` (a trace as a value), `analysis` (critical path, self time), `recorder` (how
spans are made, by the OpenTelemetry SDK), `otlp` and `jaeger` (the two formats that other programs
read). Which spans a migration has is in `course.lab.tracing`.
"""

from course.telemetry.traces.analysis import (
    Segment,
    critical_path,
    on_path_us,
    self_times,
    slowest,
)
from course.telemetry.traces.spans import Happening, Span, Trace

__all__ = [
    "Happening",
    "Segment",
    "Span",
    "Trace",
    "critical_path",
    "on_path_us",
    "self_times",
    "slowest",
]
