"""A migration in the lab: `course.dwcp.migration` decides, this carries it out.

Placement, forecast, agreement, encoding, streams, hand-over: the request path, each stage by the
component's own code, each with its span of virtual time. The guest's bytes are really encoded,
really decoded into the target's image and really compared; sizes are scaled back. How long bytes
take is modelled (passage.py). Read next: agreement.py, passage.py, postcopy.py.
"""

from collections.abc import Generator
from dataclasses import asdict, replace
from typing import Any

from course.dwcp.encoding import Decoder, Encoder, FrameType, Settings
from course.dwcp.migration import Decision, PreCopy, Round
from course.dwcp.prediction import Forecast, Sample, Waiting, decide, fallback, horizon_for
from course.dwcp.units import MS, PAGE_SIZE, seconds
from course.lab import agreement, passage, postcopy, releases
from course.lab.cluster import Proposal, World
from course.lab.endings import Cancelled, Failed, Lost
from course.lab.memory import GuestMemory
from course.lab.migrations import Migration, data_ports
from course.lab.story import Story

PLACEMENT, FORECAST, RESERVE, VERIFY = 200 * MS, 100 * MS, 50 * MS, 150 * MS
"""us of the stages that the lab does not model in detail (published typical values)."""
STREAMS_NEEDED = 2
PAUSED = "stop_and_copy"  # what a round is called while the guest stands still
REDUCTION_EXPECTED = 0.70
"""Share of bytes that encoding removes, as planning assumes before anything was encoded."""

Steps = Generator[Any, Any, Any]


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
                yield from self._stage("placement", self.wait(PLACEMENT))
                self.story.parts("placement_decision")
            with self.story.stage("network_prediction"):
                yield from self._stage("prediction", self._forecast())
            with self.story.stage("consensus_voting"):
                yield from self._stage("consensus", agreement.intend(self))
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

    def wait(self, us: int) -> Steps:
        """Time passes; unless the guest is paused, it goes on writing."""
        if self.guest.running:
            self.guest.memory.run(us, self.speed)
        yield self.world.env.timeout(us)
        self.check()

    @property
    def speed(self) -> float:
        """Share of its full speed at which the guest works."""
        return (1.0 - self.pre_copy.throttle) * (1.0 - self.slowed)

    def check(self) -> None:
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

    def _forecast(self) -> Steps:
        """PBA: is it better to wait? Where links do not vary there is nothing to learn from."""
        world, migration = self.world, self.migration
        here, there = self.source.region, self.target.region
        plain = world.plain_path(self.source.name, self.target.name)
        yield from self.wait(FORECAST)
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
            yield from self.wait(decision.again_at - world.now)

    def _predicted(self, forecast: Forecast) -> None:
        self.story.set(pba_confidence=forecast.confidence, pba_model=forecast.model)
        was_fallback = (
            {"lstm_inference": "fallback_forecast"} if forecast.model == "fallback" else {}
        )
        self.story.parts("network_prediction", was_fallback)

    def _reserve(self) -> Steps:
        with self.story.span("reserve_target", self.target):
            yield from self.wait(RESERVE)
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
        self.migration.rate_mbps = passage.rate(self, self.migration.path)
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
                yield from self.wait(VERIFY)
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
        took = yield from passage.carry(self, wire, to_encode)
        self.story.event("round_end", bytes_wire=wire)
        self.story.round(
            started, passage.encoding(self, to_encode), plain, wire, self.migration.streams
        )
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
        yield from agreement.own(self)
        self._decided(self.pre_copy.agreed())
        here = self.guest.memory
        self.resume_there(GuestMemory(self.arrived, here.workload, here.rng, here.scale))

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
