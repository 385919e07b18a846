"""What a student leaves in the exchange, where everybody may write, is only a student's."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder import pipeline
from tests.autograder.classroom import Classroom, quick_course_in

TIME = "2026-01-01 10:00:00.000000 UTC"


def test_a_link_in_the_exchange_does_not_hand_in_the_solution(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Collecting must not follow links: the instructor can read what the student cannot."""
    monkeypatch.setenv("DWCP_EXCHANGE", str(tmp_path / "exchange"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    room = Classroom(quick_course_in(tmp_path / "course"), "numbers")
    pipeline.release(room.course, "numbers")
    inbound = tmp_path / "exchange" / "dwcp" / "inbound" / f"mallory+numbers+{TIME}+abcdef"
    inbound.mkdir(parents=True)
    (inbound / "timestamp.txt").write_text(TIME)
    source = room.course.folder("source", "numbers")
    for notebook in source.glob("*.ipynb"):
        (inbound / notebook.name).symlink_to(notebook)
    (inbound / "answers").symlink_to(source)
    pipeline.collect(room.course, "numbers")
    collected = room.course.folder("submitted", "numbers", "mallory")
    assert not (collected / "answers" / "mistakes.yaml").exists()
    graded = room.grade("mallory") if collected.is_dir() else {}
    assert sum(each.score for each in graded.values()) == 0
