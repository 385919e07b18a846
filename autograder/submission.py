"""A hostile file becomes a notebook, or a refusal in words.

`read_notebook` takes nothing over but what is graded: each cell's type, text, id and the name
under which nbgrader knows it. Outputs, tags and all other metadata stay outside (a tag such as
`skip-execution` would let a test pass by not running). `admit` then lays the assignment's plan
over the cells: roles and points come from the gradebook, never from the file.

The student's file is only ever read. Read next: preprocessor.py, which is nbgrader's way in.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode, v4
from nbgrader.api import Gradebook

from autograder.errors import Refused

MAX_BYTES = 20_000_000
MAX_CELLS = 2_000
CELL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
# A raw cell goes into a page as it is, so that a submission has none.
MAKERS = {"code": v4.new_code_cell, "markdown": v4.new_markdown_cell, "raw": v4.new_markdown_cell}
# What a page could execute or load from a text: tags, links and pictures, and links in formulas.
LIVE = re.compile(r"<(?=[A-Za-z/!?])|\](?=\s*[(:\[])|\\(?=href|url|require|html|class|style|cssId)")
NOTHING = "\u200b"  # a space without width: what it parts reads the same and does nothing

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
    task: bool = False
    checksum: str | None = None

    def metadata(self) -> dict[str, Any]:
        """The `nbgrader` metadata of such a cell."""
        role = {
            "schema_version": 3,
            "grade_id": self.name,
            "cell_type": self.cell_type,
            "locked": self.locked,
            "solution": self.solution,
            "grade": self.points is not None and not self.task,
            "task": self.task,
        }
        if self.checksum:
            role["checksum"] = self.checksum
        return role if self.points is None else {**role, "points": self.points}


Plan = Mapping[str, PlannedCell]


def exercise_of(grade_id: str) -> str:
    """`ops-1-1-fault-bound-test` -> `ops-1-1-fault-bound`."""
    return grade_id.removesuffix("-test")


def plan_of(
    gradebook: Gradebook, notebook: str, assignment: str, order: Sequence[str] = ()
) -> Plan:
    """The cells that nbgrader recorded when the assignment was generated, by name.

    `order` are their names from top to bottom, which the gradebook does not keep.
    """
    record = gradebook.find_notebook(notebook, assignment)
    tasks = {cell.name: cell.max_score for cell in record.task_cells}
    points = {cell.name: cell.max_score for cell in record.grade_cells} | tasks
    solutions = {cell.name for cell in record.solution_cells}
    return {
        cell.name: PlannedCell(
            cell.name,
            cell.cell_type,
            cell.source,
            cell.locked,
            cell.name in solutions,
            points.get(cell.name),
            cell.name in tasks,
            cell.checksum,
        )
        for cell in sorted(record.source_cells, key=lambda cell: _place(cell.name, order))
    }


def _place(name: str, order: Sequence[str]) -> int:
    return order.index(name) if name in order else len(order)


def read_notebook(path: Path) -> NotebookNode:
    """The notebook at `path`, reduced to what may be graded.

    Raises Refused, in words for the author, where there is none.
    """
    return parse_notebook(path.name, read_file(path))


def read_file(path: Path) -> bytes:
    """The bytes of a plain file of a sensible size; raises Refused for anything else."""
    _check_file(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(descriptor, "rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError:
        raise Refused(f"`{path.name}` is not a notebook: it cannot be read. {MEND}") from None


def parse_notebook(name: str, document: bytes) -> NotebookNode:
    """The notebook in the bytes of the file `name`, as read_notebook gives it."""
    data = _document(name, document)
    if data["nbformat"] < 4:
        data = _converted(name, data)
    cells = data.get("cells")
    if data["nbformat"] != 4 or not isinstance(cells, list):
        raise Refused(f"`{name}` is not a notebook of format 4, the one JupyterLab saves. {MEND}")
    if len(cells) > MAX_CELLS:
        raise Refused(f"`{name}` has more than {MAX_CELLS:,} cells. {MEND}")
    nb = v4.new_notebook()
    nb.cells = [_cell(name, number, raw) for number, raw in enumerate(cells, start=1)]
    _make_ids_unique(nb.cells)
    return nb


def _document(name: str, document: bytes) -> dict[str, Any]:
    """The JSON object in the bytes, with an `nbformat` number in it."""
    try:
        data = json.loads(document)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Refused(f"`{name}` is not a notebook: no JSON at {where}. {MEND}") from None
    except (ValueError, RecursionError):
        raise Refused(f"`{name}` is not a notebook: it cannot be read. {MEND}") from None
    if not isinstance(data, dict) or type(data.get("nbformat")) is not int:
        raise Refused(f"`{name}` is JSON but not a notebook. {MEND}")
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
        raise Refused(f"`{name}` is not a plain file. Submit the notebook itself.")
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


def defuse(nb: NotebookNode, trusted: Collection[str]) -> None:
    """Make the author's texts harmless for whoever opens the notebook as a page.

    An instructor's browser renders them (nbgrader's formgrader does not sanitise). Texts in
    `trusted` are the course's own and stay.
    """
    for cell in nb.cells:
        if cell.cell_type == "markdown" and cell.source not in trusted:
            cell.source = LIVE.sub(lambda found: found.group() + NOTHING, cell.source)


def admit(nb: NotebookNode, plan: Plan, refusal: str | None = None) -> None:
    """Give the cells their planned roles, and put back, unrun, each graded cell that is gone.

    nb.metadata.autograder.notices tells what had to be done; a cell that was put back carries
    its reason in metadata.autograder.not_run. `refusal` says why nb is only a stand-in, if it is.
    """
    present, notices = _assign_roles(nb, plan)
    if _put_in_order(nb, [name for name in plan if name in present]):
        notices.append(
            "The exercises were not in their order; they were graded in the order of the course."
        )
    for cell in plan.values():
        if cell.name in present or not (cell.locked or cell.points is not None):
            continue
        if cell.points is None or cell.task:  # nothing to lose: it is put back and used
            _put_back(nb, cell, plan, NOT_GRADED if refusal else None)
            continue
        reason = (
            f"The test cell `{cell.name}` was deleted from the notebook, so it earned no points. "
            "Fetch a fresh copy of the notebook, copy your answers into it, and submit again."
        )
        _put_back(nb, cell, plan, NOT_GRADED if refusal else reason)
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
    source = planned.source if planned.locked else cell.source
    fresh = MAKERS[planned.cell_type](source, id=cell.id)
    fresh.metadata["nbgrader"] = planned.metadata()
    return fresh


def _name(cell: NotebookNode) -> str | None:
    name: str | None = cell.metadata.get("nbgrader", {}).get("grade_id")
    return name


def _put_in_order(nb: NotebookNode, order: list[str]) -> bool:
    """Move the planned cells, each with its followers, into the plan's order, if they are not."""
    blocks: list[list[NotebookNode]] = [[]]
    for cell in nb.cells:
        if _name(cell):
            blocks.append([])
        blocks[-1].append(cell)
    head, *planned = blocks
    ordered = sorted(planned, key=lambda block: order.index(str(_name(block[0]))))
    moved = any(a is not b for a, b in zip(planned, ordered, strict=True))
    nb.cells = [cell for block in [head, *ordered] for cell in block]
    return moved


def _put_back(nb: NotebookNode, planned: PlannedCell, plan: Plan, reason: str | None) -> None:
    """Insert the cell where the plan has it; with a reason, it is not to be run."""
    cell = MAKERS[planned.cell_type](planned.source, id="put-back")
    cell.metadata["nbgrader"] = planned.metadata()
    if reason:
        cell.metadata["autograder"] = {"not_run": reason}
    order = list(plan)
    before = set(order[: order.index(planned.name)])
    places = [place for place, other in enumerate(nb.cells, 1) if _name(other) in before]
    nb.cells.insert(max(places, default=0), cell)
