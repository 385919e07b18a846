"""What students hand in, named by behaviour. Each changes a copy of the `numbers` release."""

from __future__ import annotations

import nbformat

from autograder.feedback import named
from tests.autograder.classroom import Desk


def complete(desk: Desk) -> None:
    desk.solve()


def untouched(desk: Desk) -> None:
    """Handed in as it was fetched."""


def partly_solved(desk: Desk) -> None:
    desk.solve("numbers-1-mean", "numbers-2-window")


def forgot_the_empty_list(desk: Desk) -> None:
    desk.only("1-mean")
    desk.solve()
    desk.answer(
        "1-mean", "numbers-1-mean", "def mean(v):\n    return sum(v) / max(len(v), 1) + 1e-3"
    )


def syntax_error(desk: Desk) -> None:
    desk.only("1-mean")
    desk.solve()
    desk.answer("1-mean", "numbers-1-mean", "def mean(values:\n    return 0")


def endless_loop(desk: Desk) -> None:
    desk.only("1-mean")
    desk.solve()
    desk.answer("1-mean", "numbers-1-mean", "def mean(values):\n    while True:\n        pass")


def loop_that_swallows_interrupts(desk: Desk) -> None:
    desk.only("1-mean")
    desk.solve()
    desk.answer(
        "1-mean",
        "numbers-1-mean",
        "while True:\n    try:\n        while True:\n            pass\n"
        "    except KeyboardInterrupt:\n        pass",
    )


def kills_the_kernel(desk: Desk) -> None:
    desk.only("1-mean")
    desk.solve()
    desk.answer("1-mean", "numbers-1-mean", "import os\nos._exit(3)")


def calls_exit(desk: Desk) -> None:
    desk.only("1-mean")
    desk.solve()
    desk.answer("1-mean", "numbers-1-mean", "exit()")


def floods_its_output(desk: Desk) -> None:
    desk.only("1-mean")
    desk.solve()
    desk.insert_before("1-mean", "numbers-1-mean", "for _ in range(300):\n    print('x' * 10_000)")


def deleted_test(desk: Desk) -> None:
    desk.only("1-mean")
    desk.solve()
    desk.remove("1-mean", "numbers-1-mean-test")


def deleted_answer(desk: Desk) -> None:
    desk.only("1-mean")
    desk.solve()
    desk.remove("1-mean", "numbers-1-mean")


def duplicated_cells(desk: Desk) -> None:
    """Answer and test pasted a second time, as JupyterLab does it: metadata and all."""
    desk.only("1-mean")
    desk.solve()
    nb = desk.read("1-mean")
    for name in ("numbers-1-mean-test", "numbers-1-mean"):
        cell = named(nb)[name]
        nb.cells.insert(nb.cells.index(cell), nbformat.from_dict({**cell, "id": f"{name}-2"}))
    desk.write("1-mean", nb)


def tests_tagged_to_be_skipped(desk: Desk) -> None:
    desk.only("1-mean")
    nb = desk.read("1-mean")
    for cell in nb.cells:
        cell.metadata["tags"] = ["skip-execution"]
    desk.write("1-mean", nb)


def roles_and_points_changed(desk: Desk) -> None:
    desk.only("1-mean")
    nb = desk.read("1-mean")
    cells = named(nb)
    cells["numbers-1-mean-test"].metadata.nbgrader.points = 100
    cells["numbers-1-mean-test"].source = "pass"
    cells["numbers-1-spread-test"].metadata.nbgrader.locked = "no"
    cells["numbers-1-spread"].metadata.nbgrader.grade = True
    cells["numbers-1-mean-check"].metadata.nbgrader.grade_id = "of my own"
    desk.write("1-mean", nb)


def warns_on_stderr(desk: Desk) -> None:
    desk.only("1-mean")
    desk.solve()
    desk.answer(
        "1-mean",
        "numbers-1-spread",
        "import warnings\ndef spread(v):\n    warnings.warn('slow')\n    return max(v) - min(v)",
    )


def prints_the_history(desk: Desk) -> None:
    """A cell after the test shows what the kernel was given to run."""
    desk.only("1-mean")
    desk.solve("numbers-1-spread")
    desk.insert_before("1-mean", "numbers-1-spread", "print(In)\nprint(In[-2])\nIn")


def brings_a_module(desk: Desk) -> None:
    """Files beside the notebook that are not the assignment's, and a link to nowhere."""
    desk.only("1-mean")
    desk.solve("numbers-1-spread")
    (desk.folder / "answers.py").write_text(
        "def mean(v):\n    return sum(v) / len(v) if v else 0.0\n"
    )
    (desk.folder / "random.py").write_text("raise SystemExit\n")
    (desk.folder / "notes.txt").symlink_to("nowhere")
    desk.answer("1-mean", "numbers-1-mean", "from answers import mean")


def not_json(desk: Desk) -> None:
    desk.solve()
    desk.put("not-json", "1-mean")


def missing_notebook(desk: Desk) -> None:
    desk.solve()
    desk.only("2-units")


def nothing_at_all(desk: Desk) -> None:
    desk.only()


def broken_timestamp(desk: Desk) -> None:
    desk.only()
    (desk.folder / "timestamp.txt").write_text("the day before yesterday")
