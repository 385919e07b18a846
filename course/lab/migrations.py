"""A migration in the lab: `course.dwcp.migration` decides, this carries it out.

Placement, forecast, agreement, encoding, streams, hand-over: the request path, each stage by the
component's own code, each with its span of virtual time. The guest's bytes are really encoded,
really decoded into the target's image and really compared. Modelled are the wire's rate and the
encoder's speed (published planning values for its level); sizes are scaled back.
"""

from collections.abc import Generator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from course.dwcp.consensus import hybrid
from course.dwcp.encoding import Decoder, Encoder, FrameType, Settings
from course.dwcp.encoding.frame import Stats
from course.dwcp.encoding.zstd import LEVELS
from course.dwcp.migration import Decision, PreCopy, Round
from course.dwcp.prediction import Forecast, Sample, Waiting, decide, fallback, horizon_for
from course.dwcp.transport import DATA_PORTS
from course.dwcp.units import GIB, MS, PAGE_SIZE, SECOND, seconds, transfer_us
from course.lab import postcopy, releases
from course.lab.cluster import Outcome, Proposal, World
from course.lab.endings import Cancelled, Failed, Lost
from course.lab.hosts import Host
from course.lab.links import Leg, Path, rate_mbps
from course.lab.memory import GuestMemory
from course.lab.story import Story

PLACEMENT, FORECAST, RESERVE, VERIFY = 200 * MS, 100 * MS, 50 * MS, 150 * MS
"""us of the stages that the lab does not model in detail (published typical values)."""
STREAMS_NEEDED = 2
PAUSED = "stop_and_copy"  # what a round is called while the guest stands still
DECISION_LIMIT = 10 * SECOND
VOTERS_LIMIT = 60 * SECOND  # a few views of PBFT
REDUCTION_EXPECTED = 0.70
"""Share of bytes that encoding removes, as planning assumes before anything was encoded."""
WEATHER_STEP = 5 * SECOND
STREAM_TIMEOUT = 30 * SECOND  # without progress, transport.amst.timeout

Steps = Generator[Any, Any, Any]


@dataclass(slots=True)
class Migration:
    """What is known of one migration; times are us since the lab began, sizes are the VM's."""

    id: str
    vm: str
    source: str
    target: str
    path: Path
    memory: int
    started: int
    state: str = "pending"
    error: str | None = None
    ended: int | None = None
    paused_at: int | None = None
    downtime: int = 0
    streams: int = 0
    rate_mbps: float = 0.0
    stages: list[dict[str, Any]] = field(default_factory=list)  # name, start, end
    rounds: list[Round] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    forecasts: list[dict[str, Any]] = field(default_factory=list)
    compression_ratio: float = 0.0
    dedup_hit_rate: float = 0.0
    wire_reduction: float = 0.0
    by_type: dict[str, int] = field(default_factory=dict)  # wire bytes by frame type
    hashes_equal: bool | None = None
    limit: int = 300 * SECOND
    cancelled: str | None = None  # why a person wants it to end
    legs: list[Leg] = field(default_factory=list)  # what goes over the wire, piece by piece
    encoded: Stats | None = None  # what its encoder has done so far; pages of the image
    scale: int = 1  # pages of the VM for each page of the image
    ailment: str | None = None  # of its streams: refused, or stalled
    groups: int = 0  # of pages, compressed together, that its encoder sent
    modes: list[tuple[str, str]] = field(default_factory=list)  # changes of the path's: from, to
    placed_for: str = ""  # why ITP chose the target: request or evacuation; empty: a person did

    @property
    def is_over(self) -> bool:
        return self.state in ("completed", "failed", "cancelled")

    def wire_bytes(self, since: int, until: int) -> float:
        """Bytes on the wire between two moments, us."""
        return sum(leg.bytes_between(since, until) for leg in self.legs)


