"""Drawing a paper: `paper(pool, blueprint, seed)` -> exactly the blueprint's numbers.

A paper has the blueprint's number of questions of every sub-topic, of every level in every
domain, and of every type; sets whole; and the blueprint's mean difficulty, to its tolerance. It
starts from a draw that has the sub-topics right and swaps questions within a sub-topic, for as
long as a swap does not make the rest worse. The same seed gives the same paper in any process.
`public` is what a candidate may see. Next: `grading`.
"""

import random
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain, combinations
from typing import Any

from course.catalogue.questions import IN_ORDER, LETTERS, Blueprint, Item, Option, Pool
from course.catalogue.questions.arithmetic import evaluate

STARTS = 40  # draws from the beginning before giving up
SWAPS = 6_000  # tried from one start

Quota = tuple[str, ...]  # ("level", domain, level) or ("type", type)


@dataclass(frozen=True, slots=True)
class Question:
    """An item as one candidate gets it: options shuffled, numbers drawn. Holds the key."""

    number: int
    item: Item
    stem: str
    options: tuple[Option, ...] = ()
    key: str = ""  # letters; for an ordering or a matching in the right order
    given: Mapping[str, float] | None = None
    answer: float | None = None


@dataclass(frozen=True, slots=True)
class Paper:
    """One candidate's paper, with its key."""

    blueprint: Blueprint
    seed: str
    questions: tuple[Question, ...]

    @property
    def difficulty(self) -> float:
        """The mean of the estimates."""
        return sum(q.item.difficulty for q in self.questions) / len(self.questions)


def paper(pool: Pool, blueprint: Blueprint, seed: str) -> Paper:
    """The paper of `seed`; ValueError says what the pool lacks."""
    if not isinstance(seed, str):
        raise ValueError(f"a seed is a text, such as 'spring/candidate-7', not {seed!r}")
    rng = random.Random(seed)
    chosen = _arranged(_chosen(pool, blueprint, rng), blueprint, rng)
    questions = tuple(question(item, number, rng) for number, item in enumerate(chosen, 1))
    return Paper(blueprint, seed, questions)


def drill(title: str, items: Pool, seed: str) -> Paper:
    """All of `items`, in their order, with the numbers and the shuffle of `seed`."""
    rng = random.Random(f"{title}/{seed}")
    types = dict(Counter(item.type for item in items))
    plan = Blueprint(title, title, 0, len(items), {}, {}, {}, types, 0, 0.0, 1.0)
    return Paper(plan, seed, tuple(question(item, n, rng) for n, item in enumerate(items, 1)))


def question(item: Item, number: int, rng: random.Random) -> Question:
    """One item for one candidate."""
    if item.calculation:
        drawn = {name: rng.choice(v) for name, v in sorted(item.calculation.parameters.items())}
        stem = item.stem
        for name, value in drawn.items():
            stem = stem.replace("{" + name + "}", f"{value:g}")
        answer = evaluate(item.calculation.expression, drawn)
        return Question(number, item, stem, given=drawn, answer=answer)
    places = rng.sample(range(len(item.options)), len(item.options))
    if item.type in IN_ORDER and places == sorted(places):
        places = places[1:] + places[:1]
    letters = [LETTERS[places.index(place)] for place in item.key]
    key = "".join(letters if item.type in IN_ORDER else sorted(letters))
    return Question(number, item, item.stem, tuple(item.options[p] for p in places), key)


def public(drawn: Paper) -> dict[str, Any]:
    """What a candidate sees: plain data without keys, reasons, facts or expressions."""
    plan = drawn.blueprint
    return {
        "title": plan.title,
        "minutes": plan.minutes,
        "pass_marks": plan.pass_marks,
        "questions": [_public(q) for q in drawn.questions],
    }


def _public(q: Question) -> dict[str, Any]:
    shown: dict[str, Any] = {"number": q.number, "type": q.item.type, "stem": q.stem}
    shown["ask"] = _ask(q)
    if q.item.exhibit:
        shown["exhibit"] = q.item.exhibit
    if q.item.calculation:
        shown["unit"] = q.item.calculation.unit
    if q.item.prompts:
        shown["prompts"] = list(q.item.prompts)
    shown["options"] = {LETTERS[i]: option.text for i, option in enumerate(q.options)}
    return shown


def _ask(q: Question) -> str:
    match q.item.type:
        case "multiple":
            return f"Choose {len(q.key)}. The mark is for all of them."
        case "ordering":
            return "Put all steps in order, first step first."
        case "matching":
            return "Give each line its letter, in the order of the lines."
        case "calculation" if q.item.calculation:
            share = q.item.calculation.tolerance
            return f"Answer in {q.item.calculation.unit}, right to {share:.0%}."
        case "command":
            return "Write the command."
    return "Choose one."


def _quotas(item: Item) -> tuple[Quota, Quota]:
    return ("level", item.domain, item.level), ("type", item.type)


def _wanted(blueprint: Blueprint) -> Counter[Quota]:
    """How many questions each quota has room for."""
    wanted: Counter[Quota] = Counter({("type", name): n for name, n in blueprint.types.items()})
    wanted.update({("level", *pair): n for pair, n in blueprint.levels.items()})
    return wanted


