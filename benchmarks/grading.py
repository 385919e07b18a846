"""How fast is grading, against `nbgrader autograde` as it ships, on the same submissions?

    python -m benchmarks.grading [--students 20] [--assignment ops-1] [--sizes 10,50,200]

Two copies of one class. One is graded by nbgrader with its own defaults (one kernel a notebook,
no sandbox), the other by `autograder grade` with the sandbox on. Both run as commands of their
own, one after the other, on the same machine. Reported are ratios of wall time in the same run,
peak memory of all processes, and every score that differs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from autograder.courseroot import CourseRoot
from autograder.scores import scores
from benchmarks.classes import ROOT, course_in, hand_in

BIN = Path(sys.executable).parent
STOCK = """
c = get_config()
c.CourseDirectory.course_id = "dwcp"
c.CourseDirectory.root = {root!r}
c.CourseDirectory.db_url = {db!r}
c.CourseDirectory.ignore = ["mistakes.yaml", "mutants.yaml", ".*"]
c.ExecutePreprocessor.timeout = 30
c.ExecutePreprocessor.interrupt_on_timeout = True
"""


@dataclass(frozen=True)
class Run:
    """One command: wall seconds, and the most memory that all its processes had, in MB."""

    what: str
    notebooks: int
    seconds: float
    peak_mb: float

    @property
    def per_notebook_s(self) -> float:
        """Wall seconds a notebook."""
        return self.seconds / self.notebooks


def timed(what: str, command: list[str], folder: Path, notebooks: int) -> Run:
    """Run a command in a folder; raise if it fails."""
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": path}
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    peaks = [0.0]
    watch = threading.Thread(target=watch_memory, args=(process.pid, peaks))
    watch.start()
    said, _ = process.communicate()
    watch.join()
    if process.returncode:
        raise SystemExit(f"{what} failed:\n{said[-3000:]}")
    return Run(what, notebooks, time.perf_counter() - started, peaks[0] / 1e6)


def watch_memory(pid: int, peaks: list[float]) -> None:
    """Keep the largest sum of proportional memory of the process and its descendants."""
    while True:
        try:
            root = psutil.Process(pid)
            family = [root, *root.children(recursive=True)]
            if root.status() == psutil.STATUS_ZOMBIE:
                return
        except psutil.Error:
            return
        total = 0
        for process in family:
            try:
                total += process.memory_full_info().pss
            except psutil.Error:
                continue
        peaks[0] = max(peaks[0], total)
        time.sleep(0.5)


def stock(course: CourseRoot, assignment: str, notebooks: int) -> Run:
    """nbgrader as it ships, on this course."""
    db = course.config.CourseDirectory.db_url
    (course.path / "nbgrader_config.py").write_text(STOCK.format(root=str(course.path), db=db))
    command = [str(BIN / "nbgrader"), "autograde", assignment, "--force"]
    return timed("nbgrader autograde", command, course.path, notebooks)


def ours(course: CourseRoot, assignment: str, notebooks: int) -> Run:
    """`autograder grade`, with the sandbox, on this course."""
    command = [str(BIN / "autograder"), "grade", assignment]
    return timed("autograder grade", command, course.path, notebooks)


def differences(one: CourseRoot, other: CourseRoot, assignment: str) -> list[str]:
    """Scores that are not equal."""
    first = {(s.student, s.exercise): s.score for s in scores(one, assignment)}
    second = {(s.student, s.exercise): s.score for s in scores(other, assignment)}
    return [
        f"{' '.join(key)}: {first.get(key)} and {second.get(key)}"
        for key in sorted(set(first) | set(second))
        if first.get(key) != second.get(key)
    ]


def compare(assignment: str, students: int, seed: int) -> dict[str, object]:
    """Both graders over the same class."""
    with tempfile.TemporaryDirectory() as folder:
        courses = [course_in(Path(folder) / name, assignment) for name in ("stock", "ours")]
        for course in courses:
            hand_in(course, assignment, students, seed)
        notebooks = students * len(courses[0].notebooks(assignment))
        fast = ours(courses[1], assignment, notebooks)
        show(fast)
        slow = stock(courses[0], assignment, notebooks)
        show(slow)
        unequal = differences(*courses, assignment)
        count = len(scores(courses[1], assignment))
    ratio = slow.seconds / fast.seconds
    print(f"throughput ratio: {ratio:.1f}")
    print(f"{count - len(unequal)} of {count} scores are equal")
    for line in unequal:
        print(f"  {line}")
    runs = [asdict(slow), asdict(fast)]
    return {"runs": runs, "ratio": ratio, "unequal": unequal, "scores": count}


def growth(assignment: str, sizes: list[int], seed: int) -> list[dict[str, object]]:
    """`autograder grade` on classes of several sizes."""
    rows = []
    for students in sizes:
        with tempfile.TemporaryDirectory() as folder:
            course = course_in(Path(folder) / "course", assignment)
            hand_in(course, assignment, students, seed)
            run = ours(course, assignment, students * len(course.notebooks(assignment)))
        show(run)
        rows.append({"students": students, **asdict(run)})
    return rows


def show(run: Run) -> None:
    """One line."""
    print(
        f"{run.what}: {run.notebooks} notebooks in {run.seconds:.1f} s, "
        f"{run.per_notebook_s:.2f} s a notebook, at most {run.peak_mb:.0f} MB",
        flush=True,
    )


def main() -> None:
    """Run both comparisons, print them, and keep them in build/bench/."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assignment", default="ops-1")
    parser.add_argument("--students", type=int, default=20)
    parser.add_argument("--sizes", default="10,50,200", help="class sizes; empty for none")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",") if size]
    found = {
        "compared": compare(options.assignment, options.students, options.seed),
        "growth": growth(options.assignment, sizes, options.seed),
    }
    target = ROOT / "build" / "bench" / "grading.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
