"""Where VMs lie: hosts as bars, before and after."""

from collections.abc import Mapping

from course.figures.style import ACCENT, HATCHES, INK, SOFT, WARN, Picture, caption, figure


def before_and_after(
    before: Mapping[str, Mapping[str, float]],
    after: Mapping[str, Mapping[str, float]],
    capacity_gb: Mapping[str, float],
    floor: float = 0.10,
) -> Picture:
    """Host -> VM -> GB, twice; VMs on another host than before are hatched and named.

    The dotted mark on a bar is where a host keeps `floor` of its memory free.
    """
    made, axes = figure(9, 1.2 + 0.5 * len(capacity_gb))
    made.delaxes(axes)
    sides = made.subplots(1, 2, sharey=True, sharex=True)
    was = {vm: host for host, guests in before.items() for vm in guests}
    hosts = list(capacity_gb)[::-1]
    for axes, title, side in zip(sides, ("before", "after"), (before, after), strict=True):
        for y, host in enumerate(hosts):
            _bar(axes, y, side.get(host, {}), capacity_gb[host], floor, host, was)
        axes.set_title(title, fontsize=10, loc="left")
        axes.set(xlabel="memory, GB")
        axes.spines[["top", "right"]].set_visible(False)
    sides[0].set_yticks(range(len(hosts)), hosts, fontsize=8)
    moved = sum(was.get(vm) not in (None, host) for host, guests in after.items() for vm in guests)
    return caption(made, f"Hatched: moved VMs, {moved} in all. Dotted: the memory to keep free.")


def _bar(axes, y, guests, capacity, floor, host, was) -> None:
    axes.barh(y, capacity, height=0.7, color="none", edgecolor=SOFT)
    left = 0.0
    for vm, size in guests.items():
        moved = was.get(vm) not in (None, host)
        axes.barh(
            y, size, left=left, height=0.7, color="white", edgecolor=INK if moved else ACCENT,
            hatch=HATCHES[1] if moved else "",
        )  # fmt: skip
        if size > 0.06 * capacity:
            text = axes.text(left + size / 2, y, vm, ha="center", va="center", fontsize=7)
            text.set_bbox({"fc": "white", "ec": "none", "pad": 0.5})
        left += size
    limit = capacity * (1 - floor)
    axes.plot([limit, limit], [y - 0.35, y + 0.35], ls=":", color=WARN, lw=1.5)
