"""What must hold of the files themselves: stripped, fresh, equal, free of what is not ours to say."""

import filecmp
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from course.workspace import handed_out
from tests.release import ROOT, days, generate

SLOTS = {
    "O1.1": 240, "O1.2": 240, "O1.3": 60,
    "O2.1": 180, "O2.2": 180, "O2.3": 180,
    "O3.1": 180, "O3.2": 180, "O3.3": 180,
    "O4.1": 150, "O4.2": 150, "O4.3": 240,
    "O5.1": 150, "O5.2": 210,
}  # minutes of each session in the timetable  # fmt: skip


def tracked(*patterns):
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


NOTEBOOKS = tracked("source/*.ipynb", "release/*.ipynb", "course/*.ipynb")
# An exam is no lesson: its tasks have time boxes and points of their own.
SOURCES = [path for path in tracked("source/*.ipynb") if not path.parent.name.startswith("exam-")]


def names(paths):
    return [str(path.relative_to(ROOT)) for path in paths]


def read(path):
    return json.loads(path.read_text("utf-8"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=names(NOTEBOOKS))
def test_a_notebook_in_git_has_no_outputs_and_every_cell_an_id(path):
    cells = read(path)["cells"]
    for cell in cells:
        assert not cell.get("outputs") and cell.get("execution_count") is None, cell["id"]
    ids = [cell["id"] for cell in cells]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("path", tracked("release/*.ipynb"), ids=names(tracked("release/*.ipynb")))
def test_a_released_notebook_gives_nothing_away(path):
    text = path.read_text("utf-8")
    for mark in ("BEGIN SOLUTION", "END SOLUTION", "BEGIN HIDDEN", "END HIDDEN", "docassert"):
        assert mark not in text


def test_release_is_what_source_generates(tmp_path):
    generate(tmp_path)
    for day in days():
        made, kept = tmp_path / "release" / day, ROOT / "release" / day
        files = sorted(path.name for path in made.iterdir())
        assert files == sorted(path.name for path in kept.iterdir())
        _, different, odd = filecmp.cmpfiles(made, kept, files, shallow=False)
        assert not different + odd, f"stale: {different + odd}; run `make release`"
    assert not list(tmp_path.glob("release/*/*.yaml"))


@pytest.mark.parametrize("path", SOURCES, ids=names(SOURCES))
def test_a_notebook_says_what_it_is_for_and_every_objective_is_practised(path):
    notebook = read(path)
    about = notebook["metadata"]["dwcp"]
    assert about["track"] == "operations" and about["title"]
    assert 30 <= about["minutes"] <= 60
    graded = {
        cell["metadata"]["nbgrader"]["grade_id"].removesuffix("-test")
        for cell in notebook["cells"]
        if cell["metadata"].get("nbgrader", {}).get("grade")
    }
    assert 3 <= len(graded) <= 6
    assert set(about["practised"]) == {text.split(" ")[0] for text in about["objectives"]}
    for objective, exercises in about["practised"].items():
        assert exercises, f"{objective} is taught and never practised"
        unknown = [e for e in exercises if e not in graded and e not in cell_ids(notebook)]
        assert not unknown, unknown
    practised = {e for exercises in about["practised"].values() for e in exercises}
    assert graded <= practised, f"asked and never taught: {graded - practised}"


def cell_ids(notebook):
    return {cell["id"] for cell in notebook["cells"]}


def test_the_minutes_fit_the_timetable():
    minutes = {}
    for path in SOURCES:
        about = read(path)["metadata"]["dwcp"]
        minutes[about["session"]] = minutes.get(about["session"], 0) + about["minutes"]
    assert all(minutes[session] <= SLOTS[session] for session in minutes), minutes


@pytest.mark.parametrize("path", SOURCES, ids=names(SOURCES))
def test_exercises_have_their_three_cells_points_and_known_mistakes(path):
    cells = {
        cell["metadata"]["nbgrader"]["grade_id"]: cell
        for cell in read(path)["cells"]
        if "nbgrader" in cell["metadata"]
    }
    mistakes = yaml.safe_load((path.parent / "mistakes.yaml").read_text("utf-8"))
    solutions = [name for name, cell in cells.items() if cell["metadata"]["nbgrader"]["solution"]]
    for name in solutions:
        assert {f"{name}-check", f"{name}-test"} <= set(cells)
        assert cells[f"{name}-test"]["metadata"]["nbgrader"]["points"] > 0
        assert "BEGIN HIDDEN TESTS" in "".join(cells[f"{name}-test"]["source"])
        assert 2 <= len(mistakes[name]) <= 5, f"{name} lists {len(mistakes[name])} mistakes"
    assert len(cells) == 3 * len(solutions)


@pytest.mark.parametrize("path", SOURCES, ids=names(SOURCES))
def test_the_first_code_cell_only_imports(path):
    first = next(cell for cell in read(path)["cells"] if cell["cell_type"] == "code")
    assert re.fullmatch(r"((from|import) .*|    [\w, ]+|\)|\s*)*", "".join(first["source"]))


def test_conda_users_get_the_same_dependencies():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = {f"python{project['requires-python']}", *project["dependencies"]}
    listed = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))["dependencies"]
    conda = {entry for entry in listed if isinstance(entry, str) and entry != "pip"}
    conda |= {entry for entry in listed[-1]["pip"] if not entry.startswith("--editable")}
    # conda-forge's matplotlib brings a Qt that nobody here needs; matplotlib-base is the same code.
    # Its "ortools" is the C++ library; the Python package is ortools-python.
    for there, here in (("matplotlib-base", "matplotlib"), ("ortools-python", "ortools")):
        conda = {entry.replace(there, here) for entry in conda}
    assert conda == wanted


