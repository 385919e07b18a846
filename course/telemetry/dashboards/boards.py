"""The four dashboards: overview, migration, network, consensus; 25 panels.

Each answers the questions of one look, from "is it well?" to "where is it not?". Queries add up
before they divide, guard against what is idle, and are never empty when all is down. The variables
cluster, region and node select: cluster in every panel, region and node where a panel is by node.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from grafana_foundation_sdk.builders.dashboard import Dashboard, QueryVariable
from grafana_foundation_sdk.models.dashboard import VariableRefresh

from course.telemetry.dashboards.panels import SOURCE, panel, plain

COLUMNS, HEIGHT = 24, 8
"""Grafana's grid: how wide it is, and how high a panel of ours."""
WHOLE, BY_NODE = ("cluster",), ("cluster", "region", "node")
_SELECTOR = re.compile(r"\b(dwcp_\w+|up)\b(\{([^}]*)\})?")


def scoped(query: str, variables: Sequence[str]) -> str:
    """The query with each of its selectors narrowed to what the variables choose.

    >>> scoped('sum(up{job="dwcp-worker"})', ["cluster"])
    'sum(up{job="dwcp-worker",cluster=~"$cluster"})'
    """
    more = ",".join(f'{name}=~"${name}"' for name in variables)

    def narrowed(found: re.Match[str]) -> str:
        inner = ",".join(part for part in (found[3], more) if part)
        return f"{found[1]}{{{inner}}}"

    return _SELECTOR.sub(narrowed, query)


def _panel(
    title: str, queries: dict[str, str], *rest: Any, by: Sequence[str] = WHOLE, **more: Any
) -> dict[str, Any]:
    return panel(title, {name: scoped(q, by) for name, q in queries.items()}, *rest, **more)


def overview() -> dict[str, Any]:
    """Is the cluster well?"""
    rate = "sum(rate(dwcp_amst_bytes_transmitted_total[5m])) * 8 / 1e6"
    return dashboard("Cluster Overview", "dwcp-overview", [
        _panel("Cluster health", {"controllers up": 'sum(up{job="dwcp-controller"}) or vector(0)'},
               "stat", thresholds=(3, 2), worse="below",
               description="Controllers that answer the scrape: 3 is well, 2 is without reserve, "
                           "fewer cannot decide."),
        _panel("Controllers and leader",
               {"leads": "dwcp_raft_is_leader", "answers": 'up{job="dwcp-controller"}'}, "table",
               description="Exactly one leads."),
        _panel("Workers by region", {"{{region}}": 'sum by (region) (up{job="dwcp-worker"})'},
               "bargauge"),
        _panel("VMs and spread",
               {"all nodes": "sum(dwcp_vm_count)", "{{node}}": "topk(20, dwcp_vm_count)"},
               "bargauge", thresholds=(100,), description="At most 100 on one node."),
        _panel("Active migrations", {"running": "sum(dwcp_migration_active)"}, "stat",
               description="At most 2 at a time on one node."),
        _panel("Network bandwidth", {"sent": rate}, "timeseries", "Mbits"),
    ])  # fmt: skip


def migration() -> dict[str, Any]:
    """Do VMs move, how fast, and how long do they stand still?"""
    return dashboard("VM Migration", "dwcp-migration", [
        _panel("Migration rate", {"finished": "sum(rate(dwcp_migration_completed_total[5m]))"},
               "timeseries", "ops"),
        _panel("Success rate",
               {"share": "sum(rate(dwcp_migration_success_total[15m]))"
                         " / sum(rate(dwcp_migration_completed_total[15m]))"},
               "gauge", "percentunit", (0.95, 0.90), "below"),
        _panel("Mean duration", {"{{vm_size}} {{mode}}": _mean("duration", "vm_size, mode")},
               "timeseries", "s", (90, 180)),
        _panel("Mean downtime", {"{{vm_size}}": _mean("downtime", "vm_size")},
               "timeseries", "s", (20, 30)),
        _panel("Bandwidth per node", {"{{node}}": "sum by (node) (dwcp_migration_bandwidth_mbps)"},
               "timeseries", "Mbits", (100, 50), "below", by=BY_NODE),
        _panel("Compression",
               {"removed": "100 * (1 - sum(rate(dwcp_hde_bytes_compressed_total[10m]))"
                           " / sum(rate(dwcp_hde_bytes_unique_total[10m])))"},
               "gauge", "percent", (50, 30), "below"),
        _panel("Ten slowest",
               {"duration": "topk(10, max by (vm, migration)"
                            " (dwcp_migration_last_duration_seconds))"},
               "table", "s", (180,)),
    ])  # fmt: skip


