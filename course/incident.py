"""The desk behind an incident console: a lab or a game day as snapshots, and intents as verbs.

What the console shows is looked at from outside of time: no verb is carried out, nothing passes,
nothing stands in the journal. What is typed is carried out as on a terminal, takes what it takes,
and is in the journal; a game day is judged by that. To look back is to do all of it again up to
that moment, on a second lab (`course.lab.timeline`), so that the past can be asked and not changed.
"""

from typing import Any

from course.catalogue import scenarios
from course.faces.dwcp_cli import typed
from course.lab import Lab, timeline
from course.lab.commands.lookups import node_row
from course.lab.gameday import GameDay

SAMPLE_S = 5.0
"""How often a running clock looks for something to page about."""
LOGS_MAX, ROWS_MAX = 60, 40


class LabDesk:
    """Implements `course.widgets.console.Desk` for a lab, or for the lab of a game day."""

    def __init__(self, lab: Lab, game: GameDay | None = None) -> None:
        self.lab, self.game = lab, game
        self._began_s = lab.now_s
        self._past: Lab | None = None
        told = game.page if game else scenarios.load(lab.scenario).get("told", "").strip()
        self._pages: list[dict[str, Any]] = [{"s": 0.0, "page": told}] if told else []
        self._points: list[tuple[float, dict[str, int]]] = []
        self._ready = _ready(lab)
        self._sample()

    def look(self) -> dict[str, Any]:
        """A snapshot of now, or of the moment that is looked at."""
        lab, now_s = self._past or self.lab, self._s(self.lab)
        at_s = min(self._s(lab), now_s)
        nodes = [node_row(lab.world, host) for host in lab.world.hosts.values()]
        return {
            "title": "Incident console" if self.game else f"Console of {lab.scenario}",
            "now_s": now_s,
            "at_s": at_s,
            "pages": [page for page in self._pages if page["s"] <= at_s],
            "panels": [
                {"title": "Nodes by state", "rows": _by_state(nodes)},
                {"title": "Nodes that are not ready", "rows": _not_ready(nodes)},
                {"title": "VMs", "rows": _guests(lab)},
                {"title": "Migrations", "rows": _migrations(lab)},
            ],
            "series": self._series(at_s),
            "logs": self._logs(lab),
        }

    def step(self, seconds: float) -> None:
        """Let time pass, and look for trouble every 5 s of it."""
        self._past = None
        left = seconds
        while left > 0:
            self.lab.pass_time(min(left, SAMPLE_S))
            left -= SAMPLE_S
            self._sample()

    def back(self, at_s: float) -> None:
        """Show the lab as it was `at_s` after the page; at the present moment, the lab itself."""
        if at_s < 0:
            raise ValueError("The page is where this begins; there is nothing before 0 s.")
        now_s = self._s(self.lab)
        self._past = None if at_s >= now_s else timeline.at(self.lab, self._began_s + at_s)

    def type(self, line: str) -> tuple[int, str]:
        """Carry out a line of `dwcp-cli`; in the past on the second lab."""
        code, text = typed(line, (self._past or self.lab).do)
        if self._past is None:
            self._sample()
        return code, text

    def choices(self) -> list[str]:
        """The diagnoses of a game day."""
        return self.game.diagnoses() if self.game else []

    def say(self, kind: str, text: str) -> dict[str, Any]:
        """Speak to people; `done` ends a game day with its debrief."""
        match kind, self.game:
            case _, None:
                raise ValueError("Nobody is paged here: this is a lab, not a game day.")
            case "acknowledge", game:
                game.acknowledge()
            case "update", game:
                game.update(text)
            case "diagnose", game:
                game.diagnose(text)
            case "done", game:
                game.done()
                return _debriefed(game)
            case _:
                raise ValueError(f"{kind!r} is none of acknowledge, update, diagnose, done")
        return {}

    def _s(self, lab: Lab) -> float:
        return round(lab.now_s - self._began_s, 3)

    def _sample(self) -> None:
        """Keep the curves, and page for each node that has ceased to be ready."""
        now_s, ready = self._s(self.lab), _ready(self.lab)
        for name in self._ready:
            if name not in ready:
                page = f"{name} is not ready any more. (dwcp-cli node list)"
                self._pages.append({"s": now_s, "page": page})
        self._ready = ready
        running = sum(g.running for h in self.lab.world.hosts.values() for g in h.guests.values())
        moving = sum(not move.is_over for move in self.lab.world.migrations.values())
        counts = {"nodes ready": len(ready), "VMs running": running, "migrations": moving}
        self._points.append((now_s, counts))

    def _series(self, at_s: float) -> list[dict[str, Any]]:
        seen = [(s, counts) for s, counts in self._points if s <= at_s]
        names = seen[0][1] if seen else {}
        return [
            {"name": name, "unit": "", "points": [[s, counts[name]] for s, counts in seen]}
            for name in names
        ]

    def _logs(self, lab: Lab) -> list[dict[str, Any]]:
        rows = timeline.events(lab)[-LOGS_MAX:]
        return [
            {
                "s": round(row["s"] - self._began_s, 3),
                "host": row["host"],
                "event": row["event"],
                "details": ", ".join(f"{key}={value}" for key, value in row["details"].items()),
            }
            for row in rows
        ]


def _ready(lab: Lab) -> list[str]:
    rows = [node_row(lab.world, host) for host in lab.world.hosts.values()]
    return [row["node"] for row in rows if row["status"] == "ready"]


def _by_state(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    keys = dict.fromkeys((row["role"], row["status"]) for row in nodes)
    return [
        {
            "role": role,
            "state": state,
            "nodes": sum((row["role"], row["status"]) == (role, state) for row in nodes),
        }
        for role, state in keys
    ]


def _not_ready(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = ("node", "region", "status", "reason")
    rows = [{name: row[name] or "-" for name in names} for row in nodes if row["status"] != "ready"]
    return rows[:ROWS_MAX]


def _guests(lab: Lab) -> list[dict[str, Any]]:
    rows = [
        {
            "vm": guest.name,
            "node": host.name,
            "state": "running" if guest.running else "not running",
        }
        for host in lab.world.hosts.values()
        for guest in host.guests.values()
    ]
    return rows[:ROWS_MAX]


def _migrations(lab: Lab) -> list[dict[str, Any]]:
    rows = [
        {"vm": move.vm, "from": move.source, "to": move.target, "state": move.state,
         "Mbps": round(move.rate_mbps)}
        for move in lab.world.migrations.values()
    ]  # fmt: skip
    return rows[:ROWS_MAX]


def _debriefed(game: GameDay) -> dict[str, Any]:
    told = game.debrief()
    points = [
        {"part": part, "points": told["score"][part]} for part in told["score"] if part != "reasons"
    ]
    return {
        "incident": told["incident"],
        "wrong": told["wrong"],
        "points": points,
        "reasons": list(told["score"]["reasons"]),
    }
