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


def dirty_pages(status: dict[str, Any]) -> Picture:
    """A migration in time: what is left to send, round by round, and the guest's pause.

    `status` is that of "migration status"; rounds follow one another from the transfer's start.
    """
    rows, stages = status["rounds"], {row["stage"]: row for row in status["stages"]}
    made, axes = figure(8, 3.4)
    begins, left = stages["transfer"]["start_s"], max(rows[0]["pages_mb"], 0.1)
    for row in rows:
        ends = begins + row["seconds"]
        after = max(row["dirtied_mb"], 0.1)
        axes.plot([begins, ends, ends], [left, left, after], color=ACCENT, lw=2)
        axes.plot([ends], [after], "o", ms=5, color=ACCENT)
        if row["seconds"] > status["duration_s"] / 12:
            axes.text(
                (begins + ends) / 2, left * 1.15, f"round {row['round']}", fontsize=8, ha="center"
            )
        begins, left = ends, after
    end = stages["switch"]["end_s"] if "switch" in stages else begins
    paused = end - status["downtime_s"]
    axes.axvspan(paused, end, facecolor="white", edgecolor=WARN, hatch="//", lw=1)
    top = rows[0]["pages_mb"] * 1.6
    axes.text(
        paused,
        top,
        f"guest paused {status['downtime_s']:.2f} s ",
        fontsize=8,
        ha="right",
        color=INK,
    )
    axes.set(
        yscale="log",
        xlabel="seconds since the request",
        ylabel="still to send, MB",
        ylim=(0.08, top * 1.6),
    )
    axes.set_xlim(0, max(end, begins) * 1.03)
    plain_numbers(axes)
    return caption(
        made,
        "A level line is a round; it falls to what the guest dirtied meanwhile. Hatched: downtime.",
    )


def factors(rows: list[dict[str, Any]], text: str) -> Picture:
    """What each figure became as a multiple of what it was: rows of `figure` and `factor`."""
    known = [row for row in rows if row["factor"] is not None]
    made, axes = figure(8, 0.8 + 0.4 * len(known))
    names = [row["figure"] for row in reversed(known)]
    for y, row in enumerate(reversed(known)):
        axes.barh(y, row["factor"], color=ACCENT, height=0.5)
        axes.text(row["factor"], y, f" {row['factor']:g}", va="center", fontsize=8, color=INK)
    axes.axvline(1, color=SOFT, ls=":")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("multiple (1: unchanged)")
    return caption(made, text)
