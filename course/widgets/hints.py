"""Hints that open one at a time, with nothing but HTML: they work without a kernel, in print too.

Each hint lies inside the one before, so the second cannot be opened before the first. A hint may
be a function that looks at what the learner has done so far; it is asked when the cell runs.
"""

from collections.abc import Callable, Sequence
from html import escape

from IPython.display import HTML


def hints(steps: Sequence[str | Callable[[], str]]) -> HTML:
    """The hints as nested <details>, in order."""
    texts = [_text(step) for step in steps]
    html = ""
    for number, text in reversed(list(enumerate(texts, 1))):
        label = f"Hint {number} of {len(texts)}"
        html = f"<details><summary>{label}</summary><p>{escape(text)}</p>{html}</details>"
    return HTML(html)


def _text(step: str | Callable[[], str]) -> str:
    """A hint must never be what breaks a notebook: a function that fails says why."""
    if isinstance(step, str):
        return step
    try:
        return step()
    except Exception as error:
        return f"This hint looks at your work so far and could not: {error}. Run the cells above."
