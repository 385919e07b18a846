"""Is it so on this cluster? Conditions of scenarios, looked up with the operator's own verbs.

    {look: node list, where: {node: worker-3}, field: status, is: ready}

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
    """Does all of the scenario's goal hold?"""
    return all(holds(lab, condition) for condition in scenarios.load(lab.scenario)["goal"])


def missing(lab: Lab) -> list[dict[str, Any]]:
    """The parts of the goal that do not hold, with what was found."""
    rows = [(c, _look(lab, c)) for c in scenarios.load(lab.scenario)["goal"]]
    return [
        condition | {"found": found} for condition, found in rows if not _fits(condition, found)
    ]


def holds(lab: Lab, condition: dict[str, Any]) -> bool:
    """Is one condition so, now?"""
    return _fits(condition, _look(lab, condition))


def _fits(condition: dict[str, Any], found: Any) -> bool:
    if isinstance(found, commands.CommandError):
        return condition.get("fails") == found.code
    asked = [name for name in OPERATORS if name in condition]
    return bool(asked) and all(OPERATORS[name](found, condition[name]) for name in asked)


def _look(lab: Lab, condition: dict[str, Any]) -> Any:
    """What the verb answers, or its refusal; of a list the row, of a row the field."""
    try:
        found = commands.run(lab.world, condition["look"], condition.get("with", {}))
    except commands.CommandError as error:
        return error
    wanted = condition.get("where", {})
    if isinstance(found, list) and "where" in condition:
        rows = [row for row in found if wanted.items() <= row.items()]
        found = rows[0] if rows else None
    for step in condition.get("field", "").split(".") if "field" in condition else ():
        if isinstance(found, list):
            found = found[int(step)] if step.isdecimal() and int(step) < len(found) else None
        else:
            found = found.get(step) if isinstance(found, dict) else None
    return found