def _mean(what: str, by: str) -> str:
    name = f"dwcp_migration_{what}_seconds"
    return f"sum by ({by}) (rate({name}_sum[15m])) / sum by ({by}) (rate({name}_count[15m]))"


def network() -> dict[str, Any]:
    """Does the path carry what it should, and does the encoder spare it enough?"""
    return dashboard("Network Performance", "dwcp-network", [
        _panel("AMST throughput by node",
               {"{{node}}": "sum by (node) (rate(dwcp_amst_bytes_transmitted_total[5m]))"
                            " * 8 / 1e6"},
               "timeseries", "Mbits", (100, 50), "below", by=BY_NODE),
        _panel("Streams per migration",
               {"{{node}}": "sum by (node) (dwcp_amst_streams_active)"
                            " / (sum by (node) (dwcp_migration_active) > 0)"},
               "timeseries", "short", (4, 2), "below", by=BY_NODE),
        _panel("Compression over time", {"removed": "dwcp:hde:compression_ratio:10m"},
               "timeseries", "percentunit", (0.50, 0.30), "below"),
        _panel("Dedup hit rate", {"known blocks": "dwcp:hde:dedup_hit_ratio:10m"},
               "timeseries", "percentunit", (0.20, 0.10), "below"),
        _panel("Loss and retransmissions",
               {"loss {{node}}": "max by (node) (dwcp_amst_packet_loss_ratio)",
                "sent again {{node}}":
                    "sum by (node) (rate(dwcp_amst_retransmissions_total[5m]))"},
               "timeseries", "short", (0.01, 0.05), by=BY_NODE),
        _panel("Forecast accuracy", {"{{mode}}": "dwcp_pba_prediction_accuracy"},
               "timeseries", "percentunit", (0.70,), "below"),
    ])  # fmt: skip


def consensus() -> dict[str, Any]:
    """Does the cluster decide, and do all know what was decided?"""
    return dashboard("Consensus and State", "dwcp-consensus", [
        _panel("Leader and term",
               {"{{node}} leads": "dwcp_raft_is_leader == 1", "term of {{node}}": "dwcp_raft_term"},
               "stat"),
        _panel("Consensus latency",
               {f"p{q * 100:g}": f"histogram_quantile({q}, sum by (le)"
                                 " (rate(dwcp_consensus_latency_seconds_bucket[5m])))"
                for q in (0.5, 0.95, 0.99)},
               "timeseries", "s", (5, 10)),
        _panel("State-sync lag by node",
               {"{{node}}": "max by (node) (dwcp_state_sync_lag_seconds)"},
               "timeseries", "s", (30, 60), by=BY_NODE, description="Target: under 10 s."),
        _panel("Conflict rate", {"conflicts": "sum(rate(dwcp_crdt_conflicts_total[5m]))"},
               "timeseries", "ops", (1, 10)),
        _panel("Gossip messages and peers",
               {"{{direction}}": "sum by (direction) (rate(dwcp_gossip_messages_total[5m]))",
                "peers of {{node}}": "dwcp_gossip_peers"},
               "timeseries", "short", (6, 3), "below", by=BY_NODE),
        _panel("Reputation",
               {"{{score}}": 'count_values("score", floor('
                             "max by (subject) (dwcp_reputation_score) * 10) / 10)"},
               "bargauge", description="Nodes by score: watched below 0.70, barred below 0.50, "
                                       "quarantined below 0.30."),
    ])  # fmt: skip


BOARDS: dict[str, Callable[[], dict[str, Any]]] = {
    "overview": overview,
    "migration": migration,
    "network": network,
    "consensus": consensus,
}


def board(name: str) -> dict[str, Any]:
    """One of the four as Grafana's JSON; ValueError names them."""
    if name not in BOARDS:
        raise ValueError(f"no dashboard is named {name!r}; there are {', '.join(BOARDS)}")
    return BOARDS[name]()


def dashboard(title: str, uid: str, panels: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Panels as a dashboard, two in a row; refreshed every 30 s, showing 6 h."""
    made = Dashboard(title).uid(uid).tags(["dwcp"]).refresh("30s").time("now-6h", "now").readonly()
    for name in BY_NODE:
        query = QueryVariable(name).query(f"label_values(up, {name})").datasource(SOURCE)
        query = query.multi(True).include_all(True).all_value(".*")
        made = made.with_variable(query.refresh(VariableRefresh.ON_DASHBOARD_LOAD))
    rows = plain(made.build())
    width = COLUMNS // 2
    rows["panels"] = [
        one
        | {"id": number + 1}
        | {"gridPos": {"x": number % 2 * width, "y": number // 2 * HEIGHT, "w": width, "h": HEIGHT}}
        for number, one in enumerate(panels)
    ]
    return rows
