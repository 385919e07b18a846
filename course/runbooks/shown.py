"""What the runbooks' notebooks show: the card of a step, how it ended, and the record as a table.

Before: `running`. A card is made of the same data as the step, so a page cannot say something else.
"""

from collections.abc import Sequence
from typing import Any

from course.lab import Lab
from course.runbooks.remote import Remote
from course.runbooks.running import Desk, Outcome, Run

SHOWN = {"looked", "measured", "did", "way back"}
"""Kinds of rows of the record that say what was looked at or done."""


def desk(scenario: str, seed: int | str, address: str = "", token: str = "") -> Desk:
    """A lab by its scenario and seed, or a served one: at `address`, or "here" for this user's."""
    if not address:
        return Lab(scenario, seed)
    return Remote() if address == "here" else Remote(address, token)


def card(run: Run, outcome: Outcome) -> list[dict[str, Any]]:
    """A step as rows of two columns: what it asks for, and how it ended."""
    step = run.book.step(outcome.step)
    rows = {
        "before anything is done": step.check,
        "expected": step.expect,
        "way back": step.back,
        "tree": step.leaf or "-",
        f"result: {outcome.state}": outcome.told,
    }
    return [{"": key, outcome.title: value} for key, value in rows.items()]


def looked(run: Run, step: str) -> list[dict[str, Any]]:
    """What one step looked at and did, in its order."""
    return [
        {
            "at (s)": row["at_s"],
            "kind": row["kind"],
            "verb": row["verb"],
            "with": _words(row["arguments"]),
            "answer": row["answer"],
        }
        for row in run.record()["rows"]
        if row["step"] == step and row["kind"] in SHOWN
    ]


def done(run: Run) -> list[dict[str, Any]]:
    """What was changed in all, in its order; empty if nothing was."""
    kinds = ("did", "way back")
    return [
        {
            "at (s)": row["at_s"],
            "step": row["step"],
            "kind": row["kind"],
            "verb": row["verb"],
            "with": _words(row["arguments"]),
        }
        for row in run.record()["rows"]
        if row["kind"] in kinds
    ]


def summary(run: Run) -> list[dict[str, Any]]:
    """How each step ended."""
    return [{"step": o.step, "result": o.state, "told": o.told} for o in run.outcomes]


def _words(arguments: dict[str, Any]) -> str:
    return ", ".join(f"{key}={_brief(value)}" for key, value in arguments.items())


def _brief(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "+".join(str(one) for one in value)
    return str(value)
