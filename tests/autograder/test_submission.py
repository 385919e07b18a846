"""Whatever the file holds, reading it gives a clean notebook or a refusal in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat import v4

from autograder.errors import Refused
from autograder.feedback import named
from autograder.submission import PlannedCell, admit, read_notebook
from tests.autograder.classroom import FIXTURES

PLAN = {
    "a": PlannedCell("a", "code", "", locked=False, solution=True, points=None),
    "a-test": PlannedCell("a-test", "code", "assert a", locked=True, solution=False, points=2.0),
    "b-test": PlannedCell("b-test", "code", "assert b", locked=True, solution=False, points=3.0),
}


def refusal(path: Path) -> str:
    with pytest.raises(Refused) as caught:
        read_notebook(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("file", "part"),
    [
        ("not-json", "no JSON at line 1, column 1"),
        ("merge-conflict", "no JSON at line 2, column 1"),
        ("json-but-a-list", "is JSON but not a notebook"),
        ("without-cells", "not a notebook of format 4"),
        ("from-the-future", "not a notebook of format 4"),
        ("damaged-cell", "Cell 1 of"),
        ("not-text", "it cannot be read"),
        ("nested-too-deeply", "it cannot be read"),
        ("old-and-damaged", "an old notebook that cannot be converted"),
    ],
)
def test_a_file_that_is_no_notebook_is_refused_with_its_reason_and_a_remedy(
    file: str, part: str
) -> None:
    words = refusal(FIXTURES / "notebooks" / f"{file}.txt")
    assert part in words
    assert "Open it in JupyterLab, save it, and submit again." in words


def test_an_old_but_sound_notebook_is_read() -> None:
    nb = read_notebook(FIXTURES / "notebooks" / "old-but-sound.txt")
    assert [cell.source for cell in nb.cells] == ["x = 1"]


def test_a_missing_file_a_link_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "link.ipynb").symlink_to(FIXTURES / "course/source/numbers/1-mean.ipynb")
    (tmp_path / "folder.ipynb").mkdir()
    assert "was not in the submission" in refusal(tmp_path / "none.ipynb")
    assert "is a link" in refusal(tmp_path / "link.ipynb")
    assert "is not a plain file" in refusal(tmp_path / "folder.ipynb")


def test_a_huge_file_is_refused_without_reading_it(tmp_path: Path) -> None:
    path = tmp_path / "huge.ipynb"
    with path.open("wb") as file:
        file.truncate(30_000_000)
    assert "larger than 20 MB" in refusal(path)


def notebook_with(tmp_path: Path, *cells: dict[str, Any]) -> Path:
    data = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"x": 1}, "cells": list(cells)}
    path = tmp_path / "submitted.ipynb"
    path.write_text(json.dumps(data))
    return path


def test_outputs_tags_and_other_metadata_stay_outside(tmp_path: Path) -> None:
    cell = {
        "cell_type": "code",
        "source": ["a = 1\n", "b = 2"],
        "metadata": {"tags": ["skip-execution"], "nbgrader": {"grade_id": "a", "points": 99}},
        "outputs": [{"output_type": "display_data", "data": {"text/html": "<script>"}}],
    }
    nb = read_notebook(notebook_with(tmp_path, cell))
    assert nb.metadata == {}
    assert nb.cells[0].metadata == {"nbgrader": {"grade_id": "a"}}
    assert nb.cells[0].source == "a = 1\nb = 2"
    assert nb.cells[0].outputs == []


def test_a_lone_surrogate_does_not_stop_the_notebook_from_being_saved(tmp_path: Path) -> None:
    cell = {"cell_type": "markdown", "source": "\ud800", "metadata": {}}
    nbformat.writes(read_notebook(notebook_with(tmp_path, cell))).encode()


def test_cells_with_one_id_get_ids_of_their_own(tmp_path: Path) -> None:
    cells = [{"cell_type": "raw", "source": "", "metadata": {}, "id": i} for i in ("x", "x", "<b>")]
    ids = [cell.id for cell in read_notebook(notebook_with(tmp_path, *cells)).cells]
    assert ids == ["x", "x-2", "submitted-cell-3"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
RAW_CELLS = st.fixed_dictionaries(
    {"cell_type": st.sampled_from(["code", "markdown", "raw", "slide"]) | JSON},
    optional={"source": st.text() | st.lists(st.text()) | JSON, "metadata": JSON, "id": JSON},
)


@given(nbformat_number=st.integers(-1, 6) | JSON, cells=st.lists(RAW_CELLS | JSON) | JSON)
def test_any_json_is_either_a_valid_notebook_or_refused(
    tmp_path_factory: pytest.TempPathFactory, nbformat_number: Any, cells: Any
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.ipynb"
    path.write_text(json.dumps({"nbformat": nbformat_number, "cells": cells}))
    try:
        nb = read_notebook(path)
    except Refused:
        return
    nbformat.validate(nb)


def cell(name: str | None, source: str = "") -> Any:
    return v4.new_code_cell(source, metadata={"nbgrader": {"grade_id": name}} if name else {})


def test_roles_and_points_come_from_the_plan() -> None:
    nb = v4.new_notebook(cells=[cell("a", "a = 1"), cell("a-test"), cell("b-test")])
    admit(nb, PLAN)
    assert named(nb)["a-test"].metadata.nbgrader.points == 2.0
    assert named(nb)["a"].metadata.nbgrader.grade is False
    assert nb.metadata.autograder == {"notices": [], "refused": False}


def test_a_deleted_test_is_put_back_after_its_answer_and_marked() -> None:
    nb = v4.new_notebook(cells=[cell("a"), cell(None, "mine"), cell("b-test")])
    admit(nb, PLAN)
    assert list(named(nb)) == ["a", "a-test", "b-test"]
    assert nb.cells[1].source == "assert a"
    assert "was deleted" in nb.cells[1].metadata.autograder.not_run
    assert nb.metadata.autograder.notices == [nb.cells[1].metadata.autograder.not_run]


def test_the_last_of_several_cells_of_one_name_counts() -> None:
    nb = v4.new_notebook(cells=[cell("a", "1"), cell("a", "2"), cell("a-test"), cell("b-test")])
    admit(nb, PLAN)
    assert [c.metadata.get("nbgrader", {}).get("grade_id") for c in nb.cells[:2]] == [None, "a"]
    assert nb.metadata.autograder.notices == [
        "There was more than one cell `a`; the last one counts."
    ]


def test_a_name_that_the_assignment_does_not_have_is_forgotten() -> None:
    nb = v4.new_notebook(cells=[cell("z"), cell("a"), cell("a-test"), cell("b-test")])
    admit(nb, PLAN)
    assert nb.cells[0].metadata == {}


def test_a_cell_of_another_type_gets_its_planned_type_back() -> None:
    nb = v4.new_notebook(cells=[cell("a"), v4.new_markdown_cell("no"), cell("b-test")])
    nb.cells[1].metadata["nbgrader"] = {"grade_id": "a-test"}
    admit(nb, PLAN)
    assert named(nb)["a-test"].cell_type == "code"
