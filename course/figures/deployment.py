"""Pictures of a deployment: which ports answer on which host, and log lines out of order."""

from collections.abc import Sequence
from typing import Any

from course.figures.style import ACCENT, INK, SOFT, WARN, Picture, caption, figure


def port_map(tests: Sequence[dict[str, Any]]) -> Picture:
    """Rows of "network test" as a grid of target and port: a dot answers, a cross does not.

    Empty where the target's role needs nothing.
    """
    ports = sorted({port for test in tests for port in test["ports"]})
    made, axes = figure(8, 1.4 + 0.28 * len(tests))
    for y, test in enumerate(reversed(tests)):
        for port, found in test["ports"].items():
            is_open = found == "open"
            color, size = (ACCENT, 5) if is_open else (WARN, 8)
            axes.plot(ports.index(port), y, "o" if is_open else "x", color=color, ms=size, mew=2)
    axes.set_xticks(range(len(ports)), [str(port) for port in ports], rotation=90, fontsize=8)
    axes.set_yticks(range(len(tests)), [test["target"] for test in reversed(tests)], fontsize=8)
    axes.set(xlabel="port", xlim=(-0.5, len(ports) - 0.5), ylim=(-0.6, len(tests) - 0.4))
    return caption(made, "Dot: answers. Cross: refused. Empty: the role does not need this port.")


def log_order(lines: Sequence[tuple[str, str]]) -> Picture:
    """Log lines (stamp, text) in the order in which they happened, tied to where a sort puts them.

    Stamps are texts that sort like times. What moves up is drawn dashed.
    """
    by_stamp = sorted(range(len(lines)), key=lambda i: lines[i][0])
    made, axes = figure(8, 0.9 + 0.3 * len(lines))
    for happened, (stamp, text) in enumerate(lines):
        sorted_to = by_stamp.index(happened)
        too_early = sorted_to < happened
        color, dashes = (WARN, "--") if too_early else (SOFT, "-")
        axes.plot([0, 1], [-happened, -sorted_to], dashes, marker="o", ms=4, color=color)
        axes.text(-0.04, -happened, text, ha="right", va="center", fontsize=8, color=INK)
        axes.text(1.04, -sorted_to, f"{stamp}  {text}", va="center", fontsize=8, color=INK)
    axes.set(xlim=(-1.5, 3.0), ylim=(-len(lines) + 0.5, 1.1))
    axes.text(0, 0.65, "as it happened", ha="right", fontsize=9, color=SOFT)
    axes.text(1, 0.65, "sorted by time stamp", fontsize=9, color=SOFT)
    axes.axis("off")
    return caption(made, "Dashed: lines that a sort by time stamp puts before what caused them.")
