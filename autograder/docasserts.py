"""Cells that keep the prose true are for the build, not for learners: the release drops them."""

from nbformat import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor

TAG = "docassert"


class DropDocAsserts(NbGraderPreprocessor):
    """Remove cells tagged `docassert` when an assignment is generated from its source."""

    def preprocess(self, nb: NotebookNode, resources):  # type: ignore[no-untyped-def]
        """The notebook without them; resources unchanged."""
        nb.cells = [cell for cell in nb.cells if TAG not in cell.metadata.get("tags", [])]
        return nb, resources
