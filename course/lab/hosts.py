"""A host: a simulated computer with a clock, a firewall, a disk, and perhaps a DWCP node on it."""

from dataclasses import dataclass, field
from typing import Any

from course.dwcp.node import Certificate, Config, Controller
from course.dwcp.units import DAY, HOUR, MS, SECOND
from course.dwcp.worker import Worker
from course.lab.memory import GuestMemory

EPOCH = 20_000 * DAY + 9 * HOUR
"""Wall clock in us at the start of a lab: some day in 2024, 09:00 UTC."""
DISK_WRITE = 2 * MS
"""Time of one durable write."""

PORTS = {
    "controller": [8080, 8081, 8082, 8083, 8084],
    "worker": [8083, 8084, *range(8085, 8101)],
}
"""What must be open on a host, by its role."""


@dataclass(slots=True)
class Guest:
    """A VM on a host: its memory, and whether it runs here at this moment."""

    name: str
    memory: GuestMemory
    memory_gb: float
    cpus: int
    running: bool = True
    limit: int = 300 * SECOND  # us that its next migration may take
    strategy: str = "pre-copy"
    level: int | None = None  # of compression; None: as its host does
    max_downtime: int = 20 * SECOND  # us


@dataclass(slots=True)
class Host:
    """`offset` is how far its wall clock is ahead of true time, us."""

    name: str
    role: str
    region: str
    cpus: int
    memory_gb: float
    offset: int = 0
    version: str = "3.0.0"
    closed_ports: set[int] = field(default_factory=set)
    config: Config | None = None
    certificate: Certificate | None = None
    machine: Controller | Worker | None = None  # None: the service is not running
    saved: Any = None  # what the disk holds of the machine
    lies: Any = None  # how its voter deviates from the protocol, see `liars`
    reported_gb: float | None = None  # memory that it claims to have; None: it tells the truth
    guests: dict[str, Guest] = field(default_factory=dict)
    store: dict[bytes, bytes] = field(default_factory=dict)  # deduplication store of a worker
    streams: int = 8
    congestion_control: str = "bbr2"
    level: int = 5
    woken_for: int | None = None  # the wake-up that is already scheduled
    powered: bool = True
    frozen: bool = False  # it hears nothing and does nothing until it goes on
    backlog: list[Any] = field(default_factory=list)  # what arrived meanwhile
    disk_write: int = DISK_WRITE  # us of one durable write
    disk_full: bool = False
    cpu_speed: float = 1.0  # share of its normal speed
    service_gb: float = 0.0  # memory that the DWCP service holds
    mtu: int = 1_500  # largest packet that it sends, bytes
    buffer_mb: int = 16  # for what arrives out of order, MB (10^6 bytes)
    bad_memory: bool = False  # what is written there is not always what is read
    tenant_network: bool = True  # do the guests' networks reach it?
    restarts: int = 0  # how often the service was killed, or was stopped by a person

    @property
    def is_up(self) -> bool:
        return self.machine is not None

    @property
    def free_gb(self) -> float:
        """Memory that neither a guest nor the service holds."""
        return self.memory_gb - self.service_gb - sum(g.memory_gb for g in self.guests.values())

    def wall(self, now: int) -> int:
        """What this host's clock reads, us since 1970."""
        return EPOCH + now + self.offset
