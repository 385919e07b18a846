"""Write the four dashboards as files that Grafana provisions.

python -m course.telemetry.dashboards [folder]
"""

import json
import sys
from pathlib import Path

from course.telemetry.dashboards.boards import BOARDS, board

FOLDER = Path("deploy") / "observability" / "grafana" / "dashboards"


def text(name: str) -> str:
    """The file of one dashboard."""
    return json.dumps(board(name), indent=1, sort_keys=True) + "\n"


def main(folder: Path = FOLDER) -> None:
    """Write all of them into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in BOARDS:
        (folder / f"{name}.json").write_text(text(name), "utf-8")
        print(folder / f"{name}.json")


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:2]))
