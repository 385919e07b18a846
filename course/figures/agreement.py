"""One moment of an agreement as SVG: voters on a ring, what they hold, what is on its way.

A picture for stepping through; it tells nothing by colour alone. A box has a voter's name, role
and what it knows; a double edge is the primary, a dashed edge one that lies. An arrow is a message
with its kind; a dashed one is a lie, one that ends in a cross was lost. Plain rows in, text out.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from course.figures.style import ACCENT, INK, SOFT, WARN

WIDTH, HEIGHT, RADIUS_X, RADIUS_Y = 760, 430, 270, 160
BOX_W, BOX_H, LINE = 150, 64, 14


@dataclass(frozen=True, slots=True)
class Voter:
    """Who stands on the ring; `lines` (at most 3, 22 signs each) say what it knows."""

    name: str
    role: str = ""
    lines: tuple[str, ...] = ()
    lies: bool = False
    leads: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """Equal kinds between the same two are drawn once."""

    sender: str
    to: str
    kind: str
    lies: bool = False
    lost: bool = False


def ring(voters: Sequence[Voter], messages: Sequence[Message], said: str) -> str:
    """The picture; `said` is its name for a screen reader."""
    places = {voter.name: _place(i, len(voters)) for i, voter in enumerate(voters)}
    kinds = list(dict.fromkeys(m.kind for m in messages))
    arrows = "".join(
        _arrow(m, places, kinds.index(m.kind), len(kinds)) for m in dict.fromkeys(messages)
    )
    boxes = "".join(_box(voter, *places[voter.name]) for voter in voters)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'role="img" aria-label="{escape(said)}" font-family="sans-serif" font-size="12">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>{arrows}{boxes}</svg>'
    )


def _place(i: int, count: int) -> tuple[float, float]:
    angle = 2 * math.pi * i / count - math.pi / 2
    x = WIDTH / 2 + RADIUS_X * math.cos(angle)
    return x, HEIGHT / 2 + RADIUS_Y * math.sin(angle)


def _box(voter: Voter, x: float, y: float) -> str:
    left, top = x - BOX_W / 2, y - BOX_H / 2
    edge = WARN if voter.lies else ACCENT
    dashes = ' stroke-dasharray="6 4"' if voter.lies else ""
    rect = (
        f'<rect x="{left:.0f}" y="{top:.0f}" width="{BOX_W}" height="{BOX_H}" rx="6" '
        f'fill="#ffffff" stroke="{edge}" stroke-width="2"{dashes}/>'
    )
    if voter.leads:
        rect += (
            f'<rect x="{left + 3:.0f}" y="{top + 3:.0f}" width="{BOX_W - 6}" '
            f'height="{BOX_H - 6}" rx="4" fill="none" stroke="{edge}"/>'
        )
    role = f"{voter.name}, {voter.role}" if voter.role else voter.name
    texts = [
        f'<text x="{x:.0f}" y="{top + 17:.0f}" font-weight="bold"{_MIDDLE}>{escape(role)}</text>'
    ]
    for i, line in enumerate(voter.lines[:3]):
        y_line = top + 17 + LINE * (i + 1)
        texts.append(
            f'<text x="{x:.0f}" y="{y_line:.0f}" font-size="11"{_MIDDLE}>{escape(line)}</text>'
        )
    return rect + "".join(texts)


_MIDDLE = f' text-anchor="middle" fill="{INK}"'


def _arrow(message: Message, places: dict[str, tuple[float, float]], kind: int, kinds: int) -> str:
    """From box to box, each kind beside the others; the label stands near the sender."""
    (x0, y0), (x1, y1) = places[message.sender], places[message.to]
    length = math.hypot(x1 - x0, y1 - y0) or 1
    ux, uy = (x1 - x0) / length, (y1 - y0) / length
    aside = 7 + 9 * (
        kind - (kinds - 1) / 2
    )  # to the right of its way, so that answers do not cover
    x0, y0, x1, y1 = (
        x0 - uy * aside, y0 + ux * aside, x1 - uy * aside, y1 + ux * aside,
    )  # fmt: skip
    start, end = _gap(ux, uy), length - _gap(ux, uy)
    if message.lost:
        end = (start + end) / 2
    ax, ay, bx, by = x0 + ux * start, y0 + uy * start, x0 + ux * end, y0 + uy * end
    color = WARN if message.lies else SOFT if message.lost else ACCENT
    dashes = ' stroke-dasharray="5 4"' if message.lies else ""
    head = _cross(bx, by, color) if message.lost else _head(bx, by, ux, uy, color)
    tx, ty = ax + (bx - ax) * 0.34, ay + (by - ay) * 0.34
    label = f"{message.kind}{' (lie)' if message.lies else ''}"
    return (
        f'<path d="M{ax:.1f} {ay:.1f}L{bx:.1f} {by:.1f}" stroke="{color}" stroke-width="1.5" '
        f'fill="none"{dashes}/>{head}'
        f'<text x="{tx:.1f}" y="{ty:.1f}" font-size="10" fill="{INK}" text-anchor="middle" '
        f'stroke="#ffffff" stroke-width="3" paint-order="stroke">{escape(label)}</text>'
    )


def _gap(ux: float, uy: float) -> float:
    """From a box's middle to its edge along a direction, and a little more."""
    across = BOX_W / 2 / abs(ux) if ux else math.inf
    return min(across, BOX_H / 2 / abs(uy) if uy else math.inf) + 6


def _head(x: float, y: float, ux: float, uy: float, color: str) -> str:
    back, side = 9, 4
    left = f"{x - ux * back - uy * side:.1f} {y - uy * back + ux * side:.1f}"
    right = f"{x - ux * back + uy * side:.1f} {y - uy * back - ux * side:.1f}"
    return f'<path d="M{x:.1f} {y:.1f}L{left}L{right}Z" fill="{color}"/>'


def _cross(x: float, y: float, color: str) -> str:
    return (
        f'<path d="M{x - 5:.1f} {y - 5:.1f}l10 10m0 -10l-10 10" stroke="{color}" stroke-width="2"/>'
    )
