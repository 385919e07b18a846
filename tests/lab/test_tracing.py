"""The trace of a migration tells what really happened, and changes nothing of it."""

import pytest

from course.lab import Lab, replay
from course.telemetry.traces import critical_path, on_path_us

STAGES = [
    "placement_decision", "network_prediction", "consensus_voting", "memory_transfer",
    "state_update",
]  # fmt: skip


def moved(seed=11, before=lambda lab: None, traced=True, strategy="pre-copy", scenario="day-1"):
    lab = Lab(scenario, seed, traced=traced)
    lab.vm.create(name="shop", memory_gb=0.5, node="worker-1")
    lab.migration.set_strategy(vm="shop", strategy=strategy)
    before(lab)
    lab.migration.start(vm="shop", target="worker-8")
    lab.migration.wait(vm="shop")
    lab.run(20)
    return lab


@pytest.fixture(scope="module")
def lab():
    return moved()


def seconds(lab, span):
    return (span.end - span.start) / 1e6


def test_one_migration_is_one_trace_with_the_five_stages_in_order(lab):
    (trace,) = lab.traces()
    assert [child.name for child in trace.children(trace.root)] == STAGES
    assert len(trace) >= 20 and not any(span.is_open for span in trace.spans)
    assert trace.root.attributes["vm.id"] == "shop" and trace.root.service == "dwcp-api"


def test_spans_are_of_the_node_that_did_the_work(lab):
    trace = lab.trace("shop")
    where = {span.name: span.node for span in trace.spans}
    assert where["memory_transfer"] == where["compression"] == "worker-1"
    assert where["decompression"] == where["activate_target"] == "worker-8"
    assert where["consensus_voting"] == lab.cluster.status()["leader"]
    assert trace.named("append_entries")[0].service == "dwcp-controller"


def test_the_trace_has_the_times_of_the_migrations_own_record(lab):
    trace, status = lab.trace("shop"), lab.migration.status(vm="shop")
    stages = trace.children(trace.root)
    assert sum(seconds(lab, s) for s in stages[:-1]) == pytest.approx(
        status["duration_s"], abs=0.001
    )
    pause, activate = trace.named("stop_and_copy")[0], trace.named("activate_target")[0]
    assert (activate.end - pause.start) / 1e6 == pytest.approx(status["downtime_s"], abs=0.001)
    rounds = [s for s in trace.spans if s.name in ("precopy_round", "stop_and_copy")]
    took = [row["seconds"] for row in status["rounds"]]
    assert [seconds(lab, span) for span in rounds] == pytest.approx(took, abs=0.001)


def test_sending_is_the_critical_path_and_the_encoder_beside_it_is_not(lab):
    path = on_path_us(lab.trace("shop"))
    assert max(path, key=path.get) == "amst_transmission"
    assert "deduplication" not in path


def test_every_other_controllers_part_in_an_agreement_is_a_child_of_the_vote(lab):
    trace, leader = lab.trace("shop"), lab.cluster.status()["leader"]
    for vote in trace.named("vote_collection"):
        voters = {span.node for span in trace.children(vote)}
        assert voters == {f"controller-{n}" for n in (1, 2, 3)} - {leader}
        answered = [event.attributes["node"] for event in vote.events]
        assert answered and set(answered) <= voters


def test_a_slow_voters_disk_is_seen_in_its_own_span():
    lab = moved(before=lambda lab: lab.inject("slow-disk", host="controller-3", ms=400))
    spans = lab.trace("shop").named("append_entries")
    assert {span.duration for span in spans if span.node == "controller-3"} == {400_000}


def test_the_request_is_over_when_the_last_node_has_heard_of_the_move(lab):
    spread = lab.trace("shop").named("gossip_propagation")[0]
    informed = {event.attributes["node"] for event in spread.events}
    assert {f"worker-{n}" for n in range(1, 11)} <= informed
    assert spread.events[-1].at == spread.end == lab.trace("shop").root.end


def test_a_history_is_the_same_with_and_without_tracing(lab):
    untraced = moved(traced=False)
    assert untraced.fingerprint() == lab.fingerprint()
    assert len(lab.traces()) == 1 and untraced.traces() == []


def test_a_replay_has_the_same_trace_id_by_id(lab):
    again = replay(lab.journal(), "day-1", 11)
    assert again.trace("shop").rows() == lab.trace("shop").rows()


def test_a_failure_marks_its_stage_and_the_retry_is_linked_to_it():
    lab = moved(
        before=lambda lab: lab.inject("link-cut", a="worker-1", b="worker-8", at_s=1, for_s=90)
    )
    failed = lab.trace("shop")
    assert failed.root.error.startswith("TRANSPORT_UNAVAILABLE")
    assert failed.root.attributes["error.code"] == "TRANSPORT_UNAVAILABLE"
    broken = [span.name for _, span in failed.walk() if span.error]
    assert broken == ["vm_migration_request", "memory_transfer", "precopy_round"]
    assert [event.name for event in failed.named("memory_transfer")[0].events] == ["exception"]
    lab.run(90)
    lab.migration.retry(vm="shop")
    again = lab.trace("shop")
    assert again.root.links == ((failed.id, failed.root.span_id),)
    assert again.root.is_open


def test_post_copy_pauses_before_it_sends():
    trace = moved(strategy="post-copy").trace("shop")
    pause, rounds = trace.named("stop_and_copy")[0], trace.named("postcopy_round")
    assert all(one.start >= trace.named("activate_target")[0].end > pause.end for one in rounds)


def test_a_wrong_clock_moves_the_spans_of_its_node_and_not_their_durations(lab):
    skewed = moved(before=lambda lab: lab.inject("clock-skew", host="worker-8", ms=-5_000))
    trace, true = skewed.trace("shop"), lab.trace("shop")
    there, right = trace.named("verify_memory")[0], true.named("verify_memory")[0]
    assert there.start == right.start - 5_000_000 and there.duration == right.duration
    assert sum(part.duration for part in critical_path(trace)) == trace.root.duration


def test_a_node_that_went_silent_is_not_waited_for_longer_than_15_s():
    def stop_one(lab):
        lab.inject("pause", host="worker-5")

    spread = moved(before=stop_one).trace("shop").named("gossip_propagation")[0]
    assert spread.attributes["nodes.missing"] == 1 and spread.duration == 15_000_000


def test_where_there_is_no_gossip_the_request_ends_with_the_migration():
    def silent(lab):
        lab.world.gossip = None

    trace = moved(before=silent).trace("shop")
    assert [child.name for child in trace.children(trace.root)] == STAGES[:-1]
    assert not trace.root.is_open


def test_an_unknown_migration_is_named_with_those_there_are(lab):
    with pytest.raises(ValueError, match="no trace of 'bank'; there are mig-1-shop"):
        lab.trace("bank")
