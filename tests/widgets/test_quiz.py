"""A quiz marks and says why, keeps answers in a file, and as an exam holds no key at all."""

import json

import pytest

from course.catalogue.questions import drills, named, practice
from course.catalogue.questions.draw import drill, public
from course.catalogue.questions.grading import grade
from course.widgets.answers import AnswerFile
from course.widgets.quiz import Quiz
from course.widgets.quiz import practice as practise

IDS = ["p-metrics-1", "p-rules-1", "d-ports", "p-migration-9"]
BY_TYPE = {item.type: item.id for item in (*practice(), *drills())}


def send(widget, **content):
    """What the view's `model.send` does."""
    widget._handle_custom_msg(content, [])


def a_quiz(tmp_path, ids=tuple(BY_TYPE.values()), seed="anna"):
    paper = drill("day one", named(ids), seed)
    return practise(paper, AnswerFile(tmp_path / "q.json", "day one", seed)), paper


def right(question):
    if question.item.command:
        return question.item.command.accepts[0]
    return question.key or question.answer


def wrong(question):
    if question.item.command:
        return "node list"
    if question.answer is not None:
        return question.answer * 3
    if question.item.type in ("single", "scenario"):
        return next(letter for letter in "ABCD" if letter != question.key)
    if question.item.type == "multiple":
        rest = [
            letter for letter in "ABCDEF"[: len(question.options)] if letter not in question.key
        ]
        return "".join(rest)[: len(question.key)].ljust(len(question.key), question.key[0])
    return question.key[::-1]


@pytest.mark.parametrize("kind", BY_TYPE)
def test_a_right_answer_of_any_type_gets_its_reason_and_the_whole_key(tmp_path, kind):
    widget, paper = a_quiz(tmp_path, [BY_TYPE[kind]])
    send(widget, intent="answer", number=1, given=right(paper.questions[0]))
    said = widget.said["1"]
    assert said["right"] and said["why"] and said["key"] and said["fact"]
    assert "1 right, 1 at the first try" in widget.standing


@pytest.mark.parametrize("kind", BY_TYPE)
def test_a_wrong_answer_gets_its_reason_and_not_yet_the_key(tmp_path, kind):
    widget, paper = a_quiz(tmp_path, [BY_TYPE[kind]])
    send(widget, intent="answer", number=1, given=wrong(paper.questions[0]))
    said = widget.said["1"]
    assert not said["right"] and said["why"]
    assert not {"key", "reasons"} & set(said)
    send(widget, intent="show", number=1)
    assert widget.said["1"]["key"]


def test_the_first_try_counts_and_the_last_one_is_shown(tmp_path):
    widget, paper = a_quiz(tmp_path, IDS)
    for given in (wrong(paper.questions[0]), right(paper.questions[0])):
        send(widget, intent="answer", number=1, given=given)
    assert "1 of 4 answered, 1 right, 0 at the first try" in widget.standing
    assert widget.first == {"1": wrong(paper.questions[0])}


def test_answers_outlive_the_kernel(tmp_path):
    widget, paper = a_quiz(tmp_path, IDS)
    for question in paper.questions:
        widget.answer(question.number, right(question))
    again, _ = a_quiz(tmp_path, IDS)
    assert again.answers == widget.answers and again.said == widget.said


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{", b"\xff\xfe", b'{"quiz": "day one", "seed": "anna", "answers": [1], "first": {}}',
     b'{"quiz": "day one", "seed": "anna", "answers": {"1": {}}, "first": {}}', b"[" * 100_000],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_kept_aside_and_said(tmp_path, content):
    (tmp_path / "q.json").write_bytes(content)
    widget, _ = a_quiz(tmp_path, IDS)
    assert "could not be read; it is kept as q.json.old" in widget.note
    assert (tmp_path / "q.json.old").read_bytes() == content
    assert widget.answers == {}


def test_answers_to_other_numbers_are_not_taken_for_these(tmp_path):
    widget, paper = a_quiz(tmp_path, IDS)
    widget.answer(1, right(paper.questions[0]))
    other, _ = a_quiz(tmp_path, IDS, seed="ben")
    assert other.answers == {} and "held answers to other questions" in other.note


