"""Is a region cut off, or are a few machines slow? And who has come back?

A region is suspected when a quarter of its members has not been heard for 10 s. That one node
hears nothing may be its own fault, so a second observer must say the same; and only when it lasts
for 60 s are people told. Nothing else follows from it: both sides go on merging, and the side
without a quorum decides nothing because ACP does not let it.

Who was silent and is heard again is compared with at once, one a round, not waiting for chance.
Read next: `replica`.
"""

from collections.abc import Iterable, Mapping

from course.dwcp.machine import Effect, Tell
from course.dwcp.sync.messages import Beat
from course.dwcp.sync.settings import Settings


class Watch:
    """What one replica thinks of the others' silence. `Replica` owns it."""

    def __init__(self, name: str, settings: Settings, now: int) -> None:
        self.suspects: tuple[str, ...] = ()  # regions, by this node's own ears
        self.confirmed: dict[str, int] = {}  # region -> since when (us) two observers agree
        self.declared: dict[str, None] = {}
        self._name, self._settings, self._started = name, settings, now
        self._heard: dict[str, int] = {}  # node -> when its last new heartbeat came
        self._silent: dict[str, None] = {}
        self._to_repair: dict[str, None] = {}

    def heard(self, node: str, now: int) -> None:
        """A new heartbeat of `node` came."""
        self._heard[node] = now
        if node in self._silent:
            del self._silent[node]
            self._to_repair[node] = None

    def next_to_repair(self, members: Mapping[str, str]) -> str | None:
        """Somebody who came back and was not compared with yet."""
        while self._to_repair:
            node = next(iter(self._to_repair))
            del self._to_repair[node]
            if node in members:
                return node
        return None

    def look(self, beats: Mapping[str, Beat], members: Mapping[str, str], now: int) -> list[Effect]:
        """Once a round: which regions are suspected, confirmed, declared, healed?"""
        silent = [name for name in members if self._is_silent(name, now)]
        self._silent.update(dict.fromkeys(silent))
        self.suspects = tuple(
            region for region in sorted(dict.fromkeys(members.values()))
            if self._share(region, silent, members) >= self._settings.silent_share
        )  # fmt: skip
        told: list[Effect] = []
        for region in self.suspects:
            if region not in self.confirmed and self._another_says(region, beats, now):
                self.confirmed[region] = now
                told.append(Tell("partition_suspected", {"region": region}))
        return [*told, *self._declare(now), *self._heal()]

    def _declare(self, now: int) -> Iterable[Effect]:
        for region, since in self.confirmed.items():
            if now - since >= self._settings.declared_after and region not in self.declared:
                self.declared[region] = None
                yield Tell("partition_declared", {"region": region})

    def _heal(self) -> Iterable[Effect]:
        for region in [region for region in self.confirmed if region not in self.suspects]:
            del self.confirmed[region]
            self.declared.pop(region, None)
            yield Tell("partition_healed", {"region": region})

    def _is_silent(self, name: str, now: int) -> bool:
        last = self._heard.get(name, self._started)
        return name != self._name and now - last >= self._settings.silent_after

    @staticmethod
    def _share(region: str, silent: list[str], members: Mapping[str, str]) -> float:
        inside = [name for name, where in members.items() if where == region]
        return sum(name in silent for name in inside) / len(inside)

    def _another_says(self, region: str, beats: Mapping[str, Beat], now: int) -> bool:
        """A node that we do hear suspects the same region."""
        return any(
            region in beat.suspects and name != self._name and not self._is_silent(name, now)
            for name, beat in beats.items()
        )
