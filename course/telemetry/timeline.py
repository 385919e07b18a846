"""A history to judge on."""

from dataclasses import dataclass

from course.telemetry.series import Store


@dataclass(frozen=True)
class Timeline:
    """A history between two moments, ms. `fault` is from when to when; None: there is none."""

    name: str
    store: Store
    start: int
    end: int
    fault: tuple[int, int] | None = None

    def seconds(self, at: int) -> float:
        """Seconds after the timeline's beginning."""
        return (at - self.start) / 1_000
