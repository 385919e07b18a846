"""Whom to tell: random peers, those first who were not asked for longest, one from far away.

Chance makes gossip fast and hard to stop; chance alone forgets some peer for a while. So twice as
many are drawn as are needed, and of those the ones not contacted for longest are taken. One peer is
always from another region: a group that only talks among itself is a partition nobody sees. Who
does not answer for three rounds in a row is left out for 30 s.
Read next: `repair`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from random import Random

from course.dwcp.sync.settings import Settings


@dataclass(slots=True)
class Contact:
    """What is remembered of a peer."""

    asked_at: int = -1
    failures: int = 0  # rounds in a row
    back_at: int = 0  # left out until then (us)


class Peers:
    """The members but oneself, with their regions; `members` maps names to regions."""

    def __init__(
        self, name: str, members: Mapping[str, str], settings: Settings, rng: Random
    ) -> None:
        self.name, self.members = name, dict(members)
        self._settings, self._rng = settings, rng
        self._contacts: dict[str, Contact] = {}

    def choose(self, now: int, count: int, without: Iterable[str] = ()) -> list[str]:
        """Up to `count` peers that are not left out, one of them at least from another region.

        With a `count` of 1 chance alone decides, or all comparisons would cross regions.
        """
        skip = {self.name: None, **dict.fromkeys(without)}
        able = [name for name in sorted(self.members) if name not in skip]
        able = [name for name in able if self._of(name).back_at <= now]
        drawn = self._rng.sample(able, min(2 * count, len(able)))
        chosen = sorted(drawn, key=lambda name: self._of(name).asked_at)[:count]
        far = [name for name in able if self.members[name] != self.members[self.name]]
        if far and count > 1 and not any(name in far for name in chosen):
            chosen[-1] = self._rng.choice(far)
        for name in chosen:
            self._of(name).asked_at = now
        return chosen

    def answered(self, name: str) -> None:
        self._contacts[name] = Contact(self._of(name).asked_at)

    def failed(self, name: str, now: int) -> None:
        """A round went by without its answer. What was sent before it was left out counts once."""
        contact = self._of(name)
        if contact.back_at > now:
            return
        contact.failures += 1
        if contact.failures >= self._settings.failures:
            contact.failures, contact.back_at = 0, now + self._settings.left_out

    def able(self, now: int) -> int:
        """How many are not left out."""
        others = (name for name in self.members if name != self.name)
        return sum(self._of(name).back_at <= now for name in others)

    def _of(self, name: str) -> Contact:
        return self._contacts.setdefault(name, Contact())
