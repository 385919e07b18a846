"""Which incidents of a lab a learner gets, and in which order: drawn from the learner's own seed.

    first, second = tickets("Ops 7", seed="ada")

A lab's card may have variants; each is a scenario with a goal whose `lab` is the card's name. All
of them are drawn, so nobody is spared one, and neither is the first for everybody. Read next:
`gameday` (incidents from the whole catalogue, against the clock).
"""

from course.catalogue import scenarios
from course.lab.seeds import Seeds


def tickets(lab: str, seed: int | str) -> tuple[str, ...]:
    """The names of a lab's incidents in the order of the seed; ValueError if it has none."""
    found = [name for name in scenarios.incidents() if scenarios.load(name).get("lab") == lab]
    if not found:
        labs = {scenarios.load(name).get("lab", "") for name in scenarios.incidents()} - {""}
        raise ValueError(
            f"no incident belongs to the lab {lab!r}; there are {', '.join(sorted(labs))}"
        )
    Seeds(seed).stream(f"tickets/{lab}").shuffle(found)
    return tuple(found)
