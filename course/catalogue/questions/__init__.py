"""Exam questions as data: an item says what it asks, and of every option why it is right or wrong.

One file an item, or a scenario set: one exhibit with its questions. The practice pool lies here
in `practice/`; the items of a live exam have the same schema and never lie in this package, so
`load_pool` takes the folder. `drills/` holds items for notebooks only, of types that no paper has.
Drawing a paper is in `draw`, marking one in `grading`.
Left out: the trying out of items on people; `difficulty` is an author's estimate.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from course.catalogue import schema
from course.catalogue.questions.arithmetic import evaluate, names_in

FOLDER = "course.catalogue.questions"
LETTERS = "ABCDEF"
IN_ORDER = ("ordering", "matching")  # types whose key is all letters, in one order
TOLERANCE = 0.05  # of the answer to a calculation


@dataclass(frozen=True, slots=True)
class Option:
    """One answer to pick, or one step to put in order; `why` it is right, or wrong, or here."""

    text: str
    why: str


@dataclass(frozen=True, slots=True)
class Mistake:
    """A wrong way to an answer, and what is wrong with it."""

    answer: str  # an expression, or a command as typed
    why: str


@dataclass(frozen=True, slots=True)
class Calculation:
    """An answer that is worked out from the values drawn for a candidate."""

    expression: str
    unit: str
    why: str
    parameters: Mapping[str, tuple[float, ...]]  # name -> the values it may take
    worked: tuple[Mapping[str, float], float]  # one case by hand, which the tests compare
    mistakes: tuple[Mistake, ...] = ()
    tolerance: float = TOLERANCE


@dataclass(frozen=True, slots=True)
class Command:
    """A command line to type. Words may come in any order after the verb."""

    accepts: tuple[str, ...]
    why: str
    mistakes: tuple[Mistake, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """`key` are places in `options`: one, several, or all of them in order.

    In order are the steps of an ordering, and the options of a matching beside its `prompts`.
    """

    id: str
    domain: str
    subtopic: str
    objective: str
    level: str
    type: str  # single, multiple, scenario, ordering, matching, calculation, command
    difficulty: float  # estimated share of candidates who answer it right
    stem: str
    fact: str  # what the key rests on, in one line
    options: tuple[Option, ...] = ()
    key: tuple[int, ...] = ()
    prompts: tuple[str, ...] = ()  # of a matching: what each option belongs to, in the key's order
    calculation: Calculation | None = None
    command: Command | None = None
    set: str | None = None  # the scenario set it belongs to
    exhibit: str = ""
    arithmetic: tuple[str, ...] = ()  # equations that the tests work out


Pool = tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Blueprint:
    """How many of what one paper has. `levels` go by (domain, level), `subtopics` by their name."""

    id: str
    title: str
    minutes: int
    pass_marks: int
    levels: Mapping[tuple[str, str], int]
    subtopics: Mapping[str, int]
    domains: Mapping[str, str]  # sub-topic -> domain
    types: Mapping[str, int]
    set_size: int
    difficulty: float
    within: float  # how far a paper's mean difficulty may be from `difficulty`

    @property
    def size(self) -> int:
        return sum(self.types.values())


@cache
def practice() -> Pool:
    """The practice pool of Operations Associate, keys and reasons included."""
    return load_pool(Path(str(files(FOLDER).joinpath("practice"))))


@cache
def drills() -> Pool:
    """Items for notebooks only."""
    return load_pool(Path(str(files(FOLDER).joinpath("drills"))))


def named(ids: Iterable[str]) -> Pool:
    """Items of the practice pool and the drills by their ids, in the order given."""
    known = {item.id: item for item in (*practice(), *drills())}
    ids = list(ids)
    if unknown := [name for name in ids if name not in known]:
        raise ValueError(f"there is no question {', '.join(unknown)} to practise")
    return tuple(known[name] for name in ids)


def load_pool(folder: Path) -> Pool:
    """All items of a folder in the order of their ids; ValueError names the file and the fault."""
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise ValueError(f"{folder} holds no questions; each is a .yaml file")
    items = [item for path in paths for item in parse(_read(path), path.name)]
    ids = [item.id for item in items]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if twice:
        raise ValueError(f"{folder}: more than one item is called {', '.join(twice)}")
    return tuple(items)


def parse(data: Any, file: str) -> Pool:
    """The items of one file: one, or all of a scenario set."""
    schema.check(data, FOLDER, file)
    if f"{data['id']}.yaml" != file:
        raise ValueError(f"{file} has the id {data['id']!r}; a file's name is its id")
    try:
        if "questions" not in data:
            return (_item(data),)
        return tuple(_item(row, data["id"], data["exhibit"]) for row in data["questions"])
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None


@cache
def blueprint(name: str = "operations-associate") -> Blueprint:
    """One exam's blueprint; ValueError if its numbers do not add up."""
    data = yaml.safe_load(files(f"{FOLDER}.blueprints").joinpath(f"{name}.yaml").read_text("utf-8"))
    schema.check(data, f"{FOLDER}.blueprints", f"{name}.yaml")
    return parse_blueprint(data)


