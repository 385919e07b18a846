"""Liars and a bad network at once, on a cluster with seven voters, over many seeds.

`python -m tests.lab.byzantine_storm --seeds 60` runs each seed for 150 s of cluster time, in which
one or two voters deviate. With every other seed a fifth of the packets between the regions is
lost; with every third an honest voter, or each of a region, is cut off for 30 s. What must hold,
whatever the seed: nobody but a liar loses reputation or comes into quarantine; no two voters
decide differently; and in the last 40 s, when the network is whole, decisions are made again.
"""

import argparse
import sys

from course.lab import Lab

CASES = (
    ("vote-manipulation", {"host": "worker-3"}),
    ("equivocation", {"host": "worker-1"}),  # the first primary
    ("equivocation", {"host": "worker-8"}),
    ("collusion", {"hosts": "worker-1,worker-9"}),
    ("silent-voter", {"host": "worker-2"}),
    ("state-corruption", {"host": "worker-7"}),
    ("delayed-votes", {"host": "worker-4", "ms": 3_000}),
)
SECONDS, LAST_SECONDS, DECISIONS_MIN = 150, 40, 4


def storm(seed: int) -> tuple[str, list[str]]:
    """(what happened, what must not have happened) for one seed."""
    fault, arguments = CASES[seed % len(CASES)]
    lab = Lab("seven-voters", seed)
    lab.inject(fault, **arguments)
    if seed % 2:
        lab.inject("link-loss", a="us-east", b="eu-west", loss=0.2)
    if seed % 3 == 0:
        cut = "worker-4" if seed % 2 else "eu-west"
        lab.inject("link-cut", a=cut, b="all", at_s=20, for_s=30)
    lab.run(SECONDS)
    liars = {
        name for value in arguments.values() if isinstance(value, str) for name in value.split(",")
    }
    wrong = sorted(_blamed(lab) - liars)
    problems = [f"{name} is honest and was blamed" for name in wrong]
    problems += ["two decisions at one number"] if _broken(lab) else []
    made = lab.consensus.status(duration=LAST_SECONDS)["decisions"]
    problems += [f"{made} decisions in the last {LAST_SECONDS} s"] if made < DECISIONS_MIN else []
    return f"{fault}, blamed: {', '.join(sorted(_blamed(lab))) or 'nobody'}", problems


def _blamed(lab: Lab) -> set[str]:
    rows = lab.reputation.list()
    return {row["node"] for row in rows if row["score"] < 1 or row["status"] == "quarantined"}


def _broken(lab: Lab) -> bool:
    """By what every voter decided, liars' honest halves included."""
    said: dict[int, bytes] = {}
    return any(
        said.setdefault(event.details["number"], event.details["digest"]) != event.details["digest"]
        for event in lab.world.history
        if event.name == "decided"
    )


def main() -> None:
    """Run the seeds asked for; the exit code is 1 if any of them shows a problem."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=60)
    parser.add_argument("--first", type=int, default=0)
    asked, failed = parser.parse_args(), 0
    for seed in range(asked.first, asked.first + asked.seeds):
        said, problems = storm(seed)
        failed += bool(problems)
        print(f"seed {seed:3}  {said}  {'; '.join(problems) or 'ok'}", flush=True)
    print(f"{asked.seeds} seeds, {failed} with a problem")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
