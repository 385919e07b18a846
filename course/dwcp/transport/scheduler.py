"""Which stream takes the next chunk: smooth weighted round-robin.

Plain rotation gives a slow stream as many chunks as a fast one, and the transfer waits for the
slow one. Here each stream earns its weight every turn, the richest takes the chunk and pays the
sum. A stream of weight 3 beside one of weight 1 gets three of four chunks, spread evenly.
(The algorithm is the one that nginx uses for its upstreams.)
"""


class Scheduler:
    """`weights` maps stream id to weight: its rate in Mbps, rounded, at least 1."""

    def __init__(self, weights: dict[int, int]) -> None:
        if not weights or min(weights.values()) < 1:
            raise ValueError(f"every stream needs a weight of at least 1, not {weights}")
        self.weights = dict(weights)
        self.current = dict.fromkeys(weights, 0)

    def next_stream(self) -> int:
        """The stream for the next chunk; the lower id wins a tie, so that a run replays."""
        for stream, weight in self.weights.items():
            self.current[stream] += weight
        chosen = max(sorted(self.current), key=lambda stream: self.current[stream])
        self.current[chosen] -= sum(self.weights.values())
        return chosen


def weight(rate_mbps: float) -> int:
    """The weight of a stream that delivers `rate_mbps`, measured by acknowledged bytes."""
    return max(1, round(rate_mbps))
