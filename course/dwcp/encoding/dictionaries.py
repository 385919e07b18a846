"""Versions of a trained dictionary, brought out so that no frame ever names one that is missing.

Every receiver first, then the senders: a version is *deployed* to all workers, and *activated*
only when each of them has confirmed it. At most two versions are live. Before a rollback the
version is deactivated first, because frames that name it may still be on the way.
"""

from dataclasses import dataclass, replace

from course.dwcp.encoding.codec import Dictionary


@dataclass(frozen=True, slots=True)
class Versions:
    """A value. `confirmed` are the workers that hold `coming`; `active` is what senders use."""

    workers: tuple[str, ...]
    active: Dictionary | None = None
    coming: Dictionary | None = None
    confirmed: tuple[str, ...] = ()

    def deploy(self, dictionary: Dictionary) -> "Versions":
        """Begin to bring out a version. RuntimeError while another one is on its way."""
        if self.coming is not None:
            raise RuntimeError(
                f"dictionary {self.coming.dict_id()} is being brought out; activate or drop it "
                "first: at most two versions are live"
            )
        return replace(self, coming=dictionary, confirmed=())

    def confirm(self, worker: str) -> "Versions":
        """A worker holds the version that is coming."""
        if worker not in self.workers:
            raise ValueError(f"{worker} is not one of {', '.join(self.workers)}")
        if self.coming is None or worker in self.confirmed:
            return self
        return replace(self, confirmed=(*self.confirmed, worker))

    @property
    def missing(self) -> tuple[str, ...]:
        """Workers that have not confirmed."""
        return tuple(name for name in self.workers if name not in self.confirmed)

    def activate(self) -> "Versions":
        """Senders may use it from now on. RuntimeError unless every worker confirmed."""
        if self.coming is None:
            raise RuntimeError("no version is being brought out; deploy one first")
        if self.missing:
            raise RuntimeError(f"not confirmed by {', '.join(self.missing)}: they could not decode")
        return replace(self, active=self.coming, coming=None, confirmed=())

    def deactivate(self) -> "Versions":
        """Senders go on without a dictionary; receivers keep it for what is on the way."""
        return replace(self, active=None, coming=None, confirmed=())
