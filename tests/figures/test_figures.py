"""Each figure is drawn from plain rows, and its labels say what it shows."""

import io

import pytest

from course import figures

MOVE = {
    "stages": [{"stage": "transfer", "start_s": 0.3, "end_s": 23.0}],
    "rounds": [
        {"round": 1, "pages_mb": 2147, "wire_mb": 525, "seconds": 22.0, "dirtied_mb": 66},
        {"round": 2, "pages_mb": 66, "wire_mb": 2, "seconds": 0.5, "dirtied_mb": 0.0},
    ],
}
NODES = [{"node": "worker-1", "role": "worker", "region": "us", "status": "ready", "vms": 1}]
DRAWN = {
    "topology": (figures.topology(NODES), None),
    "mode_map": (figures.mode_map([("a - b", 0.8, 1000)]), "round-trip time, ms"),
    "quorums": (figures.quorums([(3, 1, 0), (4, 1, 1)]), "members"),
    "scores": (figures.scores({"wrong": [1.0, 0.9]}), "votes"),
    "request_path": (figures.request_path(MOVE), "seconds since the request"),
    "rounds": (figures.rounds(MOVE), "round"),
    "stream_rates": (figures.stream_rates({"cubic": [4, 8]}, 100, own=(2, 8)), "streams"),
    "gossip": (figures.gossip({"6": [1, 7, 13]}, {"6": 1.0}), "seconds"),
    "level_curves": (figures.level_curves([(5, 150, 2.5)], own=(200, 60)), "link, Mbps"),
    "port_map": (figures.port_map([{"target": "worker-7", "ports": {8085: "open"}}]), "port"),
    "log_order": (figures.log_order([("09:01", "asked"), ("08:21", "refused")]), None),
    "where_pages_went": (figures.where_pages_went({"zero": 3}, {"zero": 28}), "share"),
}


@pytest.mark.parametrize("name", figures.__all__)
def test_a_figure_has_units_and_a_caption_and_can_be_drawn(name):
    figure, label = DRAWN[name]
    figure.savefig(io.BytesIO(), format="png")
    assert figure.get_supxlabel(), "the caption says what to see"
    assert label is None or figure.axes[0].get_xlabel() == label