def _chosen(pool: Pool, blueprint: Blueprint, rng: random.Random) -> list[Item]:
    """A paper's items, by draws and swaps."""
    groups = _groups(pool, blueprint)
    miss = 0.0
    for _ in range(STARTS):
        fixed = [item for group in rng.choice(groups) for item in group]
        need = Counter(blueprint.subtopics)
        need.subtract(item.subtopic for item in fixed)
        chosen, spare = _start(pool, blueprint, need, rng)
        miss = _swapped(chosen, spare, fixed, blueprint, rng)
        if miss == 0:
            return fixed + chosen
    raise ValueError(
        f"no paper of {blueprint.id} in {STARTS} draws from {len(pool)} items; the last one had "
        f"{miss:g} questions of a wrong level or type, or missed the difficulty"
    )


def _groups(pool: Pool, blueprint: Blueprint) -> list[tuple[list[Item], ...]]:
    """The choices of whole scenario sets that leave every quota enough room."""
    sets: dict[str, list[Item]] = {}
    for item in pool:
        if item.set and item.subtopic in blueprint.subtopics:
            sets.setdefault(item.set, []).append(item)
    whole = [group for group in sets.values() if len(group) == blueprint.set_size]
    number = blueprint.types["scenario"] // blueprint.set_size
    fits = [c for c in combinations(whole, number) if _room(chain(*c), blueprint)]
    if not fits:
        raise ValueError(f"of {len(sets)} scenario sets no {number} fit {blueprint.id}")
    return fits


def _room(items: Iterable[Item], blueprint: Blueprint) -> bool:
    wanted = _wanted(blueprint)
    wanted.update({("subtopic", name): n for name, n in blueprint.subtopics.items()})
    for item in items:
        wanted.subtract([*_quotas(item), ("subtopic", item.subtopic)])
    return min(wanted.values()) >= 0


def _start(
    pool: Pool, blueprint: Blueprint, need: Mapping[str, int], rng: random.Random
) -> tuple[list[Item], dict[str, list[Item]]]:
    """Items with the right sub-topics, and by sub-topic those that were left."""
    chosen: list[Item] = []
    spare: dict[str, list[Item]] = {}
    for subtopic, number in need.items():
        fits = [
            i for i in pool if i.subtopic == subtopic and not i.set and blueprint.types.get(i.type)
        ]
        if len(fits) < number:
            raise ValueError(f"{blueprint.id} needs {number} on {subtopic}; there are {len(fits)}")
        rng.shuffle(fits)
        chosen += fits[:number]
        spare[subtopic] = fits[number:]
    return chosen, spare


def _swapped(
    chosen: list[Item], spare: dict[str, list[Item]], fixed: list[Item],
    blueprint: Blueprint, rng: random.Random,
) -> float:  # fmt: skip
    """Swap in place until nothing is amiss; how much still is, 0 for a paper that fits."""
    off = _wanted(blueprint)
    off.subtract(quota for item in (*chosen, *fixed) for quota in _quotas(item))
    allowed = blueprint.within * blueprint.size
    total = sum(i.difficulty for i in (*chosen, *fixed)) - blueprint.difficulty * blueprint.size
    amiss = sum(map(abs, off.values())) + max(0.0, abs(total) - allowed)
    for _ in range(SWAPS):
        if amiss == 0:
            return 0
        place = rng.randrange(len(chosen))
        others = spare[chosen[place].subtopic]
        if not others:
            continue
        other = rng.randrange(len(others))
        out, into = chosen[place], others[other]
        change = _moved(off, _quotas(out), _quotas(into))
        now = total + into.difficulty - out.difficulty
        change += max(0.0, abs(now) - allowed) - max(0.0, abs(total) - allowed)
        if change <= 0:
            chosen[place], others[other] = into, out
            total, amiss = now, amiss + change
        else:
            _moved(off, _quotas(into), _quotas(out))
        if amiss < 1e-9:
            amiss = 0
    return amiss


def _moved(off: Counter[Quota], out: Iterable[Quota], into: Iterable[Quota]) -> float:
    """Count one question out of its quotas and another into its own; how much worse it gets."""
    change = 0
    for quota in out:
        change += abs(off[quota] + 1) - abs(off[quota])
        off[quota] += 1
    for quota in into:
        change += abs(off[quota] - 1) - abs(off[quota])
        off[quota] -= 1
    return float(change)


def _arranged(items: list[Item], blueprint: Blueprint, rng: random.Random) -> list[Item]:
    """Domain by domain in the blueprint's order, shuffled within; the questions of a set stay."""
    order = list(dict.fromkeys(blueprint.domains.values()))
    blocks: dict[str, list[Item]] = {}
    for item in items:
        blocks.setdefault(item.set or item.id, []).append(item)
    shuffled = rng.sample(list(blocks.values()), len(blocks))
    shuffled.sort(key=lambda block: order.index(block[0].domain))
    return [item for block in shuffled for item in block]
