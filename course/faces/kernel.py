"""What a TCP socket is told, and what it then really does.

A kernel may not offer what was asked for. Linux has cubic and reno, often bbr (version 1), and no
bbr2: then something else is in force, and `Kernel.note` says so in words. Socket options are asked
for one by one; one that is missing, as on other systems, is left out.

    TCP_CONGESTION      the kernel's controller: the only one and the only pacer
    TCP_NODELAY         small pieces leave at once
    TCP_NOTSENT_LOWAT   how much may wait in the kernel unsent; so "written" means almost sent
    SO_SNDBUF, SO_RCVBUF  from the plan; set on the listener, or the window scale is settled first
    TCP_USER_TIMEOUT    how long written bytes may stay unacknowledged
"""

import socket
import struct
from contextlib import suppress
from dataclasses import dataclass

from course.dwcp.units import KIB

FALLBACKS = {"bbr2": ("bbr2", "bbr"), "bbr": ("bbr",), "cubic": ("cubic",), "reno": ("reno",)}
NOT_SENT = 128 * KIB  # more would wait behind a slow stream's losses, and hold up the rest
KEEP_ALIVE_S, WRITE_LIMIT_MS = 30, 60_000
_RTT, _RETRANSMITS, _SEGMENTS = 8 + 15 * 4, 8 + 23 * 4, 156  # offsets in Linux's tcp_info


@dataclass(frozen=True, slots=True)
class Kernel:
    """What is in force on one socket. Buffers are bytes, as the kernel counts them."""

    congestion_control: str
    note: str  # empty: as asked
    send_buffer: int
    receive_buffer: int


@dataclass(frozen=True, slots=True)
class Measured:
    """`rtt` us, smoothed; segments since the connection was made."""

    rtt: int
    sent: int
    retransmitted: int


def prepare(sock: socket.socket, buffer: int) -> None:
    """What has to be set before the connection exists. Works for a listener too."""
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)


def configure(sock: socket.socket, wanted: str) -> Kernel:
    """Set up a connected TCP socket, and say what is in force. `wanted`: bbr2, bbr, cubic."""
    _set(sock, socket.IPPROTO_TCP, "TCP_NODELAY", 1)
    _set(sock, socket.IPPROTO_TCP, "TCP_NOTSENT_LOWAT", NOT_SENT)
    _set(sock, socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", WRITE_LIMIT_MS)
    _set(sock, socket.SOL_SOCKET, "SO_KEEPALIVE", 1)
    _set(sock, socket.IPPROTO_TCP, "TCP_KEEPIDLE", KEEP_ALIVE_S)
    for name in FALLBACKS.get(wanted, (wanted,)):
        if _set_control(sock, name):
            break
    return in_force(sock, wanted)


def in_force(sock: socket.socket, wanted: str) -> Kernel:
    """Ask the kernel; it is the one who knows."""
    control = _control(sock)
    note = "" if control == wanted else f"{wanted} was asked for, {control} is in force"
    return Kernel(
        control, note,
        sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF),
        sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF),
    )  # fmt: skip


def measure(sock: socket.socket) -> Measured | None:
    """What the kernel measures on a connection; None where it does not tell (Linux does)."""
    option = getattr(socket, "TCP_INFO", None)
    if option is None:
        return None
    with suppress(OSError, struct.error):
        info = sock.getsockopt(socket.IPPROTO_TCP, option, 192)
        (rtt,), (again,) = (struct.unpack_from("=I", info, at) for at in (_RTT, _RETRANSMITS))
        (sent,) = struct.unpack_from("=I", info, _SEGMENTS)
        return Measured(rtt, sent, again)
    return None


def break_off(sock: socket.socket) -> None:
    """Make the next close a reset: what a crash or a firewall does to a connection."""
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _set(sock: socket.socket, level: int, name: str, value: int) -> None:
    option = getattr(socket, name, None)
    if option is not None:
        with suppress(OSError):
            sock.setsockopt(level, option, value)


def _set_control(sock: socket.socket, name: str) -> bool:
    option = getattr(socket, "TCP_CONGESTION", None)
    if option is None:
        return False
    try:
        sock.setsockopt(socket.IPPROTO_TCP, option, name.encode())
    except OSError:
        return False
    return True


def _control(sock: socket.socket) -> str:
    option = getattr(socket, "TCP_CONGESTION", None)
    with suppress(OSError):
        if option is not None:
            return sock.getsockopt(socket.IPPROTO_TCP, option, 16).rstrip(b"\0").decode()
    return "the system's own"