@pytest.mark.parametrize("given", ["", None, ["A"], {"A": 1}, True, "x" * 501, 10**400])
def test_nonsense_from_a_view_is_refused_in_words_and_kept_nowhere(tmp_path, given):
    widget, _ = a_quiz(tmp_path, IDS)
    send(widget, intent="answer", number=1, given=given)
    assert widget.note.startswith("Question 1: ")
    assert widget.answers == {} and not (tmp_path / "q.json").exists()


def test_what_cannot_be_an_answer_says_what_would_be_one(tmp_path):
    widget, _ = a_quiz(tmp_path, [BY_TYPE["multiple"], BY_TYPE["calculation"]])
    send(widget, intent="answer", number=1, given="A")
    assert "2 to choose, not 1" in widget.note
    send(widget, intent="answer", number=2, given="many")
    assert "a number in" in widget.note


def test_a_folder_that_takes_no_file_is_said(tmp_path):
    paper = drill("day one", named(IDS), "anna")
    widget = practise(paper, AnswerFile(tmp_path / "missing" / "q.json", "day one", "anna"))
    send(widget, intent="answer", number=1, given="A")
    assert "cannot be written: No such file" in widget.note


def test_an_exam_keeps_answers_and_neither_the_view_nor_the_widget_knows_a_key(tmp_path):
    paper = drill("exam", named(BY_TYPE.values()), "anna")
    shown = json.loads(json.dumps(public(paper)))
    widget = Quiz(shown, AnswerFile(tmp_path / "exam.json", "exam", "anna"))
    for question in paper.questions:
        send(widget, intent="answer", number=question.number, given=wrong(question))
        send(widget, intent="show", number=question.number)
    kept = (tmp_path / "exam.json").read_text("utf-8")
    everything = json.dumps(widget.get_state(), default=str) + kept + repr(vars(widget))
    assert widget.said == {} and len(json.loads(kept)["answers"]) == len(BY_TYPE)
    for question in paper.questions:
        item = question.item
        reasons = [option.why for option in item.options] + [item.fact]
        reasons += [own.why for own in (item.calculation, item.command) if own]
        assert not [why for why in reasons if why in everything]


def test_the_seed_draws_the_numbers(tmp_path):
    ids = [BY_TYPE["calculation"]]
    stems = {a_quiz(tmp_path, ids, seed)[1].questions[0].stem for seed in "abcdefgh"}
    assert len(stems) > 1


def test_a_question_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match="no question p-none-1"):
        named(["p-metrics-1", "p-none-1"])


def test_a_quiz_reads_without_a_kernel(tmp_path):
    widget, paper = a_quiz(tmp_path)
    widget.answer(1, right(paper.questions[0]))
    data, _ = widget._repr_mimebundle_()
    for question in paper.questions:
        assert question.stem in data["text/plain"]
    assert "Your answer: " in data["text/html"]


@pytest.mark.parametrize("item", drills(), ids=lambda item: item.id)
def test_a_drill_has_different_lines_matches_and_reasons(item):
    for texts in (item.prompts, [o.text for o in item.options], [o.why for o in item.options]):
        assert len(set(texts)) == len(item.key) >= 3


def test_an_exam_goes_out_as_a_file_and_comes_back_to_be_graded(tmp_path):
    paper = drill("exam", named(BY_TYPE.values()), "anna")
    (tmp_path / "exam.json").write_text(json.dumps(public(paper)), "utf-8")
    file = AnswerFile(tmp_path / "exam.answers.json", "exam", "")
    widget = Quiz.from_file(tmp_path / "exam.json", file)
    for question in paper.questions:
        send(widget, intent="answer", number=question.number, given=right(question))
    came_back = json.loads((tmp_path / "exam.answers.json").read_text("utf-8"))["answers"]
    assert grade(paper, came_back).total == len(paper.questions)


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'{"questions": [1]}', b'{"questions": [{"number": 1}]}', b"\xff"],
)
def test_what_is_no_exam_paper_is_said(tmp_path, content):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(ValueError, match="is no exam paper"):
        Quiz.from_file(tmp_path / "x.json", AnswerFile(tmp_path / "a.json", "x", ""))


def test_an_exam_paper_that_is_not_there_is_said(tmp_path):
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        Quiz.from_file(tmp_path / "x.json", AnswerFile(tmp_path / "a.json", "x", ""))
