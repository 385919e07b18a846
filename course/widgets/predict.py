"""Predict first: commit to an answer, then see it beside what happened.

A wrong prediction that was made is remembered; a right explanation that was read is not. So the
widget asks before the cell that tells, keeps what was committed, and never blocks a run from top
to bottom: a prediction that was not made is said to be missing, and the answer is shown.
"""

from html import escape
from typing import Any

import ipywidgets as widgets
from IPython.display import display

from course.widgets.fallback import with_fallback


class Predict(widgets.VBox):
    """A question with `choices`, or for a number with `unit` between `low` and `high`."""

    def __init__(
        self,
        question: str,
        choices: list[str] | None = None,
        unit: str = "",
        low: float | None = None,
        high: float | None = None,
    ) -> None:
        self.question, self.unit = question, unit
        self.committed: Any = None
        self.actual: Any = None
        self._entry = _choice(choices) if choices else _number(low, high)
        self._button = widgets.Button(
            description="Commit", tooltip=f"Commit your prediction: {question}"
        )
        self._said = widgets.HTML()
        self._button.on_click(lambda _: self.commit(self._entry.value))
        label = widgets.HTML(f"<b>Your prediction.</b> {escape(question)} {escape(_in(unit))}")
        super().__init__([label, widgets.HBox([self._entry, self._button]), self._said])

    def commit(self, value: Any) -> None:
        """Keep `value` as the prediction; it may be changed until `reveal`."""
        if self.actual is not None:
            self._say("It has been revealed; a prediction made now would be a memory.")
            return
        if value is None:
            self._say("Choose an answer first.")
            return
        self.committed = value
        self._say(f"Committed: {self._with_unit(value)}. You may change it until you run on.")

    def reveal(self, actual: Any, because: str = "") -> None:
        """Show the prediction beside what happened."""
        self.actual = actual
        self._button.disabled = True
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

    def _say(self, text: str) -> None:
        self._said.value = f"<span role='status'>{escape(text)}</span>"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        text = f"Your prediction. {self.question} {_in(self.unit)}"
        return with_fallback(super()._repr_mimebundle_(**kwargs), f"<p>{escape(text)}</p>", text)


def _choice(choices: list[str]) -> widgets.RadioButtons:
    return widgets.RadioButtons(options=choices, value=None, description="")


def _number(low: float | None, high: float | None) -> widgets.BoundedFloatText:
    bottom, top = (-1e12 if low is None else low), (1e12 if high is None else high)
    return widgets.BoundedFloatText(value=bottom if low is not None else 0, min=bottom, max=top)


def _unit(unit: str) -> str:
    return f" {unit}" if unit else ""


def _in(unit: str) -> str:
    return f"(in {unit})" if unit else ""
