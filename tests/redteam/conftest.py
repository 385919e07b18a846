"""One class of attackers and honest students, graded once, with secrets laid out around it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "autograder"))  # for `classroom`

from siege import Siege, besiege


@pytest.fixture(scope="session")
def siege(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Siege]:
    """Everybody of attacks.py, graded once, with feedback written."""
    yield from besiege(tmp_path_factory.mktemp("siege"))
