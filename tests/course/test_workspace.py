"""The learner's copy: made once, never overwritten, and told about what is newer."""

import json
import os

import pytest

from course.progress import as_html, as_text, overview, read, record
from course.workspace import WorkspaceError, open_workspace, put_beside


def notebook(text, points=2):
    graded = {"nbgrader": {"grade": True, "grade_id": "d-1-x-test", "points": points}}
    cells = [{"cell_type": "code", "metadata": graded, "source": [text]}]
    about = {"dwcp": {"title": "First", "minutes": 45}}
    return json.dumps({"cells": cells, "metadata": about, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture
def root(tmp_path):
    course = tmp_path / "checkout"
    (course / "course").mkdir(parents=True)
    (course / "release" / "ops-1").mkdir(parents=True)
    for name in ("home.ipynb", "practice.ipynb"):
        (course / "course" / name).write_text("{}", "utf-8")
    for name in ("1-one", "2-two"):
        (course / "release" / "ops-1" / f"{name}.ipynb").write_text(notebook("v1"), "utf-8")
    return course


@pytest.fixture
def work(tmp_path):
    return tmp_path / "work"


ONE = "ops-1/1-one.ipynb"


def update(root, text):
    (root / "release" / ONE).write_text(notebook(text), "utf-8")


def test_the_first_opening_copies_everything_and_the_second_nothing(root, work):
    assert open_workspace(work, root).added == [
        "home.ipynb", "practice.ipynb", ONE, "ops-1/2-two.ipynb",
    ]  # fmt: skip
    again = open_workspace(work, root)
    assert (again.added, again.refreshed, again.kept) == ([], [], [])


def test_what_the_learner_changed_survives_an_update(root, work):
    open_workspace(work, root)
    (work / ONE).write_text("my work", "utf-8")
    update(root, "v2")
    assert open_workspace(work, root).kept == [ONE]
    assert (work / ONE).read_text("utf-8") == "my work"


def test_what_the_learner_did_not_change_follows_the_update(root, work):
    open_workspace(work, root)
    update(root, "v2")
    assert open_workspace(work, root).refreshed == [ONE]
    assert "v2" in (work / ONE).read_text("utf-8")


def test_a_deleted_notebook_is_handed_out_afresh(root, work):
    open_workspace(work, root)
    (work / ONE).unlink()
    assert open_workspace(work, root).added == [ONE]


def test_a_file_that_was_there_before_is_not_touched(root, work):
    (work / "ops-1").mkdir(parents=True)
    (work / ONE).write_text("from elsewhere", "utf-8")
    assert open_workspace(work, root).kept == [ONE]
    assert (work / ONE).read_text("utf-8") == "from elsewhere"


def test_the_new_one_can_be_put_beside(root, work):
    open_workspace(work, root)
    assert put_beside(ONE, work, root).name == "1-one.new.ipynb"
    with pytest.raises(WorkspaceError, match="the course has no 'ops-1/9'"):
        put_beside("ops-1/9", work, root)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_said(root, work):
    work.mkdir(mode=0o500)
    with pytest.raises(WorkspaceError, match="cannot be written"):
        open_workspace(work, root)


def test_a_file_in_the_way_is_said(root, work):
    work.write_text("a file, not a folder", "utf-8")
    with pytest.raises((WorkspaceError, NotADirectoryError)):
        open_workspace(work, root)


def test_a_broken_manifest_is_said_and_nothing_is_lost(root, work):
    open_workspace(work, root)
    (work / ".course.json").write_text("{", "utf-8")
    with pytest.raises(WorkspaceError, match="Delete it: your notebooks are kept"):
        open_workspace(work, root)


def report(score):
    row = {"exercise": "d-1-x", "score": score, "max_score": 2, "message": None}
    return {"assignment": "ops-1", "notebook": "1-one", "exercises": [row], "error": None}


def test_progress_keeps_the_best_score_and_says_what_comes_next(root, work):
    open_workspace(work, root)
    assert [row["next"] for row in overview(work, root)] == [True, False]
    record(work, report(2), "2026-01-05T09:00:00+00:00")
    record(work, report(1), "2026-01-05T10:00:00+00:00")
    first, second = overview(work, root)
    assert (first["state"], first["score"], second["next"]) == ("done", 2, True)
    assert read(work)["d-1-x"]["checked_at"].endswith("10:00:00+00:00")
    assert "2 of 2" in as_text([first]) and ONE in as_html([first])


def test_an_opened_notebook_is_seen_as_opened(root, work):
    open_workspace(work, root)
    (work / ONE).write_text("saved by JupyterLab", "utf-8")
    assert overview(work, root)[0]["state"] == "opened"
