"""The learner's command, as it is typed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from course.workspace import open_workspace
from tests.release import ROOT


def course(*arguments, work):
    command = [sys.executable, "-m", "course.cli", *arguments, "--work", str(work)]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, timeout=180, check=False
    )


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("learner") / "work"
    open_workspace(folder, ROOT)
    return folder


def solved(name, wrong=None):
    """The source notebook as a learner would hand it in, with one answer made wrong."""
    notebook = json.loads((ROOT / "source" / "ops-1" / f"{name}.ipynb").read_text("utf-8"))
    for cell in notebook["cells"]:
        if wrong and cell["metadata"].get("nbgrader", {}).get("grade_id") == wrong[0]:
            cell["source"] = [wrong[1]]
    return json.dumps(notebook)


def test_checking_one_s_own_work_says_which_exercise_fails_and_why_and_hides_the_test(work):
    wrong = (
        "ops-1-1-sustainable",
        "def sustainable_per_s(nodes, duration_s, per_node=2):\n    return nodes / duration_s\n",
    )
    (work / "ops-1" / "1-architecture.ipynb").write_text(solved("1-architecture", wrong), "utf-8")
    done = course("check", "ops-1/1-architecture.ipynb", work=work)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert any(line.startswith("not yet") and "ops-1-1-sustainable" in line for line in lines)
    assert sum(line.startswith("passed") for line in lines) == 3
    assert "use per_node" in done.stdout.replace("\n", " ")
    assert "assert" not in done.stdout and "HIDDEN" not in done.stdout
    rows = json.loads(course("progress", "--json", work=work).stdout)
    assert (rows[0]["state"], rows[0]["score"]) == ("checked", 7)


def test_a_notebook_that_is_not_there_is_answered_with_those_that_are(work):
    done = course("check", "ops-1/9-nothing.ipynb", work=work)
    assert done.returncode == 2
    assert "ops-1/1-architecture.ipynb" in done.stderr


@pytest.mark.parametrize("command", ["start", "check", "progress", "submit"])
def test_every_command_explains_itself(command):
    done = subprocess.run(
        [sys.executable, "-m", "course.cli", command, "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(done.stdout.split()) > 15


def test_handing_in_what_was_never_opened_says_what_to_do(tmp_path):
    done = course("submit", "ops-1", work=Path(tmp_path) / "nowhere")
    assert done.returncode == 2 and "course start" in done.stderr


def test_handing_in_without_an_instructor_says_what_is_missing(work, tmp_path, monkeypatch):
    monkeypatch.setenv("DWCP_EXCHANGE", str(tmp_path / "exchange"))
    done = course("submit", "ops-1", work=work)
    assert done.returncode == 2
    assert (
        "Has an instructor released it" in done.stderr
        and "nbgrader submit failed" not in done.stderr
    )
