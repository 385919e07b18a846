"""The rules of monitoring: what is alerted on, what is recorded, and who is told.

Three files in the formats of the programs that read them, Prometheus and Alertmanager. The alert
rules name their runbook, an entry of the catalogue, and the decision tree to walk.
"""

from importlib.resources import files
from typing import Any

import yaml

from course.catalogue import schema

NAMES = ("alerts.yaml", "recording.yaml")


def load(name: str) -> dict[str, Any]:
    """A rules file as plain data; ValueError if it is not what the schema says."""
    if name not in NAMES:
        raise ValueError(f"no rules file {name!r}; there are {', '.join(NAMES)}")
    data: dict[str, Any] = yaml.safe_load(text(name))
    schema.check(data, "course.catalogue.rules", name)
    return data


def routing() -> dict[str, Any]:
    """Alertmanager's file as plain data."""
    data: dict[str, Any] = yaml.safe_load(text("alertmanager.yml"))
    return data


def text(name: str) -> str:
    """A file of this folder as it stands: the rules, or alertmanager.yml."""
    return files("course.catalogue.rules").joinpath(name).read_text("utf-8")


def alert_names() -> list[str]:
    """Every alert, once, in the order of the file."""
    groups = load("alerts.yaml")["groups"]
    return list(dict.fromkeys(rule["alert"] for group in groups for rule in group["rules"]))
