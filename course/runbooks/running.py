"""How a runbook is carried out, and the record that it leaves.

A step is a function of a `Case`. It looks at the cluster and answers with a text, "nothing to do,
and why", or with a `Plan`: what was found, what to do, what is to be seen afterwards, the way back.
The order of the steps, their titles and what they are for are data, in `course.catalogue.runbooks`.

Laws, which hold for every step:

- Looking never changes anything: a verb that is not of kind R is refused while a step looks. The
  one exception is a test migration, of a VM of its own, where there is a suspicion already.
- A plan whose pre-check failed is not begun. Verbs that may lose data (kinds D and D2) need a
  second person by name, whatever the step.
- What was expected does not come: the way back is taken, and the runbook stops.
- A runbook that has stopped does nothing more. Steps are taken in their order, each once.

Times are virtual seconds of the cluster. Next to read: `control_plane`, then the other steps.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from course.catalogue import runbooks
from course.lab.commands import KINDS, CommandError

LOSES_DATA = ("D", "D2")
SLICE_S, SLICES = 5.0, 60
"""How often it is looked whether what is expected has come: every 5 s, or 60 times in all."""
BRIEF = 160
"""Characters of an answer that the record keeps."""


class Desk(Protocol):
    """What a runbook is carried out on: a `Lab`, or a served one (`course.runbooks.remote`)."""

    @property
    def now_s(self) -> float: ...

    def do(self, verb: str, /, **arguments: Any) -> Any: ...


class Stopped(Exception):
    """The runbook stopped; the text says at which step and why."""

    def _render_traceback_(self) -> list[str]:
        return [f"Stopped: {self}"]  # in a notebook, the reason and not the way through the code


@dataclass(frozen=True, slots=True)
class Act:
    """One verb with its arguments."""

    verb: str
    arguments: Mapping[str, Any]


def act(verb: str, **arguments: Any) -> Act:
    """`act("server start", host="controller-1")`."""
    return Act(verb, arguments)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a step wants to do about what it `found`.

    `unless` is a pre-check that failed, in words: then nothing of it is done. `missing` says what
    is not yet as expected, or nothing; it is asked for up to `within_s`.
    """

    found: str
    acts: tuple[Act, ...]
    missing: Callable[["Case"], str]
    within_s: float = 60.0
    back: tuple[Act, ...] = ()
    unless: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a step ended: looked, not needed, done, stopped, undone, failed, or not reached."""

    step: str
    title: str
    state: str
    told: str


class Case:
    """The cluster as a step sees it, and what the runbook was asked about.

    `about` may hold node, vm, source, target; `second_person` is who agrees to what may lose data.
    """

    def __init__(self, desk: Desk, note: Callable[..., None], **about: str) -> None:
        self.desk, self._note = desk, note
        self.second_person = about.pop("second_person", "").strip()
        self.severity = about.pop("severity", "")
        self.about = {key: value for key, value in about.items() if value}

    def look(self, verb: str, /, **arguments: Any) -> Any:
        """What a verb of kind R answers; None if it is refused now, as when nobody leads."""
        if KINDS.get(verb) != "R":
            raise ValueError(f"{verb!r} changes something; a step looks with verbs of kind R")
        try:
            found = self.desk.do(verb, **arguments)
        except CommandError as error:
            self._note("looked", verb, arguments, f"refused: {error}")
            return None
        self._note("looked", verb, arguments, found)
        return found

    def measure(self, source: str, target: str) -> dict[str, Any] | None:
        """Move a small test VM, where a suspicion can be told by nothing else; it is deleted."""
        arguments = {"source": source, "target": target}
        try:
            found: dict[str, Any] = self.desk.do("migration test", **arguments)
        except CommandError as error:
            self._note("measured", "migration test", arguments, f"refused: {error}")
            return None
        self._note("measured", "migration test", arguments, found)
        return found

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.desk.do("clock run", seconds=seconds)
        self._note("waited", "clock run", {"seconds": seconds}, "")


Step = Callable[[Case], "Plan | str"]
STEPS: dict[str, Step] = {}
"""By id: the function's name with dashes."""


def step(function: Step) -> Step:
    """Declare a step."""
    name = function.__name__.replace("_", "-")
    assert name not in STEPS, name
    STEPS[name] = function
    return function


