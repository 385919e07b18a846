"""Marking a paper: one mark an item, no penalty, nothing lost to an answer that cannot be read.

`problems` says before the hand-in what is wrong with which answer. `grade` marks what can be
read, gives the rest no mark and lists it; so a slip in one answer never costs another one.
A report holds keys and reasons: it is for the instructor, or for a paper of the practice pool.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from course.catalogue.questions import IN_ORDER, LETTERS
from course.catalogue.questions.arithmetic import evaluate
from course.catalogue.questions.draw import Paper, Question

NEAR = 0.20  # a calculation this far from the answer is worth a second look

_NUMBER = re.compile(
    r"""\s*([-+]?(?:\d{1,3}(?:,\d{3})+|\d*)  # 1,500 or 1500, but not 1,5
    \.?\d*(?:[eE][-+]?\d+)?)\s*([^\d\s,.](?:.*\S)?)?\s*""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Mark:
    """One question marked; `why` is the reason of what was answered, for feedback."""

    number: int
    item: str
    domain: str
    mark: int
    given: str
    key: str
    why: str


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A wrong answer close to a right one, for the second marker."""

    number: int
    item: str
    how: str


@dataclass(frozen=True, slots=True)
class Report:
    """Marks by item, by domain as (marks, of), and what to look at again."""

    marks: tuple[Mark, ...]
    domains: Mapping[str, tuple[int, int]]
    total: int
    passed: bool
    near_misses: tuple[NearMiss, ...]
    problems: tuple[str, ...]


def grade(paper: Paper, answers: Mapping[Any, Any]) -> Report:
    """Mark `answers`, which go by question number. Only answers that are no mapping raise."""
    by_number = _by_number(paper, answers)
    marks, near = [], []
    for question in paper.questions:
        mark, miss = _marked(question, by_number.get(question.number))
        marks.append(mark)
        near += [miss] if miss else []
    total = sum(mark.mark for mark in marks)
    return Report(
        tuple(marks), _by_domain(marks), total, total >= paper.blueprint.pass_marks,
        tuple(near), tuple(problems(paper, answers)),
    )  # fmt: skip


def problems(paper: Paper, answers: Mapping[Any, Any]) -> list[str]:
    """What cannot be read, one sentence each; empty answers are no problem."""
    numbers = _by_number(paper, answers)
    known = {str(q.number) for q in paper.questions}
    found = [
        f"there is no question {key!r}; they are numbered 1 to {len(known)}"
        for key in answers
        if str(key) not in known
    ]
    twice = [key for key, n in Counter(str(key) for key in answers).items() if n > 1]
    found += [f"question {key} is answered twice; its last answer counts" for key in twice]
    for question in paper.questions:
        try:
            read(question, numbers.get(question.number))
        except ValueError as error:
            found.append(f"question {question.number}: {error}")
    return found


def read(question: Question, given: Any) -> str | float | None:
    """An answer in its plain form: letters, a number, a command line; None if there is none."""
    if given is None or given == "" or given == [] or given == ():
        return None
    match question.item.type:
        case "calculation":
            return _number(question, given)
        case "command":
            if not isinstance(given, str):
                raise ValueError(f"a command is a line of text, not {given!r}")
            return " ".join(given.split())
    return _letters(question, given)


def _by_number(paper: Paper, answers: Mapping[Any, Any]) -> dict[int, Any]:
    if not isinstance(answers, Mapping):
        raise ValueError(f"answers go by question number, such as {{1: 'B'}}, not {answers!r}")
    given = {str(key): value for key, value in answers.items()}
    return {q.number: given[str(q.number)] for q in paper.questions if str(q.number) in given}


def _letters(question: Question, given: Any) -> str:
    there = LETTERS[: len(question.options)]
    parts = list(given) if isinstance(given, list | tuple) else re.findall(r"[^\s,;]", str(given))
    letters = [str(part).strip().upper() for part in parts]
    if strange := [letter for letter in letters if letter not in there or len(letter) != 1]:
        raise ValueError(f"answer with letters from {', '.join(there)}, not {strange[0]!r}")
    if len(set(letters)) != len(letters):
        raise ValueError(f"each letter counts once, not {''.join(letters)!r}")
    if len(letters) != len(question.key):
        raise ValueError(f"{len(question.key)} to choose, not {len(letters)}")
    return "".join(letters if question.item.type in IN_ORDER else sorted(letters))


def _number(question: Question, given: Any) -> float:
    assert question.item.calculation is not None
    unit = question.item.calculation.unit
    if isinstance(given, int | float) and not isinstance(given, bool):
        value, said = float(given), ""
    elif isinstance(given, str) and (found := _NUMBER.fullmatch(given)) and _digit(found[1]):
        value, said = float(found[1].replace(",", "")), found[2] or ""
    else:
        raise ValueError(
            f"a number in {unit} is needed, such as '12.5 {unit}' with a point, not {given!r}"
        )
    if said and said.lower() != unit.lower():
        raise ValueError(f"the answer is wanted in {unit}, not in {said!r}")
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError(f"a number in {unit} is needed, not {given!r}")
    return value


def _digit(text: str) -> bool:
    return any(character.isdigit() for character in text.lower().split("e")[0])


def _marked(question: Question, given: Any) -> tuple[Mark, NearMiss | None]:
    try:
        answer = read(question, given)
    except ValueError:
        answer = None
    right = answer is not None and _right(question, answer)
    item = question.item
    mark = Mark(
        question.number, item.id, item.domain, int(right), _shown(answer), _key(question),
        _why(question, answer, right),
    )  # fmt: skip
    how = None if right or answer is None else _near(question, answer)
    return mark, NearMiss(question.number, item.id, how) if how else None


def _right(question: Question, answer: str | float) -> bool:
    item = question.item
    if item.calculation and question.answer is not None:
        allowed = item.calculation.tolerance * abs(question.answer)
        return abs(float(answer) - question.answer) <= allowed * (1 + 1e-9)
    if item.command:
        return any(_words(str(answer)) == _words(line) for line in item.command.accepts)
    return answer == question.key


def _near(question: Question, answer: str | float) -> str | None:
    """In what way a wrong answer is nearly right, if it is."""
    if question.item.calculation and question.answer:
        if abs(float(answer) - question.answer) <= NEAR * abs(question.answer):
            return f"{float(answer):g} is within {NEAR:.0%} of {question.answer:.4g}"
        return None
    if question.item.type == "multiple" and len(set(str(answer)) & set(question.key)) == (
        len(question.key) - 1
    ):
        return "one of the choices is wrong"
    if question.item.type == "ordering":
        wrong = [i for i, letter in enumerate(str(answer)) if letter != question.key[i]]
        if len(wrong) == 2 and wrong[1] - wrong[0] == 1:
            return f"steps {wrong[0] + 1} and {wrong[1] + 1} are the wrong way round"
    if question.item.command and _words(str(answer))[0] in [
        _words(line)[0] for line in question.item.command.accepts
    ]:
        return "the verb is right, its flags are not"
    return None


def _why(question: Question, answer: str | float | None, right: bool) -> str:
    item = question.item
    own = item.calculation or item.command
    if answer is None:
        return "Not answered."
    if own:
        return own.why if right else _mistake(question, answer) or own.why
    if item.type in IN_ORDER:
        return " ".join(option.why for option in item.options)
    picked = [question.options[LETTERS.index(letter)] for letter in str(answer)]
    return " ".join(option.why for option in picked)


def _mistake(question: Question, answer: str | float) -> str:
    """The reason of a known mistake that gives this answer."""
    item = question.item
    if item.calculation and question.given is not None:
        for mistake in item.calculation.mistakes:
            wrong = evaluate(mistake.answer, question.given)
            if abs(float(answer) - wrong) <= item.calculation.tolerance * abs(wrong):
                return mistake.why
    if item.command:
        for mistake in item.command.mistakes:
            if _words(str(answer)) == _words(mistake.answer):
                return mistake.why
    return ""


def _words(line: str) -> tuple[str, tuple[str, ...]]:
    """A command line as its verb and its flags with their values, whatever their order."""
    verb, *flags = re.split(r"\s+(?=--)", line.strip())
    return verb, tuple(sorted(re.sub(r"[\s=]+", " ", flag) for flag in flags))


def _key(question: Question) -> str:
    if question.item.command:
        return question.item.command.accepts[0]
    return question.key or f"{question.answer:.6g}"


def _shown(answer: str | float | None) -> str:
    return "" if answer is None else answer if isinstance(answer, str) else f"{answer:g}"


def _by_domain(marks: list[Mark]) -> dict[str, tuple[int, int]]:
    domains = dict.fromkeys(mark.domain for mark in marks)
    rows = {domain: [m.mark for m in marks if m.domain == domain] for domain in domains}
    return {domain: (sum(row), len(row)) for domain, row in rows.items()}
