"""Questions to answer: to practise with reasons, or as an exam without any.

The widget shows what `course.catalogue.questions.draw.public` lets a candidate see. To practise it
is given the drawn paper too: then it marks each answer, says why it is right or wrong, and lets
one try again; the first try counts. For an exam it has nothing but the public part, so that no key
and no reason is on the learner's machine. Answers go into an `AnswerFile` at once.
"""

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import traitlets as t

from course.catalogue.questions import LETTERS, Item
from course.catalogue.questions.draw import Paper, Question, public
from course.catalogue.questions.grading import Mark, grade, read
from course.widgets.answers import ANSWER_MAX, AnswerFile, is_plain
from course.widgets.panel import Panel, front


class Quiz(Panel):
    """`Quiz(public(paper), file, paper)` to practise, `Quiz(shown, file)` for an exam."""

    _esm = front("quiz")

    questions: t.List = t.List(
        help="rows {number, type, ask, stem, options: {letter: text}, exhibit?, unit?, prompts?}"
    ).tag(sync=True)
    given = t.Dict(help="number -> the last answer").tag(sync=True)
    said = t.Dict(
        help="number -> {right, why, key?, reasons?: rows [option, why]}; nothing in an exam"
    ).tag(sync=True)
    exam = t.Bool(help="whether answers are kept and not marked").tag(sync=True)
    standing = t.Unicode(help="how many are answered, and right").tag(sync=True)
    left_s = t.Float(-1.0, help="seconds left when this was sent; -1 without a clock").tag(
        sync=True
    )

    def __init__(
        self, shown: Mapping[str, Any], file: AnswerFile, paper: Paper | None = None
    ) -> None:
        super().__init__(title=shown["title"], exam=paper is None)
        self._paper, self._file = paper, file
        self._questions = {q.number: q for q in paper.questions} if paper else {}
        self.questions, self.note = list(shown["questions"]), file.problem
        self.given = dict(file.answers)
        for number in self._questions:
            if str(number) in file.answers:
                self._mark(number)
        self._say_standing()

    @classmethod
    def from_file(cls, path: Path, file: AnswerFile) -> "Quiz":
        """An exam, from the file that `public` was written to; ValueError for any other file."""
        try:
            shown = json.loads(path.read_text("utf-8"))
            for q in shown["questions"]:
                int(q["number"]), q["type"], q["stem"], q["ask"], q["options"].items()
        except OSError as error:
            raise ValueError(f"{path} cannot be read: {error.strerror}") from None
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise ValueError(f"{path} is no exam paper; ask for the file anew") from None
        return cls({"title": str(shown.get("title", path.stem)), **shown}, file)

    @property
    def answers(self) -> dict[str, Any]:
        """Question number -> last answer, as plain data."""
        return dict(self._file.answers)

    @property
    def first(self) -> dict[str, Any]:
        """Question number -> first answer."""
        return dict(self._file.first)

    def answer(self, number: int, given: Any) -> None:
        """Keep an answer, and mark it if this is practice; ValueError says what cannot be read."""
        if number not in [row["number"] for row in self.questions]:
            raise ValueError(f"there is no question {number}; there are {len(self.questions)}")
        if not is_plain(given) or given == "":
            raise ValueError(f"Question {number}: answer first, with at most {ANSWER_MAX} letters.")
        if number in self._questions:
            try:
                read(self._questions[number], given)
            except ValueError as error:
                raise ValueError(f"Question {number}: {error}.") from None
        self._file.keep(number, given)
        self.given = self.answers
        self._mark(number)
        self._say_standing()

    def show(self, number: int) -> None:
        """The answer and all reasons, for practice, once one has tried."""
        if number in self._questions and str(number) in self.given:
            self._mark(number, everything=True)

    def intend(self, content: dict[str, Any]) -> None:
        """Answers, and the wish to see the answer."""
        match content:
            case {"intent": "answer", "number": int(number), "given": given}:
                self.answer(number, given)
            case {"intent": "show", "number": int(number)}:
                self.show(number)

    def _mark(self, number: int, everything: bool = False) -> None:
        if self._paper is None:
            return
        marks = [self._marked(number, kept) for kept in (self._file.answers, self._file.first)]
        last, first = marks
        said = {"right": bool(last.mark), "why": last.why.replace("Right: ", "")}
        if last.mark or everything:
            said |= reasons(self._questions[number], last.key)
        self.said = {**self.said, str(number): said}
        item = self._questions[number].item
        self._file.results[str(number)] = result(item, bool(last.mark), bool(first.mark))
        self._file.save()

    def _marked(self, number: int, kept: Mapping[str, Any]) -> Mark:
        assert self._paper is not None
        one = Paper(self._paper.blueprint, self._paper.seed, (self._questions[number],))
        return grade(one, {number: kept.get(str(number))}).marks[0]

    def _say_standing(self) -> None:
        text = f"{len(self.given)} of {len(self.questions)} answered"
        if self._paper:
            results = self._file.results.values()
            right = sum(row["right"] for row in results)
            first = sum(row["right_at_first"] for row in results)
            text += f", {right} right, {first} at the first try"
        self.standing = f"{text}. Kept in {self._file.path.name}."

    def as_text(self) -> str:
        """The questions, with the answers given so far."""
        lines = [self.title, self.standing]
        for row in self.questions:
            lines.append(f"\n{row['number']}. {row['stem']} {row['ask']}")
            lines += [row["exhibit"]] if "exhibit" in row else []
            lines += [f"   {i}. {text}" for i, text in enumerate(row.get("prompts", ()), 1)]
            lines += [f"   {letter}  {text}" for letter, text in row["options"].items()]
            if (given := self.given.get(str(row["number"]))) is not None:
                lines.append(f"   Your answer: {given}")
        return "\n".join(lines)

    def as_html(self) -> str:
        """The same as a list."""
        return _html(self.title, self.standing, self.questions, self.given)


