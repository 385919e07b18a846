"""Each figure is drawn from plain rows, and its labels say what it shows."""

import io

import pytest

from course import figures

MOVE = {
    "duration_s": 23.2,
    "downtime_s": 0.7,
    "stages": [
        {"stage": "transfer", "start_s": 0.3, "end_s": 23.0},
        {"stage": "switch", "start_s": 23.0, "end_s": 23.1},
    ],
    "rounds": [
        {"round": 1, "pages_mb": 2147, "wire_mb": 525, "seconds": 22.0, "dirtied_mb": 66},
        {"round": 2, "pages_mb": 66, "wire_mb": 2, "seconds": 0.5, "dirtied_mb": 0.0},
    ],
}
NODES = [{"node": "worker-1", "role": "worker", "region": "us", "status": "ready", "vms": 1}]
LINE = {
    "name": "worker-1", "target": "lag", "labels": {}, "times_s": [-30.0, -15.0, 0.0],
    "values": [5.0, 40.0, 70.0], "colour": "red",
}  # fmt: skip
PANEL = {
    "title": "Lag", "view": "timeseries", "unit": "s", "description": "", "span_s": 600,
    "steps": [{"from": None, "colour": "green"}, {"from": 60, "colour": "red"}], "lines": [LINE],
}  # fmt: skip
SPANS = [
    {"span": name, "depth": depth, "node": "worker-1", "start_s": start, "duration_s": took,
     "error": None, "open": False, "span_id": name}
    for name, depth, start, took in (("move", 0, 0, 9), ("send", 1, 1, 8), ("pack", 1, 1, 3))
]  # fmt: skip
DRAWN = {
    "board": (figures.board("Overview", [PANEL, PANEL]), "minutes before now"),
    "panel": (figures.panel(PANEL), "minutes before now"),
    "waterfall": (figures.waterfall(SPANS, {"send"}), "seconds since the request"),
    "topology": (figures.topology(NODES), None),
    "knob": (
        figures.knob([{"n": 4, "r": 80, "at": "x"}], "n", "r", "at", "One.", ("streams", "Mbps")),
        "streams",
    ),
    "promised": (
        figures.promised([{"change": "level 9", "promised": 17, "measured": -52}], "Worse."),
        "better by, % (hatched: promised; filled: measured)",
    ),
    "incident": (
        figures.incident([(0, "cluster", "stops"), (2, "page", "fires")], "Late.", [(5, "by")]),
        "minutes",
    ),
    "before_and_after": (
        figures.before_and_after(
            {"w-1": {"a": 4, "b": 3}}, {"w-1": {"a": 4}, "w-2": {"b": 3}}, {"w-1": 8, "w-2": 8}
        ),
        "memory, GB",
    ),
    "dirty_pages": (figures.dirty_pages(MOVE), "seconds since the request"),
    "reputation": (
        figures.reputation({"w-1": [(0, 1.0), (5, 0.2)]}, [(5, "w-1", "quarantined")]),
        "seconds",
    ),
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


def texts(picture):
    return [text.get_text() for axes in picture.axes for text in axes.texts]


def test_a_topology_of_any_size_shows_every_node_and_what_flows():
    many = [dict(NODES[0], node=f"worker-{i}", region=("us", "eu")[i % 2]) for i in range(1, 36)]
    flow = {"source": "worker-1", "target": "worker-34", "mbps": 188, "vm": "shop"}
    said = texts(figures.topology(many, flows=[flow]))
    assert {str(i) for i in range(1, 36)} <= set(said) and "shop, 188 Mbps" in said


def test_the_downtime_is_told_in_words_and_moved_vms_are_counted():
    assert "guest paused 0.70 s " in texts(figures.dirty_pages(MOVE))
    before, after = {"w-1": {"a": 4, "b": 3}}, {"w-1": {"a": 4}, "w-2": {"b": 3, "new": 1}}
    made = figures.before_and_after(before, after, {"w-1": 8, "w-2": 8})
    assert "moved VMs, 1 in all" in made.get_supxlabel()


def test_a_score_holds_until_the_next_judgement():
    made = figures.reputation({"w-1": [(0, 1.0), (5, 0.2)], "w-2": [(0, 1.0), (9, 0.9)]})
    assert list(made.axes[0].lines[0].get_xdata()) == [0, 5, 9]


def test_a_waterfall_fills_what_is_on_the_path_and_hatches_what_is_beside_it():
    bars = [bar.patches[0] for bar in figures.waterfall(SPANS, {"send"}).axes[0].containers]
    pack, send, move = [(bar.get_hatch(), bar.get_facecolor()[:3]) for bar in bars]
    white = (1.0, 1.0, 1.0)
    assert pack == ("////", white) and move == ("", white) and send[1] != white
    assert figures.waterfall(SPANS, deepest=0).axes[0].get_yticklabels()[0].get_text() == "move"


def test_what_got_worse_is_below_zero_and_the_figure_says_by_how_much():
    rows = [
        {"change": "level 9", "promised": 17, "measured": -52},
        {"change": "gains", "promised": 5, "measured": -0.2},
    ]
    axes = figures.promised(rows, "Worse.").axes[0]
    assert [text.get_text() for text in axes.texts] == ["-52 %", "+0 %"]
    assert axes.patches[1].get_width() == -52 and axes.get_xlim()[0] < -52
    assert {bar.get_hatch() for bar in axes.patches} == {"//", None}, "readable without colour"


def test_a_knob_over_decades_has_plain_numbers_on_both_axes():
    rows = [{"n": n, "s": n, "of": "x"} for n in (0.2, 1, 30)]
    axes = figures.knob(rows, "n", "s", "of", "Up.", ("timeout, s", "wait, s"), log=True).axes[0]
    assert axes.get_xscale() == axes.get_yscale() == "log"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0.2", "1", "30"]
