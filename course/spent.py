"""Time spent in a notebook, measured where its cells run: in the kernel that JupyterLab started.

From one cell's end to the next is time spent, unless it is longer than 10 minutes: then somebody
was away. What is written are seconds by notebook, into the learner's own file, and nothing about
what the cells held. Outside a working folder of the course, and outside JupyterLab, nothing is
measured; a run of all notebooks, or a grading, counts for nobody.
"""

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import Timeout

from course.learner_file import spend
from course.workspace import MANIFEST

AWAY_S, WRITE_EVERY_S = 600.0, 30.0


@dataclass(slots=True)
class Stopwatch:
    """Adds up the time between ticks, s; a gap longer than `AWAY_S` counts for nothing."""

    last_s: float
    unwritten_s: float = 0.0

    def tick(self, now_s: float) -> None:
        """Something was done now."""
        gap, self.last_s = now_s - self.last_s, now_s
        if 0 <= gap <= AWAY_S:
            self.unwritten_s += gap

    def take(self) -> float:
        """Seconds to write down, once enough have come together; else 0."""
        if self.unwritten_s < WRITE_EVERY_S:
            return 0.0
        taken, self.unwritten_s = self.unwritten_s, 0.0
        return taken


def notebook_of(environment: Mapping[str, str]) -> tuple[Path, str] | None:
    """The working folder and the notebook's path in it, as JupyterLab tells its kernels."""
    session = environment.get("JPY_SESSION_NAME", "")
    path = Path(session)
    if not path.is_absolute() or path.suffix != ".ipynb":
        return None
    for folder in path.parents:
        if (folder / MANIFEST).is_file():
            return folder, path.relative_to(folder).as_posix()
    return None


def watch(
    shell: Any,
    environment: Mapping[str, str] = os.environ,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Measure from now on in this kernel's notebook, if it is a learner's."""
    here = notebook_of(environment)
    if shell is None or here is None or getattr(shell, "dwcp_watched", False):
        return
    shell.dwcp_watched = True
    watch_, (work, notebook) = Stopwatch(clock()), here

    def ran(*_: Any) -> None:
        watch_.tick(clock())
        if seconds := watch_.take():
            at = datetime.now(UTC).isoformat(timespec="seconds")
            with contextlib.suppress(OSError, Timeout):  # a full disk must not break a cell
                spend(work, notebook, seconds, at)

    shell.events.register("post_run_cell", ran)