def practice(paper: Paper, file: AnswerFile) -> Quiz:
    """A quiz that says why; for items of the practice pool only."""
    return Quiz(public(paper), file, paper)


def result(item: Item, right: bool, at_first: bool) -> dict[str, Any]:
    """What is kept of a marked question, for `course.progress` and `course.review`."""
    return {
        "item": item.id, "subtopic": item.subtopic, "objective": item.objective,
        "right": right, "right_at_first": at_first,
    }  # fmt: skip


def reasons(question: Question, key: str) -> dict[str, Any]:
    """The key in words, and why each option is what it is."""
    item = question.item
    rows = [
        [f"{LETTERS[i]}. {option.text}", option.why] for i, option in enumerate(question.options)
    ]
    if item.calculation:
        return {"key": f"{key} {item.calculation.unit}", "reasons": [], "fact": item.fact}
    return {"key": key, "reasons": rows, "fact": item.fact}


def _html(
    title: str, standing: str, questions: list[dict[str, Any]], given: Mapping[str, Any]
) -> str:
    parts = [f"<p><b>{escape(title)}</b></p><p>{escape(standing)}</p>"]
    for row in questions:
        asked = f"{escape(row['stem'])} <i>{escape(row['ask'])}</i>"
        parts.append(f"<p><b>{row['number']}.</b> {asked}</p>")
        if "exhibit" in row:
            parts.append(f"<pre>{escape(row['exhibit'])}</pre>")
        parts.append(_list("ol", row.get("prompts", ())))
        parts.append(_list("ul", [f"{key}. {text}" for key, text in row["options"].items()]))
        if (said := given.get(str(row["number"]))) is not None:
            parts.append(f"<p>Your answer: {escape(str(said))}</p>")
    return "".join(parts)


def _list(tag: str, texts: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f"<{tag}>{items}</{tag}>" if items else ""
