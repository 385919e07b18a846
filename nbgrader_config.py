"""How nbgrader runs this course.

Read by `nbgrader`, by the formgrader in JupyterLab and by `autograder`, so that all three grade
the same way. Three environment variables move what is written:

    DWCP_EXCHANGE   the folder through which notebooks are handed out and in;
                    by default a folder of the user's own Jupyter data, for one person on a laptop
    DWCP_GRADEBOOK  the gradebook's database URL; by default gradebook.db beside this file
    DWCP_WORK       the learner's own copies; by default work/ beside this file
"""

import contextlib
import os
import sys
from pathlib import Path

from jupyter_core.paths import jupyter_data_dir

c = get_config()  # type: ignore[name-defined]  # noqa: F821  (nbgrader puts it there)

root = Path(__file__).resolve().parent

# A new gradebook calls `alembic` by its bare name. It lies beside this Python, which need not be
# on the path: `.venv/bin/nbgrader` works without activating anything.
beside_python = str(Path(sys.executable).parent)
if beside_python not in os.environ.get("PATH", "").split(os.pathsep):
    os.environ["PATH"] = os.pathsep.join([beside_python, os.environ.get("PATH", os.defpath)])


def exchange_folder() -> Path:
    """The exchange, made on first use: nbgrader demands that it exists and can be written."""
    shared = os.environ.get("DWCP_EXCHANGE")
    folder = Path(shared) if shared else Path(jupyter_data_dir()) / "dwcp" / "exchange"
    if folder.is_dir():
        return folder
    with contextlib.suppress(OSError):  # nbgrader itself says, in words, what cannot be written
        folder.mkdir(parents=True)
        # A class shares the exchange that it names; a person's own is nobody else's business.
        folder.chmod(0o777 if shared else 0o700)
    return folder


c.CourseDirectory.course_id = "dwcp"
c.CourseDirectory.root = str(root)
c.CourseDirectory.db_url = os.environ.get("DWCP_GRADEBOOK", f"sqlite:///{root / 'gradebook.db'}")
c.CourseDirectory.ignore = [
    "mistakes.yaml",  # the answers that people get wrong stay with the instructor,
    "mutants.yaml",  # and so does how they are tested
    "feedback",
    ".*",
    "__pycache__",
    "*.pyc",
    "*.swp",
    "*~",
]

c.Exchange.root = str(exchange_folder())
c.Exchange.assignment_dir = os.environ.get("DWCP_WORK", str(root / "work"))

# Of what strangers put into the exchange, plain files are taken, and no links followed.
c.ExchangeFactory.collect = "autograder.collect.Collect"

# The release is made from the source each time; there is nothing in it to keep.
c.GenerateAssignment.force = True
# As nbgrader's own list, after two of ours: learners do not get the cells that guard the prose,
# and nobody gets a test that could not be run.
c.GenerateAssignment.preprocessors = [
    "autograder.docasserts.DropDocAsserts",
    "autograder.fit.RequirePlain",
    "nbgrader.preprocessors.IncludeHeaderFooter",
    "nbgrader.preprocessors.InstantiateTests",
    "nbgrader.preprocessors.LockCells",
    "nbgrader.preprocessors.ClearSolutions",
    "nbgrader.preprocessors.ClearOutput",
    "nbgrader.preprocessors.CheckCellMetadata",
    "nbgrader.preprocessors.ComputeChecksums",
    "nbgrader.preprocessors.SaveCells",
    "nbgrader.preprocessors.ClearHiddenTests",
    "nbgrader.preprocessors.ClearMarkScheme",
    "nbgrader.preprocessors.ComputeChecksums",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.ClearSolutions.code_stub = {
    "python": "# YOUR CODE HERE\n"
    'raise NotImplementedError("Replace this line with your answer, then run the cell.")'
}
c.ClearSolutions.text_stub = "YOUR ANSWER HERE"

# Seconds a cell may run before it is interrupted; the cells after it still run.
c.Examine.timeout = 30
# What stands around the code of a submission: "bubblewrap", or "none" for work of one's own.
c.Examine.sandbox = "bubblewrap"

# What learners bring beside their notebooks, and is theirs: the answers that a quiz keeps.
c.Autograde.exclude_overwriting = {"ops-5": ["review.answers.json", "review-again.answers.json"]}

# A submission is read by us, never trusted; Examine stands where nbgrader's Execute stood.
c.Autograde.exporter_class = "autograder.preprocessor.SubmissionExporter"
c.Autograde.pre_convert_hook = "autograder.preprocessor.list_missing_notebooks"
c.Autograde.sanitize_preprocessors = [
    "autograder.preprocessor.Admit",
    "nbgrader.preprocessors.OverwriteKernelspec",
    "nbgrader.preprocessors.OverwriteCells",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.Autograde.autograde_preprocessors = [
    "autograder.preprocessor.Examine",
    "nbgrader.preprocessors.LimitOutput",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]

# A feedback page says in words what was wrong; it never shows a hidden test.
c.GenerateFeedback.preprocessors = [
    "nbgrader.preprocessors.GetGrades",
    "autograder.explain.Explain",
]
c.GenerateFeedback.exporter_class = "autograder.pages.FeedbackExporter"
c.HTMLExporter.sanitize_html = True
