"""How far a learner is: the map of the course with what is done, and what to do or repeat next.

What was checked and how long it took is in the learner's own file (`course.learner_file`); what was
opened is seen from the notebooks themselves. `overview` makes rows of both for the home notebook
and the terminal, `to_repeat` what did not go well, and `as_csv` and `as_page` what can be taken
away.
"""

import csv
import io
import json
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

from course.learner_file import load, read, record
from course.widgets.answers import kept_results
from course.workspace import PRACTICE, handed_out, is_changed

__all__ = ["as_csv", "as_html", "as_page", "as_text", "overview", "read", "record", "to_repeat"]

TRACKS = {"ops": "Operations", "dev": "Developer", "sec": "Security"}
FADED_DAYS = 14
"""After so many days without it, what was done is worth another look."""
REPEAT_MAX = 12


def overview(work: Path | str, root: Path) -> list[dict[str, Any]]:
    """A row for each notebook, in order: path, day, title, minutes, state, points; one is `next`.

    `minutes` are planned, `spent_min` those in which its cells were run.
    """
    work = Path(work)
    kept, rows = load(work), []
    for name, source in handed_out(root).items():
        if (
            "/" not in name
            or not name.endswith(".ipynb")
            or name.startswith(("components/", "runbooks/"))
        ):
            continue  # the components' notebooks are to be read when one wants to, not done
        about = json.loads(source.read_text("utf-8"))["metadata"].get("dwcp", {})
        spent = kept["spent"].get(name, {})
        rows.append(
            {
                "notebook": name,
                "day": _day(name),
                "title": about.get("title", name),
                "minutes": about.get("minutes"),
                "spent_min": round(spent.get("seconds", 0) / 60),
                "last_at": spent.get("last_at", ""),
                **_points(name, source, work, kept["exercises"]),
            }
        )
    unfinished = [row for row in rows if row["state"] != "done"]
    for row in rows:
        row["next"] = bool(unfinished) and row is unfinished[0]
    return rows


def to_repeat(work: Path | str, rows: list[dict[str, Any]], now: datetime) -> list[dict[str, str]]:
    """Rows {what, why, notebook}: exercises and questions that went wrong, and what has faded."""
    work = Path(work)
    found = [
        {"what": name, "why": row["message"] or "not all points yet", "notebook": row["notebook"]}
        for name, row in read(work).items()
        if row["score"] < row["max_score"]
    ]
    found += _questions(work)
    for row in rows:
        days = _days_since(row["last_at"], now)
        if row["state"] == "done" and days is not None and days >= FADED_DAYS:
            why = f"done {days} days ago; can you still do it?"
            found.append({"what": row["title"], "why": why, "notebook": row["notebook"]})
    return found[:REPEAT_MAX]


def _questions(work: Path) -> list[dict[str, str]]:
    """Questions of quizzes and practice papers that were wrong at the first try."""
    found = []
    for path in answer_files(work):
        wrong = [str(row["subtopic"]) for row in kept_results(path) if not row["right_at_first"]]
        for subtopic in dict.fromkeys(wrong):
            why = f"{wrong.count(subtopic)} wrong at the first try"
            what = f"questions on {subtopic} ({path.name.removesuffix('.answers.json')})"
            where = path.parent.name if path.parent != work else PRACTICE
            found.append({"what": what, "why": why, "notebook": where})
    return found


def answer_files(work: Path) -> list[Path]:
    """What quizzes and practice papers keep in a working folder."""
    return sorted([*work.glob("*/*.answers.json"), *work.glob("*.answers.json")])


def _days_since(at: str, now: datetime) -> int | None:
    try:
        return (now - datetime.fromisoformat(at)).days
    except (ValueError, TypeError):
        return None


def _day(name: str) -> str:
    """`ops-1/1-architecture.ipynb` -> Operations, day 1; `exam-operations-...` -> Exam."""
    track, _, number = name.split("/")[0].partition("-")
    if track == "exam":
        return "Exam"
    return f"{TRACKS[track]}, day {number}" if track in TRACKS else name.split("/")[0]


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


COLUMNS = [
    "next", "notebook", "day", "title", "state", "score", "max_score", "minutes", "spent_min",
    "last_at",
]  # fmt: skip


def as_html(rows: list[dict[str, Any]], repeat: list[dict[str, str]] | None = None) -> str:
    """The map as a table with links, day by day, and what to repeat. States are words."""
    head = "".join(
        f"<th scope='col'>{name}</th>"
        for name in ("", "Notebook", "State", "Points", "Minutes planned", "Minutes spent")
    )
    days = dict.fromkeys(row["day"] for row in rows)
    body = "".join(_day_rows(day, [row for row in rows if row["day"] == day]) for day in days)
    table = f"<table><caption>The map, and where you are</caption><tr>{head}</tr>{body}</table>"
    if repeat is None:
        return table
    items = "".join(
        f"<li><b>{escape(row['what'])}</b>: {escape(row['why'])} ({escape(row['notebook'])})</li>"
        for row in repeat
    )
    listed = f"<ul>{items}</ul>" if items else "<p>Nothing to repeat at present.</p>"
    return f"{table}<p><b>To repeat</b></p>{listed}"


def _day_rows(day: str, rows: list[dict[str, Any]]) -> str:
    done = sum(row["state"] == "done" for row in rows)
    planned = sum(row["minutes"] or 0 for row in rows)
    spent = sum(row["spent_min"] for row in rows)
    sums = f"{_sum(rows, 'score')} of {_sum(rows, 'max_score')}"
    cells = [f"{done} of {len(rows)} done", sums, str(planned), str(spent)]
    first = f"<tr><td></td><th scope='row'>{escape(day)}</th>{_cells(cells)}</tr>"
    return first + "".join(
        f"<tr><td>{'next' if row['next'] else ''}</td>"
        f'<td><a href="{escape(row["notebook"])}">{escape(row["title"])}</a></td>'
        + _cells(
            [
                row["state"],
                f"{row['score']:g} of {row['max_score']:g}",
                str(row["minutes"] or ""),
                str(row["spent_min"] or ""),
            ]
        )
        + "</tr>"
        for row in rows
    )


def _cells(texts: list[str]) -> str:
    return "".join(f"<td>{escape(text)}</td>" for text in texts)


def _sum(rows: list[dict[str, Any]], key: str) -> str:
    return f"{sum(row[key] for row in rows):g}"


def as_page(rows: list[dict[str, Any]], repeat: list[dict[str, str]]) -> str:
    """The same as a page of its own."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>My progress</title>'
        f"<style>{_STYLE}</style><h1>My progress</h1>{as_html(rows, repeat)}</html>\n"
    )


_STYLE = (
    "body{font-family:sans-serif;margin:2em;line-height:1.5}table{border-collapse:collapse}"
    "th,td{text-align:left;padding:.2em 1em .2em 0;border-bottom:1px solid #767676}"
    "caption{text-align:left;font-weight:bold}"
)


def as_csv(rows: list[dict[str, Any]]) -> str:
    """The rows for a spreadsheet."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_text(rows: list[dict[str, Any]], repeat: list[dict[str, str]] | None = None) -> str:
    """The same for a terminal."""
    lines = [
        f"{'->' if row['next'] else '  '} {row['notebook']:<34} {row['state']:<11}"
        f"{row['score']:>5g} of {row['max_score']:g} points"
        f"{row['spent_min']:>6} of {row['minutes'] or '-'} minutes"
        for row in rows
    ]
    lines += [f"To repeat: {row['what']}: {row['why']}" for row in repeat or ()]
    return "\n".join(lines)
