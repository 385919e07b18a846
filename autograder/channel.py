"""Messages over a socket: a length of four bytes, then the bytes of one value (wire.py).

The standard library alone: the sandbox runs it too.
"""

from __future__ import annotations

import socket
import struct
import time
from typing import Any

from autograder.wire import MAX_BYTES, Keep, Revive, WireError, pack, refuse, unpack


class Closed(Exception):
    """The other side is gone."""


class Late(Exception):
    """The other side did not answer in time."""


class Channel:
    """One end of a conversation."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def send(self, value: Any, keep: Keep = refuse) -> None:
        """Raises NotPlain before a byte is sent, Closed if nobody listens any more."""
        self.send_packed(pack(value, keep))

    def send_packed(self, body: bytes) -> None:
        """Send what is packed already."""
        self.sock.settimeout(None)
        try:
            self.sock.sendall(struct.pack(">I", len(body)) + body)
        except OSError as error:
            raise Closed(str(error)) from None

    def receive(self, until: float | None = None, revive: Revive = lambda handle: handle) -> Any:
        """The next message. `until` is on time.monotonic's clock, in seconds.

        Raises Late, Closed, or WireError for a message that is none.
        """
        (size,) = struct.unpack(">I", self._exactly(4, until))
        if size > MAX_BYTES:
            raise WireError(f"the message is larger than {MAX_BYTES // 1_000_000} MB")
        return unpack(self._exactly(size, until), revive)

    def _exactly(self, count: int, until: float | None) -> bytes:
        parts = []
        while count:
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                raise Late
            self.sock.settimeout(left)
            try:
                part = self.sock.recv(min(count, 1 << 20))
            except TimeoutError:
                raise Late from None
            except OSError as error:
                raise Closed(str(error)) from None
            if not part:
                raise Closed("the other side has ended")
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def close(self) -> None:
        """Hang up."""
        self.sock.close()
