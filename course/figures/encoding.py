"""Pictures of HDE: which level to choose, and where the pages of a guest went."""

from collections.abc import Sequence

from course.figures.style import (
    ACCENT,
    HATCHES,
    INK,
    LINES,
    MARKS,
    SOFT,
    WARN,
    Picture,
    caption,
    figure,
    plain_numbers,
)


def level_curves(
    rows: Sequence[tuple[int, float, float]], own: tuple[float, float] | None = None
) -> Picture:
    """Guest memory moved per second against the link's rate, one curve a level.

    `rows` are (level, encoder speed in MB/s, factor); `own` is a point (link Mbps, MB/s).
    """
    made, axes = figure()
    links = [10 * 1.12**i for i in range(52)]
    for i, (level, speed, factor) in enumerate(rows):
        rates = [min(speed, link / 8 * factor) for link in links]
        shown = axes.plot(links, rates, LINES[i % 4], ms=4, label=f"level {level}")[0]
        shown.set(color=INK if i % 2 else ACCENT, marker=MARKS[i % 6], markevery=(i, 7))
    if own:
        axes.plot(*own, "*", ms=16, color=WARN, label="your point")
    axes.set(xscale="log", yscale="log", xlabel="link, Mbps", ylabel="guest memory moved, MB/s")
    plain_numbers(axes)
    axes.legend(frameon=False, fontsize=8)
    return caption(made, "Left of its knee the link limits a level, right of it the encoder does.")


def where_pages_went(counts: dict[str, int], wire: dict[str, int]) -> Picture:
    """Two bars: how many pages each level of HDE carried (counts), and the bytes it cost (wire)."""
    made, axes = figure(8, 2.4)
    names = list(dict.fromkeys([*counts, *wire]))
    for y, (_label, shares) in enumerate((("bytes on the wire", wire), ("pages", counts))):
        left, total = 0.0, sum(shares.values()) or 1
        for i, name in enumerate(names):
            share = shares.get(name, 0) / total
            axes.barh(
                y, share, left=left, color="white", edgecolor=INK, hatch=HATCHES[i % 6],
                height=0.55, label=name if y else None,
            )  # fmt: skip
            if share > 0.04:
                text = axes.text(left + share / 2, y, f"{share:.0%}", ha="center", va="center")
                text.set(fontsize=8, bbox={"fc": "white", "ec": "none"})
            left += share
    axes.set(yticks=[0, 1], yticklabels=["bytes on the wire", "pages"], xlim=(0, 1), xlabel="share")
    axes.legend(
        frameon=False, fontsize=8, ncols=len(names), loc="upper center", bbox_to_anchor=(0.5, 1.3)
    )
    axes.tick_params(colors=SOFT)
    return caption(made, "Zero pages and references are many pages and hardly any bytes.")
