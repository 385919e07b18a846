"""Pictures of a migration: its stages in time, and its rounds."""

from typing import Any

from course.figures.style import ACCENT, INK, SOFT, WARN, Picture, caption, figure, plain_numbers


def request_path(status: dict[str, Any]) -> Picture:
    """The stages of one migration as a waterfall; short ones are marked so that they are seen."""
    stages = status["stages"]
    made, axes = figure(8, 0.6 + 0.42 * len(stages))
    end = max(row["end_s"] for row in stages)
    for y, row in enumerate(reversed(stages)):
        took = row["end_s"] - row["start_s"]
        axes.barh(y, max(took, end / 300), left=row["start_s"], color=ACCENT, height=0.55)
        axes.text(row["end_s"] + end / 80, y, f"{took:.3f} s", va="center", fontsize=8, color=INK)
    axes.set_yticks(range(len(stages)), [row["stage"] for row in reversed(stages)])
    axes.set(xlabel="seconds since the request", xlim=(0, end * 1.15))
    return caption(
        made, "Nearly all of the time is the transfer; the agreements take milliseconds here."
    )


def rounds(status: dict[str, Any]) -> Picture:
    """What each pre-copy round had to send, and what the guest dirtied meanwhile."""
    rows = status["rounds"]
    made, axes = figure(8, 3.2)
    numbers = [row["round"] for row in rows]
    axes.bar(
        [n - 0.18 for n in numbers],
        [r["pages_mb"] for r in rows],
        0.34,
        color=ACCENT,
        label="pages to send",
    )
    axes.bar(
        [n + 0.18 for n in numbers], [r["wire_mb"] for r in rows], 0.34, color="white",
        edgecolor=INK, hatch="//", label="bytes on the wire",
    )  # fmt: skip
    axes.plot(
        numbers,
        [max(r["dirtied_mb"], 0.1) for r in rows],
        "D--",
        color=WARN,
        label="dirtied meanwhile",
    )
    axes.set(yscale="log", xlabel="round", ylabel="MB", xticks=numbers)
    axes.axvline(numbers[-1] - 0.5, color=SOFT, ls=":")
    axes.text(numbers[-1] - 0.47, axes.get_ylim()[1] * 0.6, "guest paused", fontsize=8, color=SOFT)
    plain_numbers(axes)
    axes.legend(frameon=False, fontsize=8)
    return caption(
        made, "Each round sends what was dirtied in the one before; the last one is the downtime."
    )
