"""What is new, who has it already, and who did not answer.

A change is news until every member has it, or for 60 s: after that comparisons find whoever lacks
it. A peer has a change when it acknowledged a message with it, or sent the change itself: it saves
before it does either. Ids of messages are remembered for the same 60 s, so that a message that
comes on three ways is taken once. A table that is emptied whenever it is full would forget the ids
that are under way, and every copy would be passed on again.

    durable: as many nodes hold a change as `replication_factor` asks (all, if they are fewer)

Durable says how safe a write is. It does not make it spread faster; fanout and interval do.
Read before: `messages`. Read next: `local`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from course.dwcp.sync.clocks import Clock
from course.dwcp.sync.lattice import canonical
from course.dwcp.sync.messages import Change
from course.dwcp.sync.settings import Settings


@dataclass(slots=True)
class Item:
    """A change that others may not have."""

    change: Change
    size: int  # bytes
    since: int  # us, when it came here
    known: dict[str, None] = field(default_factory=dict)  # peers that have it on disk


@dataclass(slots=True)
class Post:
    """A message to one peer that was not acknowledged yet."""

    peer: str
    items: tuple[Clock, ...]  # the changes in it
    at: int  # us


class News:
    """One replica's news. State without a timer; `Replica` owns it."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.items: dict[Clock, Item] = {}  # by the change's clock
        self.not_durable: dict[Clock, None] = {}  # own changes that too few nodes hold
        self._name, self._settings = name, settings
        self._seen: dict[Clock, int] = {}  # id of a message -> when it came (us)
        self._posts: dict[Clock, list[Post]] = {}  # by the message's id

    def add(self, change: Change, now: int) -> None:
        """Something new. Its author has it."""
        size = len(canonical([change.key, change.delta.plain()]))
        self.items[change.at] = Item(change, size, now)
        if change.at.node == self._name:
            self.not_durable[change.at] = None
        else:
            self.items[change.at].known[change.at.node] = None

    def has(self, peer: str, at: Clock) -> None:
        """`peer` has the change made at `at` on its disk."""
        if at in self.items:
            self.items[at].known[peer] = None

    def lacking(self, peer: str) -> tuple[Change, ...]:
        """What `peer` may not have, the oldest first, as much as fits into one message."""
        changes: list[Change] = []
        room = self._settings.message_max
        for item in self.items.values():
            if peer not in item.known and (item.size <= room or not changes):
                changes.append(item.change)
                room -= item.size
        return tuple(changes)

    # messages

    def posted(
        self, id: Clock, peers: Iterable[str], changes: tuple[Change, ...], now: int
    ) -> None:
        """The message `id` with `changes` goes to each of `peers`."""
        items = tuple(change.at for change in changes)
        self._posts.setdefault(id, []).extend(Post(peer, items, now) for peer in peers)

    def acknowledged(self, peer: str, id: Clock, members: int) -> list[Change]:
        """`peer` has the message `id` on its disk. Own changes that are durable by that."""
        posts = self._posts.pop(id, [])
        rest = [post for post in posts if post.peer != peer]
        if rest:
            self._posts[id] = rest
        arrived = {at: None for post in posts if post.peer == peer for at in post.items}
        for at in arrived:
            self.has(peer, at)
        return self.durable(arrived, members)

    def durable(self, arrived: Iterable[Clock], members: int) -> list[Change]:
        """Which of these changes were not durable and are now; each is answered once."""
        enough = min(self._settings.replication_factor, members)
        new = [
            self.items[at].change
            for at in arrived
            if at in self.not_durable and 1 + len(self.items[at].known) >= enough
        ]
        for change in new:
            del self.not_durable[change.at]
        return new

    def is_repeated(self, id: Clock) -> bool:
        """Was the message `id` taken already?"""
        return id in self._seen

    def taken(self, id: Clock, now: int) -> None:
        self._seen[id] = now

    def forget(self, members: int, now: int) -> list[str]:
        """Drop what all have and what is old. The peers that owe an answer for too long."""
        since, late = now - self._settings.seen_window, now - 2 * self._settings.interval
        self.items = {
            at: item for at, item in self.items.items()
            if at in self.not_durable or (len(item.known) < members - 1 and item.since > since)
        }  # fmt: skip
        self._seen = {id: came for id, came in self._seen.items() if came > since}
        posts = [post for waiting in self._posts.values() for post in waiting]
        kept = {
            id: [post for post in waiting if post.at > late] for id, waiting in self._posts.items()
        }
        self._posts = {id: waiting for id, waiting in kept.items() if waiting}
        return list(dict.fromkeys(post.peer for post in posts if post.at <= late))
