"""The one seam with nbgrader: how a submission comes in, and where its cells run.

nbgrader grades in two passes over each notebook, and nbgrader_config.py names these classes in
both, so that `nbgrader autograde`, the formgrader's button and `autograder grade` do the same:

    sanitise   SubmissionExporter reads the file, or makes a stand-in for one it must refuse;
               Admit gives the cells their roles; nbgrader overwrites what is locked
    autograde  Examine runs the cells; nbgrader reads the scores off the outputs

Only Examine executes anything. Read next: feedback.py.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode, v4
from nbgrader.api import Gradebook
from nbgrader.preprocessors import Execute, NbGraderPreprocessor
from nbgrader.utils import find_all_files, is_grade
from traitlets import Integer

from autograder.errors import Refused
from autograder.submission import admit, plan_of, read_notebook

NOT_RUN = "NotRun"  # the error name of a cell that the grader did not run; its value says why
ENDED = (
    "This cell ended the Python process (a call of exit, a crash, or too much memory), so it was "
    "left out and the rest of the notebook was run again without it."
)
STUCK = (
    "This cell ran for longer than {timeout} s and could not be interrupted, so it was left out "
    "and the rest of the notebook was run again without it."
)
GIVEN_UP = "This cell was not run: too many cells before it had ended the Python process."
FLOOD = "\n... the rest of this cell's output was left out ...\n"


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


class Examine(Execute):
    """Runs a notebook's cells in a kernel, in a folder that holds the assignment's files only.

    A cell that loops is interrupted. A cell that kills the kernel, or that cannot be
    interrupted, is left out and the others are run again, so that it costs only itself.
    """

    output_limit = Integer(
        1_000_000, help="Characters of output kept for one cell; the rest is dropped."
    ).tag(config=True)
    max_restarts = Integer(
        4, help="How often a notebook is run again after a cell ended its kernel."
    ).tag(config=True)

    def preprocess(self, nb, resources, km=None):  # type: ignore[no-untyped-def]
        """Run nb in place. Outputs hold what each cell said, notices what was left out."""
        self._left_out: dict[int, str] = {}
        about = nb.metadata.get("autograder", {"notices": []})
        with only_the_assignment(resources) as here:
            while not self._ran_to_the_end(nb, here):
                pass
        for index, why in sorted(self._left_out.items()):
            if why != GIVEN_UP:
                about["notices"].append(f"Cell {index + 1}: {why}")
        nb.metadata["autograder"] = about
        _let_warnings_pass(nb)
        return nb, resources

    def _ran_to_the_end(self, nb: NotebookNode, resources: dict[str, Any]) -> bool:
        """One attempt in a new kernel; on False one more cell is left out of the next."""
        if all(map(_put_back, nb.cells)):  # a stand-in: nothing of the student's to run
            nb.cells = [self.preprocess_cell(c, resources, i)[0] for i, c in enumerate(nb.cells)]
            return True
        try:
            super().preprocess(nb, resources)
        except DeadKernelError:
            self._leave_out(self._at, ENDED)
        except CellTimeoutError:
            self._leave_out(self._at, STUCK.format(timeout=self.timeout))
        else:
            return True
        if len(self._left_out) == self.max_restarts:
            for index in range(self._at + 1, len(nb.cells)):
                self._leave_out(index, GIVEN_UP)
        return False

    def _leave_out(self, index: int, why: str) -> None:
        self._left_out.setdefault(index, why)

    def preprocess_cell(self, cell, resources, index):  # type: ignore[no-untyped-def]
        """Run one cell, unless it was put back by us or left out of this attempt."""
        self._at, self._said = index, 0
        why = _put_back(cell) or self._left_out.get(index)
        if why and cell.cell_type == "code":
            cell.outputs = [v4.new_output("error", ename=NOT_RUN, evalue=why, traceback=[why])]
            return cell, resources
        return super().preprocess_cell(cell, resources, index)

    def on_cell_executed(self, **kwargs: Any) -> None:
        """Notice a kernel that is about to leave while the cell that told it to is known."""
        super().on_cell_executed(**kwargs)
        payload = kwargs["execute_reply"]["content"].get("payload", [])
        if any(item.get("source") == "ask_exit" for item in payload):
            raise DeadKernelError("exit() was called")

    def process_message(self, msg, cell, cell_index):  # type: ignore[no-untyped-def]
        """Keep what the kernel says, up to the limit."""
        if msg["msg_type"] not in ("stream", "display_data", "execute_result"):
            return super().process_message(msg, cell, cell_index)
        content = msg["content"]
        size = len(content.get("text", "")) + len(str(content.get("data", "")))
        before, self._said = self._said, self._said + size
        if self._said <= self.output_limit:
            return super().process_message(msg, cell, cell_index)
        if before <= self.output_limit:
            cell.outputs.append(v4.new_output("stream", name="stdout", text=FLOOD))
        return None


def _put_back(cell: NotebookNode) -> str | None:
    """Why this cell is ours and not the student's, if it is."""
    return cell.metadata.get("autograder", {}).get("not_run")


def _let_warnings_pass(nb: NotebookNode) -> None:
    """A test fails by raising. nbgrader would also fail one for a warning on stderr."""
    for cell in nb.cells:
        if is_grade(cell) and cell.cell_type == "code":
            for output in cell.outputs:
                if output.output_type == "stream":
                    output.name = "stdout"


@contextmanager
def only_the_assignment(resources: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The resources, moved to a temporary folder with the assignment's files and no others.

    A file that the student put beside the notebooks, such as a json.py, is not there to import.
    """
    folder = Path(resources["metadata"]["path"])
    with tempfile.TemporaryDirectory(prefix="autograder-run-") as scratch:
        for name in resources["nbgrader"]["files"]:
            target = Path(scratch) / name
            if (folder / name).is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(folder / name, target)
        yield {**resources, "metadata": {**resources["metadata"], "path": scratch}}
