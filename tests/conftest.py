"""What all tests share: which of them must run one after the other, in one process."""

from pathlib import Path

import pytest

from tests.browsing import chromium, page, picture

__all__ = ["chromium", "page", "picture"]

# These rooms make something costly once (a graded class, a browser) and look at it many times.
TOGETHER = {"autograder", "browser", "instructor", "source"}


def pytest_itemcollected(item):
    """Give each of those rooms to one worker of `pytest -n`, as pytest-xdist reads the marks."""
    room = Path(item.path).parent.name
    if room in TOGETHER:
        item.add_marker(pytest.mark.xdist_group(room))
