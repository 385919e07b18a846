"""Time series: label set -> (timestamp, value), appended in time order and kept.

Timestamps are whole milliseconds, values are floats. NaN is a value. A series that is known to
have ended gets a stale marker, a NaN of its own (the bits that Prometheus uses): a query at that
moment or later finds nothing, instead of the last value for five more minutes.

Prometheus' storage does more: here nothing is compressed, deleted or written to disk.
Read next: `exposition` (the store as text), `promql.engine` (questions to it).
"""

import struct
from array import array
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from course.telemetry.families import Families
from course.telemetry.labels import Labels, metric_name, show

STALE_BITS = 0x7FF0000000000002
STALE: float = struct.unpack("<d", struct.pack("<Q", STALE_BITS))[0]

Test = Callable[[Labels], bool]


def is_stale(value: float) -> bool:
    """Is the value the stale marker, and not just any NaN?"""
    return bool(struct.pack("<d", value) == struct.pack("<Q", STALE_BITS))


class Series:
    """The samples of one label set, oldest first."""

    __slots__ = ("_arrays", "_times", "_values", "labels")

    def __init__(self, labels: Labels) -> None:
        self.labels = labels
        self._times = array("q")
        self._values = array("d")
        self._arrays: tuple[np.ndarray, np.ndarray] | None = None

    def __len__(self) -> int:
        return len(self._times)

    @property
    def first(self) -> tuple[int, float]:
        """The oldest sample; IndexError if there is none."""
        return self._times[0], self._values[0]

    @property
    def last(self) -> tuple[int, float] | None:
        """The newest sample, None if there is none."""
        return (self._times[-1], self._values[-1]) if self._times else None

    def append(self, at: int, value: float) -> None:
        """Add a sample later than all before it."""
        self._times.append(at)
        self._values.append(value)
        self._arrays = None

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Times (int64, ms) and values (float64), stale markers included; do not write to them."""
        if self._arrays is None:
            self._arrays = (np.array(self._times, np.int64), np.array(self._values, np.float64))
        return self._arrays

    def samples(self) -> Iterator[tuple[int, float]]:
        """The samples one by one."""
        return zip(self._times, self._values, strict=True)


class Store:
    """All series of a run. With `families`, only what they declare may be written."""

    def __init__(self, families: Families | None = None) -> None:
        self.families = families
        self._by_name: dict[str, dict[Labels, Series]] = {}

    def append(self, labels: Labels, at: int, value: float, *, reset: bool = False) -> None:
        """Add one sample. `reset` says that the process restarted, so a counter may be lower."""
        series = self.series(labels)
        if not _is_new(series, at, value):
            return
        if not reset:
            self._must_not_fall(series, value)
        series.append(at, value)

    def derive(self, labels: Labels, at: int, value: float) -> None:
        """Add one sample that no node exports: `up`, a recording rule's result, an alert."""
        series = self._by_name.setdefault(metric_name(labels), {}).setdefault(
            labels, Series(labels)
        )
        if _is_new(series, at, value):
            series.append(at, value)

    def end(self, labels: Labels, at: int) -> None:
        """Mark a series as ended; nothing happens if it does not exist or has ended already."""
        series = self._by_name.get(metric_name(labels), {}).get(labels)
        if series is None or series.last is None or is_stale(series.last[1]):
            return
        if _is_new(series, at, STALE):
            series.append(at, STALE)

    def series(self, labels: Labels) -> Series:
        """The series with these labels, made if there is none; ValueError if it is not declared."""
        named = self._by_name.setdefault(metric_name(labels), {})
        series = named.get(labels)
        if series is None:
            if self.families is not None:
                self.families.check(labels)
            series = named[labels] = Series(labels)
        return series

    def _must_not_fall(self, series: Series, value: float) -> None:
        if self.families is None or series.last is None:
            return
        before = series.last[1]
        if value < before and self.families.is_counter(metric_name(series.labels)):
            raise ValueError(
                f"{show(series.labels)} falls from {before:g} to {value:g}; a counter only rises, "
                "except with reset=True when its process restarted"
            )

    def select(self, name: str | None = None, test: Test | None = None) -> list[Series]:
        """The series called `name` (all if None) whose labels pass `test`, sorted by labels."""
        groups = self._by_name.values() if name is None else [self._by_name.get(name, {})]
        found = (s for group in groups for s in group.values() if len(s))
        chosen = [s for s in found if test is None or test(s.labels)]
        return sorted(chosen, key=lambda series: series.labels)

    def names(self) -> list[str]:
        """The metric names, sorted."""
        return sorted(name for name in self._by_name if name)

    def span(self) -> tuple[int, int] | None:
        """The times of the first and the last sample of all, None if the store is empty."""
        spans = [s.arrays()[0][[0, -1]] for s in self.select()]
        return (int(min(s[0] for s in spans)), int(max(s[1] for s in spans))) if spans else None

    def until(self, at: int) -> "Store":
        """A copy that knows nothing later than `at`: a run branched at a moment."""
        copy = Store(self.families)
        for series in self.select():
            copy._load(series.labels, (sample for sample in series.samples() if sample[0] <= at))
        return copy

    def _load(self, labels: Labels, samples: Iterable[tuple[int, float]]) -> None:
        series = self._by_name.setdefault(metric_name(labels), {}).setdefault(
            labels, Series(labels)
        )
        for at, value in samples:
            series.append(at, value)


def _is_new(series: Series, at: int, value: float) -> bool:
    """Is there something to add? ValueError if it is older than the last, or contradicts it."""
    last = series.last
    if last is None or at > last[0]:
        return True
    if at < last[0]:
        raise ValueError(
            f"{show(series.labels)}: a sample at {at} ms comes after one at {last[0]} ms; "
            "samples are added in time order"
        )
    if struct.pack("<d", value) == struct.pack("<d", last[1]):
        return False
    raise ValueError(
        f"{show(series.labels)} is {last[1]:g} at {at} ms and cannot also be {value:g}"
    )