TEXTS = [
    p
    for p in tracked()
    if p.suffix in {".py", ".md", ".yml", ".yaml", ".toml", ".ipynb", ".js", ".css", ".json"}
]


@pytest.mark.parametrize("path", TEXTS, ids=names(TEXTS))
def test_nothing_names_one_machine(path):
    assert not re.search(r"(?<![\w.])/(work|farm|root)/", path.read_text("utf-8"))


def test_every_command_of_the_makefile_is_in_its_help():
    text = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^\.PHONY: ([a-z-]+)$", text, re.MULTILINE)) - {"packages"}
    alone = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    shown = subprocess.run(
        ["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True, env=alone
    )
    assert targets == {line.split()[0] for line in shown.stdout.splitlines()}


def test_every_command_that_the_readme_names_exists():
    text = (ROOT / "README.md").read_text("utf-8") + (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"(?<![-\w])make ([a-z]+)", text):
        if f"`make {target}" in text or f"\nmake {target}" in text:
            assert f".PHONY: {target}\n" in makefile, target
    for program in ("course", "autograder"):
        listed = subprocess.run(
            [sys.executable, "-m", program, "--help"],
            capture_output=True, text=True, check=True, cwd=ROOT,
        ).stdout  # fmt: skip
        for command in set(re.findall(rf"uv run {program} ([a-z]+)", text)):
            assert f" {command} " in listed, f"{program} {command}"


@pytest.mark.parametrize("path", tracked("*.md"), ids=names(tracked("*.md")))
def test_links_in_pages_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text("utf-8")):
        assert target.startswith("https://") or (path.parent / target).exists(), target


@pytest.mark.parametrize("path", tracked("course/*.ipynb"), ids=names(tracked("course/*.ipynb")))
def test_links_in_the_courses_own_notebooks_lead_to_what_is_handed_out(path):
    there = handed_out(ROOT)
    here = path.parent.relative_to(ROOT / "course")
    for cell in read(path)["cells"]:
        text = "".join(cell["source"]) if cell["cell_type"] == "markdown" else ""
        for target in re.findall(r"\]\((?!https://)([^)#]+)\)", text):
            assert (here / target).as_posix() in there, f"{path.name}: {target}"


def test_links_in_notebooks_lead_somewhere():
    there = handed_out(ROOT)
    for path in SOURCES:
        text = "".join(
            "".join(c["source"]) for c in read(path)["cells"] if c["cell_type"] == "markdown"
        )
        for target in re.findall(r"\]\(([^)#]+\.ipynb)\)", text):
            is_there = (path.parent / target).exists() or target.removeprefix("../") in there
            assert is_there, f"{path.name}: {target}"


def test_paths_are_real():
    assert Path(ROOT / ".ci" / "run").stat().st_mode & 0o111
