"""Predict first: commit to an answer, then see it beside what happened.

A wrong prediction that was made is remembered; a right explanation that was read is not. So the
widget asks before the cell that tells, keeps what was committed, and never blocks a run from top
to bottom: a prediction that was not made is said to be missing, and the answer is shown.
"""

from html import escape
from typing import Any

import traitlets as t
from IPython.display import display

from course.widgets.panel import Panel, front


class Predict(Panel):
    """A question with `choices`, or for a number with `unit` between `low` and `high`."""

    _esm = front("predict")

    question = t.Unicode(help="what is asked, with its unit").tag(sync=True)
    choices: t.List = t.List(help="the answers to choose from; empty: a number").tag(sync=True)
    revealed = t.Bool(help="whether what happened was shown").tag(sync=True)

    def __init__(
        self,
        question: str,
        choices: list[str] | None = None,
        unit: str = "",
        low: float | None = None,
        high: float | None = None,
    ) -> None:
        asked = f"{question} {_in(unit)}".strip()
        super().__init__(title="Your prediction", question=asked, choices=choices or [])
        self.unit, self._low, self._high = unit, low, high
        self.committed: Any = None
        self.actual: Any = None

    def commit(self, value: Any) -> None:
        """Keep `value` as the prediction; it may be changed until `reveal`."""
        if self.revealed:
            self.note = "It has been revealed; a prediction made now would be a memory."
        elif self._fits(value):
            self.committed = value
            self.note = f"Committed: {self._with_unit(value)}. You may change it until you run on."
        else:
            self.note = self._wanted()

    def intend(self, content: dict[str, Any]) -> None:
        """Commit."""
        match content:
            case {"intent": "commit", "value": value}:
                self.commit(value)

    def _fits(self, value: Any) -> bool:
        if self.choices:
            return value in self.choices
        if not isinstance(value, int | float) or isinstance(value, bool) or value != value:
            return False
        return (self._low is None or self._low <= value) and (
            self._high is None or value <= self._high
        )

    def _wanted(self) -> str:
        if self.choices:
            return "Choose an answer first."
        bounds = [
            f"{word} {bound:g}"
            for word, bound in (("from", self._low), ("to", self._high))
            if bound is not None
        ]
        return " ".join(["Give a number", *bounds, self.unit]).strip() + "."

    def reveal(self, actual: Any, because: str = "") -> None:
        """Show the prediction beside what happened."""
        self.actual, self.revealed = actual, True
        text = self.beside(actual, because)
        display({"text/html": f"<p>{escape(text)}</p>", "text/plain": text}, raw=True)

    def beside(self, actual: Any, because: str = "") -> str:
        """What `reveal` says: the truth, the prediction, how far apart, and why."""
        lines = [f"It is {self._with_unit(actual)}.", self._comparison(actual), because]
        return " ".join(line for line in lines if line)

    def _comparison(self, actual: Any) -> str:
        if self.committed is None:
            return "You made no prediction; run the cell above, commit one, and run this again."
        if isinstance(actual, str):
            return (
                "As you predicted." if actual == self.committed else f"You said {self.committed}."
            )
        if actual == self.committed:
            return "Exactly as you predicted."
        apart = abs(actual - self.committed)
        side = "more" if self.committed > actual else "less"
        return f"You said {self._with_unit(self.committed)}: {apart:,.4g}{_unit(self.unit)} {side}."

    def _with_unit(self, value: Any) -> str:
        return value if isinstance(value, str) else f"{value:,.6g}{_unit(self.unit)}"

    def as_html(self) -> str:
        """The question, and what there is to choose from."""
        items = "".join(f"<li>{escape(choice)}</li>" for choice in self.choices)
        asked = f"<p><b>{self.title}.</b> {escape(self.question)}</p>"
        return asked + (f"<ul>{items}</ul>" if items else "")

    def as_text(self) -> str:
        """The same as plain text."""
        return "\n- ".join([f"{self.title}. {self.question}", *self.choices])


def _unit(unit: str) -> str:
    return f" {unit}" if unit else ""


def _in(unit: str) -> str:
    return f"(in {unit})" if unit else ""
