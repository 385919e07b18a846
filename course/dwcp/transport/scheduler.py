"""Which stream takes the next chunk: smooth weighted round-robin.

Plain rotation gives a slow stream as many chunks as a fast one, and the transfer waits for the
slow one. Here each stream earns its weight every turn, the richest takes the chunk and pays the
sum. A stream of weight 3 beside one of weight 1 gets three of four chunks, spread evenly.
(The algorithm is the one that nginx uses for its upstreams.)
"""

from collections.abc import Collection


class Scheduler:
    """`weights` maps stream id to weight: its rate in Mbps, rounded, at least 1."""

    def __init__(self, weights: dict[int, int]) -> None:
        if not weights or min(weights.values()) < 1:
            raise ValueError(f"every stream needs a weight of at least 1, not {weights}")
        self.weights = dict(weights)
        self.current = dict.fromkeys(weights, 0)

    def next_stream(self, ready: Collection[int] | None = None) -> int:
        """The stream for the next chunk; the lower id wins a tie, so that a run replays.

        `ready`: those that have room; the others sit this turn out and earn nothing. (If they did,
        a stream that was full for long would take a burst once it has room.)
        """
        taking_part = self.weights if ready is None else sorted(ready)
        if not taking_part or any(stream not in self.weights for stream in taking_part):
            raise ValueError(f"no such streams: {ready}; there are {sorted(self.weights)}")
        for stream in taking_part:
            self.current[stream] += self.weights[stream]
        chosen = max(sorted(taking_part), key=lambda stream: self.current[stream])
        self.current[chosen] -= sum(self.weights[stream] for stream in taking_part)
        return chosen

    def reweigh(self, weights: dict[int, int]) -> None:
        """New weights, and new streams; what streams have earned so far stays theirs."""
        if not weights or min(weights.values()) < 1:
            raise ValueError(f"every stream needs a weight of at least 1, not {weights}")
        self.current = {stream: self.current.get(stream, 0) for stream in weights}
        self.weights = dict(weights)


def weight(rate_mbps: float) -> int:
    """The weight of a stream that delivers `rate_mbps`, measured by acknowledged bytes."""
    return max(1, round(rate_mbps))
