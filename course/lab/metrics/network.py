"""Metrics of the network: streams and bytes of AMST, savings of HDE, forecasts of PBA.

Bytes are those of the modelled wire, in the VM's own size (see `course.lab.memory` for the scale).
Chunks are counted as AMST would cut them, 64 KiB each, and those sent again by the path's loss: the
wire model is fluid and knows no chunk. Loss, throughput and streams are absent while nothing moves,
so idle is not degraded.
"""

from course.dwcp.units import PAGE_SIZE
from course.lab.metrics.declare import each_look, gauge, tally
from course.lab.metrics.monitor import Monitor
from course.lab.metrics.moves import by_mode, mbps, sending
from course.lab.metrics.node import Node
from course.lab.migrations import Migration

CHUNK = 64 * 1024
ERROR_TYPES = {"refused": "connect", "stalled": "timeout"}

SENT = tally(
    "dwcp_amst_bytes_transmitted_total",
    "Bytes put on the wire.",
    "bytes",
    ("mode",),
    on="worker",
)
RECEIVED = tally(
    "dwcp_amst_bytes_received_total",
    "Bytes taken from the wire.",
    "bytes",
    ("mode",),
    on="worker",
)
CHUNKS = tally("dwcp_amst_chunks_sent_total", "Chunks sent, of 64 KiB.", on="worker")
RESENT = tally(
    "dwcp_amst_retransmissions_total", "Chunks sent again, by the path's loss.", on="worker"
)
ERRORS = tally(
    "dwcp_amst_errors_total",
    "Transfers that lost their streams: connect (ports refused), timeout (30 s no progress).",
    labels=("error_type",),
    on="worker",
)
ORIGINAL = tally(
    "dwcp_hde_bytes_original_total", "Bytes offered to the encoder.", "bytes", on="worker"
)
UNIQUE = tally(
    "dwcp_hde_bytes_unique_total",
    "Bytes that are left after zero and known pages are taken out.",
    "bytes",
    on="worker",
)
COMPRESSED = tally(
    "dwcp_hde_bytes_compressed_total", "Bytes that came out of the encoder.", "bytes", on="worker"
)
MODES = tally(
    "dwcp_amst_mode_transitions_total",
    "Changes of a path's mode while memory moved on it.",
    labels=("from", "to"),
    on="worker",
)
INTEGRITY = tally(
    "dwcp_hde_integrity_errors_total",
    "Transfers whose memory differed on the target.",
    labels=("kind",),
    on="worker",
)
PREDICTIONS = tally(
    "dwcp_pba_predictions_total",
    "Forecasts made for a migration: used, or ignored for low confidence.",
    labels=("mode", "result"),
    on="worker",
)


@each_look
def follow(monitor: Monitor, moment: int) -> None:
    """Count what moved since the last look."""
    since = monitor.notes.get("network", 0)
    monitor.notes["network"] = moment
    for node in monitor.nodes.values():
        for migration in node.notes.get("moving", ()):
            _bytes(monitor, migration, since, moment)
            _encoded(node, migration)
            _forecasts(monitor, node, migration)
            _modes(node, migration)
            if migration.is_over:
                _trouble(node, migration)


def _bytes(monitor: Monitor, migration: Migration, since: int, until: int) -> None:
    size, mode = migration.wire_bytes(since, until), migration.path.mode.value
    if not size:
        return
    source, target = monitor.nodes[migration.source], monitor.nodes[migration.target]
    SENT.add(source, mode, amount=size)
    CHUNKS.add(source, amount=size / CHUNK)
    RESENT.add(source, amount=size / CHUNK * migration.path.loss)
    if target.answers:
        RECEIVED.add(target, mode, amount=size)


def _encoded(node: Node, migration: Migration) -> None:
    """What its encoder did since the last look."""
    if migration.encoded is None:
        return
    stats, scale = migration.encoded, migration.scale
    known = node.notes.get(("encoded", migration.id), (0, 0, 0))
    page, left = PAGE_SIZE * scale, stats.pages - stats.zero - stats.references
    now = (stats.pages * page, left * page, stats.wire_bytes * scale)
    for counted, before, after in zip((ORIGINAL, UNIQUE, COMPRESSED), known, now, strict=True):
        counted.add(node, amount=after - before)
    node.notes["encoded", migration.id] = now
    node.notes["last encoded"] = migration


