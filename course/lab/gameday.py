"""A game day: an incident that you do not know, a page, and a clock.

The seed draws the incident and its cluster. You acknowledge the page, look around with the
operator's verbs, keep people informed, say what is wrong, mend it, and say that it is over. Time
is the cluster's: every verb takes what it takes, and thinking is free unless you let time pass.

    game = GameDay(seed=7)
    print(game.page)
    game.acknowledge()
    game.lab.cluster.health()

What you did is plain data (`record()`), and `replayed` judges it again in another process. The
debrief tells what was wrong, what showed it, and where the minutes went.
"""

from dataclasses import asdict, dataclass
from typing import Any

from course.catalogue import scenarios
from course.lab.commands import KINDS
from course.lab.conditions import missing
from course.lab.journal import Lab, replay
from course.lab.seeds import Seeds

ACKNOWLEDGE_S, MITIGATE_S, HOPELESS_S = 300, 900, 3_600
FIRST_UPDATE_S, UPDATE_EVERY_S = 600, 900
POINTS = {"detected": 15, "diagnosed": 25, "mitigated": 40, "communicated": 20}
WRONG_DIAGNOSIS, NEEDLESS, VM_DOWN = 10, 5, 20


@dataclass(frozen=True, slots=True)
class Score:
    """Points, 100 in all before harm is taken off; `harm` is what was taken off, and why."""

    detected: int
    diagnosed: int
    mitigated: int
    communicated: int
    harm: int
    reasons: tuple[str, ...]

    @property
    def total(self) -> int:
        earned = self.detected + self.diagnosed + self.mitigated + self.communicated
        return max(0, earned - self.harm)


