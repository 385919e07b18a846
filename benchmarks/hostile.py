"""What do the red team's submissions earn from `nbgrader autograde` as it ships, and from us?

    python -m benchmarks.hostile

Both grade the same attackers. For nbgrader's sake the whole of it runs in a box that is thrown
away, one attacker at a time, and families that would only take the machine down are left out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from autograder import pipeline
from autograder.courseroot import CourseRoot
from autograder.scores import scores
from benchmarks.classes import ROOT
from benchmarks.grading import BIN, STOCK

sys.path += [str(ROOT / "tests" / "redteam"), str(ROOT / "tests" / "autograder")]

from attacks import ATTACKS
from siege import EXERCISES, _room, deserved

FAMILIES = {"forged values", "patched machinery", "errors that lie", "looking for the tests",
            "processes and threads", "reading", "writing"}  # fmt: skip
LIMIT_S = 120  # for one attacker


def boxed(course: CourseRoot, student: str) -> None:
    """`nbgrader autograde` of one student's work, in a box with nothing but the course in it."""
    command = [
        "bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "--proc", "/proc",
        "--dev", "/dev", "--tmpfs", "/tmp", "--bind", str(course.path), str(course.path),
        "--setenv", "HOME", "/tmp", "--setenv", "PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "--setenv", "JUPYTER_DATA_DIR", "/tmp/data", "--setenv", "IPYTHONDIR", "/tmp/ipython",
        "--chdir", str(course.path),
        str(BIN / "nbgrader"), "autograde", "numbers", "--student", student, "--force",
    ]  # fmt: skip
    try:
        subprocess.run(command, capture_output=True, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        print(f"  {student} was stopped after {LIMIT_S} s")


def by_nbgrader(course: CourseRoot, chosen: list, kept: Path) -> set[str]:
    """Who gains. Each meets a fresh course: some rewrite the gradebook of the whole class."""
    shutil.copytree(course.path, kept)
    winners = set()
    for attack in chosen:
        shutil.rmtree(course.path)
        shutil.copytree(kept, course.path)
        boxed(course, attack.name)
        winners |= undeserved(course) & {attack.name}
    return winners


def undeserved(course: CourseRoot) -> set[str]:
    """The attackers who have points that the same work does not earn without the attack."""
    short = {name: key for key, name in EXERCISES.items()}
    return {
        row.student
        for row in scores(course, "numbers")
        if row.student in ATTACKS and row.score > deserved(row.student)[short[row.exercise]]
    }


def main() -> None:
    """Grade both ways, and print a line for each family."""
    chosen = [attack for attack in ATTACKS.values() if attack.family in FAMILIES]
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        rooms = [_room(Path(folder) / name) for name in ("stock", "ours")]
        for room in rooms:
            for attack in chosen:
                room.hand_in(attack.name, attack.vary)
        pipeline.grade(rooms[1].course, "numbers")
        course = rooms[0].course
        db = course.config.CourseDirectory.db_url
        (course.path / "nbgrader_config.py").write_text(STOCK.format(root=str(course.path), db=db))
        winners = [
            by_nbgrader(course, chosen, Path(folder) / "as-handed-in"),
            undeserved(rooms[1].course),
        ]
    of = Counter(attack.family for attack in chosen)
    print("family: attacks, earn points from nbgrader as it ships, earn points here")
    for family, count in sorted(of.items()):
        won = [sum(ATTACKS[name].family == family for name in each) for each in winners]
        print(f"{family}: {count}, {won[0]}, {won[1]}")
    print(f"all: {len(chosen)}, {len(winners[0])}, {len(winners[1])}")
    print("from nbgrader: " + ", ".join(sorted(winners[0])))


if __name__ == "__main__":
    main()
