"""What one stream has under way, and what the acks say about its path.

Delivery rate (draft-cheng-iccrg-delivery-rate-estimation): each piece remembers how much had been
delivered when it left. When its ack comes, the difference over the time since is what the path
carried. Bytes over the time that a write took would measure the socket buffer.

Of the two times, sending and being acknowledged, the longer counts: acks can arrive in a bunch and
would look like a path faster than it is. Loss is told as in RFC 9002: a piece is lost once three
sent after it on the same stream are acknowledged. On TCP that cannot happen; there the only loss
is that of the connection.
"""

from dataclasses import dataclass

from course.dwcp.transport.congestion import AckSample, LossSample

OVERTAKEN = 3  # RFC 9002, 6.1.1


@dataclass(slots=True)
class Flight:
    """One piece under way; the rest is the stream as it was when the piece left."""

    order: int
    size: int
    sent_at: int
    delivered: int
    delivered_at: int
    first_sent_at: int
    in_flight: int
    lost: int
    limited: bool


class Flights:
    """The pieces of one stream, by sequence, in the order in which they left."""

    def __init__(self) -> None:
        self.in_flight = 0  # bytes
        self.delivered = 0
        self.lost = 0
        self.sent_pieces = self.lost_pieces = 0
        self._flights: dict[int, Flight] = {}
        self._delivered_at = self._first_sent_at = 0
        self._order = self._newest_acked = 0
        self._limited_until = 0

    def __len__(self) -> int:
        return len(self._flights)

    def __contains__(self, sequence: int) -> bool:
        return sequence in self._flights

    def sequences(self) -> list[int]:
        """What is under way, oldest first."""
        return list(self._flights)

    def sent_at(self, sequence: int) -> int:
        """When the piece left, us."""
        return self._flights[sequence].sent_at

    def oldest_sent_at(self) -> int | None:
        """When the piece left that waits longest."""
        return next((flight.sent_at for flight in self._flights.values()), None)

    def sent(self, sequence: int, size: int, now: int) -> None:
        """A piece left. One that left before on this stream counts from now."""
        self.forget(sequence)
        if not self._flights:  # after a pause nothing is known of the time between
            self._delivered_at = self._first_sent_at = now
        self._order += 1
        self.sent_pieces += 1
        self.in_flight += size
        self._flights[sequence] = Flight(
            self._order, size, now, self.delivered, self._delivered_at, self._first_sent_at,
            self.in_flight, self.lost, self.delivered < self._limited_until,
        )  # fmt: skip

    def acked(self, sequence: int, now: int) -> AckSample:
        """Its ack came: what it says."""
        flight = self._flights.pop(sequence)
        self.in_flight -= flight.size
        self.delivered += flight.size
        self._delivered_at, self._first_sent_at = now, flight.sent_at
        self._newest_acked = max(self._newest_acked, flight.order)
        took = max(flight.sent_at - flight.first_sent_at, now - flight.delivered_at, 1)
        return AckSample(
            now, flight.size, max(1, now - flight.sent_at),
            (self.delivered - flight.delivered) * 8 / took, self.delivered, flight.delivered,
            self.in_flight, flight.in_flight, self.lost - flight.lost, flight.limited,
        )  # fmt: skip

    def overtaken(self, now: int) -> list[tuple[int, LossSample]]:
        """Pieces that three later ones have overtaken: lost, and no longer in flight."""
        losses = []
        while self._flights:
            sequence, flight = next(iter(self._flights.items()))
            if flight.order + OVERTAKEN > self._newest_acked:
                break
            losses.append((sequence, self.lose(sequence, now)))
        return losses

    def lose(self, sequence: int, now: int) -> LossSample:
        """The piece is lost."""
        flight = self._flights.pop(sequence)
        self.in_flight -= flight.size
        self.lost += flight.size
        self.lost_pieces += 1
        return LossSample(
            now, flight.size, flight.sent_at, self.in_flight, flight.in_flight,
            self.lost - flight.lost,
        )  # fmt: skip

    def forget(self, sequence: int) -> None:
        """The piece does not matter any more; nothing is learned from it."""
        flight = self._flights.pop(sequence, None)
        if flight:
            self.in_flight -= flight.size

    def nothing_to_send(self) -> None:
        """Rates from here on, until what is in flight has arrived, are not the path's."""
        self._limited_until = self.delivered + self.in_flight + 1
