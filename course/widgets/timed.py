"""A diagnosis under time, without the tree: look, conclude, and see how it compares.

Time is that of `clock`, the cluster's: each look costs what it costs there, and reading costs
nothing. So nobody is hurried by a slow machine, or by reading slowly. `record` is plain data that
an exercise can grade by `course.catalogue.trees.timed.judge`.
"""

from collections.abc import Callable
from html import escape
from typing import Any

import traitlets as t

from course.catalogue.trees import Snapshot, Tree
from course.catalogue.trees.timed import judge, looks, outcomes
from course.widgets.fallback import html_table
from course.widgets.panel import Panel, front
from course.widgets.tree import plain


class TimedTree(Panel):
    """Diagnose what `look()` shows within `limit_s` of `clock()`, s; `told` is the report."""

    _esm = front("timed")

    told = t.Unicode(help="what was reported").tag(sync=True)
    looks: t.List = t.List(help="what can be looked at").tag(sync=True)
    outcomes: t.List = t.List(help="what it can be").tag(sync=True)
    readings: t.List = t.List(help="rows {s, look, signal, value} so far").tag(sync=True)
    limit_s = t.Float(help="seconds for all").tag(sync=True)
    left_s = t.Float(help="seconds that are left").tag(sync=True)
    verdict = t.Unicode(help="how it ended, in words; empty until then").tag(sync=True)

    def __init__(
        self,
        tree: Tree,
        look: Callable[[], Snapshot],
        clock: Callable[[], float],
        limit_s: float = 600.0,
        told: str = "",
    ) -> None:
        super().__init__(title=f"{tree.title} ({tree.id}, from memory)", told=told)
        self.tree, self._look, self._clock = tree, look, clock
        self._began = clock()
        self._looked: list[dict[str, Any]] = []
        self._ended: dict[str, Any] = {"outcome": None, "s": None}
        self.looks, self.outcomes = list(looks(tree)), outcomes(tree)
        self.limit_s = self.left_s = float(limit_s)

    @property
    def record(self) -> dict[str, Any]:
        """What was looked at and concluded, as plain data."""
        return {
            "tree": self.tree.id,
            "limit_s": self.limit_s,
            "looks": list(self._looked),
        } | self._ended

    def look(self, what: str) -> None:
        """Look at one thing; what it shows is added to the readings."""
        self._open()
        found = looks(self.tree)
        if what not in found:
            raise ValueError(f"there is no {what!r} to look at; there are {', '.join(found)}")
        snapshot = self._look()
        names = dict.fromkeys(n for q in found[what] for n in (q.signal, *q.shows))
        values = {name: plain(snapshot.get(name)) for name in names}  # this may take time
        s = round(self._clock() - self._began, 1)
        rows = [
            {"s": s, "look": what, "signal": name, "value": value} for name, value in values.items()
        ]
        self.readings = [*self.readings, *rows]
        self._looked.append({"s": s, "look": what})
        self.left_s = max(0.0, round(self.limit_s - s, 1))

    def conclude(self, outcome: str) -> None:
        """Say what is to be done; that ends it."""
        self._open()
        if outcome not in self.outcomes:
            raise ValueError("choose what is to be done from the list")
        self._ended = {"outcome": outcome, "s": round(self._clock() - self._began, 1)}
        found = judge(self.tree, self.record, self._look())
        right = "Right." if found["right"] else "Not right."
        time = "In time." if found["in_time"] else "Too late."
        looked, asked = f"{found['looks']} times", f"{found['needed']} questions"
        self.verdict = f"{right} {time} You looked {looked}; the tree asks {asked} here."

    def intend(self, content: dict[str, Any]) -> None:
        """Look, or conclude."""
        match content:
            case {"intent": "look", "what": str(what)}:
                self.look(what)
            case {"intent": "conclude", "outcome": str(outcome)}:
                self.conclude(outcome)

    def _open(self) -> None:
        if self.verdict:
            raise ValueError("It has ended; run the cell again for another try.")

    def as_html(self) -> str:
        """The report, what can be looked at, what was seen."""
        items = "".join(f"<li>{escape(text)}</li>" for text in self.outcomes)
        seen = html_table("Seen so far", self.readings)
        said = f"<p><b>{escape(self.title)}</b></p><p>{escape(self.told)}</p>"
        return f"{said}<p>Look: {escape(', '.join(self.looks))}</p>{seen}<ul>{items}</ul>"

    def as_text(self) -> str:
        """The same as plain text."""
        rows = [f"{r['s']} s  {r['look']}: {r['signal']} is {r['value']}" for r in self.readings]
        return "\n".join([self.title, self.told, f"Look: {', '.join(self.looks)}", *rows])
