"""A hostile file becomes a notebook, or a refusal in words.

`read_notebook` takes nothing over but what is graded: each cell's type, text, id and the name
under which nbgrader knows it. Outputs, tags and all other metadata stay outside (a tag such as
`skip-execution` would let a test pass by not running). `admit` then lays the assignment's plan
over the cells: roles and points come from the gradebook, never from the file.

The student's file is only ever read. Read next: preprocessor.py, which is nbgrader's way in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode, v4
from nbgrader.api import Gradebook

from autograder.errors import Refused

MAX_BYTES = 20_000_000
CELL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
MAKERS = {"code": v4.new_code_cell, "markdown": v4.new_markdown_cell, "raw": v4.new_raw_cell}

MEND = (
    "Open it in JupyterLab, save it, and submit again. If JupyterLab cannot open it, fetch a "
    "fresh copy of the notebook and copy your answers into it."
)
NOT_GRADED = "Not graded: the top of this page says why."


@dataclass(frozen=True)
class PlannedCell:
    """One cell of the assignment as its author made it."""

    name: str  # nbgrader's grade_id
    cell_type: str  # "code" or "markdown"
    source: str  # with hidden tests, if it is a test
    locked: bool
    solution: bool
    points: float | None  # None: not graded

    def metadata(self) -> dict[str, Any]:
        """The `nbgrader` metadata of such a cell."""
        role = {
            "schema_version": 3,
            "grade_id": self.name,
            "cell_type": self.cell_type,
            "locked": self.locked,
            "solution": self.solution,
            "grade": self.points is not None,
            "task": False,
        }
        return role if self.points is None else {**role, "points": self.points}


Plan = Mapping[str, PlannedCell]


def exercise_of(grade_id: str) -> str:
    """`ops-1-1-fault-bound-test` -> `ops-1-1-fault-bound`."""
    return grade_id.removesuffix("-test")


def plan_of(gradebook: Gradebook, notebook: str, assignment: str) -> Plan:
    """The cells that nbgrader recorded when the assignment was generated, by name."""
    record = gradebook.find_notebook(notebook, assignment)
    points = {cell.name: cell.max_score for cell in record.grade_cells}
    solutions = {cell.name for cell in record.solution_cells}
    return {
        cell.name: PlannedCell(
            cell.name,
            cell.cell_type,
            cell.source,
            cell.locked,
            cell.name in solutions,
            points.get(cell.name),
        )
        for cell in record.source_cells
    }


def read_notebook(path: Path) -> NotebookNode:
    """The notebook at `path`, reduced to what may be graded.

    Raises Refused, in words for the author, where there is none.
    """
    data = _document(path)
    if data["nbformat"] < 4:
        data = _converted(path.name, data)
    cells = data.get("cells")
    if data["nbformat"] != 4 or not isinstance(cells, list):
        raise Refused(
            f"`{path.name}` is not a notebook of format 4, the one JupyterLab saves. {MEND}"
        )
    nb = v4.new_notebook()
    nb.cells = [_cell(path.name, number, raw) for number, raw in enumerate(cells, start=1)]
    _make_ids_unique(nb.cells)
    return nb


def _document(path: Path) -> dict[str, Any]:
    """The JSON object in the file, with an `nbformat` number in it."""
    _check_file(path)
    try:
        data = json.loads(path.read_bytes())
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Refused(f"`{path.name}` is not a notebook: no JSON at {where}. {MEND}") from None
    except (ValueError, RecursionError, OSError):
        raise Refused(f"`{path.name}` is not a notebook: it cannot be read. {MEND}") from None
    if not isinstance(data, dict) or type(data.get("nbformat")) is not int:
        raise Refused(f"`{path.name}` is JSON but not a notebook. {MEND}")
    return data


def _check_file(path: Path) -> None:
    """Raise Refused unless there is a plain file of a sensible size."""
    name, folder = path.name, path.parent.name
    if path.is_symlink():
        raise Refused(f"`{name}` is a link to another place. Submit the notebook itself.")
    if not path.exists():
        raise Refused(
            f"`{name}` was not in the submission, so its exercises earned no points. "
            f"Put it into the folder `{folder}` under exactly this name, and submit again."
        )
    if not path.is_file():
        raise Refused(f"`{name}` is a folder, not a notebook. Submit the notebook itself.")
    if path.stat().st_size > MAX_BYTES:
        raise Refused(
            f"`{name}` is larger than {MAX_BYTES // 1_000_000} MB. In JupyterLab choose "
            "Edit, Clear Outputs of All Cells, save it, and submit again."
        )


def _converted(name: str, data: dict[str, Any]) -> dict[str, Any]:
    """A notebook of an older format, as format 4."""
    try:
        return dict(nbformat.convert(nbformat.from_dict(data), 4))
    except Exception:  # an old reader given rubbish may raise anything
        raise Refused(f"`{name}` is an old notebook that cannot be converted. {MEND}") from None


def _cell(name: str, number: int, raw: Any) -> NotebookNode:
    """A fresh cell with the type, text, id and nbgrader name of `raw`."""
    make = MAKERS.get(_get(raw, "cell_type", str))
    source = raw.get("source") if isinstance(raw, dict) else None
    lines = [source] if isinstance(source, str) else source
    if make is None or not isinstance(lines, list) or not all(type(x) is str for x in lines):
        raise Refused(f"Cell {number} of `{name}` is damaged. {MEND}")
    text = "".join(lines).encode("utf-8", "replace").decode()  # a lone surrogate cannot be saved
    grade_id = _get(_get(_get(raw, "metadata", dict), "nbgrader", dict), "grade_id", str)
    own_id = _get(raw, "id", str)
    cell = make(text, id=own_id if CELL_ID.fullmatch(own_id) else f"submitted-cell-{number}")
    if grade_id:
        cell.metadata["nbgrader"] = {"grade_id": grade_id}
    return cell


def _get(mapping: Any, key: str, kind: type) -> Any:
    """mapping[key] if it is there and of that kind, else an empty one."""
    value = mapping.get(key) if isinstance(mapping, dict) else None
    return value if isinstance(value, kind) else kind()


def _make_ids_unique(cells: list[NotebookNode]) -> None:
    seen: set[str] = set()
    for number, cell in enumerate(cells, start=1):
        while cell.id in seen:
            cell.id = f"{cell.id[:50]}-{number}"
        seen.add(cell.id)


def admit(nb: NotebookNode, plan: Plan, refusal: str | None = None) -> None:
    """Give the cells their planned roles, and put back, unrun, each graded cell that is gone.

    nb.metadata.autograder.notices tells what had to be done; a cell that was put back carries
    its reason in metadata.autograder.not_run. `refusal` says why nb is only a stand-in, if it is.
    """
    present, notices = _assign_roles(nb, plan)
    for cell in plan.values():
        if cell.points is None or cell.name in present:
            continue
        reason = (
            f"The test cell `{cell.name}` was deleted from the notebook, so it earned no points. "
            "Fetch a fresh copy of the notebook, copy your answers into it, and submit again."
        )
        _put_back(nb, cell, NOT_GRADED if refusal else reason)
        notices.append(reason)
    _make_ids_unique(nb.cells)
    about = {"notices": [refusal] if refusal else notices, "refused": refusal is not None}
    nb.metadata = nbformat.from_dict({"autograder": about})


def _assign_roles(nb: NotebookNode, plan: Plan) -> tuple[set[str], list[str]]:
    """Names found, and what is to be told. Of several cells with one name the last counts."""
    present: set[str] = set()
    notices = []
    for index in reversed(range(len(nb.cells))):
        cell = nb.cells[index]
        name = cell.metadata.pop("nbgrader", {}).get("grade_id")
        if name in present:
            notices.append(f"There was more than one cell `{name}`; the last one counts.")
        elif name in plan:
            present.add(name)
            nb.cells[index] = _planned(plan[name], cell)
    return present, notices[::-1]


def _planned(planned: PlannedCell, cell: NotebookNode) -> NotebookNode:
    fresh = MAKERS[planned.cell_type](cell.source, id=cell.id)
    fresh.metadata["nbgrader"] = planned.metadata()
    return fresh


def _put_back(nb: NotebookNode, planned: PlannedCell, reason: str) -> None:
    """Insert the cell after its exercise's answer, or at the end where that is gone too."""
    cell = MAKERS[planned.cell_type](planned.source, id="put-back")
    cell.metadata["nbgrader"] = planned.metadata()
    cell.metadata["autograder"] = {"not_run": reason}
    names = [c.metadata.get("nbgrader", {}).get("grade_id") for c in nb.cells]
    answer = exercise_of(planned.name)
    nb.cells.insert(names.index(answer) + 1 if answer in names else len(names), cell)
