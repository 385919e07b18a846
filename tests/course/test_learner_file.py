"""The learner's file: the best stays, time adds up, several may write, and nothing is overwritten."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from course.cli import app
from course.learner_file import load, read, record, spend
from course.progress import as_csv, as_html, as_page, as_text, overview, to_repeat
from course.spent import AWAY_S, Stopwatch, notebook_of, watch
from course.workspace import MANIFEST, open_workspace
from tests.course.test_workspace import ONE, report, root, work

__all__ = ["root", "work"]
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_a_file_of_the_first_version_is_taken_over(tmp_path):
    old = {"d-1-x": {"notebook": "ops-1/1-one", "score": 2, "max_score": 2, "message": None}}
    (tmp_path / "progress.json").write_text(json.dumps(old), "utf-8")
    spend(tmp_path, ONE, 60, "2026-01-05T09:00:00+00:00")
    assert read(tmp_path) == old and load(tmp_path)["spent"][ONE]["seconds"] == 60


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b"\xff", b'{"version": 2, "exercises": 3}', b'{"a": 1}', b"[" * 99_999]
)
def test_a_file_that_cannot_be_read_is_kept_aside_and_not_overwritten(tmp_path, content):
    (tmp_path / "progress.json").write_bytes(content)
    assert load(tmp_path) == {"version": 2, "exercises": {}, "spent": {}}
    spend(tmp_path, ONE, 60, "")
    assert (tmp_path / "progress.json.old").read_bytes() == content
    assert load(tmp_path)["spent"][ONE]["seconds"] == 60


def test_two_that_write_at_once_lose_nothing(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: spend(tmp_path, f"ops-1/{i % 2}.ipynb", 1, ""), range(40)))
    assert [row["seconds"] for row in load(tmp_path)["spent"].values()] == [20, 20]


def test_time_away_does_not_count():
    watched = Stopwatch(0)
    for now in (100, 200, 200 + AWAY_S + 1, 250 + AWAY_S + 1):
        watched.tick(now)
    assert watched.take() == 250 and watched.take() == 0


class Shell:
    """As much of IPython as is watched."""

    def __init__(self):
        self.events, self.calls = self, []

    def register(self, event, call):
        assert event == "post_run_cell"
        self.calls.append(call)


def test_cells_that_run_in_a_learners_notebook_add_time_to_it(tmp_path):
    (tmp_path / MANIFEST).write_text("{}", "utf-8")
    shell, now = Shell(), iter(range(0, 1000, 20))
    session = {"JPY_SESSION_NAME": str(tmp_path / ONE)}
    for _ in range(2):  # two first cells, one watch
        watch(shell, session, lambda: next(now))
    for _ in range(4):
        shell.calls[0]()
    assert len(shell.calls) == 1
    assert load(tmp_path)["spent"][ONE]["seconds"] == 80


@pytest.mark.parametrize("session", ["", "x.ipynb", "/nowhere/x.ipynb", "/etc/passwd"])
def test_outside_a_working_folder_nothing_is_measured(session):
    shell = Shell()
    watch(shell, {"JPY_SESSION_NAME": session}, lambda: 0)
    watch(None, {"JPY_SESSION_NAME": session}, lambda: 0)
    assert shell.calls == [] and notebook_of({"JPY_SESSION_NAME": session}) is None


def test_the_map_shows_planned_and_spent_minutes_by_day(root, work):
    open_workspace(work, root)
    spend(work, ONE, 30 * 60, "2026-01-05T09:00:00+00:00")
    rows = overview(work, root)
    assert (rows[0]["minutes"], rows[0]["spent_min"], rows[0]["day"]) == (
        45,
        30,
        "Operations, day 1",
    )
    html = as_html(rows, [])
    assert (
        "0 of 2 done" in html and "<td>90</td><td>30</td>" in html and "Nothing to repeat" in html
    )
    assert "30 of 45 minutes" in as_text(rows)
    assert as_csv(rows).splitlines()[1].startswith(f"True,{ONE},")
    assert as_page(rows, []).startswith("<!doctype html>")


def test_what_went_wrong_or_has_faded_is_to_be_repeated(root, work):
    open_workspace(work, root)
    record(work, report(1), "2026-01-05T09:00:00+00:00")
    rows = overview(work, root)
    assert [row["what"] for row in to_repeat(work, rows, NOW)] == ["d-1-x"]
    record(work, report(2), "2026-01-05T09:00:00+00:00")
    results = {
        "1": {"item": "x", "objective": "O1.2", "subtopic": "ports", "right_at_first": False},
        "2": {"item": "y", "objective": "O2.1", "subtopic": "rules", "right_at_first": True},
    }
    (work / "ops-1" / "warm-up.answers.json").write_text(json.dumps({"results": results}), "utf-8")
    (work / "ops-1" / "broken.answers.json").write_text('{"results": [1]}', "utf-8")
    spend(work, ONE, 60, (NOW - timedelta(days=20)).isoformat())
    said = to_repeat(work, overview(work, root), NOW)
    assert [(row["what"], row["why"]) for row in said] == [
        ("questions on ports (warm-up)", "1 wrong at the first try"),
        ("First", "done 20 days ago; can you still do it?"),
    ]


@pytest.mark.parametrize(
    ("name", "starts"), [("p.csv", "next,"), ("p.json", "{"), ("p.html", "<!doctype")]
)
def test_progress_is_exported_in_three_forms(tmp_path, name, starts):
    done = CliRunner().invoke(
        app, ["progress", "--work", str(tmp_path), "--export", str(tmp_path / name)]
    )
    assert done.exit_code == 0 and (tmp_path / name).read_text("utf-8").startswith(starts)


@pytest.mark.parametrize(
    ("name", "words"),
    [("p.pdf", "must end in .json, .csv, .html"), ("no/p.csv", "cannot be written")],
)
def test_what_cannot_be_exported_is_said(tmp_path, name, words):
    done = CliRunner().invoke(
        app, ["progress", "--work", str(tmp_path), "--export", str(tmp_path / name)]
    )
    assert done.exit_code == 2 and words in " ".join(done.output.split())
