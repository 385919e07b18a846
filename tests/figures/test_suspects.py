"""The bars of `course.figures.suspects`."""

from course.figures.suspects import suspects_left

ANSWERS = {
    "speed test": {"as planned": 4},
    "trace": {"wire": 2, "encoder": 1, "decision": 1},
    "cpu": {"idle": 3, "busy": 1},
}


def test_the_look_that_leaves_the_fewest_suspects_is_on_top():
    made = suspects_left(ANSWERS)
    labels = [label.get_text() for label in made.axes[0].get_yticklabels()]
    assert labels == ["speed test", "cpu", "trace"]  # from the bottom up
    assert "trace, leaves 2" in made.get_supxlabel()


def test_every_answer_is_a_part_as_wide_as_its_suspects_and_the_widest_is_hatched():
    parts = suspects_left(ANSWERS).axes[0].patches
    assert sorted(part.get_width() for part in parts) == [1, 1, 1, 2, 3, 4]
    assert sorted(part.get_width() for part in parts if part.get_hatch()) == [2, 3, 4]
