"""Every runbook on every scenario: what it claims to cure, and what it must leave alone.

`python -m tests.runbooks.cross` prints a line for each pair, in about 70 s of CPU; the tests beside
it run the claims and a part of the rest. Harm is a VM that ran before and does not run afterwards,
a verb that may interrupt service or lose data on something that neither fault nor documented fix
names, or any change where nothing is wrong.
"""

import sys

from course.catalogue import runbooks, scenarios
from course.lab import Lab
from course.lab.commands import KINDS
from course.lab.conditions import missing
from course.runbooks import Run

SEED = 5
ABOUT = {
    "enc-01-encrypted-guest": {"vm": "vault", "target": "worker-3"},
    "enc-02-cold-store": {"vm": "search", "target": "worker-6"},
    "mig-01-congested-hour": {"vm": "archive"},
    "mig-01-exhausted-source": {"vm": "shop"},
    "mig-01-short-limit": {"vm": "ledger"},
    "mig-02-stop-and-copy": {"vm": "till", "target": "worker-2"},
    "mig-04-never-converges": {"vm": "index"},
    "trn-05-long-path": {"vm": "shop", "target": "worker-1"},
    "trn-07-full-packets-vanish": {"vm": "shop"},
}
"""What the person who reports an incident would say: which VM, and where it is wanted."""
UNDEPLOYED = ("bare-hosts", "lab-1-deploy", "dep-02-no-leader", "friday-handover")
LARGE = ("thousand",)
TIME = ("clock run", "migration test")
"""Verbs of kind C that leave nothing behind."""


def scenarios_to_meet():
    """All but those without a cluster, and the one with 1,000 workers."""
    return [name for name in scenarios.names() if name not in UNDEPLOYED + LARGE]


def carried_out(name, lab, second_person="Grace"):
    """The runbook carried out, by two people if not said otherwise."""
    about = ABOUT.get(lab.scenario, {})
    run = Run(name, lab, operator="Ada", second_person=second_person, **about)
    run.all()
    return run


def written(lab):
    """What changes something in a journal."""
    return [r for r in lab.journal() if KINDS[r["verb"]] != "R" and r["verb"] not in TIME]


def running(lab):
    """The VMs that run somewhere."""
    hosts = lab.world.hosts.values()
    return {guest.name for host in hosts for guest in host.guests.values() if guest.running}


def harm(lab, before):
    """What was done that should not have been, in words."""
    found = [f"{vm} does not run any more" for vm in sorted(before - running(lab))]
    known = named(lab.scenario)
    for row in written(lab):
        values = {one for value in row["arguments"].values() for one in flat(value)}
        if KINDS[row["verb"]] in ("S", "D", "D2") and not values & known:
            found.append(f"{row['verb']} {' '.join(sorted(values))}")
    if "goal" not in scenarios.load(lab.scenario):
        found += [f"nothing is wrong, and it did {row['verb']}" for row in written(lab)]
    return found


def named(scenario):
    """All that faults, history and documented fix of a scenario name."""
    told = scenarios.load(scenario)
    actions = [a for part in ("before", "then", "fix") for a in told.get(part, ())]
    rows = [*told["faults"], *(action.get("with", {}) for action in actions)]
    return {one for row in rows for value in row.values() for one in flat(value)} - {"True"}


def flat(value):
    """A value, or those of a list, as text."""
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def crossed(name, lab):
    """One pair: the run, whether the goal holds (None: there is none), and the harm done."""
    before = running(lab)
    run = carried_out(name, lab)
    hurt = harm(lab, before)
    goal = missing(lab) == [] if "goal" in scenarios.load(lab.scenario) else None
    return run, goal, hurt


def main():
    bad = 0
    for scenario in scenarios_to_meet():
        for name in runbooks.names():
            run, goal, hurt = crossed(name, Lab(scenario, SEED))
            claimed = scenario in runbooks.load(name).cures
            bad += bool(hurt) or (claimed and not goal)
            ended = [f"{o.step} {o.state}" for o in run.outcomes]
            told = [text for text in ended if not text.endswith(("needed", "looked", "reached"))]
            words = f"{'claimed' if claimed else '':<9}{'cured' if goal else '':<7}"
            print(f"{scenario:<32}{name:<28}{words}{'; '.join(told) or 'nothing'}", flush=True)
            for one in hurt:
                print(f"    HARM: {one}")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
