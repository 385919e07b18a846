"""Many workers, other machines' workers, graders that die, and two graders at once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder import pipeline
from autograder.courseroot import make_tables
from autograder.errors import GraderFailed
from autograder.record import examinations
from tests.autograder.classroom import REPOSITORY, SANDBOX, Classroom, quick_course_in
from tests.autograder.test_grading import everything
from tests.programs import Program

STUDENTS = [f"s{number}" for number in range(6)]


def filled(room: Classroom) -> Classroom:
    for student in STUDENTS:
        room.hand_in(student, lambda desk: desk.solve("numbers-1-mean", "numbers-2-window"))
    return room


def environment(room: Classroom) -> dict[str, str]:
    extra = {} if SANDBOX else {"DWCP_SANDBOX": "none"}
    db = room.course.config.CourseDirectory.db_url
    return {**os.environ, "PYTHONPATH": str(REPOSITORY), "DWCP_GRADEBOOK": db, **extra}


def grader(room: Classroom, *arguments: str) -> Program:
    """`autograder grade numbers` as a process of its own."""
    sandbox = [] if SANDBOX else ["--sandbox", "none"]
    words = ["autograder", "grade", "numbers", *sandbox, *arguments]
    return Program(words, room.course.path, environment(room))


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[object, ...]]:
    """The gradebook of a class that was graded in one go."""
    room = Classroom(quick_course_in(tmp_path_factory.mktemp("calm") / "course"), "numbers")
    room.generate()
    filled(room).grade()
    return everything(room)


@pytest.fixture
def scheduler() -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """The address of a Dask scheduler, and its two workers: three processes of their own."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    file = Path(os.environ["JUPYTER_DATA_DIR"]) / "scheduler.json"
    file.unlink(missing_ok=True)
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    processes = [
        subprocess.Popen(
            [*dask, "--port", "0", "--no-dashboard", "--scheduler-file", str(file)],
            env=env,
            start_new_session=True,
            **quiet,
        )
    ]
    deadline = time.monotonic() + 30
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(0.3)
    for _ in range(2):
        command = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(file),
                   "--nthreads", "1", "--no-dashboard", "--no-nanny"]  # fmt: skip
        processes.append(subprocess.Popen(command, env=env, start_new_session=True, **quiet))
    yield json.loads(file.read_text())["address"], processes[1:]
    for process in processes:
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_workers_in_processes_of_their_own_give_the_same_gradebook(
    classroom: Classroom, expected: list[object], scheduler: tuple[str, list[object]]
) -> None:
    filled(classroom)
    results = pipeline.grade(classroom.course, "numbers", scheduler=scheduler[0])
    assert [r.failure for r in results if r.failure] == []
    assert everything(classroom) == expected


def test_a_worker_that_dies_loses_nothing(
    classroom: Classroom,
    expected: list[object],
    scheduler: tuple[str, list[subprocess.Popen[bytes]]],
) -> None:
    filled(classroom)
    address, workers = scheduler
    done: list[str] = []

    def after_two(student: str) -> None:
        done.append(student)
        if len(done) == 2:
            kill(workers[0])

    results = pipeline.grade(classroom.course, "numbers", (), after_two, address)
    assert [r.failure for r in results if r.failure] == []
    assert sorted(done) == STUDENTS
    assert everything(classroom) == expected


def test_a_scheduler_that_is_not_there_is_said_to_be_missing(classroom: Classroom) -> None:
    filled(classroom)
    with pytest.raises(GraderFailed, match="no Dask scheduler at tcp://127.0.0.1:9"):
        pipeline.grade(classroom.course, "numbers", scheduler="tcp://127.0.0.1:9")


@pytest.mark.parametrize("graded", [1, 4])
def test_a_run_that_was_killed_and_started_again_ends_the_same(
    classroom: Classroom, expected: list[object], graded: int
) -> None:
    filled(classroom)
    process = grader(classroom)
    deadline = time.monotonic() + 60
    while len(list((classroom.course.path / "autograded").glob("*/*"))) < graded:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    grader(classroom).finished()
    assert everything(classroom) == expected


def test_two_graders_at_once_give_the_gradebook_of_one(
    classroom: Classroom, expected: list[object]
) -> None:
    filled(classroom)
    for process in [grader(classroom), grader(classroom)]:
        process.finished()
    assert everything(classroom) == expected


def postgres_programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    beside = shutil.which("pg_ctl")
    return found[-1].parent if found else Path(beside).parent if beside else None


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database in a PostgreSQL server of its own."""
    programs = postgres_programs()
    if programs is None:
        assert not os.environ.get("CI"), "CI must have PostgreSQL: see tests/install-packages"
        pytest.skip("PostgreSQL is not installed")
    home = tmp_path / "pg"
    home.mkdir()
    become: list[str] = []
    if os.geteuid() == 0:  # it refuses to run as root
        shutil.chown(home, "nobody", None)
        for parent in home.parents:
            if parent.is_relative_to(Path("/tmp")) and parent != Path("/tmp"):
                parent.chmod(0o755)
        become = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]

    def run(*command: str, check: bool = True) -> None:
        subprocess.run([*become, *command], check=check, capture_output=True, cwd="/")

    data = str(home / "data")
    run(str(programs / "initdb"), "-D", data, "-U", "grader", "--auth=trust", "-N")
    options = f"-k {home} -c listen_addresses='' -F"
    run(str(programs / "pg_ctl"), "-D", data, "-o", options, "-l", str(home / "log"), "-w", "start")
    try:
        yield f"postgresql+psycopg://grader@/postgres?host={home}"
    finally:
        run(str(programs / "pg_ctl"), "-D", data, "-m", "immediate", "stop", check=False)


def test_postgresql_holds_the_same_gradebook_with_two_graders_at_once(
    tmp_path: Path, expected: list[object], postgres: str
) -> None:
    room = Classroom(quick_course_in(tmp_path / "pg-course"), "numbers")
    room.course.config.CourseDirectory.db_url = postgres
    make_tables(postgres)
    room.generate()
    filled(room)
    for process in [grader(room), grader(room)]:
        process.finished()
    assert everything(room) == expected
    assert {e.student for e in examinations(postgres)} == set(STUDENTS)
