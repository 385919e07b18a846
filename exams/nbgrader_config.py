"""Exams that are sat: a course folder of its own, graded as the course in the folder above.

`autograder exam release` makes an assignment a candidate in source/ here. Nothing in this folder
but this file belongs to the project: papers, keys and what was handed in stay out of git, out of
`course start` and out of the course's own lists. Run nbgrader, or open the formgrader, here.
"""

import os
from pathlib import Path

load_subconfig("../nbgrader_config.py")  # type: ignore[name-defined]  # noqa: F821

c = get_config()  # type: ignore[name-defined]  # noqa: F821

root = Path(__file__).resolve().parent

c.CourseDirectory.root = str(root)
c.CourseDirectory.db_url = os.environ.get("DWCP_GRADEBOOK", f"sqlite:///{root / 'gradebook.db'}")

# The one answer cell reads what the panel kept; there is no solution in it to take away.
c.GenerateAssignment.preprocessors = [
    name for name in c.GenerateAssignment.preprocessors if not name.endswith(".ClearSolutions")
]

# The answers are the candidate's own, as the clock is.
c.Autograde.exclude_overwriting = {
    paper.parent.name: ["paper.answers.json", "paper.clock.json"]
    for paper in root.glob("source/*/paper.json")
}
