"""Make `release/` from `source/` as nbgrader does, without touching anybody's gradebook.

`python -m tests.release` writes release/; a test makes it elsewhere and compares.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


def days() -> list[str]:
    """The assignments: folders of source/ that hold notebooks."""
    return sorted(path.name for path in (ROOT / "source").iterdir() if any(path.glob("*.ipynb")))


def lessons() -> list[str]:
    """The days that teach: an exam has rules of its own."""
    return [day for day in days() if not day.startswith("exam-")]


def generate(into: Path) -> None:
    """Generate every day into `into`/release, in a course root of its own."""
    shutil.copytree(ROOT / "source", into / "source")
    shutil.copyfile(ROOT / "nbgrader_config.py", into / "nbgrader_config.py")
    environment = {
        **os.environ,
        "DWCP_GRADEBOOK": f"sqlite:///{into / 'gradebook.db'}",
        "DWCP_EXCHANGE": str(into / "exchange"),
        "PYTHONPATH": str(ROOT),
    }
    for day in days():
        command = [sys.executable, "-m", "nbgrader", "generate_assignment", day]
        subprocess.run(command, cwd=into, env=environment, check=True, capture_output=True)


def main() -> None:
    """Replace release/ by what source/ gives."""
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        shutil.rmtree(ROOT / "release", ignore_errors=True)
        shutil.copytree(Path(folder) / "release", ROOT / "release")
    print(f"release/ holds {', '.join(days())}")


if __name__ == "__main__":
    main()
