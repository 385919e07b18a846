"""Pictures of agreement: quorums over the number of voters, scores over votes."""

from collections.abc import Sequence

from course.figures.style import ACCENT, INK, LINES, MARKS, SOFT, Picture, caption, figure


def quorums(rows: Sequence[tuple[int, int, int]]) -> Picture:
    """Rows (members, crashes survived by a majority, liars survived) as two staircases."""
    made, axes = figure()
    members = [row[0] for row in rows]
    axes.step(
        members,
        [row[1] for row in rows],
        where="mid",
        color=ACCENT,
        label="crashes survived (Raft)",
    )
    axes.step(
        members,
        [row[2] for row in rows],
        where="mid",
        color=INK,
        ls="--",
        label="liars survived (PBFT)",
    )
    axes.set(xlabel="members", ylabel="survived", xticks=members)
    axes.legend(frameon=False, fontsize=8)
    return caption(
        made, "A fourth controller survives no more crashes than a third; liars cost three each."
    )


def scores(histories: dict[str, Sequence[float]]) -> Picture:
    """Reputation after each vote, one curve a behaviour, with the bands as lines."""
    made, axes = figure()
    for i, (name, history) in enumerate(histories.items()):
        axes.plot(
            history, LINES[i % 4], marker=MARKS[i % 6], ms=4, color=(ACCENT, INK)[i % 2], label=name
        )
    for level, name in (
        (0.70, "watched below"),
        (0.50, "restricted below"),
        (0.30, "quarantined below"),
    ):
        axes.axhline(level, color=SOFT, lw=1, ls=":")
        axes.text(0, level + 0.012, name, color=SOFT, fontsize=8)
    axes.set(xlabel="votes", ylabel="reputation", ylim=(0, 1.05))
    axes.legend(frameon=False, fontsize=8, loc="center right")
    return caption(made, "Falls are ten times as fast as rises.")
