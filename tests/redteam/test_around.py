"""The grader's own process and machine: text it parses, memory of the examiner, time of a run."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from nbformat import v4

from autograder import sandbox
from autograder.fence import Limits
from autograder.names import modules_of, names_of
from autograder.pool import Files, Pool
from autograder.script import output_of, put
from tests.autograder.classroom import SANDBOX, Classroom, quick_course_in

HOSTILE_TEXT = {
    "a chain of signs": "-" * 20_000 + "1",
    "a chain of nots": "not " * 20_000 + "1",
    "functions in functions": "lambda: " * 5_000 + "1",
    "a long conditional": " if a else ".join(["1"] * 20_000),
    "many attributes": "x" + ".a" * 20_000,
    "many brackets": "(" * 5_000,
    "a null byte": "a\0b",
    "a number of 6,000 digits": "9" * 6_000,
    "more magics than IPython transforms": "\n".join(["%pwd"] * 600),
}


@pytest.mark.parametrize("case", HOSTILE_TEXT)
def test_any_text_can_be_looked_at_for_names(case: str) -> None:
    names_of(HOSTILE_TEXT[case])
    modules_of(HOSTILE_TEXT[case])


def test_a_long_cell_of_magics_is_read_in_little_time() -> None:
    """IPython reads the whole cell again for each magic, and here nothing interrupts it."""
    source = "\n".join(["a = %pwd"] * 80) + "\n" + "x = 1\n" * 2_000
    start = time.monotonic()
    names_of(source)
    assert time.monotonic() - start < 2


@pytest.mark.parametrize(
    "raw",
    [
        {"output_type": [1]}, {"output_type": "stream", "name": {}}, {"output_type": None}, 5, None,
        {"output_type": "error", "ename": 5, "evalue": None, "traceback": "x"},
        {"output_type": "display_data", "data": [("text/plain", 1)]},
        {"output_type": np.array(["stream", "error"])},
        {"output_type": "stream", "name": np.array(["stdout", "x"])},
    ],
    ids=str,
)  # fmt: skip
def test_any_value_can_be_looked_at_as_an_output(raw: object) -> None:
    output_of(raw)


def test_a_picture_is_base64_and_nothing_else() -> None:
    hostile = 'iVBORw0KGgo"><script>1</script>'
    assert output_of({"output_type": "display_data", "data": {"image/png": hostile}}) is None


def test_a_notice_is_the_graders_alone() -> None:
    """An error that the author's code named NotRun is an error like any other."""
    nb = v4.new_notebook(cells=[v4.new_code_cell("raise NotRun")])
    said = {"output_type": "error", "ename": "NotRun", "evalue": "forged", "traceback": []}
    step = {
        "name": "x",
        "source": "",
        "shown": "",
        "where": "candidate",
        "fetch": [],
        "left_out": None,
    }
    put(nb, [step], [[said]])
    assert nb.metadata["autograder"]["notices"] == []


def test_outputs_are_cut_on_this_side_too() -> None:
    """The candidate's own limit is in the hands of the student's code."""
    nb = v4.new_notebook(cells=[v4.new_code_cell("x")])
    said = {"output_type": "stream", "name": "stdout", "text": "x" * 20_000_000}
    step = {
        "name": "x",
        "source": "",
        "shown": "",
        "where": "candidate",
        "fetch": [],
        "left_out": None,
    }
    put(nb, [step], [[said]])
    assert sum(len(output.text) for output in nb.cells[0].outputs) < 2_000_000


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool(sandboxed=SANDBOX, limits=Limits(memory=600_000_000)) as made:
        yield made


def cell(source: str, where: str = "candidate", *fetch: str) -> dict[str, object]:
    return {"name": "x", "source": source, "shown": source, "where": where, "fetch": list(fetch)}


@pytest.mark.skipif(not SANDBOX, reason="without a sandbox /tmp is everybody's")
def test_a_checkout_under_tmp_can_be_read_inside_and_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each notebook has a /tmp of its own, which must not hide the course, nor share it."""
    package = tmp_path / "checkout" / "course"
    package.mkdir(parents=True)
    (package / "part.py").write_text("WORD = 'read'\n")
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o755)
    was = sandbox._course_folders
    monkeypatch.setattr(sandbox, "_course_folders", lambda: [*was(), str(package)])
    try_all = f"""
import pathlib, tempfile
said = [pathlib.Path({str(package / "part.py")!r}).read_text()]
for folder in ({str(package)!r}, {str(tmp_path / "checkout")!r}, {str(tmp_path)!r}):
    try:
        (pathlib.Path(folder) / "left").write_text("x")
        said.append("written")
    except OSError:
        said.append("refused")
tempfile.TemporaryFile().write(b"mine")
print(said)
"""
    with Pool(sandboxed=True, limits=Limits()) as made:
        said = "".join(o.get("text", "") for o in made.examine([cell(try_all)], Files(), 10)[0])
    assert "WORD" in said and said.count("refused") == 3
    assert not list(tmp_path.rglob("left"))


def test_an_answer_of_twenty_bytes_does_not_take_the_examiners_memory(pool: Pool) -> None:
    """`range(10**9)` is plain data, and a test that makes a list of it has no limit."""
    peak = (
        "import resource\nprint('peak', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000)"
    )
    cells = [
        cell("def numbers():\n    return range(60_000_000)"),
        cell("try:\n    got = list(numbers())\nexcept MemoryError:\n    pass", "here", "numbers"),
        cell(peak, "here"),
    ]
    said = "".join(o.get("text", "") for o in pool.examine(cells, Files(), 10)[2])
    assert "peak" not in said or int(said.split()[-1]) < 1_500


def test_cells_that_are_all_nearly_too_slow_do_not_hold_up_a_class(pool: Pool) -> None:
    """2,000 cells of 29 s are 16 hours of one worker; ten times one cell's time is plenty."""
    cells = [cell("import time; time.sleep(0.36)") for _ in range(15)]
    start = time.monotonic()
    pool.examine(cells, Files(), 0.4)
    assert time.monotonic() - start < 12 * 0.4


def test_a_pipe_in_place_of_a_file_does_not_stop_the_run(tmp_path: Path) -> None:
    """Opening a pipe waits for its other end, for ever."""
    room = Classroom(quick_course_in(tmp_path / "course"), "numbers")
    room.generate()
    desk = room.desk("a")
    desk.only()
    (desk.folder / "bits.txt").unlink()
    os.mkfifo(desk.folder / "timestamp.txt")
    os.mkfifo(desk.folder / "1-mean.ipynb")
    os.mkfifo(desk.folder / "bits.txt")
    done: list[object] = []
    run = threading.Thread(target=lambda: done.append(room.grade()), daemon=True)
    run.start()
    run.join(20)
    in_time = not run.is_alive()
    until = time.monotonic() + 30
    while run.is_alive() and time.monotonic() < until:  # let it go on, so that it ends
        for pipe in ("timestamp.txt", "1-mean.ipynb", "bits.txt"):
            with contextlib.suppress(OSError):
                os.close(os.open(desk.folder / pipe, os.O_WRONLY | os.O_NONBLOCK))
        run.join(0.2)
    assert in_time
    assert done and done[0]["a"].failure is None  # type: ignore[index]
