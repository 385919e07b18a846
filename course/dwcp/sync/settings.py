"""The settings of one replica: `ass.*` in a node's configuration file. Read next: `replica`."""

from dataclasses import dataclass

from course.dwcp.units import HOUR, KIB, SECOND


@dataclass(frozen=True, slots=True)
class Settings:
    """How often, to how many, for how long. Times in us, sizes in bytes."""

    fanout: int = 6  # peers a round
    interval: int = 1 * SECOND  # between rounds
    max_hops: int = 10  # a message is passed on at most this often; 0: rounds only
    anti_entropy: int = 30 * SECOND  # between comparisons with one random peer
    max_staleness: int = 10 * SECOND  # a read that may be older says so
    replication_factor: int = 3  # nodes that hold a write, its writer too, before it is durable
    tombstone_ttl: int = 24 * HOUR  # at least; and all members must have it
    seen_window: int = 60 * SECOND  # ids of messages are remembered for this long
    message_max: int = 256 * KIB  # of changes in one message; a larger change goes alone
    failures: int = 3  # rounds in a row without an answer, and a peer is left out
    left_out: int = 30 * SECOND  # for this long
    silent_after: int = 10 * SECOND  # without a beat
    silent_share: float = 0.25  # of a region, and a partition is suspected
    declared_after: int = 60 * SECOND  # of suspicion

    def __post_init__(self) -> None:
        if min(self.fanout, self.interval, self.anti_entropy, self.replication_factor) < 1:
            raise ValueError("fanout, interval, anti_entropy and replication_factor are at least 1")
