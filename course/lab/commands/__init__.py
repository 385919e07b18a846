"""Every verb of the operator, once: plain arguments in, plain result out.

The verbs and their arguments are those of `dwcp-cli`, so what is learned here is typed the same
way on a real cluster; verbs of the groups host, server and clock stand for what one does on the
machines themselves. Wrong arguments change nothing and are answered with a code of the API.

Reading order: registry (how a verb is found and refuses), machines, nodes, network, transport,
vms, maintenance, upgrades, state, gossip, metrics, operations, placement, repairs, reports,
reputation, voting, forensics; health and lookups are what they share, setup what a scenario
begins with.
"""

from course.lab.commands import (
    forensics,
    gossip,
    machines,
    maintenance,
    metrics,
    network,
    nodes,
    operations,
    placement,
    repairs,
    reports,
    reputation,
    state,
    transport,
    upgrades,
    vms,
    voting,
)
from course.lab.commands.lookups import sync_lag_s
from course.lab.commands.registry import (
    KINDS,
    SCOPES,
    VERBS,
    CommandError,
    groups,
    lookup,
    run,
    words,
)
from course.lab.commands.setup import deploy, prepare

__all__ = [
    "KINDS",
    "SCOPES",
    "VERBS",
    "CommandError",
    "deploy",
    "forensics",
    "gossip",
    "groups",
    "lookup",
    "machines",
    "maintenance",
    "metrics",
    "network",
    "nodes",
    "operations",
    "placement",
    "prepare",
    "repairs",
    "reports",
    "reputation",
    "run",
    "state",
    "sync_lag_s",
    "transport",
    "upgrades",
    "vms",
    "voting",
    "words",
]
