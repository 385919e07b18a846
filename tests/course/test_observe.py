"""What a notebook draws of a lab comes from the lab: its metrics, its traces, a learner's panel."""

import pytest

from course.lab import Lab
from course.observe import dashboard, draw, panel, waterfall


@pytest.fixture(scope="module")
def lab():
    lab = Lab("day-1", 2)
    lab.vm.create(name="shop", memory_gb=0.25, node="worker-1")
    lab.migration.start(vm="shop", target="worker-2")
    lab.migration.wait(vm="shop")
    lab.run(30)
    return lab


def test_a_controller_that_is_down_is_seen_on_the_overview(lab):
    assert dashboard(lab).get_supxlabel().startswith("No threshold is crossed")
    lab.inject("service-stopped", host="controller-1")
    lab.run(30)
    assert "Cluster health: look" in dashboard(lab).get_supxlabel()


def test_a_panel_of_ones_own_is_drawn_for_the_nodes_that_were_chosen(lab):
    mine = panel("VMs", {"{{node}}": 'dwcp_vm_count{node=~"$node"}'}, "bargauge")
    labels = draw(lab, mine, node="worker-(1|2)").axes[0].get_yticklabels()
    assert sorted(text.get_text() for text in labels) == ["worker-1", "worker-2"]


def test_a_span_that_no_scrape_fits_into_is_refused(lab):
    with pytest.raises(ValueError, match="give 15 s"):
        dashboard(lab, span_s=5)


def test_a_trace_is_drawn_span_by_span(lab):
    trace = lab.trace("shop")
    labels = [text.get_text().strip() for text in waterfall(trace).axes[0].get_yticklabels()]
    assert labels == [span.name for _, span in trace.walk()][::-1]
    assert len(waterfall(trace, deepest=1).axes[0].get_yticklabels()) == 6
