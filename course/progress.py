"""How far a learner is: one JSON file in the working folder, theirs, and never sent anywhere.

It holds what `course check` found, by exercise, with the best score. What was opened is seen from
the notebooks themselves. `overview` makes rows of both, for the home notebook and the terminal.
"""

import json
from html import escape
from pathlib import Path
from typing import Any

from course.workspace import handed_out, is_changed

FILE = "progress.json"

PLANNED = [
    ("Operations", "day 2", "Monitoring, alerts, tracing; Labs 1 and 2"),
    ("Operations", "day 3", "Migration and performance; Labs 3 and 4"),
    ("Operations", "day 4", "Incidents, security operations; Labs 5 and 6"),
    ("Operations", "day 5", "Advanced troubleshooting; Labs 7 and 8; the exams"),
    ("Developer", "5 days", "APIs, components, placement, observability; 5 labs"),
    ("Security", "3 days", "Byzantine faults, detection, response, compliance; 5 labs"),
]
"""What the programme has beyond the notebooks that exist; not written yet."""


def read(work: Path) -> dict[str, dict[str, Any]]:
    """Exercise id -> {notebook, score, max_score, message, checked_at}; empty if nothing yet."""
    try:
        kept: dict[str, dict[str, Any]] = json.loads((work / FILE).read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return kept


def record(work: Path, report: dict[str, Any], checked_at: str) -> None:
    """Keep a report of `course check`: the best score an exercise ever had stays."""
    kept = read(work)
    for row in report["exercises"]:
        before = kept.get(row["exercise"], {}).get("score", 0)
        kept[row["exercise"]] = {
            "notebook": f"{report['assignment']}/{report['notebook']}",
            "score": max(before, row["score"]),
            "max_score": row["max_score"],
            "message": row["message"],
            "checked_at": checked_at,
        }
    (work / FILE).write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", "utf-8")


def overview(work: Path | str, root: Path) -> list[dict[str, Any]]:
    """A row for each notebook, in order: path, title, minutes, state, points; one is `next`."""
    work = Path(work)
    kept, rows = read(work), []
    for name, source in handed_out(root).items():
        if "/" not in name or not name.endswith(".ipynb") or name.startswith("components/"):
            continue  # the components' notebooks are to be read when one wants to, not done
        about = json.loads(source.read_text("utf-8"))["metadata"].get("dwcp", {})
        rows.append(
            {
                "notebook": name,
                "title": about.get("title", name),
                "minutes": about.get("minutes"),
                **_points(name, source, work, kept),
            }
        )
    unfinished = [row for row in rows if row["state"] != "done"]
    for row in rows:
        row["next"] = bool(unfinished) and row is unfinished[0]
    return rows


def _points(name: str, source: Path, work: Path, kept: dict[str, dict[str, Any]]) -> dict[str, Any]:
    cells = json.loads(source.read_text("utf-8"))["cells"]
    graded = [cell["metadata"].get("nbgrader", {}) for cell in cells]
    most = sum(about.get("points", 0) for about in graded if about.get("grade"))
    mine = [row for row in kept.values() if row["notebook"] == name.removesuffix(".ipynb")]
    score = sum(row["score"] for row in mine)
    state = "opened" if is_changed(name, work) else "not opened"
    if mine:
        state = "done" if score >= most else "checked"
    return {"score": score, "max_score": most, "state": state}


def as_html(rows: list[dict[str, Any]]) -> str:
    """The map as a table with links; states are words, not colours."""
    head = "<tr><th></th><th>Notebook</th><th>Minutes</th><th>State</th><th>Points</th></tr>"
    body = "".join(
        f"<tr><td>{'next' if row['next'] else ''}</td>"
        f'<td><a href="{escape(row["notebook"])}">{escape(row["title"])}</a></td>'
        f"<td>{row['minutes'] or ''}</td><td>{row['state']}</td>"
        f"<td>{row['score']:g} of {row['max_score']:g}</td></tr>"
        for row in rows
    )
    return f"<table>{head}{body}</table>"


def as_text(rows: list[dict[str, Any]]) -> str:
    """The same for a terminal."""
    lines = [
        f"{'->' if row['next'] else '  '} {row['notebook']:<34} {row['state']:<11}"
        f"{row['score']:>5g} of {row['max_score']:g} points"
        for row in rows
    ]
    return "\n".join(lines)
