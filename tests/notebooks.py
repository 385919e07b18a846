"""Execute every notebook with papermill, two at a time, and say how long each took.

`python -m tests.notebooks` prints the table; a test asserts the limits, in processor time, which a
busy machine does not change.
"""

import json
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import papermill

ROOT = Path(__file__).parent.parent
OUT = ROOT / "build" / "notebooks"
NOTEBOOK_LIMIT_S = 60.0


@dataclass(frozen=True)
class Run:
    """One execution: seconds in all, seconds of the slowest cell, and what went wrong, if it did.

    `cpu_s` is processor time of the kernel, if nothing else ran as a child of this process.
    """

    notebook: Path
    seconds: float
    slowest_cell_s: float = 0.0
    error: str | None = None
    cpu_s: float = 0.0


def all_notebooks() -> list[Path]:
    """What must run from top to bottom: the instructor's notebooks and those of the course."""
    found = [*(ROOT / "source").rglob("*.ipynb"), *(ROOT / "course").rglob("*.ipynb")]
    return sorted(path for path in found if ".ipynb_checkpoints" not in path.parts)


def execute(notebook: Path) -> Run:
    """Run one notebook in its own folder; the executed copy goes under build/notebooks."""
    copy = OUT / notebook.relative_to(ROOT)
    copy.parent.mkdir(parents=True, exist_ok=True)
    started, before = time.monotonic(), _children_s()
    try:
        papermill.execute_notebook(
            notebook, copy, cwd=notebook.parent, progress_bar=False, store_widget_state=False,
            execution_timeout=120,
        )  # fmt: skip
    except Exception as error:
        lines = str(error).strip().splitlines()
        return Run(notebook, time.monotonic() - started, error=lines[-1] if lines else repr(error))
    took, cpu_s = time.monotonic() - started, _children_s() - before
    return Run(notebook, took, _slowest(copy), cpu_s=cpu_s)


def _children_s() -> float:
    """Processor seconds of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def execute_all() -> list[Run]:
    """All notebooks, two at a time, with a line for each as it ends."""
    notebooks, runs = all_notebooks(), []
    with ThreadPoolExecutor(max_workers=2) as pool:
        waiting = [pool.submit(execute, notebook) for notebook in notebooks]
        for done in as_completed(waiting):
            runs.append(done.result())
            state = "failed" if runs[-1].error else "ok"
            name = runs[-1].notebook.relative_to(ROOT)
            print(f"[{len(runs)}/{len(notebooks)}] {name} {state}", file=sys.stderr, flush=True)
    return sorted(runs, key=lambda run: run.notebook)


def table(runs: list[Run]) -> str:
    """Seconds a notebook, in the order of the course."""
    lines = [f"{'notebook':<44}{'seconds':>9}{'slowest cell':>14}"]
    for run in runs:
        name = str(run.notebook.relative_to(ROOT))
        lines.append(f"{name:<44}{run.seconds:>9.1f}{run.slowest_cell_s:>14.1f}")
        if run.error:
            lines.append(f"    {run.error}")
    return "\n".join(lines)


def _slowest(copy: Path) -> float:
    cells = json.loads(copy.read_text("utf-8"))["cells"]
    took = [cell["metadata"].get("papermill", {}).get("duration") or 0.0 for cell in cells]
    return max(took, default=0.0)


if __name__ == "__main__":
    finished = execute_all()
    print(table(finished))
    sys.exit(any(run.error for run in finished))
