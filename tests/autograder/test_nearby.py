"""Where a system cannot fork, one's own work is examined all the same."""

from __future__ import annotations

from autograder.nearby import Nearby
from autograder.pool import Files, Pool


def cell(
    name: str, source: str, where: str = "candidate", fetch: tuple[str, ...] = ()
) -> dict[str, object]:
    return {"name": name, "source": source, "shown": source, "where": where, "fetch": list(fetch)}


CELLS = [
    cell("given", "print(open('bits.txt').read())"),
    cell("answer", "def double(x):\n    return 2 * x"),
    cell("test", "assert double(4) == 8\ndouble(1)", "here", ("double",)),
    cell("wrong", "def halve(x):\n    return x / 0"),
    cell("test-2", "assert halve(4) == 2", "here", ("halve",)),
    cell("exit", "import os\nos._exit(1)"),
    cell("after", "assert double(2) == 4", "here", ("double",)),
]
FILES = Files({"bits.txt": b"8"})


def nearby() -> Pool:
    pool = Pool.__new__(Pool)
    pool.starter = Nearby()
    return pool


def test_the_outputs_are_those_of_the_forked_pool() -> None:
    with Pool(sandboxed=False) as forked:
        expected = forked.examine(CELLS, FILES, 5)
    assert nearby().examine(CELLS, FILES, 5) == expected
    assert expected[2][0]["data"] == {"text/plain": "2"}
    assert expected[6] == []


def test_a_cell_that_hangs_costs_only_itself() -> None:
    cells = [cell("hang", "while True: pass"), *CELLS[1:3]]
    outputs = nearby().examine(cells, FILES, 1)
    assert "could not be interrupted" in outputs[0][0]["evalue"]
    assert outputs[2][0]["data"] == {"text/plain": "2"}