def parse_blueprint(data: Mapping[str, Any]) -> Blueprint:
    levels, subtopics, domains = {}, {}, {}
    for domain, row in data["domains"].items():
        if sum(row["levels"].values()) != sum(row["subtopics"].values()):
            raise ValueError(f"{data['id']}: levels and sub-topics of {domain} differ in number")
        levels.update({(domain, level): n for level, n in row["levels"].items()})
        subtopics.update(row["subtopics"])
        domains.update(dict.fromkeys(row["subtopics"], domain))
    if sum(data["types"].values()) != sum(subtopics.values()):
        raise ValueError(f"{data['id']}: types and sub-topics differ in number")
    plain = {name: data[name] for name in ("id", "title", "minutes", "pass_marks", "types")}
    spread = data["difficulty"]
    return Blueprint(
        **plain, levels=levels, subtopics=subtopics, domains=domains,
        set_size=data["set_size"], difficulty=spread["mean"], within=spread["within"],
    )  # fmt: skip


def _read(path: Path) -> Any:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(path.read_text("utf-8"), loader)


def _item(row: dict[str, Any], group: str | None = None, exhibit: str = "") -> Item:
    names = ("id", "domain", "subtopic", "objective", "level", "type", "difficulty", "stem", "fact")
    common = {name: row[name] for name in names}
    common |= {"set": group, "exhibit": exhibit, "arithmetic": tuple(row.get("arithmetic", ()))}
    if (row["type"] == "scenario") != (group is not None):
        raise ValueError(f"{row['id']}: questions of a set, and only they, are scenario")
    if row["type"] == "calculation":
        return Item(**common, calculation=_calculation(row["calculation"], row["stem"], row["id"]))
    if row["type"] == "command":
        mistakes = tuple(Mistake(**m) for m in row["command"].get("mistakes", ()))
        accepts = tuple(row["command"]["accepts"])
        return Item(**common, command=Command(accepts, row["command"]["why"], mistakes))
    if row["type"] == "ordering":
        steps = tuple(Option(**step) for step in row["steps"])
        return Item(**common, options=steps, key=tuple(range(len(steps))))
    if row["type"] == "matching":
        matches = tuple(Option(pair["match"], pair["why"]) for pair in row["pairs"])
        prompts = tuple(pair["text"] for pair in row["pairs"])
        return Item(**common, options=matches, key=tuple(range(len(matches))), prompts=prompts)
    options = tuple(Option(**option) for option in row["options"].values())
    key = tuple(list(row["options"]).index(letter) for letter in row["key"] if letter in LETTERS)
    return Item(**common, options=options, key=key)


def _calculation(row: dict[str, Any], stem: str, name: str) -> Calculation:
    parameters = {key: tuple(float(v) for v in values) for key, values in row["values"].items()}
    mistakes = tuple(Mistake(**mistake) for mistake in row.get("mistakes", ()))
    for expression in [row["expression"], *(m.answer for m in mistakes)]:
        if unknown := names_in(expression) - set(parameters):
            raise ValueError(f"{name}: {expression!r} uses {', '.join(sorted(unknown))}, not drawn")
        evaluate(expression, {key: values[0] for key, values in parameters.items()})
    if missing := [key for key in parameters if "{" + key + "}" not in stem]:
        raise ValueError(f"{name}: the stem does not show {', '.join(missing)}")
    worked = (row["worked"]["given"], float(row["worked"]["answer"]))
    return Calculation(
        row["expression"], row["unit"], row["why"], parameters, worked, mistakes,
        row.get("tolerance", TOLERANCE),
    )  # fmt: skip
