"""The learner's command: open the course, check your work, see how far you are, hand it in."""

import json
import os
import secrets
import socket
import subprocess
import sys
import webbrowser
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from course import progress as kept
from course.workspace import WorkspaceError, course_root, open_workspace, put_beside

app = typer.Typer(
    help="The DWCP v3 course. New here? `course start` opens it in your browser.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
console = Console(highlight=False)

Work = Annotated[
    Path | None,
    typer.Option(
        "--work", envvar="DWCP_WORK", help="Your folder; by default `work` in the course's folder."
    ),
]


@app.command(
    "lab",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def lab(context: typer.Context) -> None:
    """Keep a cluster alive for terminals: serve, status, journal, stop."""
    from course.faces.lab_command import app as lab_app  # web server and all: not for every command

    lab_app(context.args, prog_name="course lab")


@app.command()
def start(
    work: Work = None,
    browser: Annotated[bool, typer.Option(help="Open a browser window.")] = True,
    port: Annotated[int, typer.Option(help="The first port to try.")] = 8888,
    fresh: Annotated[
        str, typer.Option(help="Only put the course's present copy of a notebook beside yours.")
    ] = "",
) -> None:
    """Open the course in JupyterLab, on your own copy of the notebooks."""
    root, folder = _root(), _folder(work)
    if fresh:
        console.print(
            f"The present one is beside yours: {_or_stop(put_beside, fresh, folder, root)}"
        )
        return
    opened = _or_stop(open_workspace, folder, root)
    _tell(opened.added, "added", folder)
    _tell(opened.refreshed, "brought up to date (you had not changed them)", folder)
    for name in opened.kept:
        console.print(
            f"{name} has a newer version; yours is kept. To see the new one beside it: "
            f"course start --fresh {name}"
        )
    _serve(root, folder, _free_port(port), browser and _has_display())


@app.command()
def check(
    notebook: Annotated[
        Path, typer.Argument(help="A notebook of yours, such as work/ops-1/1-architecture.ipynb.")
    ],
    work: Work = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Grade your own notebook with the hidden tests, and say what is wrong where."""
    path = _find(notebook, _folder(work))
    command = [sys.executable, "-m", "autograder", "check", str(path), "--json"]
    with console.status(f"Running {path.name} from top to bottom, with the hidden tests ..."):
        done = subprocess.run(command, capture_output=True, text=True, cwd=_root(), check=False)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        _stop(done.stderr.strip() or done.stdout.strip() or "The check did not answer.")
    if as_json:
        print(json.dumps(report, indent=1))
    else:
        _show(report)
    if not report.get("error") and _folder(work).is_dir():
        kept.record(_folder(work), report, datetime.now(UTC).isoformat(timespec="seconds"))
    raise typer.Exit(0 if _is_complete(report) else 1)


@app.command()
def progress(
    work: Work = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print rows as JSON.")] = False,
    export: Annotated[
        Path | None, typer.Option(help="Write it to a file: .json, .csv or .html.")
    ] = None,
) -> None:
    """What you have done and how long it took, what comes next, and what to repeat."""
    folder = _folder(work)
    rows = kept.overview(folder, _root())
    repeat = kept.to_repeat(folder, rows, datetime.now(UTC))
    if export:
        _export(export, rows, repeat)
    else:
        print(json.dumps(rows, indent=1) if as_json else kept.as_text(rows, repeat))


def _export(path: Path, rows: list[dict[str, Any]], repeat: list[dict[str, str]]) -> None:
    forms = {
        ".json": lambda: json.dumps({"notebooks": rows, "repeat": repeat}, indent=1) + "\n",
        ".csv": lambda: kept.as_csv(rows),
        ".html": lambda: kept.as_page(rows, repeat),
    }
    if path.suffix not in forms:
        _stop(f"{path.name} must end in {', '.join(forms)}, which says what is written")
    try:
        path.write_text(forms[path.suffix](), "utf-8")
    except OSError as error:
        _stop(f"{path} cannot be written: {error.strerror}")
    console.print(f"Written to {path}", soft_wrap=True)


@app.command()
def submit(
    assignment: Annotated[str, typer.Argument(help="The day to hand in, such as ops-1.")],
    work: Work = None,
) -> None:
    """Hand in a day through nbgrader's exchange, for an instructor to grade."""
    folder = _folder(work) / assignment
    if not folder.is_dir():
        _stop(f"There is no {folder}. Open the course first: course start")
    environment = {**os.environ, "DWCP_WORK": str(folder.parent)}
    command = [sys.executable, "-m", "nbgrader", "submit", assignment]
    done = subprocess.run(
        command, cwd=_root(), env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        _stop(
            f"{assignment} was not handed in: {_reason(done.stderr)}. Has an instructor released "
            f"it in this exchange? (autograder release {assignment})"
        )
    console.print(f"{assignment} is handed in. You may hand it in again; the last one counts.")


def _reason(log: str) -> str:
    """The first complaint in nbgrader's log, without its prefix."""
    complaints = [line for line in log.splitlines() if "CRITICAL]" in line or "ERROR]" in line]
    return complaints[0].split("] ", 1)[-1] if complaints else "nbgrader gave no reason"


def _serve(root: Path, work: Path, port: int, browser: bool) -> None:
    """Run JupyterLab until it is stopped."""
    token = secrets.token_urlsafe(24)
    address = f"http://127.0.0.1:{port}/lab/tree/home.ipynb?token={token}"
    command = [
        sys.executable, "-m", "jupyterlab", "--ip=127.0.0.1", f"--port={port}",
        "--ServerApp.port_retries=0", "--no-browser", f"--ServerApp.root_dir={work}",
        f"--LabApp.app_settings_dir={root / 'course' / 'jupyterlab'}", "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--ServerApp.log_level=WARN", "--LabApp.log_level=WARN",
        "--IdentityProvider.token=" + token,
    ]  # fmt: skip
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    console.print(f"\nThe course is at\n\n  {address}\n\nStop it with Ctrl-C.", soft_wrap=True)
    server = subprocess.Popen(command, cwd=root)
    if browser and _answers(server, port):
        webbrowser.open(address)
    try:
        raise typer.Exit(server.wait())
    except KeyboardInterrupt:
        server.wait()


def _answers(server: subprocess.Popen[bytes], port: int, limit_s: float = 30) -> bool:
    """Wait until the server takes connections; False if it ended or never did."""
    for _ in range(round(limit_s / 0.2)):
        if server.poll() is not None:
            return False
        with socket.socket() as probe:
            probe.settimeout(0.2)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        try:
            server.wait(0.2)
        except subprocess.TimeoutExpired:
            continue
    return False


def _free_port(first: int) -> int:
    for port in range(first, first + 100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    _stop(f"Ports {first} to {first + 99} are all in use; name another: course start --port 9000")
    raise AssertionError


def _has_display() -> bool:
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _show(report: dict[str, Any]) -> None:
    if report.get("error"):
        _stop(report["error"])
    for row in report["exercises"]:
        passed = row["score"] >= row["max_score"]
        console.print(
            f"{'passed' if passed else 'not yet'}  {row['exercise']:<32} "
            f"{row['score']:g} of {row['max_score']:g}"
        )
        if row["message"] and not passed:
            console.print(f"         {row['message']}", markup=False)
    console.print(
        "All passed." if _is_complete(report) else "Mend what is not yet right and check again."
    )


def _is_complete(report: dict[str, Any]) -> bool:
    rows = report.get("exercises", [])
    return not report.get("error") and all(row["score"] >= row["max_score"] for row in rows)


def _find(notebook: Path, work: Path) -> Path:
    """The notebook as named, or in the working folder."""
    for path in (notebook, work / notebook, work / notebook.with_suffix(".ipynb")):
        if path.is_file():
            return path.resolve()
    there = sorted(p.relative_to(work).as_posix() for p in work.glob("*/*.ipynb"))
    _stop(f"There is no notebook {notebook}. In {work} there are: {', '.join(there) or 'none'}.")
    raise AssertionError


def _folder(work: Path | None) -> Path:
    return (work or _root() / "work").expanduser().absolute()


def _root() -> Path:
    root: Path = _or_stop(course_root)
    return root


def _or_stop(action: Any, *arguments: Any) -> Any:
    try:
        return action(*arguments)
    except WorkspaceError as error:
        _stop(str(error))


def _tell(names: list[str], what: str, folder: Path) -> None:
    if names:
        console.print(f"{len(names)} files {what} in {folder}", soft_wrap=True)


def _stop(message: str) -> None:
    Console(stderr=True, highlight=False).print(message, markup=False, soft_wrap=True)
    raise typer.Exit(2)


if __name__ == "__main__":
    app()
