"""What nbgrader's gradebook has no column for: how each notebook was examined.

A table of our own beside nbgrader's. It answers, years later, whether a score was given with the
sandbox on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Column as C
from sqlalchemy import Connection, MetaData, String, Table, create_engine, select

TABLE = Table(
    "autograder_examination",
    MetaData(),
    C("student", String(128), primary_key=True),
    C("assignment", String(128), primary_key=True),
    C("notebook", String(128), primary_key=True),
    C("sandbox", String(32), nullable=False),
)


@dataclass(frozen=True, order=True)
class Examination:
    """How one notebook was examined last."""

    student: str
    assignment: str
    notebook: str
    sandbox: str


def record(
    db_url: str, student: str, assignment: str, notebooks: Iterable[str], sandbox: str
) -> None:
    """Note how a student's notebooks were examined."""
    rows = [
        {"student": student, "assignment": assignment, "notebook": notebook, "sandbox": sandbox}
        for notebook in notebooks
    ]
    of_student = (TABLE.c.student == student) & (TABLE.c.assignment == assignment)
    with _connection(db_url) as connection:
        same = of_student & TABLE.c.notebook.in_([row["notebook"] for row in rows])
        connection.execute(TABLE.delete().where(same))
        connection.execute(TABLE.insert(), rows)


def examinations(db_url: str) -> list[Examination]:
    """All of them, in order."""
    with _connection(db_url) as connection:
        return sorted(Examination(*row) for row in connection.execute(select(TABLE)))


@contextmanager
def _connection(db_url: str) -> Iterator[Connection]:
    engine = create_engine(db_url)
    try:
        with engine.begin() as connection:
            TABLE.create(connection, checkfirst=True)
            yield connection
    finally:
        engine.dispose()