def data_ports(world: World, source: str, target: str) -> list[int]:
    """The AMST ports on which a connection from `source` to `target` opens."""
    return [port for port in DATA_PORTS if world.obstacle(target, port, source) is None]


class Mover:
    """Carries one migration through its stages; `run` is a SimPy process."""

    def __init__(self, world: World, migration: Migration) -> None:
        self.world, self.migration = world, migration
        self.source = world.hosts[migration.source]
        self.target = world.hosts[migration.target]
        self.guest = self.source.guests[migration.vm]
        self.level = self.source.level if self.guest.level is None else self.guest.level
        self.was_running = self.guest.running  # a VM that is shut down stays so
        self.slowed = 0.0  # share of the guest's speed that waiting for pages takes
        self.pre_copy = PreCopy(
            migration.memory, migration.path.mode, limit=self.guest.max_downtime
        )
        self.story = Story(world, migration)
        self.story.begin()
        self.agreed: Proposal | None = None  # the latest agreement

    def run(self) -> Steps:
        """The request path from the accepted request to the guest on the target."""
        self._note("migration_started", streams=self.source.streams, level=self.level)
        try:
            with self.story.stage("placement_decision"):
                yield from self._stage("placement", self._wait(PLACEMENT))
                self.story.parts("placement_decision")
            with self.story.stage("network_prediction"):
                yield from self._stage("prediction", self._forecast())
            with self.story.stage("consensus_voting"):
                yield from self._stage("consensus", self._agree_intent())
            with self.story.stage("memory_transfer"):
                yield from self._stage("reservation", self._reserve())
                yield from self._stage("transfer", self._transfer())
                yield from self._stage("switch", self._switch())
            self._finish("completed")
        except Cancelled as cancelled:
            self._resume(str(cancelled), "cancelled")
        except Lost as lost:
            self.migration.error = str(lost)
            self._finish("failed")
        except Failed as failure:
            self._resume(str(failure), "failed")

    def _stage(self, name: str, steps: Steps) -> Steps:
        start = self.world.now
        try:
            yield from steps
        finally:
            span = {"name": name, "start": start, "end": self.world.now}
            self.migration.stages.append(span)

    def _wait(self, us: int) -> Steps:
        """Time passes; unless the guest is paused, it goes on writing."""
        if self.guest.running:
            self.guest.memory.run(us, self._speed)
        yield self.world.env.timeout(us)
        self._check()

    @property
    def _speed(self) -> float:
        return (1.0 - self.pre_copy.throttle) * (1.0 - self.slowed)

    def _check(self) -> None:
        """Is there still a reason to go on?"""
        down = [host.name for host in (self.source, self.target) if not host.is_up]
        if down:
            raise Failed(f"{down[0]} went down")
        migration, now = self.migration, self.world.now
        if migration.cancelled is not None and self.pre_copy.phase != "switch":
            raise Cancelled(migration.cancelled)
        if now - migration.started > migration.limit:
            limit = f"{seconds(migration.limit):g} s"
            raise Failed(f"MIGRATION_TIMEOUT: not done within {limit}; set-timeout gives it more")

    def _carry(self, wire: int, to_encode: int) -> Steps:
        """Time for a round's bytes. If the wire changes, the rest goes at the new pace."""
        left, started = 1.0, self.world.now
        moved_at = started  # when bytes last got through
        while left > 0:
            world, whole, now = self.world, self._pace(wire, to_encode), self.world.now
            if whole is None and now - moved_at >= STREAM_TIMEOUT:
                self.migration.ailment = "stalled"
                raise Failed("TRANSPORT_UNAVAILABLE: no stream made progress for 30 s")
            waits = moved_at + STREAM_TIMEOUT - now if whole is None else round(whole * left)
            step = max(1, waits if world.weather is None else min(waits, WEATHER_STEP))
            share = 0.0 if whole is None else min(1.0, step / whole)
            self.migration.legs.append(Leg(now, now + step, wire * share))
            yield self.world.env.timeout(step) | self.world.changed
            passed = self.world.now - now
            if passed < step:  # interrupted
                self.migration.legs[-1] = Leg(now, now + passed, wire * share * passed / step)
            if self.guest.running:
                self.guest.memory.run(passed, self._speed)
            self._check()
            if whole is not None:
                left = 0.0 if passed >= waits else left - passed / whole
                moved_at = self.world.now
        return self.world.now - started

    def _pace(self, wire: int, to_encode: int) -> int | None:
        """us that these bytes take on the wire as it is now; None: nothing gets through."""
        world, source, target = self.world, self.source, self.target
        if world.is_cut(source.name, target.name) or world.is_cut(target.name, source.name):
            return None
        if source.frozen or target.frozen:
            return None
        path = world.path(source.name, target.name)
        if path.mtu < source.mtu:
            return None  # small packets pass, so the streams stand; full ones vanish
        if path != self.migration.path:
            if path.mode is not self.migration.path.mode:
                self.story.event("mode_changed", to=path.mode.value)
                self.migration.modes.append((self.migration.path.mode.value, path.mode.value))
            self.migration.path = path
            self.migration.rate_mbps = self._rate(path)
        link = transfer_us(wire, self.migration.rate_mbps)
        return max(link, self._encoding(to_encode)) + round(path.rtt_ms * MS)

    def _encoding(self, size: int) -> int:
        """us that the encoder needs for `size` bytes."""
        share = self.source.cpu_speed * releases.speed(self.world, self.source)
        return round(size / (_encoder_speed(self.level) * share) * SECOND)

    def _rate(self, path: Path) -> float:
        """Mbps that its streams carry on `path`."""
        buffer_mb = min(self.source.buffer_mb, self.target.buffer_mb)
        return rate_mbps(path, self.migration.streams, self.source.congestion_control, buffer_mb)

    def _forecast(self) -> Steps:
        """PBA: is it better to wait? Where links do not vary there is nothing to learn from."""
        world, migration = self.world, self.migration
        here, there = self.source.region, self.target.region
        plain = world.plain_path(self.source.name, self.target.name)
        yield from self._wait(FORECAST)
        if world.weather is None or here == there:
            path = migration.path
            forecast = fallback([Sample(path.capacity_mbps, path.rtt_ms, path.loss)], path.mode)
            migration.rate_mbps = forecast.rate_mbps  # shown, not used: confidence is too low
            self._predicted(forecast)
            return
        waiting = Waiting(migration.memory, REDUCTION_EXPECTED, world.now)
        while True:
            rate_now = world.path(self.source.name, self.target.name).capacity_mbps
            horizon = horizon_for(waiting, rate_now)
            forecast = world.weather.forecast(plain, here, there, world.now, horizon)
            decision = decide(waiting, forecast, rate_now, world.now)
            migration.rate_mbps = forecast.rate_mbps
            if not migration.forecasts:
                self._predicted(forecast)
            migration.forecasts.append({**asdict(forecast), "decision": decision.reason})
            if decision.start or decision.again_at is None:
                return
            migration.state, waiting = "deferred", waiting.deferred()
            details = {"vm": migration.vm, "why": decision.reason}
            world.tell(self.source, "migration_deferred", details, self.story.header)
            yield from self._wait(decision.again_at - world.now)

    def _predicted(self, forecast: Forecast) -> None:
        self.story.set(pba_confidence=forecast.confidence, pba_model=forecast.model)
        was_fallback = (
            {"lstm_inference": "fallback_forecast"} if forecast.model == "fallback" else {}
        )
        self.story.parts("network_prediction", was_fallback)

    def _agree_intent(self) -> Steps:
        """Commit 1: no page leaves before the cluster agreed to the move.

        A move between regions is decided by the workers' voters, if there are any, and then put
        into the controllers' log; every other by the controllers alone.
        """
        owner = self._registry().owners[self.migration.vm]
        intent = {
            "kind": "intend", "vm": self.migration.vm, "source": self.source.name,
            "target": self.target.name, "version": owner.version,
        }  # fmt: skip
        yield from self._ask_voters(owner.version)
        outcome = yield from self._decide(intent)
        if not outcome.accepted:
            raise Failed(f"the intent was not agreed: {outcome.why}")
        self.migration.state = "approved"

    def _ask_voters(self, version: int) -> Steps:
        """Wait until PBFT has decided, where it is the one that decides."""
        world, voting = self.world, self.world.voting
        decision = hybrid.Decision("ownership", (self.source.region, self.target.region))
        voters = len(voting.voters) if voting else 0
        if voting is None or hybrid.choose(decision, voters).decider != hybrid.Decider.PBFT:
            return
        move = ("move", self.migration.vm, self.source.name, self.target.name, version, world.now)
        try:
            waiting = voting.ask(world.hosts[voting.gateway], move, world.command, world.now)
        except ValueError as error:
            raise Failed(f"CONSENSUS_STALLED: {error}") from None
        deadline = world.now + VOTERS_LIMIT
        while waiting():
            if world.now >= deadline:
                raise Failed(f"CONSENSUS_STALLED: no answer of {voters} voters in 60 s")
            yield from self._wait(MS)

    def _reserve(self) -> Steps:
        with self.story.span("reserve_target", self.target):
            yield from self._wait(RESERVE)
        with self.story.span("session_open"):
            self._open_streams()

    def _open_streams(self) -> None:
        ports = data_ports(self.world, self.source.name, self.target.name)
        self.migration.streams = min(self.source.streams, len(ports))
        if self.migration.streams < STREAMS_NEEDED:
            self.migration.ailment = "refused"
            raise Failed(
                f"TRANSPORT_UNAVAILABLE: {len(ports)} of 16 data ports of {self.target.name} "
                f"accept a connection, {STREAMS_NEEDED} are needed"
            )
        self.migration.rate_mbps = self._rate(self.migration.path)
        self.story.set(amst_streams=self.migration.streams)
        if releases.fails(self.world, self.source):
            raise Failed(f"INTERNAL_ERROR: the service of {self.source.name} ended the transfer")

    def _transfer(self) -> Steps:
        """Rounds, the pause, the last round, and the proof."""
        self.migration.state = "in_progress"
        memory, strategy = self.guest.memory, self.guest.strategy
        self.arrived = bytearray(len(memory.image))
        self.decoder = Decoder(self.arrived, self.target.store)
        self.encoder = Encoder(Settings(level=self.level), known=self.target.store)
        self.migration.encoded, self.migration.scale = self.encoder.stats, memory.scale
        memory.take_dirty()
        everything = list(range(memory.pages))
        if strategy == "post-copy":
            yield from postcopy.finish_on_target(self, everything)
            return
        if strategy == "stop-and-copy":
            self.pre_copy.stop_first()
            self.pause()
        decision = yield from self._round(everything)
        while decision.action in ("copy_dirty", "throttle"):
            if decision.action == "throttle" and strategy == "hybrid":
                yield from postcopy.finish_on_target(self, memory.take_dirty())
                return
            decision = yield from self._round(memory.take_dirty())
        if decision.action == "pause_and_copy":
            self.pause()
            decision = yield from self._round(memory.take_dirty())
        if decision.action == "verify":
            with self.story.span("verify_memory", self.target):
                yield from self._wait(VERIFY)
            if self.target.bad_memory:
                self.arrived[len(self.arrived) // 2] ^= 1
            self.migration.hashes_equal = self.arrived == memory.image
            decision = self._decided(self.pre_copy.verified(self.migration.hashes_equal))
        if decision.action != "agree":
            raise Failed(decision.why)

    def pause(self) -> None:
        """The guest stops; its downtime begins."""
        self.guest.running, self.migration.paused_at = False, self.world.now
        self.story.event("paused")
        details = {"vm": self.migration.vm}
        self.world.tell(self.source, "guest_paused", details, self.story.header)

    def _round(self, numbers: list[int]) -> Steps:
        """One round, and what the machine says to it."""
        done = yield from self.copy(numbers)
        return self._decided(self.pre_copy.copied(done))

    def copy(self, numbers: list[int], image: bytes | None = None) -> Steps:
        """Encode the pages, let the time of the slower of link and encoder pass.

        The pages are those of the guest as it is, or of `image`.
        """
        kind = "postcopy_round" if image else "precopy_round" if self.guest.running else PAUSED
        number = len(self.migration.rounds) + 1
        with self.story.span(kind, round=number, hde_level=self.level):
            done = yield from self._copy(numbers, image)
        self._measure(done)
        self._note("round_ended", round=number, original=done.plain, wire=done.wire, took=done.took)
        return done

    def _copy(self, numbers: list[int], image: bytes | None) -> Steps:
        memory, encoder = self.guest.memory, self.encoder
        page = PAGE_SIZE * memory.scale
        here = memory.image if image is None else image
        wire_before = encoder.stats.wire_bytes
        zero_before = encoder.stats.zero
        pages = ((n, bytes(here[n * PAGE_SIZE : (n + 1) * PAGE_SIZE])) for n in numbers)
        for frame in encoder.encode(pages):
            encoder.acknowledge(self.decoder.apply([frame]))
            self.migration.groups += frame.type is FrameType.GROUP
        wire = (encoder.stats.wire_bytes - wire_before) * memory.scale
        plain = len(numbers) * page
        to_encode = plain - (encoder.stats.zero - zero_before) * page
        started = self.world.now
        self.story.event("round_start", bytes_original=plain)
        took = yield from self._carry(wire, to_encode)
        self.story.event("round_end", bytes_wire=wire)
        self.story.round(started, self._encoding(to_encode), plain, wire, self.migration.streams)
        return Round(plain, wire, took, len(memory.dirty) * page)

    def _measure(self, done: Round) -> None:
        stats, migration = self.encoder.stats, self.migration
        migration.rounds.append(done)
        migration.compression_ratio = stats.compression_ratio
        migration.dedup_hit_rate = stats.dedup_hit_rate
        migration.wire_reduction = stats.reduction
        scale = self.guest.memory.scale
        migration.by_type = {name: size * scale for name, size in stats.by_type.items()}

    def _switch(self) -> Steps:
        """Commit 2: ownership moves, and only then does the guest run on the target."""
        if self.guest.name in self.target.guests:
            return  # it runs there already: post-copy moves ownership before the memory
        yield from self.own()
        self._decided(self.pre_copy.agreed())
        here = self.guest.memory
        self.resume_there(GuestMemory(self.arrived, here.workload, here.rng, here.scale))

    def own(self) -> Steps:
        """Agree that the target owns the guest."""
        owner = {"kind": "own", "vm": self.migration.vm, "node": self.target.name}
        with self.story.stage("switch_owner"):
            outcome = yield from self._decide(owner)
        if not outcome.accepted:
            raise Failed(f"ownership was not agreed: {outcome.why}")

    def resume_there(self, memory: GuestMemory) -> None:
        """The guest leaves the source and runs on the target, with `memory`."""
        with self.story.span("activate_target", self.target):
            here = self.source.guests.pop(self.migration.vm)
            self.target.guests[here.name] = replace(here, memory=memory, running=self.was_running)
            assert self.migration.paused_at is not None
            self.migration.downtime = self.world.now - self.migration.paused_at
            details = {"vm": here.name}
            self.world.tell(self.target, "guest_resumed", details, self.story.header)
        self.story.event("resumed")

    def _decide(self, command: dict[str, Any]) -> Steps:
        """Propose and wait, polling each millisecond of virtual time."""
        asked = self.world.now
        proposal, deadline = self.story.ask(command), asked + DECISION_LIMIT
        while self.world.now < deadline:
            outcome = proposal.outcome(self.world.now) if proposal else None
            if outcome:
                self.story.decided(proposal)
                self.agreed = proposal
                return outcome
            yield from self._wait(MS)
            proposal = proposal or self.story.ask(command, asked)
        self.story.decided(proposal)
        return Outcome(False, "no majority answered in time", DECISION_LIMIT)

    def _registry(self):
        leader = self.world.leader()
        if leader is None:
            raise Failed("NO_LEADER: no controller leads, so nothing can be agreed")
        return leader.machine.registry  # type: ignore[union-attr]

    def _decided(self, decision: Decision) -> Decision:
        self.migration.decisions.append(decision)
        return decision

    def _resume(self, why: str, state: str) -> None:
        """Nothing is lost: the source has the whole guest, and it runs on there."""
        self.guest.running = self.source.powered and self.was_running
        self.world.propose({"kind": "abandon", "vm": self.migration.vm})
        self.migration.error = why
        self._finish(state)

    def _finish(self, state: str) -> None:
        self.migration.state, self.migration.ended = state, self.world.now
        details = {"vm": self.migration.vm, "id": self.migration.id}
        if self.migration.error:
            details["error"] = self.migration.error
        self.world.tell(self.source, f"migration_{state}", details, self.story.header)
        self.story.end(state, self.migration.error, self.agreed)

    def _note(self, name: str, **details: Any) -> None:
        about = {"vm": self.migration.vm, "id": self.migration.id, **details}
        self.world.note(self.source, name, about, self.story.header)


def _encoder_speed(level: int) -> float:
    """Bytes per second of guest memory, by the nearest published level below."""
    known = max(row for row in LEVELS if row <= level)
    return LEVELS[known].speed_mb_s * 1e6


def as_rows(migration: Migration) -> dict[str, Any]:
    """The migration as plain data, in the units that people read."""
    ended, started = migration.ended, migration.started
    took = None if ended is None else round(seconds(ended - started), 3)
    return {
        "id": migration.id,
        "vm": migration.vm,
        "status": migration.state,
        "error": migration.error,
        "source": migration.source,
        "target": migration.target,
        "mode": migration.path.mode.value,
        "memory_gb": migration.memory / GIB,
        "duration_s": took,
        "downtime_s": round(seconds(migration.downtime), 3),
        "streams": migration.streams,
        "rate_mbps": round(migration.rate_mbps, 1),
        "wire_gb": round(sum(r.wire for r in migration.rounds) / 1e9, 3),
        "compression_ratio": round(migration.compression_ratio, 3),
        "dedup_hit_rate": round(migration.dedup_hit_rate, 3),
        "wire_reduction": round(migration.wire_reduction, 3),
        "hashes_equal": migration.hashes_equal,
        "rounds": [
            {
                "round": number,
                "pages_mb": round(r.plain / 1e6, 1),
                "wire_mb": round(r.wire / 1e6, 1),
                "seconds": round(seconds(r.took), 3),
                "dirtied_mb": round(r.dirtied / 1e6, 1),
            }
            for number, r in enumerate(migration.rounds, 1)
        ],
        "stages": [
            {
                "stage": span["name"],
                "start_s": seconds(span["start"] - migration.started),
                "end_s": seconds(span["end"] - migration.started),
            }
            for span in migration.stages
        ],
        "forecasts": [
            {key: row[key] for key in ("rate_mbps", "confidence", "horizon_s", "decision", "model")}
            for row in migration.forecasts
        ],
        "decisions": [f"{d.action}: {d.why}" for d in migration.decisions],
    }


def host_with(world: World, vm: str) -> Host | None:
    """The host on which a VM is."""
    return next((host for host in world.hosts.values() if vm in host.guests), None)
