"""Something that happens step by step, to go through forward and back at one's own pace.

A frame is a moment: a title, a sentence on what happened, a picture as SVG, and tables that say the
same for who cannot see it. All frames are in the page, so stepping needs no kernel; without the
widget's script they stand below one another.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from html import escape
from typing import Any

import traitlets as t

from course.widgets.fallback import html_table
from course.widgets.panel import Panel, front


@dataclass(frozen=True, slots=True)
class Frame:
    """One moment. `tables` are {title, rows}; `picture` is SVG made by `course.figures`."""

    title: str
    text: str
    picture: str = ""
    tables: tuple[dict[str, Any], ...] = field(default=())


class Stepper(Panel):
    """Frames in order; `at` is the one that is shown, from 0."""

    _esm = front("stepper")

    frames: t.List = t.List(help="rows {title, text, picture, tables}").tag(sync=True)
    at = t.Int(help="the frame that is shown").tag(sync=True)

    def __init__(self, title: str, frames: Sequence[Frame]) -> None:
        if not frames:
            raise ValueError("there is nothing to step through; give at least one frame")
        super().__init__(title=title, frames=[asdict(frame) for frame in frames])

    @t.validate("at")
    def _inside(self, proposal: Any) -> int:
        return int(min(max(proposal["value"], 0), len(self.frames) - 1))

    def intend(self, content: dict[str, Any]) -> None:
        """Stepping is done in the view; nothing is asked of the kernel."""

    def as_html(self) -> str:
        """All frames below one another."""
        parts = [f"<p><b>{escape(self.title)}</b></p>"]
        for number, frame in enumerate(self.frames, 1):
            tables = "".join(html_table(one["title"], one["rows"]) for one in frame["tables"])
            parts.append(
                f"<details{' open' if number == 1 else ''}><summary>{number}. "
                f"{escape(frame['title'])}</summary><p>{escape(frame['text'])}</p>"
                f"{frame['picture']}{tables}</details>"
            )
        return "".join(parts)

    def as_text(self) -> str:
        """Titles and sentences."""
        frames = enumerate(self.frames, 1)
        lines = [f"{number}. {frame['title']} {frame['text']}" for number, frame in frames]
        return "\n".join([self.title, *lines])
