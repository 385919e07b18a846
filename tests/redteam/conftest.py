"""One class of attackers and honest students, graded once, with secrets laid out around it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.redteam.siege import Siege, besiege


@pytest.fixture(scope="session")
def siege(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Siege]:
    """Everybody of attacks.py, graded once, with feedback written."""
    yield from besiege(tmp_path_factory.mktemp("siege"))


@pytest.fixture(scope="session", autouse=True)
def _own_places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the exchange and its cache out of the data of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DWCP_EXCHANGE", str(tmp_path_factory.mktemp("exchange")))
        patch.setenv("JUPYTER_DATA_DIR", str(tmp_path_factory.mktemp("data")))
        for name in ("DWCP_GRADEBOOK", "DWCP_WORK", "DWCP_COURSE"):
            patch.delenv(name, raising=False)
        yield
