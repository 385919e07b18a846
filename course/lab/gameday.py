"""A game day: an incident that you do not know, a page, and a clock.

The seed draws the incident and its cluster; now and then it draws two at once, or a false alarm,
which is solved by looking, telling people, saying so, and leaving everything alone. You
acknowledge the page, look around with the operator's verbs, keep people informed, say what is
wrong, mend it, and say that it is over. Time is the cluster's: every verb takes what it takes, and
thinking is free unless you let time pass.

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
from course.lab.journal import Lab, replay, wait_until
from course.lab.seeds import Seeds

ACKNOWLEDGE_S, MITIGATE_S, HOPELESS_S = 300, 900, 3_600
FIRST_UPDATE_S, UPDATE_EVERY_S = 600, 900
POINTS = {"detected": 15, "diagnosed": 25, "mitigated": 40, "communicated": 20}
WRONG_DIAGNOSIS, NEEDLESS, VM_DOWN = 10, 5, 20
FALSE_ALARM, TWO_AT_ONCE = 0.12, 0.25
"""How often; two at once only where difficulty 3 is allowed."""


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


def draw(seed: int | str, difficulty: int | None = None) -> str:
    """The name of an incident, of two with a plus, or of a false alarm, for a game day."""
    if difficulty not in (None, 1, 2, 3):
        raise ValueError(f"no incident has difficulty {difficulty}; give 1, 2, 3 or None")
    rng = Seeds(seed).stream("gameday")
    chance = rng.random()
    if chance < FALSE_ALARM and difficulty != 3:
        return rng.choice(_fitting(scenarios.false_alarms(), difficulty))
    if chance > 1 - TWO_AT_ONCE and difficulty in (None, 3):
        first, second = rng.choice(pairs())
        return f"{first}+{second}"
    return rng.choice(_fitting(scenarios.incidents(), difficulty))


def pairs() -> list[tuple[str, str]]:
    """Incidents that can be had at once: on the same ground, with no worker and no VM in common."""
    able = [(name, t) for name in _fitting(scenarios.incidents()) if (t := scenarios.touched(name))]
    return [
        (first, second)
        for number, (first, here) in enumerate(able)
        for second, there in able[number + 1 :]
        if not here & there
        and scenarios.load(first).get("like", first) == scenarios.load(second).get("like", second)
    ]


def _fitting(names: list[str], difficulty: int | None = None) -> list[str]:
    """Those of a difficulty that are no lab's."""
    found = [(name, scenarios.load(name)) for name in names]
    return [n for n, s in found if "lab" not in s and difficulty in (None, s["difficulty"])]


class GameDay:
    """One incident on `lab`. `difficulty` 1 to 3 narrows the draw; None: any."""

    def __init__(self, seed: int | str, difficulty: int | None = None) -> None:
        self.seed, self.difficulty = seed, difficulty
        self._incident = draw(seed, difficulty)
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
        names = [*_fitting(scenarios.incidents()), *scenarios.false_alarms()]
        return sorted(scenarios.load(name)["wrong"].strip() for name in names)

    def diagnose(self, text: str) -> None:
        """Say what is wrong, in one of `diagnoses()`; wrong ones cost points.

        If two things are wrong, say both, one after the other.
        """
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
        open_goals = self._open_goals()
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
            "mended_by": incident.get("fix", []),
            "timeline": sorted(said + acted, key=lambda row: row["s"]),
            "score": asdict(score) | {"total": score.total},
        }

    def _note(self, kind: str, **details: Any) -> None:
        self._notes.append({"s": round(self.clock_s, 3), "kind": kind, **details})

    def _first(self, kind: str, otherwise: float) -> float:
        found: list[float] = [note["s"] for note in self._notes if note["kind"] == kind]
        return found[0] if found else otherwise

    def _open_goals(self) -> list[dict[str, Any]]:
        """What is not resolved. A false alarm is resolved when somebody says so."""
        if "goal" in scenarios.load(self._incident):
            return missing(self.lab)
        is_said = any(note["kind"] == "done" for note in self._notes)
        return [] if is_said else [{"look": "done()"}]

    def _diagnosed(self) -> int:
        """The last ones count, as many as are wrong; every false one costs."""
        said = [note["text"] for note in self._notes if note["kind"] == "diagnosis"]
        right = [scenarios.load(part)["wrong"].strip() for part in self._incident.split("+")]
        found = set(said[-len(right) :]) & set(right)
        if not found:
            return 0
        earned = round(POINTS["diagnosed"] * len(found) / len(right))
        return max(0, earned - WRONG_DIAGNOSIS * sum(text not in right for text in said))

    def _kept_informed(self, over_s: float) -> bool:
        """A first update within 10 minutes, then one every 15 until it is over."""
        times = [note["s"] for note in self._notes if note["kind"] == "update"]
        if not times or times[0] > FIRST_UPDATE_S:
            return False
        gaps = zip(times, [*times[1:], over_s], strict=True)
        return all(later - earlier <= UPDATE_EVERY_S for earlier, later in gaps)

    def _harm(self) -> tuple[int, tuple[str, ...]]:
        """Interruptions where none was due, and guests that do not run any more."""
        fix = scenarios.load(self._incident).get("fix", ())
        named = {str(value) for action in fix for value in action.get("with", {}).values()}
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
    """The game of a record, with its journal carried out again; raises ValueError for no record.

    What a score looked at in between is not in it; the time that it took is.
    """
    if not isinstance(record, dict) or set(record) != {"seed", "difficulty", "journal", "notes"}:
        raise ValueError("a record has seed, difficulty, journal and notes, as record() gives them")
    game = GameDay(record["seed"], record["difficulty"])
    game.lab = replay(record["journal"], game._incident, record["seed"], timed=True)
    last = 0.0
    for note in record["notes"]:
        if not isinstance(note, dict) or not isinstance(note.get("s"), int | float):
            raise ValueError("a note has its time in seconds, s, and its kind")
        if not last <= note["s"] <= HOPELESS_S + game.clock_s:
            raise ValueError(f"a note at {note['s']} s is out of order, or later than the end")
        wait_until(game.lab, round((game._began_s + note["s"]) * 1e6))
        last = note["s"]
        game._notes.append(dict(note))
    return game


def _fading(points: int, after_s: float) -> int:
    """All of it up to 15 minutes, nothing from an hour on, evenly between."""
    left = (HOPELESS_S - after_s) / (HOPELESS_S - MITIGATE_S)
    return round(points * min(1.0, max(0.0, left)))
