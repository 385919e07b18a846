"""A dashboard as one Grafana hands it to another: bound to no data source.

Grafana's export "for sharing externally" puts `${DS_PROMETHEUS}` where the uid of the source stood,
and says under `__inputs` what the importer has to put there. A file that is provisioned as it is,
without an import, still asks for a source of that name, and all its panels are empty.
"""

import json
from collections.abc import Mapping
from typing import Any

from course.telemetry.dashboards.panels import SOURCE

INPUT = {"name": "DS_PROMETHEUS", "label": "Prometheus", "type": "datasource"}
NOTES = {"builtIn": 1, "name": "Annotations & Alerts", "type": "dashboard"}
"""Grafana's own annotations, which every dashboard has; their source is Grafana itself."""


def shared(made: Mapping[str, Any]) -> dict[str, Any]:
    """The dashboard as a file for others; `made` stays as it is."""
    text = json.dumps(made)
    here, anywhere = (json.dumps(uid) for uid in (SOURCE.uid, f"${{{INPUT['name']}}}"))
    export: dict[str, Any] = json.loads(text.replace(f'"uid": {here}', f'"uid": {anywhere}'))
    notes = {**NOTES, "datasource": {"type": "grafana", "uid": "-- Grafana --"}}
    wanted = {**INPUT, "pluginId": SOURCE.type_val}
    return {"__inputs": [wanted], **export, "annotations": {"list": [notes]}}
