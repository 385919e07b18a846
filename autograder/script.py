"""Who runs which cell of a submission, and what each said put back into the notebook.

    author's cells      the candidate
    locked cells        the examiner, in the source's words; the candidate too, without hidden
                        tests, if the author's code uses what an ungraded one defines
    given cells         the candidate, if the author's code can notice (names.py); else nobody,
                        because they only show something that the course itself wrote

`Given` is what the course knows of a notebook; `script` is the list that goes to the pool.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode, v4
from nbgrader.utils import is_grade, is_locked, is_solution

from autograder.cells import FLOOD, MAX_OUTPUTS, OUTPUT_LIMIT
from autograder.examiner import NOT_RUN
from autograder.names import Part, modules_of, needed, to_fetch
from autograder.pool import GIVEN_UP, Cell

HIDDEN = re.compile(
    r"^### BEGIN HIDDEN TESTS$.*?^### END HIDDEN TESTS$\n?", re.MULTILINE | re.DOTALL
)
NOTEBOOK_LIMIT = 10_000_000  # characters of all its outputs
SHOWN = ("text/plain", "image/png", "image/jpeg")  # nothing that a browser would execute
MAGIC = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}


@dataclass(frozen=True)
class Given:
    """One notebook as the course gives it out."""

    order: tuple[str, ...] = ()  # nbgrader's names of its cells, top to bottom
    sources: frozenset[str] = frozenset()  # of the code cells that are nobody's exercise
    texts: frozenset[str] = frozenset()  # of all its text cells
    modules: frozenset[str] = frozenset()  # that it imports
    judging: frozenset[str] = frozenset()  # of those, what its locked cells import


def given(path: Path) -> Given:
    """What the source notebook at `path` gives out; nothing is known where there is none."""
    if not path.is_file():
        return Given()
    cells = nbformat.read(path, as_version=4).cells
    names = [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in cells]
    code = [cell for cell in cells if cell.cell_type == "code"]
    return Given(
        tuple(name for name in names if name),
        frozenset(cell.source for cell in code if not cell.metadata.get("nbgrader")),
        frozenset(cell.source for cell in cells if cell.cell_type == "markdown"),
        frozenset(module for cell in code for module in modules_of(cell.source)),
        frozenset(m for cell in code if is_judge(cell) for m in modules_of(cell.source)),
    )


def is_judge(cell: NotebookNode) -> bool:
    """Whether the examiner runs it."""
    return cell.cell_type == "code" and is_locked(cell) and not is_solution(cell)


def script(nb: NotebookNode, about: Given) -> list[Cell | None]:
    """For each cell of an admitted notebook what is to be run, or None."""
    locked = [cell for cell in nb.cells if is_judge(cell)]
    fetches = dict(zip(map(id, locked), to_fetch([c.source for c in locked]), strict=True))
    parts = {
        place: _part(cell, about)
        for place, cell in enumerate(nb.cells)
        if cell.cell_type == "code" and not is_grade_only(cell)
    }
    wanted = {name for names in fetches.values() for name in names}
    run = needed(list(parts.values()), wanted)
    chosen = {place for number, place in enumerate(parts) if number in run}
    return [
        _step(cell, place in chosen, fetches.get(id(cell), []))
        for place, cell in enumerate(nb.cells)
    ]


def is_grade_only(cell: NotebookNode) -> bool:
    """A test: it never goes to the candidate."""
    return is_judge(cell) and is_grade(cell)


def _part(cell: NotebookNode, about: Given) -> Part:
    if is_judge(cell):
        return Part(HIDDEN.sub("", cell.source), "locked")
    role = cell.metadata.get("nbgrader")
    return Part(cell.source, "given" if not role and cell.source in about.sources else "own")


def _step(cell: NotebookNode, candidate: bool, fetch: list[str]) -> Cell | None:
    here = is_judge(cell)
    if cell.cell_type != "code" or not (candidate or here):
        return None
    name = cell.metadata.get("nbgrader", {}).get("grade_id") or cell.id
    shown = HIDDEN.sub("", cell.source)
    return {
        "name": name,
        "source": cell.source if here else shown,
        "shown": shown,
        "where": "both" if here and candidate else "here" if here else "candidate",
        "fetch": fetch,
    }


def put_back_for(cell: NotebookNode) -> str | None:
    """Why this cell is ours and not to be run, if it is (see submission.admit)."""
    why: str | None = cell.metadata.get("autograder", {}).get("not_run")
    return why


def put(nb: NotebookNode, steps: Sequence[Cell | None], outputs: Sequence[list[Any]]) -> None:
    """Put what was said into the notebook, as far as it can be shown safely.

    nb.metadata.autograder.notices tells what was left out. Only a raised error costs points:
    nbgrader would also fail a test for a warning on stderr.
    """
    said, room = iter(outputs), NOTEBOOK_LIMIT
    notices = nb.metadata.setdefault("autograder", {}).setdefault("notices", [])
    for number, (cell, step) in enumerate(zip(nb.cells, steps, strict=True), start=1):
        if cell.cell_type != "code":
            continue
        raw = [] if step is None else next(said)
        if why := put_back_for(cell):
            raw = [{"output_type": "error", "ename": NOT_RUN, "evalue": why, "traceback": [why]}]
        cell.execution_count = number if step else None
        cell.outputs = cut([made for output in raw if (made := output_of(output))], room)
        room -= sum(len(str(output)) for output in cell.outputs)
        for output in raw:
            left_out = type(output) is dict and output.get("left_out") is True
            if left_out and output["evalue"] != GIVEN_UP:
                notices.append(f"Cell {number}: {output['evalue']}")
        for output in cell.outputs:
            if is_grade(cell) and output.output_type == "stream":
                output.name = "stdout"


def cut(outputs: list[NotebookNode], room: int) -> list[NotebookNode]:
    """As many of them as there is room for; an error always stays, shortened.

    The candidate has cut them already, if it is still the process that we started.
    """
    kept, room = list[NotebookNode](), min(room, OUTPUT_LIMIT + 100_000)
    for output in outputs[: MAX_OUTPUTS + 10]:
        size = len(str(output))
        if output.output_type == "error":
            output.evalue = output.evalue[:10_000]
            output.traceback = [line[:2_000] for line in output.traceback[:100]]
        elif size > room:
            output = v4.new_output("stream", name="stdout", text=FLOOD)
            size, room = 0, 0
        room -= size
        kept.append(output)
    return kept


def output_of(raw: Any) -> NotebookNode | None:
    """A notebook output of plain text and pictures; None for what is no output at all."""
    kind, name = (raw.get("output_type"), raw.get("name")) if type(raw) is dict else (None, None)
    if type(kind) is not str:
        return None
    if kind == "stream" and type(name) is str and name in ("stdout", "stderr"):
        return v4.new_output("stream", name=name, text=_text(raw.get("text")))
    if kind in ("display_data", "execute_result"):
        data = raw.get("data") if type(raw.get("data")) is dict else {}
        shown = {mime: _text(data[mime]) for mime in SHOWN if _can_be_shown(mime, data.get(mime))}
        return v4.new_output(kind, data=shown, metadata={}) if shown else None
    if kind == "error":
        lines = raw.get("traceback") if type(raw.get("traceback")) is list else []
        return v4.new_output(
            "error",
            ename=_text(raw.get("ename"))[:200],
            evalue=_text(raw.get("evalue")),
            traceback=[_text(line) for line in lines],
        )
    return None


def _text(value: Any) -> str:
    """The text, without what cannot be written to a file."""
    return value.encode("utf-8", "replace").decode() if type(value) is str else ""


def _can_be_shown(mime: str, value: Any) -> bool:
    """Text as it is; a picture only if it is one."""
    if type(value) is not str:
        return False
    if mime not in MAGIC:
        return True
    try:
        return base64.b64decode(value, validate=False)[:8].startswith(MAGIC[mime])
    except (binascii.Error, ValueError):
        return False
