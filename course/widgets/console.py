"""An incident console: pages, dashboards, logs and `dwcp-cli` side by side, and a clock to turn.

The console knows no cluster. A `Desk` gives it plain snapshots and carries out what the learner
wants: let time pass, look back, type a line, acknowledge, write an update, say what is wrong. The
clock is the simulation's. While it runs, the view asks for a step every second; so time stands
still when the page is closed, and thinking is free while it is paused.
"""

from html import escape
from typing import Any, Protocol

import traitlets as t

from course.widgets.fallback import html_table
from course.widgets.panel import Panel, front

STEP_MAX_S, LINE_MAX, TYPED_MAX = 3_600, 500, 100
PACES_S = [1, 10, 60]


class Desk(Protocol):
    """What a console needs. Times are virtual seconds since the page."""

    def look(self) -> dict[str, Any]:
        """{title, now_s, at_s, pages: rows, panels: [{title, rows}], series, logs: rows}.

        `series` are {name, unit, points: [[s, value]]}; `at_s` is before `now_s` in the past.
        """

    def step(self, seconds: float) -> None:
        """Let time pass."""

    def back(self, at_s: float) -> None:
        """Show the cluster as it was; what is done there does not count."""

    def type(self, line: str) -> tuple[int, str]:
        """Carry out a command line: its exit code, and what it printed."""

    def say(self, kind: str, text: str) -> dict[str, Any]:
        """acknowledge, update, diagnose or done; what to show of the verdict, or nothing."""

    def choices(self) -> list[str]:
        """The diagnoses to choose from; empty where nothing is asked."""


class Console(Panel):
    """The console of one `desk`."""

    _esm = front("console")

    snapshot = t.Dict(help="what the desk shows now").tag(sync=True)
    typed: t.List = t.List(help="rows {s, line, code, text} of the terminal").tag(sync=True)
    running = t.Bool(help="whether the clock runs").tag(sync=True)
    pace_s = t.Int(10, help="virtual seconds for each real one while it runs").tag(sync=True)
    choices: t.List = t.List(help="the diagnoses to choose from").tag(sync=True)
    verdict = t.Dict(help="the score once it is over, as rows").tag(sync=True)

    def __init__(self, desk: Desk) -> None:
        snapshot = desk.look()
        super().__init__(title=snapshot["title"], snapshot=snapshot, choices=desk.choices())
        self._desk = desk

    def intend(self, content: dict[str, Any]) -> None:
        """Turn the clock, type, or speak to people."""
        match content:
            case {"intent": "run", "pace_s": int(pace)} if pace in PACES_S:
                self.running, self.pace_s = True, pace
                self._now_only()
            case {"intent": "pause"}:
                self.running = False
            case {"intent": "tick"} if self.running:
                self._desk.step(self.pace_s)
            case {"intent": "step", "seconds": int(seconds)} if 0 < seconds <= STEP_MAX_S:
                self._step(seconds)
            case {"intent": "back", "at_s": int() | float() as at_s}:
                self.running = False
                self._desk.back(min(float(at_s), self.snapshot["now_s"]))
            case {"intent": "type", "line": str(line)}:
                self.type(line)
            case {"intent": "say", "kind": str(kind), "text": str(text)}:
                self._now_only()
                self.verdict = self._desk.say(kind, text) or self.verdict
                self.note = f"Said at {self.snapshot['now_s']:.0f} s: {kind}."
        pages = len(self.snapshot["pages"])
        self.snapshot = self._desk.look()
        if new := self.snapshot["pages"][pages:]:
            self.note = f"Page: {new[-1]['page']}"

    def type(self, line: str) -> None:
        """Type one line into the terminal."""
        if not line.strip() or len(line) > LINE_MAX:
            raise ValueError(f"Type a command, such as: cluster health (at most {LINE_MAX} signs).")
        at_s = self.snapshot["at_s"]
        code, text = self._desk.type(line.strip())
        row = {"s": round(at_s, 1), "line": line.strip(), "code": code, "text": text.rstrip()}
        self.typed = [*self.typed, row][-TYPED_MAX:]
        self.note = f"{row['line']}: exit code {code}."

    def _step(self, seconds: int) -> None:
        """In the past a step leads towards now; it does not change anything."""
        at_s, now_s = self.snapshot["at_s"], self.snapshot["now_s"]
        if at_s < now_s:
            self._desk.back(min(at_s + seconds, now_s))
        else:
            self._desk.step(seconds)

    def _now_only(self) -> None:
        if self.snapshot["at_s"] < self.snapshot["now_s"]:
            self._desk.back(self.snapshot["now_s"])

    def as_html(self) -> str:
        """Pages, tables and logs as they stand now."""
        seen = self.snapshot
        parts = [f"<p><b>{escape(self.title)}</b>, {seen['at_s']:.0f} s after the page</p>"]
        parts += [html_table("Pages", seen["pages"])]
        parts += [html_table(panel["title"], panel["rows"]) for panel in seen["panels"]]
        parts += [html_table("Logs", seen["logs"])]
        typed = "\n\n".join(f"$ {row['line']}\n{row['text']}" for row in self.typed)
        return "".join(parts) + (f"<pre>{escape(typed)}</pre>" if typed else "")

    def as_text(self) -> str:
        """The same as plain text."""
        seen = self.snapshot
        lines = [f"{self.title}, {seen['at_s']:.0f} s after the page"]
        for title, rows in _titled(seen):
            lines.append(f"{title}: {len(rows) or 'none'}")
            lines += ["   " + ", ".join(f"{k}: {v}" for k, v in row.items()) for row in rows]
        return "\n".join(lines)


def _titled(seen: dict[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    panels = [(panel["title"], panel["rows"]) for panel in seen["panels"]]
    return [("Pages", seen["pages"]), *panels, ("Logs", seen["logs"])]
