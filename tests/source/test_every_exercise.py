"""Every exercise of every day can be solved, cannot be passed unsolved, and is tested well.

Tested well: of the mutants of its solution, nine in ten are caught; survivors are printed. Trying
all takes minutes, so what was measured is kept (autograder/measured.py) and only what changed since
is tried, and one more that is drawn here; `make mutants` tries all.
"""

import hashlib
import shutil
import subprocess
import sys

import nbformat
import pytest

from autograder.measured import FILE, code_of, load_measured
from autograder.mutants import tried
from autograder.trials import exercises
from tests.release import ROOT, lessons

# The replays of an exam take minutes with mutants: `make verify` goes through one without them.
DAYS = lessons()


@pytest.mark.parametrize("day", DAYS)
def test_a_day_is_fit_to_be_released(day):
    command = [sys.executable, "-m", "autograder", "verify", day, "--mutants"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_one_of_the_records_of_mutants_is_measured_again(tmp_path):
    records = {day: load_measured(ROOT / "source" / day / FILE) for day in DAYS}
    drawn = sorted((hashlib.sha256(repr(records).encode() + id.encode()).digest(), day, id)
                   for day, rows in records.items() for id in rows)  # fmt: skip
    _, day, exercise = drawn[0]
    source = tmp_path / day
    shutil.copytree(ROOT / "source" / day, source)
    for path in source.glob("*.ipynb"):
        nb = nbformat.read(path, 4)
        todo = [e for e in exercises(nb) if e.id == exercise]
        if todo:
            row = records[day][exercise]
            assert row["code"] == code_of(nb, exercise)
            [share] = tried(path, todo)
            assert share.tried == row["tried"]
            assert set(share.survivors) <= set(row["survivors"])
            return
    raise AssertionError(f"{exercise} is in the record of {day} and in no notebook")