class Run:
    """A runbook at work on a cluster. `operator` is who is on call; it stands in the record."""

    def __init__(
        self, name: str, desk: Desk, operator: str, severity: str = "", **about: str
    ) -> None:
        if not operator.strip():
            raise ValueError("a runbook needs an operator: who carries it out, by name")
        if severity not in ("", *runbooks.SEVERITIES):
            raise ValueError(f"severity is {severity!r}; give {', '.join(runbooks.SEVERITIES)}")
        unknown = sorted(set(about) - {"node", "vm", "source", "target", "second_person"})
        if unknown:
            raise ValueError(f"a runbook is not about {', '.join(unknown)}; give node, vm, "
                             "source, target, second_person")  # fmt: skip
        self.book, self.desk, self.operator = runbooks.load(name), desk, operator.strip()
        if about.get("second_person", "").strip() == self.operator:
            raise ValueError("the second person is somebody else than the operator")
        self.case = Case(desk, self._note, severity=severity, **about)
        self.outcomes: list[Outcome] = []
        self._rows: list[dict[str, Any]] = []
        self._at = ""

    @property
    def stopped(self) -> Outcome | None:
        """The step at which it stopped, if it did."""
        ends = [o for o in self.outcomes if o.state in ("stopped", "undone", "failed")]
        return ends[0] if ends else None

    def step(self, name: str) -> Outcome:
        """Carry out the next step; ValueError if `name` is not the one whose turn it is."""
        due = [row.id for row in self.book.steps][len(self.outcomes) :]
        if not due or name != due[0]:
            turn = f"{due[0]} is next" if due else "it has ended"
            raise ValueError(f"{name!r} is not the next step of {self.book.id}: {turn}")
        self._at = name
        state, told = ("not reached", "the runbook stopped before") if self.stopped else self._do()
        outcome = Outcome(name, self.book.step(name).title, state, told)
        self.outcomes.append(outcome)
        self._note("ended", "", {}, f"{state}: {told}")
        return outcome

    def all(self) -> list[Outcome]:
        """Carry out what is left, in its order."""
        for row in self.book.steps[len(self.outcomes) :]:
            self.step(row.id)
        return self.outcomes

    def close(self) -> None:
        """Raise Stopped if it stopped; a program that runs it sees it by that."""
        if ended := self.stopped:
            raise Stopped(f"{ended.title}: {ended.told}")

    def record(self) -> dict[str, Any]:
        """The audit record as plain data: who, on what, when, what was looked at, done, found."""
        return {
            "runbook": self.book.id,
            "operator": self.operator,
            "second_person": self.case.second_person,
            "severity": self.case.severity,
            "about": dict(self.case.about),
            "outcomes": [{"step": o.step, "state": o.state, "told": o.told} for o in self.outcomes],
            "rows": [dict(row) for row in self._rows],
        }

    def _do(self) -> tuple[str, str]:
        """Carry out the function of the step whose turn it is."""
        plan = STEPS[self._at](self.case)
        if isinstance(plan, str):
            looks = self.book.step(self._at).looks_only
            return ("looked" if looks else "not needed"), plan
        if reason := plan.unless or self._alone(plan):
            return "stopped", f"{plan.found} Not done: {reason}"
        failed = self._carry_out(plan.acts) or self._awaited(plan)
        if not failed:
            return "done", plan.found
        return self._undone(plan, failed)

    def _alone(self, plan: Plan) -> str:
        losing = [a.verb for a in plan.acts if KINDS.get(a.verb) in LOSES_DATA]
        if not losing or self.case.second_person:
            return ""
        return f"{losing[0]!r} may lose data and needs a second person; name one (second_person)."

    def _carry_out(self, acts: tuple[Act, ...], kind: str = "did") -> str:
        for one in acts:
            try:
                answer = self.desk.do(one.verb, **one.arguments)
            except CommandError as error:
                self._note(kind, one.verb, one.arguments, f"refused: {error}")
                return f"{one.verb} was refused: {error}"
            self._note(kind, one.verb, one.arguments, answer)
        return ""

    def _awaited(self, plan: Plan) -> str:
        """What is still missing when the time is over."""
        until = self.desk.now_s + plan.within_s
        while missing := plan.missing(self.case):
            if self.desk.now_s >= until:
                return f"after {plan.within_s:g} s {missing}"
            self.case.wait(max(SLICE_S, plan.within_s / SLICES))
        return ""

    def _undone(self, plan: Plan, failed: str) -> tuple[str, str]:
        told = f"{plan.found} {failed}. Escalate with T12."
        if not plan.back:
            return "failed", told
        refused = self._carry_out(plan.back, "way back")
        return ("failed", f"{told} {refused}") if refused else ("undone", told)

    def _note(self, kind: str, verb: str, arguments: Mapping[str, Any], answer: Any) -> None:
        text = str(answer)
        self._rows.append({
            "at_s": round(self.desk.now_s, 3), "step": self._at, "kind": kind, "verb": verb,
            "arguments": dict(arguments),
            "answer": text if len(text) <= BRIEF else f"{text[:BRIEF]}...",
        })  # fmt: skip
