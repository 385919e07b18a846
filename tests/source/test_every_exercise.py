"""Every exercise of every day can be solved, cannot be passed unsolved, and is tested well.

Tested well: of the mutants of its solution, nine in ten are caught; survivors are printed.
"""

import subprocess
import sys

import pytest

from tests.release import ROOT, lessons

# The replays of an exam take minutes with mutants: `make verify` goes through it without them.
DAYS = lessons()


@pytest.mark.parametrize("day", DAYS)
def test_a_day_is_fit_to_be_released(day):
    command = [sys.executable, "-m", "autograder", "verify", day, "--mutants"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
