"""Who asks the voters: one request at a time, believed when f + 1 voters give the same answer.

A machine. It asks the primary it knows of. Without an answer in time it asks all voters; they
pass the request on, and lose patience with a primary that does nothing about it. Among f + 1
equal replies one is from an honest voter, so the result is what was decided.

The timestamp is the time of asking, raised where needed so that it always rises; it is saved
before it is used, because a timestamp used twice is a request that is never done.
Left out: several requests in flight; a host that wants them has several clients.
Read before: `pbft`. Read next: `pbft_cluster`, voters and a client to be stepped by hand.
"""

from collections import deque
from typing import Any

from course.dwcp.consensus.canonical import fits
from course.dwcp.consensus.pbft_messages import PORT, Reply, Request
from course.dwcp.consensus.quorum import max_faulty
from course.dwcp.consensus.signatures import Signed, Signer, Verifier
from course.dwcp.machine import Effect, Save, Send, Tell
from course.dwcp.units import SECOND

PATIENCE = 2 * SECOND
PATIENCE_MAX = 60 * SECOND


class Client:
    """`last_timestamp` is what was last saved; `patience` is us until all voters are asked."""

    def __init__(
        self,
        voters: tuple[str, ...],
        signer: Signer,
        verifier: Verifier,
        last_timestamp: int = 0,
        patience: int = PATIENCE,
    ) -> None:
        self.name, self.voters = signer.name, voters
        self._signer, self._verifier = signer, verifier
        self._weak = max_faulty(len(voters)) + 1
        self._last, self._patience = last_timestamp, patience
        self._waiting: deque[Any] = deque()
        self._asked: Signed[Request] | None = None
        self._asked_for = patience  # how long to wait this time
        self._replies: dict[str, Reply] = {}
        self.view = 0  # f + 1 voters have been at least here
        self.wake_at: int | None = None

    def propose(self, operation: Any, now: int) -> list[Effect]:
        """Have `operation` decided. Told later as `answered`, with its result.

        ValueError if it has no canonical encoding.
        """
        self._signer.sign(operation)
        self._waiting.append(operation)
        return self._ask_next(now)

    def receive(self, sender: str, message: Any, now: int) -> list[Effect]:
        if not fits(message, Signed[Reply]) or not self._verifier.verifies(message):
            return [Tell("misbehaved", {"node": sender, "kind": "malformed"})]
        reply = message.body
        asked = self._asked.body if self._asked else None
        mine = asked and (reply.client, reply.timestamp) == (asked.client, asked.timestamp)
        if not mine or message.signer not in self.voters:
            return []
        self._replies[message.signer] = reply
        return self._count(reply, now)

    def wake(self, now: int) -> list[Effect]:
        """No answer in time: ask everybody, and wait twice as long for the next time."""
        if self._asked is None:
            self.wake_at = None
            return []
        self._asked_for = min(PATIENCE_MAX, 2 * self._asked_for)
        self.wake_at = now + self._asked_for
        return [Send(voter, self._asked, PORT) for voter in self.voters]

    def _ask_next(self, now: int) -> list[Effect]:
        if self._asked is not None or not self._waiting:
            return []
        self._last = max(self._last + 1, now)
        request = Request(self.name, self._last, self._waiting.popleft())
        self._asked, self._replies = self._signer.sign(request), {}
        self._asked_for = self._patience
        self.wake_at = now + self._asked_for
        primary = self.voters[self.view % len(self.voters)]
        return [Save(self._last), Send(primary, self._asked, PORT)]

    def _count(self, reply: Reply, now: int) -> list[Effect]:
        same = [one for one in self._replies.values() if one.result == reply.result]
        if len(same) < self._weak or self._asked is None:
            return []
        self.view = max(self.view, min(one.view for one in same))
        details = {"operation": self._asked.body.operation, "result": reply.result}
        self._asked, self.wake_at = None, None
        return [Tell("answered", details), *self._ask_next(now)]
