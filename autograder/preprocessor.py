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
from dataclasses import replace
from pathlib import Path
from typing import Any

from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode, v4
from nbgrader.api import Gradebook
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import find_all_files
from traitlets import Bool, Enum, Float, Integer
from traitlets.config import Config

from autograder.errors import Refused
from autograder.fence import Limits
from autograder.marking import Terms, examine
from autograder.pool import Files, Pool
from autograder.record import record
from autograder.script import given
from autograder.submission import admit, defuse, plan_of, read_notebook


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
            source = source_folder(self.parent.parent, about["assignment"])
            known = given(source / f"{about['notebook']}.ipynb")
            plan = plan_of(gradebook, about["notebook"], about["assignment"], known.order)
        admit(nb, plan, about["refusal"])
        defuse(nb, known.texts)
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
        if self.everything:
            known = replace(known, sources=frozenset())
        terms = terms_of(self.config, source)
        folder = Path(resources["metadata"]["path"])
        brought = set(self.parent.parent.exclude_overwriting.get(about["assignment"], []))
        files = Files(files_of(folder, set(about["files"]) - brought), files_of(folder, brought))
        examine(nb, known, files, terms, self._pool(terms))
        keys = about["student"], about["assignment"], [about["notebook"]]
        record(about["db_url"], *keys, self.sandbox)
        return nb, resources

    def _pool(self, terms: Terms) -> Pool:
        """The pool of this run of nbgrader, started at its first notebook."""
        converter: Any = self.parent.parent
        if getattr(converter, "pool", None) is None:
            converter.pool = terms.pool()
            weakref.finalize(converter, converter.pool.close)
        return converter.pool


def terms_of(config: Config, source: Path) -> Terms:
    """The terms that nbgrader_config.py sets, for the assignment in the folder `source`."""
    known = [given(notebook) for notebook in sorted(source.glob("*.ipynb"))]
    settings = Examine(config=config)
    return Terms(
        tuple(sorted({module for about in known for module in about.modules})),
        tuple(sorted({module for about in known for module in about.judging})),
        settings.sandbox,
        settings.timeout,
        settings.restarts,
        Limits(memory=int(settings.memory_gb * 1e9)),
    )


def source_folder(converter: Any, assignment: str) -> Path:
    """Where the instructor's notebooks of the assignment are."""
    coursedir = converter.coursedir
    return Path(coursedir.format_path(coursedir.source_directory, ".", assignment))


def files_of(folder: Path, names: Iterable[str]) -> dict[str, bytes]:
    """The assignment's files, and no others: a json.py of the student's is not there to import."""
    paths = {name: folder / name for name in names}
    return {
        name: path.read_bytes()
        for name, path in paths.items()
        if path.is_file() and not path.is_symlink()
    }
