"""Stepping: frames forward and back, each readable without its picture."""

import pytest

from course.widgets.stepper import Frame, Stepper

FRAMES = [
    Frame(
        "1 ms: Request",
        "The request <arrives>.",
        "<svg>picture 1</svg>",
        ({"title": "Who", "rows": [{"voter": "v0"}]},),
    ),
    Frame("2 ms: Prepare", "Backups say what they hold."),
]


def test_one_stays_between_the_first_frame_and_the_last():
    stepper = Stepper("PBFT", FRAMES)
    for wanted, reached in ((1, 1), (5, 1), (-3, 0)):
        stepper.at = wanted
        assert stepper.at == reached


def test_every_frame_reads_without_a_kernel_and_without_its_picture():
    data, _ = Stepper("PBFT", FRAMES)._repr_mimebundle_()
    assert all(frame.title in data["text/plain"] for frame in FRAMES)
    html = data["text/html"]
    assert html.count("<details") == 2 and "picture 1" in html and "v0" in html
    assert "&lt;arrives&gt;" in html


def test_nothing_to_step_through_is_said():
    with pytest.raises(ValueError, match="at least one frame"):
        Stepper("empty", [])
