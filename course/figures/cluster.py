"""The cluster as a picture: who is where, in which role, in which state."""

from typing import Any

from matplotlib.patches import FancyBboxPatch

from course.figures.style import ACCENT, INK, SOFT, WARN, Picture, caption, figure


def topology(nodes: list[dict[str, Any]], leader: str | None = None) -> Picture:
    """Nodes by region: squares are controllers, circles workers, a cross is a node not ready.

    `nodes` are rows of "node list" (node, role, region, status, vms).
    """
    regions = list(dict.fromkeys(row["region"] for row in nodes))
    made, axes = figure(8, 1.5 + 1.1 * len(regions))
    for y, region in enumerate(reversed(regions)):
        inside = [row for row in nodes if row["region"] == region]
        box = FancyBboxPatch(
            (-0.7, y - 0.4), 10.4, 0.8, boxstyle="round,pad=0.05", fc="none", ec=SOFT
        )
        axes.add_patch(box)
        axes.text(-0.6, y + 0.27, region, color=SOFT, fontsize=9)
        for x, row in enumerate(inside):
            _node(axes, x, y - 0.05, row, leader)
    axes.set(xlim=(-0.9, 9.9), ylim=(-0.6, len(regions) - 0.4))
    axes.axis("off")
    return caption(
        made, "Squares: controllers (double edge: leader). Circles: workers. Cross: not ready."
    )


def _node(axes, x: float, y: float, row: dict[str, Any], leader: str | None) -> None:
    is_controller, ready = row["role"] == "controller", row["status"] == "ready"
    shape = "s" if is_controller else "o"
    axes.plot(x, y, shape, ms=17, mfc="white", mec=ACCENT if ready else WARN, mew=1.6)
    if row["node"] == leader:
        axes.plot(x, y, shape, ms=12, mfc="white", mec=ACCENT, mew=1.2)
    if not ready:
        axes.plot(x, y, "x", ms=15, color=WARN, mew=2)
    number = row["node"].rsplit("-", 1)[-1]
    axes.text(x, y, number if ready else "", ha="center", va="center", fontsize=8, color=INK)
    if not ready:
        axes.text(x, y - 0.26, f"{number}: {row['status']}", ha="center", fontsize=7, color=INK)
    elif row.get("vms"):
        axes.text(x, y - 0.26, f"{row['vms']} VM", ha="center", fontsize=7, color=INK)
