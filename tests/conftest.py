"""What all tests share: the browser, and which of them run one after the other in one process."""

from xdist.scheduler import LoadScopeScheduling

from tests.browsing import chromium, page, picture

__all__ = ["chromium", "page", "picture"]

# These rooms make something costly once (a graded class, a browser) and look at it many times.
# The longest stand first: one that began last would run alone at the end.
TOGETHER = ("source", "autograder", "browser", "redteam", "instructor")


class ByRoom(LoadScopeScheduling):
    """A room of `TOGETHER` goes to one worker as a whole, any other file by itself."""

    def _split_scope(self, nodeid):
        room = nodeid.split("/")[1]
        return room if room in TOGETHER else nodeid.split("::")[0]


def pytest_configure(config):
    config.option.loadscopereorder = False  # pytest-xdist would deal out by number of tests


def pytest_collection_modifyitems(items):
    def place(item):
        room = item.nodeid.split("/")[1]
        return TOGETHER.index(room) if room in TOGETHER else len(TOGETHER)

    items.sort(key=place)


def pytest_xdist_make_scheduler(config, log):
    """What `pytest -n 2` deals out, and how.

    pytest-xdist's own groups (--dist loadgroup) are lost on pytest 9, which keeps node ids as
    they were.
    """
    return ByRoom(config, log)
