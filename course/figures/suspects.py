"""What each look leaves of the suspects: one bar a look, a part an answer."""

from collections.abc import Mapping

from course.figures.style import ACCENT, HATCHES, INK, Picture, caption, figure


def suspects_left(answers: Mapping[str, Mapping[str, int]]) -> Picture:
    """Look -> answer -> how many suspects would give it; the sharpest look is on top.

    The widest part of a bar is hatched: so many suspects are left at worst. Looks that leave
    equally many are in alphabetical order.
    """
    made, axes = figure(9, 1.2 + 0.45 * len(answers))
    looks = sorted(answers, key=lambda look: (max(answers[look].values()), look))
    for y, look in enumerate(reversed(looks)):
        _bar(axes, y, answers[look])
    axes.set_yticks(range(len(looks)), looks[::-1])
    axes.set(
        xlabel="suspects, a number", xlim=(0, max(sum(row.values()) for row in answers.values()))
    )
    worst = max(answers[looks[0]].values())
    said = f"Hatched: what is left at worst. The sharpest look, {looks[0]}, leaves {worst}."
    return caption(made, said)


def _bar(axes, y, row) -> None:
    left, widest = 0, max(row, key=lambda answer: row[answer])
    for answer in sorted(row, key=lambda answer: -row[answer]):
        axes.barh(
            y, row[answer], left=left, height=0.7, color="white",
            edgecolor=INK if answer == widest else ACCENT,
            hatch=HATCHES[1] if answer == widest else "",
        )  # fmt: skip
        text = axes.text(
            left + row[answer] / 2,
            y,
            f"{answer}: {row[answer]}",
            ha="center",
            va="center",
            fontsize=7,
        )
        text.set_bbox({"fc": "white", "ec": "none", "pad": 0.5})
        left += row[answer]
