"""Pictures of agreement: quorums over the number of voters, scores over votes."""

from collections.abc import Sequence

from course.figures.style import ACCENT, INK, LINES, MARKS, SOFT, WARN, Picture, caption, figure

BANDS = ((0.70, "watched below"), (0.50, "restricted below"), (0.30, "quarantined below"))


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
    _bands(axes, 0)
    axes.set(xlabel="votes", ylabel="reputation", ylim=(0, 1.05))
    axes.legend(frameon=False, fontsize=8, loc="center right")
    return caption(made, "Falls are ten times as fast as rises.")


def reputation(
    histories: dict[str, Sequence[tuple[float, float]]],
    events: Sequence[tuple[float, str, str]] = (),
) -> Picture:
    """Scores over time: name -> (s, score) at each change, which holds until the next one.

    `events` are (s, name, what happened), such as a quarantine; they are marked on the curve.
    """
    made, axes = figure()
    last = max((s for points in histories.values() for s, _ in points), default=0.0)
    for i, (name, points) in enumerate(histories.items()):
        times = [s for s, _ in points] + [last]
        scores_ = [score for _, score in points] + [points[-1][1]]
        axes.step(
            times, scores_, LINES[i % 4], where="post", marker=MARKS[i % 6], ms=4,
            color=(ACCENT, INK)[i % 2], label=name,
        )  # fmt: skip
    for s, name, text in events:
        score = [value for at, value in histories[name] if at <= s][-1]
        axes.plot(s, score, "X", ms=10, color=WARN)
        axes.annotate(
            f"{name}: {text}", (s, score), xytext=(6, 6), textcoords="offset points", fontsize=8
        )
    first = min((s for points in histories.values() for s, _ in points), default=0.0)
    _bands(axes, first)
    axes.set(xlabel="seconds", ylabel="reputation", ylim=(0, 1.05))
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    return caption(
        made, "A score holds until the next judgement; below 0.30 its voter is put aside."
    )


def _bands(axes, left: float) -> None:
    for level, name in BANDS:
        axes.axhline(level, color=SOFT, lw=1, ls=":")
        axes.text(left, level + 0.012, name, color=SOFT, fontsize=8)
