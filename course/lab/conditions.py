"""Is it so on this cluster? Conditions of scenarios, looked up with the operator's own verbs.

    {look: node list, where: {node: worker-3}, field: status, is: ready}
    {look: host list, each: true, field: clock_offset_ms, at_most: 100}
    {look: alerts, where: {alert: WorkersNotReady}, field: firing_s, at_least: 0}

Looking costs what it costs an operator: time, and for a test migration a small VM. It is not
written into the journal.
"""

from typing import Any

from course.catalogue import scenarios
from course.lab import commands
from course.lab.journal import Lab

OPERATORS = {
    "is": lambda value, wanted: value == wanted,
    "is_not": lambda value, wanted: value != wanted,
    "at_least": lambda value, wanted: value is not None and value >= wanted,
    "at_most": lambda value, wanted: value is not None and value <= wanted,
    "contains": lambda value, wanted: wanted in (value or ()),
    "lacks": lambda value, wanted: wanted not in (value or ()),
}


def resolved(lab: Lab) -> bool:
    """Does all of the scenario's goal hold, and in time?"""
    return not _is_late(lab) and all(holds(lab, condition) for condition in _goal(lab))


def missing(lab: Lab) -> list[dict[str, Any]]:
    """The parts of the goal that do not hold, with what was found."""
    late = _is_late(lab)
    rows = [(c, _look(lab, c)) for c in _goal(lab)]
    told = [c | {"found": found} for c, found in rows if not _fits(c, found)]
    if late:
        limit = scenarios.load(lab.scenario)["within_s"]
        told.append({"look": "the clock", "at_most": limit, "found": late})
    return told


def holds(lab: Lab, condition: dict[str, Any]) -> bool:
    """Is one condition so, now?"""
    return _fits(condition, _look(lab, condition))


def _goal(lab: Lab) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = scenarios.load(lab.scenario)["goal"]
    return found


def _is_late(lab: Lab) -> float | None:
    """Seconds since the page, if they are too many."""
    limit = scenarios.load(lab.scenario).get("within_s")
    since = lab.now_s - lab.began_s
    return since if limit is not None and since > limit else None


def _fits(condition: dict[str, Any], found: Any) -> bool:
    if isinstance(found, commands.CommandError):
        return condition.get("fails") == found.code
    asked = [name for name in OPERATORS if name in condition]
    values = found if condition.get("each") and isinstance(found, list) else [found]
    return bool(asked and values) and all(
        OPERATORS[name](value, condition[name]) for value in values for name in asked
    )


def _look(lab: Lab, condition: dict[str, Any]) -> Any:
    """What the verb answers, or its refusal; of a list the row or each row, of a row the field."""
    try:
        found = _answer(lab, condition["look"], condition.get("with", {}))
    except commands.CommandError as error:
        return error
    steps = condition["field"].split(".") if "field" in condition else []
    if isinstance(found, list) and "where" in condition:
        wanted = condition["where"].items()
        found = [row for row in found if wanted <= row.items()]
        if not condition.get("each"):
            found = found[0] if found else None
    if isinstance(found, list) and condition.get("each"):
        return [_field(row, steps) for row in found]
    return _field(found, steps)


def _answer(lab: Lab, look: str, arguments: dict[str, Any]) -> Any:
    """Alerts are what the monitoring says; all else is a verb."""
    return lab.alerts.history() if look == "alerts" else commands.run(lab.world, look, arguments)


def _field(found: Any, steps: list[str]) -> Any:
    """What is at the end of the steps: keys of mappings, numbers of rows; None if nothing is."""
    for step in steps:
        if isinstance(found, list):
            found = found[int(step)] if step.isdecimal() and int(step) < len(found) else None
        else:
            found = found.get(step) if isinstance(found, dict) else None
    return found
