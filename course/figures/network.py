"""Pictures of paths: their modes, what streams add, how gossip spreads."""

from collections.abc import Sequence

from course.figures.style import (
    ACCENT,
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


def mode_map(paths: Sequence[tuple[str, float, float]]) -> Picture:
    """RTT against capacity with the three modes as areas, and paths (name, RTT ms, Mbps) on it."""
    made, axes = figure(8, 4)
    axes.set(xscale="log", yscale="log", xlim=(0.2, 600), ylim=(10, 20_000))
    axes.axhline(1_000, color=SOFT, lw=1)
    for border in (10, 50):
        axes.plot([border, border], [1_000, 20_000], color=SOFT, lw=1)
    for left, low, area in (
        (1.2, 8e3, "datacenter"),
        (15.0, 8e3, "hybrid"),
        (120.0, 8e3, "internet"),
        (1.2, 20.0, "internet"),
    ):
        axes.text(left, low, area, color=SOFT, fontsize=11)
    named: dict[tuple[float, float], list[str]] = {}
    for name, rtt, capacity in paths:
        named.setdefault((rtt, capacity), []).append(name)
    for i, ((rtt, capacity), names) in enumerate(named.items()):
        axes.plot(rtt, capacity, MARKS[i % 6], ms=9, color=ACCENT)
        name = "\n".join(names)
        axes.annotate(name, (rtt, capacity), xytext=(7, 5), textcoords="offset points", fontsize=8)
    axes.set(xlabel="round-trip time, ms", ylabel="capacity, Mbps")
    plain_numbers(axes)
    return caption(made, "The mode belongs to a path: the same node is in two modes at once.")


def stream_rates(
    curves: dict[str, Sequence[float]], capacity_mbps: float, own: tuple[int, float] | None = None
) -> Picture:
    """Rate in Mbps for 1, 2, 3 ... streams, one curve a congestion controller."""
    made, axes = figure()
    for i, (name, rates) in enumerate(curves.items()):
        counts = range(1, len(rates) + 1)
        axes.plot(
            counts,
            rates,
            LINES[i % 4],
            marker=MARKS[i % 6],
            ms=4,
            color=(ACCENT, INK)[i % 2],
            label=name,
        )
    axes.axhline(capacity_mbps, color=SOFT, lw=1)
    axes.text(1, capacity_mbps * 1.01, "the link", color=SOFT, fontsize=8)
    if own:
        axes.plot(*own, "*", ms=16, color=WARN, label="your prediction")
    axes.set(xlabel="streams", ylabel="rate, Mbps", ylim=(0, capacity_mbps * 1.15))
    axes.legend(frameon=False, fontsize=8, loc="center right")
    return caption(
        made, "Streams help a loss-limited controller; they do not move a link that is full."
    )


def gossip(histories: dict[str, Sequence[int]], interval_s: dict[str, float]) -> Picture:
    """Share of nodes that know, over seconds; one curve a setting of fanout and interval."""
    made, axes = figure()
    for i, (name, history) in enumerate(histories.items()):
        times = [round_number * interval_s[name] for round_number in range(len(history))]
        shares = [known / history[-1] for known in history]
        axes.plot(
            times,
            shares,
            LINES[i % 4],
            marker=MARKS[i % 6],
            ms=4,
            color=(ACCENT, INK, WARN)[i % 3],
            label=name,
        )
    axes.axvline(30, color=SOFT, lw=1, ls=":")
    axes.text(30.3, 0.05, "30 s bound", color=SOFT, fontsize=8)
    axes.set(xlabel="seconds", ylabel="share of nodes that know", ylim=(0, 1.05))
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    return caption(
        made, "A slow start, a steep middle, and a last few nodes that are hit by chance."
    )
