"""The review asks what costs the most marks, and names the notebooks that teach it."""

import json
from collections import Counter

import pytest

from course import review
from course.catalogue.questions import blueprint, named, practice
from course.catalogue.questions.draw import drill
from course.review import FIRST_SET, REVIEW, answered, first_set, lessons, marked, more, of_paper
from course.widgets.answers import AnswerFile
from course.widgets.quiz import practice as practise
from course.workspace import WorkspaceError, handed_out
from tests.release import ROOT

ITEMS = {item.id: item for item in practice()}


def test_the_papers_domains_are_the_blueprints():
    assert of_paper() == {
        "architecture": 15, "deployment": 10, "monitoring": 10, "troubleshooting": 10, "incident": 5,
    }  # fmt: skip
    assert sum(of_paper().values()) == blueprint().size


def test_a_first_set_is_a_names_own_and_covers_all_domains():
    anna, ben = first_set("anna"), first_set("ben")
    assert anna == first_set("anna") != ben and len(set(anna)) == 12
    assert Counter(ITEMS[name].domain for name in anna) == FIRST_SET


def test_answers_are_marked_as_the_quiz_marks_them(tmp_path):
    ids = first_set("anna")
    paper = drill("review", named(ids), "anna")
    panel = practise(paper, AnswerFile(tmp_path / "review.answers.json", "review", "anna"))
    for question in paper.questions[:5]:
        panel.answer(question.number, question.key or question.answer)
    rows = marked("review", ids, "anna", panel.first)
    assert [row["right"] for row in rows] == [True] * 5 + [False] * 7
    assert answered(tmp_path) == rows[:5]
    assert marked("review", ids, "ben", panel.first) != rows  # options are in another order
    with pytest.raises(ValueError, match="answers go by question number"):
        marked("review", ids, "anna", ["A"])


def test_what_cannot_be_read_or_is_no_question_any_more_counts_for_nothing(tmp_path):
    gone = {"item": "p-gone-1", "subtopic": "x", "objective": "O1.1", "right_at_first": True}
    for name, content in (("a", json.dumps({"results": {"1": gone, "2": 7, "3": {}}})), ("b", "[")):
        (tmp_path / f"{name}.answers.json").write_text(content, "utf-8")
    assert answered(tmp_path) == []


def test_more_begins_with_the_weakest_and_never_asks_what_was_right():
    rows = marked("review", first_set("anna"), "anna", {})
    for row in rows:
        row["right"] = row["domain"] == "incident"
    asked = more(rows, ["incident", "monitoring"], 20, "anna")
    right = {row["item"] for row in rows if row["right"]}
    domains = [ITEMS[name].domain for name in asked]
    assert not right & set(asked) and len(set(asked)) == 20
    assert domains == sorted(domains, key=["incident", "monitoring"].index)
    assert asked != more(rows, ["incident", "monitoring"], 20, "ben")


def test_every_question_is_taught_in_a_notebook_that_is_handed_out():
    there = handed_out(ROOT)
    for objective, subtopic in {(item.objective, item.subtopic) for item in practice()}:
        found = lessons({"objective": objective, "subtopic": subtopic})
        assert any(name.startswith("ops-") for name in found), (objective, subtopic)
        assert set(found) <= set(there) - {REVIEW}
        assert subtopic in ("acp", "ass", "amst", "hde", "itp", "path", "pba") or not any(
            name.startswith("components/") for name in found
        )
        if subtopic == "acp":
            assert {"components/6-acp-raft.ipynb", "components/7-acp-pbft.ipynb"} <= set(found)


def test_where_there_is_no_checkout_nothing_is_named(monkeypatch):
    def missing():
        raise WorkspaceError("no release")

    monkeypatch.setattr(review, "course_root", missing)
    assert lessons({"objective": "O1.1", "subtopic": "acp"}) == []