def _forecasts(monitor: Monitor, node: Node, migration: Migration) -> None:
    known, region = (
        node.notes.get(("forecasts", migration.id), 0),
        _target_region(monitor, migration),
    )
    for forecast in migration.forecasts[known:]:
        ignored = forecast["decision"].startswith("forecast ignored")
        PREDICTIONS.add(node, migration.path.mode.value, "ignored" if ignored else "used")
        node.notes.setdefault("confidence", {})[(region,)] = forecast["confidence"]
    node.notes["forecasts", migration.id] = len(migration.forecasts)


def _modes(node: Node, migration: Migration) -> None:
    known = node.notes.get(("modes", migration.id), 0)
    for change in migration.modes[known:]:
        MODES.add(node, *change)
    node.notes["modes", migration.id] = len(migration.modes)


def _target_region(monitor: Monitor, migration: Migration) -> str:
    return monitor.nodes[migration.target].host.region


def _trouble(node: Node, migration: Migration) -> None:
    """What went wrong with one that is over."""
    if migration.ailment:
        ERRORS.add(node, ERROR_TYPES[migration.ailment])
    if migration.hashes_equal is False:
        INTEGRITY.add(node, "verify")


@gauge(
    "dwcp_amst_streams_active",
    "Streams that make progress; absent while no memory moves.",
    "streams",
    ("mode",),
    "worker",
)
def streams(node: Node) -> dict[tuple[str, ...], float]:
    def progressing(migration: Migration) -> int:
        leg = migration.legs[-1] if migration.legs else None
        return migration.streams if leg and leg.size else 0

    return {mode: sum(map(progressing, group)) for mode, group in by_mode(sending(node))}


@gauge(
    "dwcp_amst_throughput_mbps",
    "What is put on the wire, mean of the last 10 s; absent while no memory moves.",
    labels=("mode",),
    on="worker",
)
def throughput(node: Node) -> dict[tuple[str, ...], float]:
    return {mode: mbps(group, node.now) for mode, group in by_mode(sending(node))}


@gauge(
    "dwcp_amst_packet_loss_ratio",
    "Loss of the worst path that memory moves on; absent while none does.",
    "ratio",
    on="worker",
)
def loss(node: Node) -> float | None:
    return max((m.path.loss for m in sending(node)), default=None)


@gauge(
    "dwcp_amst_bandwidth_utilization_percent",
    "Share of the path's capacity that is used, of the fullest path; absent while none is.",
    "percent",
    on="worker",
)
def utilization(node: Node) -> float | None:
    shares = [100 * mbps([m], node.now) / m.path.capacity_mbps for m in sending(node)]
    return max(shares, default=None)


@gauge(
    "dwcp_hde_compression_ratio",
    "Share that the compressor removed, of the latest migration from this node.",
    "ratio",
    on="worker",
)
def compression(node: Node) -> float | None:
    last = node.notes.get("last encoded")
    return last.encoded.compression_ratio if last and last.encoded.group_plain_bytes else None


@gauge(
    "dwcp_hde_dedup_hit_rate",
    "Share of pages that the target held already, of the latest migration from this node.",
    "ratio",
    on="worker",
)
def dedup(node: Node) -> float | None:
    last = node.notes.get("last encoded")
    return last.encoded.dedup_hit_rate if last and last.encoded.pages else None


@gauge(
    "dwcp_amst_rtt_seconds",
    "Round trip to the first node of a region that answers, itself left out.",
    "seconds",
    ("region",),
    "worker",
)
def rtt(node: Node) -> dict[tuple[str, ...], float]:
    found: dict[tuple[str, ...], float] = {}
    name = node.host.name
    for region in node.regions:
        other = next((o for o in node.regions[region] if o.name != name and o.is_up), None)
        if other and not node.world.is_cut(name, other.name):
            found[region,] = node.world.path(name, other.name).rtt_ms / 1_000
    return found


@gauge(
    "dwcp_pba_confidence",
    "Confidence of the latest forecast for a migration into a region.",
    "ratio",
    ("region",),
    "worker",
)
def confidence(node: Node) -> dict[tuple[str, ...], float]:
    return node.notes.get("confidence", {})


@gauge(
    "dwcp_pba_prediction_accuracy",
    "Share of forecasts within 20 % of what was measured, of the worst path and horizon of the "
    "node's region; absent until a migration has asked.",
    "ratio",
    ("mode",),
    "worker",
)
def accuracy(node: Node) -> dict[tuple[str, ...], float]:
    weather = node.world.weather
    found: dict[tuple[str, ...], float] = {}
    for pair, predictor in weather.predictors.items() if weather else ():
        if node.host.region in pair:
            for mode, _, share in predictor.status().accuracy:
                if share is not None:
                    found[mode.value,] = min(share, found.get((mode.value,), 1.0))
    return found
