"""The cluster as a picture: who is where, in which role, in which state."""

from collections.abc import Sequence
from typing import Any

from matplotlib.patches import FancyBboxPatch

from course.figures.style import ACCENT, INK, SOFT, WARN, Picture, caption, figure


def topology(
    nodes: list[dict[str, Any]],
    leader: str | None = None,
    flows: Sequence[dict[str, Any]] = (),
) -> Picture:
    """Nodes by region: squares are controllers, circles workers, a cross is a node not ready.

    `nodes` are rows of "node list" (node, role, region, status, vms); `flows` what moves between
    them, rows {source, target, mbps, vm}, such as migrations under way. Ten nodes stand in a line.
    """
    regions = list(dict.fromkeys(row["region"] for row in nodes))
    lines = {
        region: [row for row in nodes if row["region"] == region] for region in reversed(regions)
    }
    made, axes = figure(8, 1.5 + 1.1 * sum(_lines(inside) for inside in lines.values()))
    y = 0.0
    at: dict[str, tuple[float, float]] = {}
    for region, inside in lines.items():
        top = y + _lines(inside) - 1
        box = FancyBboxPatch(
            (-0.7, y - 0.4), 10.4, top - y + 0.8, boxstyle="round,pad=0.05", fc="none", ec=SOFT
        )
        axes.add_patch(box)
        axes.text(-0.6, top + 0.27, region, color=SOFT, fontsize=9)
        for i, row in enumerate(inside):
            at[row["node"]] = (i % PER_LINE, top - i // PER_LINE - 0.05)
            _node(axes, *at[row["node"]], row, leader)
        y = top + 1
    for flow in flows:
        _flow(axes, at, flow)
    axes.set(xlim=(-0.9, 9.9), ylim=(-0.6, y - 0.4))
    axes.axis("off")
    said = "Squares: controllers (double edge: leader). Circles: workers. Cross: not ready."
    return caption(made, f"{said} Arrows: VMs on the move." if flows else said)


PER_LINE = 10


def _lines(nodes: Sequence[Any]) -> int:
    return max(1, -(-len(nodes) // PER_LINE))


def _flow(axes, at: dict[str, tuple[float, float]], flow: dict[str, Any]) -> None:
    (x0, y0), (x1, y1) = at[flow["source"]], at[flow["target"]]
    axes.annotate(
        "", (x1, y1), (x0, y0),
        arrowprops={"arrowstyle": "-|>", "color": INK, "lw": 1.4, "shrinkA": 12, "shrinkB": 12,
                    "connectionstyle": "arc3,rad=-0.25" if y0 == y1 else "arc3,rad=0"},
    )  # fmt: skip
    label = f"{flow['vm']}, {flow['mbps']:,.0f} Mbps"
    middle = ((x0 + x1) / 2, (y0 + y1) / 2 + (0.3 if y0 == y1 else 0.1))
    axes.text(
        *middle,
        label,
        fontsize=8,
        color=INK,
        ha="center",
        bbox={"fc": "white", "ec": "none", "pad": 1},
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