class GameDay:
    """One incident on `lab`. `difficulty` 1 to 3 narrows the draw; None: any."""

    def __init__(self, seed: int | str, difficulty: int | None = None) -> None:
        self.seed, self.difficulty = seed, difficulty
        fitting = [
            name
            for name in scenarios.incidents()
            if difficulty in (None, scenarios.load(name)["difficulty"])
            and "lab" not in scenarios.load(name)
        ]
        if not fitting:
            raise ValueError(f"no incident has difficulty {difficulty}; give 1, 2, 3 or None")
        self._incident = Seeds(seed).stream("gameday").choice(fitting)
        self.lab = Lab(self._incident, seed)
        self._began_s = self.lab.now_s
        self._notes: list[dict[str, Any]] = []

    @property
    def page(self) -> str:
        """What the pager says."""
        return f"PAGE. {scenarios.load(self._incident)['told'].strip()}"

    @property
    def clock_s(self) -> float:
        """Seconds since the page."""
        return self.lab.now_s - self._began_s

    # what a responder does besides operating

    def acknowledge(self) -> None:
        """You have it."""
        self._note("acknowledged")

    def update(self, text: str) -> None:
        """Tell people where things stand: what is affected, what you do, when you write again."""
        if len(text.split()) < 5:
            raise ValueError(
                "an update says what is affected and what is being done, in a sentence"
            )
        self._note("update", text=text)

    def diagnoses(self) -> list[str]:
        """What it might be: the texts to choose from, in an order that tells nothing."""
        return sorted(scenarios.load(name)["wrong"].strip() for name in scenarios.incidents())

    def diagnose(self, text: str) -> None:
        """Say what is wrong, in one of `diagnoses()`; wrong ones cost points."""
        if text.strip() not in self.diagnoses():
            raise ValueError("choose one of diagnoses(), word for word")
        self._note("diagnosis", text=text.strip())

    def done(self) -> Score:
        """Say that it is over; the score."""
        self._note("done")
        return self.score()

    # the judgement

    def record(self) -> dict[str, Any]:
        """What was done, as plain data."""
        notes = [dict(note) for note in self._notes]
        return {"seed": self.seed, "difficulty": self.difficulty, "journal": self.lab.journal(),
                "notes": notes}  # fmt: skip

    def score(self) -> Score:
        """Judge what was done so far. The clock stops at "done", and runs while it is not said."""
        over_s = self._first("done", self.clock_s)
        open_goals = missing(self.lab)
        harm, reasons = self._harm()
        if open_goals:
            looks = ", ".join(sorted({goal["look"] for goal in open_goals}))
            reasons += (f"it is not resolved: {looks} does not say so",)
        return Score(
            POINTS["detected"] if self._first("acknowledged", HOPELESS_S) <= ACKNOWLEDGE_S else 0,
            self._diagnosed(),
            0 if open_goals else _fading(POINTS["mitigated"], over_s),
            POINTS["communicated"] if self._kept_informed(over_s) else 0,
            harm,
            reasons,
        )

    def debrief(self) -> dict[str, Any]:
        """What was wrong, what showed it, what mends it, and what was done when."""
        incident = scenarios.load(self._incident)
        acted = [
            {"s": round(row["at_us"] / 1e6 - self._began_s, 1), "what": row["verb"]}
            for row in self.lab.journal()
        ]
        said = [{"s": note["s"], "what": note["kind"]} for note in self._notes]
        score = self.score()
        return {
            "incident": incident["title"],
            "wrong": incident["wrong"].strip(),
            "shown_by": incident["signals"],
            "mended_by": incident["fix"],
            "timeline": sorted(said + acted, key=lambda row: row["s"]),
            "score": asdict(score) | {"total": score.total},
        }

    def _note(self, kind: str, **details: Any) -> None:
        self._notes.append({"s": round(self.clock_s, 3), "kind": kind, **details})

    def _first(self, kind: str, otherwise: float) -> float:
        found: list[float] = [note["s"] for note in self._notes if note["kind"] == kind]
        return found[0] if found else otherwise

    def _diagnosed(self) -> int:
        """The last one counts; every wrong one before it costs."""
        said = [note["text"] for note in self._notes if note["kind"] == "diagnosis"]
        right = scenarios.load(self._incident)["wrong"].strip()
        if not said or said[-1] != right:
            return 0
        wrong = sum(text != right for text in said)
        return max(0, POINTS["diagnosed"] - WRONG_DIAGNOSIS * wrong)

    def _kept_informed(self, over_s: float) -> bool:
        """A first update within 10 minutes, then one every 15 until it is over."""
        times = [note["s"] for note in self._notes if note["kind"] == "update"]
        if not times or times[0] > FIRST_UPDATE_S:
            return False
        gaps = zip(times, [*times[1:], over_s], strict=True)
        return all(later - earlier <= UPDATE_EVERY_S for earlier, later in gaps)

    def _harm(self) -> tuple[int, tuple[str, ...]]:
        """Interruptions where none was due, and guests that do not run any more."""
        named = {str(v) for a in scenarios.load(self._incident)["fix"] for v in a["with"].values()}
        needless = [
            f"{row['verb']} {' '.join(map(str, row['arguments'].values()))}"
            for row in self.lab.journal()
            if KINDS.get(row["verb"], "R") in ("S", "D", "D2")
            and not named & {str(value) for value in row["arguments"].values()}
        ]
        down = [
            guest.name
            for host in self.lab.world.hosts.values()
            for guest in host.guests.values()
            if not guest.running
        ]
        reasons = [f"needless: {text}" for text in needless] + [f"{vm} is down" for vm in down]
        return NEEDLESS * len(needless) + VM_DOWN * len(down), tuple(reasons)


def replayed(record: dict[str, Any]) -> GameDay:
    """The game of a record, with its journal carried out again; raises ValueError for no record."""
    if not isinstance(record, dict) or set(record) != {"seed", "difficulty", "journal", "notes"}:
        raise ValueError("a record has seed, difficulty, journal and notes, as record() gives them")
    game = GameDay(record["seed"], record["difficulty"])
    game.lab = replay(record["journal"], game._incident, record["seed"])
    last = 0.0
    for note in record["notes"]:
        if not isinstance(note, dict) or not isinstance(note.get("s"), int | float):
            raise ValueError("a note has its time in seconds, s, and its kind")
        if not last <= note["s"] <= game.clock_s + 0.001:
            raise ValueError(f"a note at {note['s']} s is out of order, or later than the end")
        last = note["s"]
        game._notes.append(dict(note))
    return game


def _fading(points: int, after_s: float) -> int:
    """All of it up to 15 minutes, nothing from an hour on, evenly between."""
    left = (HOPELESS_S - after_s) / (HOPELESS_S - MITIGATE_S)
    return round(points * min(1.0, max(0.0, left)))
