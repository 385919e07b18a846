"""A practice paper has the exam's shape and clock, and its reasons only after the end."""

import json

import pytest

from course.catalogue.questions import blueprint
from course.progress import to_repeat
from course.widgets.rehearsal import drawn, mark, rehearse, taken
from tests.widgets.test_exam import Times


def right(question):
    return question.key or question.answer


def sit(folder, times, number=1, known=50):
    """Answer the first `known` questions right."""
    panel = rehearse(number, folder, **times.both())
    for question in drawn(number).questions[:known]:
        panel.answer(question.number, right(question))
    return panel


def test_a_practice_paper_has_the_exams_numbers_and_is_the_same_every_time():
    asked, plan = drawn(1), blueprint()
    assert len(asked.questions) == plan.size == 50 and plan.minutes == 90
    assert [q.item.id for q in drawn(1).questions] == [q.item.id for q in asked.questions]
    assert {q.item.id for q in drawn(2).questions} != {q.item.id for q in asked.questions}


def test_until_the_end_nothing_is_marked_and_no_key_is_in_the_panel(tmp_path):
    times = Times()
    panel = sit(tmp_path, times, known=3)
    assert panel.said == {} and panel.exam
    state = json.dumps({key: value for key, value in panel.get_state().items() if key[0] != "_"})
    whys = {option.why for question in drawn(1).questions for option in question.options}
    assert not [why for why in whys if why in state]
    assert "3 of 50 answered, 90 min left" in panel.standing


def test_a_paper_is_marked_when_one_says_so_or_when_the_time_is_up(tmp_path, capsys):
    times = Times()
    panel = sit(tmp_path, times, known=40)
    assert mark(1, folder=tmp_path, **times.both()) is None
    assert "40 of 50 answered, 90 min left: not marked yet" in capsys.readouterr().out
    found = mark(1, done=True, folder=tmp_path, **times.both())
    assert found.report.total == 40 and found.verdict == "40 of 50; 40 pass: passed."
    with pytest.raises(ValueError, match="This paper is marked"):
        rehearse(1, tmp_path, **times.both()).answer(50, "A")
    with pytest.raises(ValueError, match="This paper is marked"):  # in a panel that was open
        panel.answer(50, "A")
    assert mark(1, folder=tmp_path, **times.both()).report.total == 40
    sit(tmp_path, times, number=2, known=39)
    times.go(91)
    with pytest.raises(ValueError, match="The time is up"):
        rehearse(2, tmp_path, **times.both()).answer(40, "A")
    assert mark(2, folder=tmp_path, **times.both()).verdict == "39 of 50; 40 pass: not passed."
    assert [(row["paper"], row["marks"], row["passed"]) for row in taken(tmp_path)] == [
        (1, 40, True), (2, 39, False),
    ]  # fmt: skip


def test_marks_by_domain_begin_with_the_weakest_and_add_up(tmp_path):
    times = Times()
    sit(tmp_path, times, known=15)  # the paper begins with architecture
    rows = mark(1, done=True, folder=tmp_path, **times.both()).by_domain
    assert rows[-1] == {"domain": "architecture", "marks": 15, "of": 15, "share": 1.0}
    assert sum(row["of"] for row in rows) == 50 and rows[0]["share"] == 0


def test_reasons_of_every_question_are_told_afterwards_the_wrong_ones_first(tmp_path):
    times = Times()
    sit(tmp_path, times, known=49)
    found = mark(1, done=True, folder=tmp_path, **times.both())
    html = found._repr_html_()
    assert html.count("<details>") == 50 and html.index("not answered") < html.index("<b>right</b>")
    for question in drawn(1).questions:
        assert html.count(f"{question.number}. ") >= 1
    assert "50. Not answered. The answer:" in repr(found)


def test_what_was_wrong_is_to_be_repeated_and_found_by_the_map(tmp_path):
    times = Times()
    sit(tmp_path, times, known=49)
    mark(1, done=True, folder=tmp_path, **times.both())
    (row,) = to_repeat(tmp_path, [], None)
    assert row["notebook"] == "practice.ipynb" and "(practice-1)" in row["what"]


@pytest.mark.parametrize("number", [0, -1, "1", True, None, 1.0])
def test_what_is_no_number_of_a_paper_is_refused(tmp_path, number):
    with pytest.raises(ValueError, match="numbered 1, 2, 3"):
        rehearse(number, tmp_path)


def test_a_paper_that_was_not_begun_is_not_marked(tmp_path):
    with pytest.raises(ValueError, match=r"rehearse\(3\) begins it"):
        mark(3, done=True, folder=tmp_path)
    assert list(tmp_path.iterdir()) == [] and taken(tmp_path) == []
