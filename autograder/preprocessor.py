"""The one seam with nbgrader: how a submission comes in, and where its cells run.

nbgrader grades in two passes over each notebook, and nbgrader_config.py names these classes in
both, so that `nbgrader autograde`, the formgrader's button and `autograder grade` do the same:

    sanitise   SubmissionExporter reads the file, or makes a stand-in for one it must refuse;
               Admit gives the cells their roles; nbgrader overwrites what is locked
    autograde  Examine has the cells run; nbgrader reads the scores off the outputs

Nothing of a submission is executed in this process. Read next: script.py.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode, v4
from nbgrader.api import Gradebook
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import find_all_files, is_grade
from traitlets import Bool, Enum, Float, Integer

from autograder.errors import Refused
from autograder.examiner import NOT_RUN
from autograder.fence import Limits
from autograder.pool import GIVEN_UP, Pool
from autograder.record import record
from autograder.script import Given, given, put, script
from autograder.submission import admit, plan_of, read_notebook


class SubmissionExporter(NotebookExporter):
    """Reads a notebook that may be anything; what is no notebook becomes a stand-in that says so.

    Sets resources["nbgrader"]["refusal"] (words or None) and ["files"] (what the assignment's
    own folder has beside the notebooks, as relative paths).
    """

    def from_filename(self, filename, resources=None, **kw):  # type: ignore[no-untyped-def]
        """As nbconvert's, but it never fails for what the file holds."""
        path = Path(filename)
        resources["metadata"] = {"name": path.stem, "path": str(path.parent)}
        resources["nbgrader"]["files"] = self._files(resources["nbgrader"]["assignment"])
        resources["nbgrader"]["refusal"] = None
        grader: Any = self.parent  # nbgrader's Autograde
        if grader._sanitizing:
            nb, resources["nbgrader"]["refusal"] = read_or_stand_in(path)
        else:  # the second pass: our own file, written by the first
            return super().from_filename(filename, resources=resources, **kw)
        return self.from_notebook_node(nb, resources=resources, **kw)

    def _files(self, assignment: str) -> list[str]:
        grader: Any = self.parent  # nbgrader's Autograde
        coursedir = grader.coursedir
        source = coursedir.format_path(coursedir.source_directory, ".", assignment)
        found = find_all_files(source, [*coursedir.ignore, "*.ipynb"])
        brought = grader.exclude_overwriting.get(assignment, [])
        return sorted({os.path.relpath(f, source) for f in found} | set(brought))


def read_or_stand_in(path: Path) -> tuple[NotebookNode, str | None]:
    """The notebook and None, or an empty notebook and what was wrong, in words."""
    try:
        return read_notebook(path), None
    except Refused as refusal:
        return v4.new_notebook(), str(refusal)


def list_missing_notebooks(assignment: str, student: str, notebooks: list[str]) -> None:
    """Add to `notebooks`, in place, those of the assignment that were not handed in.

    nbgrader calls this with the list it is about to convert. A notebook that is not there then
    goes the way of one that cannot be read: a score of 0 and a feedback page with the reason.
    """
    if not notebooks:
        return
    submitted = Path(notebooks[0]).parent  # ROOT/submitted/STUDENT/ASSIGNMENT
    source = submitted.parents[2] / "source" / submitted.name
    expected = {str(submitted / path.name) for path in source.glob("*.ipynb")}
    notebooks[:] = sorted(expected | set(notebooks))


class Admit(NbGraderPreprocessor):
    """Lays the assignment's plan over the submitted cells (see submission.admit)."""

    def preprocess(self, nb, resources):  # type: ignore[no-untyped-def]
        """Change nb in place; the plan is the gradebook's."""
        about = resources["nbgrader"]
        with Gradebook(about["db_url"]) as gradebook:
            plan = plan_of(gradebook, about["notebook"], about["assignment"])
        admit(nb, plan, about["refusal"])
        return nb, resources


class Examine(NbGraderPreprocessor):
    """Has a notebook examined (pool.py), and puts into it what each cell said.

    nbgrader's own Execute stood here, and ran the tests in the student's process.
    """

    timeout = Float(30, help="Seconds a cell may run.").tag(config=True)
    sandbox = Enum(
        ["bubblewrap", "none"],
        "bubblewrap",
        help="What stands around the author's code. `none` is for work of one's own alone.",
    ).tag(config=True)
    restarts = Integer(
        4, help="How often a notebook is run again after a cell ended its process."
    ).tag(config=True)
    memory_gb = Float(1.5, help="Memory of all of a notebook's processes together.").tag(
        config=True
    )

    everything = Bool(
        False, help="Also run the course's own cells that no exercise depends on."
    ).tag(config=True)

    def preprocess(self, nb, resources):  # type: ignore[no-untyped-def]
        """Run nb in place. Outputs hold what each cell said, notices what was left out."""
        about = resources["nbgrader"]
        source = source_folder(self.parent.parent, about["assignment"])
        known = given(source / f"{about['notebook']}.ipynb")
        steps = script(nb, Given() if self.everything else known)
        if any(step and not _put_back(cell) for cell, step in zip(nb.cells, steps, strict=True)):
            files = files_of(Path(resources["metadata"]["path"]), about["files"])
            outputs = self._pool(source).examine(
                [step for step in steps if step], files, self.timeout, self.restarts
            )
        else:  # a stand-in: nothing of the student's to run
            outputs = [[] for step in steps if step]
        put(nb, steps, outputs)
        finish(nb)
        record(about, self.sandbox)
        return nb, resources

    def _pool(self, source: Path) -> Pool:
        """The pool of this run of nbgrader, started at its first notebook."""
        converter: Any = self.parent.parent
        if getattr(converter, "pool", None) is None:
            limits = Limits(memory=int(self.memory_gb * 1e9))
            converter.pool = Pool(modules_in(source), self.sandbox != "none", limits)
            weakref.finalize(converter, converter.pool.close)
        return converter.pool


def source_folder(converter: Any, assignment: str) -> Path:
    """Where the instructor's notebooks of the assignment are."""
    coursedir = converter.coursedir
    return Path(coursedir.format_path(coursedir.source_directory, ".", assignment))


def modules_in(source: Path) -> set[str]:
    """Every module that an assignment's notebooks import."""
    notebooks = source.glob("*.ipynb")
    return set().union(*(given(notebook).modules for notebook in notebooks))


def files_of(folder: Path, names: Iterable[str]) -> dict[str, bytes]:
    """The assignment's files, and no others: a json.py of the student's is not there to import."""
    paths = {name: folder / name for name in names}
    return {
        name: path.read_bytes()
        for name, path in paths.items()
        if path.is_file() and not path.is_symlink()
    }


def finish(nb: NotebookNode) -> None:
    """Say why cells were not run, and see to it that only a raised error costs points."""
    notices = nb.metadata.setdefault("autograder", {}).setdefault("notices", [])
    for number, cell in enumerate(nb.cells, start=1):
        if cell.cell_type != "code":
            continue
        if why := _put_back(cell):
            cell.outputs = [v4.new_output("error", ename=NOT_RUN, evalue=why, traceback=[why])]
        for output in cell.outputs:
            left_out = output.output_type == "error" and output.ename == NOT_RUN
            if left_out and not why and output.evalue != GIVEN_UP:
                notices.append(f"Cell {number}: {output.evalue}")
            if is_grade(cell) and output.output_type == "stream":
                output.name = "stdout"  # nbgrader would fail a test for a warning on stderr


def _put_back(cell: NotebookNode) -> str | None:
    """Why this cell is ours and not the student's, if it is."""
    return cell.metadata.get("autograder", {}).get("not_run")
