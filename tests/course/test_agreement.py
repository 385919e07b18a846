"""PBFT in frames: what stands in them is what the voters know, lies and losses included."""

import xml.etree.ElementTree as ElementTree

import pytest

from course.agreement import frames, two_faced
from course.dwcp.consensus.pbft_cluster import Cluster


def a_group(others=()):
    group = Cluster(4)
    if others:
        two_faced(group, "v0", others)
    group.ask("move vm-1 to worker-4")
    return group


def states(frame):
    return [row["state"] for row in frame.tables[0]["rows"]]


def test_a_decision_takes_five_rounds_and_nobody_is_ahead_of_its_votes():
    made = frames(a_group(), most=6)
    assert [frame.title.split(": ")[1] for frame in made] == [
        "Start", "Request", "Proposal", "Prepare", "Commit", "Reply",
    ]  # fmt: skip
    assert states(made[3]) == ["prepared"] * 4 and states(made[4]) == ["committed"] * 4
    for frame in made:
        for row in frame.tables[0]["rows"]:
            has = int(row["commits"].split(" of ")[0])
            assert row["state"] != "committed" or has >= 3


def test_a_lie_to_one_voter_is_shown_and_decides_nothing_else():
    made = frames(a_group(others=("v3",)))
    lies = [row for row in made[2].tables[1]["rows"] if row["note"] == "a lie"]
    assert [(row["from"], row["to"]) for row in lies] == [("v0", "v3")]
    held = [row["holds"] for row in made[2].tables[0]["rows"]]
    assert held[0] == held[1] == held[2] != held[3]
    assert states(made[4]) == ["committed", "committed", "committed", "waiting"]
    assert states(made[-1]) == ["committed"] * 4, "the deceived voter is told by a certificate"


def test_a_primary_that_splits_the_voters_is_replaced_and_all_decide_the_same():
    group = a_group(others=("v2", "v3"))
    made = frames(group, most=20)
    views = [row["view"] for row in made[-1].tables[0]["rows"]]
    assert views == ["1"] * 4
    assert len({str(group.nodes[name].ledger.state) for name in ("v1", "v2", "v3")}) == 1


def test_what_is_lost_is_in_the_picture_and_in_the_table():
    made = frames(a_group(), most=4, passes=lambda letter: letter.sender != "v3")
    lost = [row for row in made[3].tables[1]["rows"] if row["note"] == "lost"]
    assert {row["from"] for row in lost} == {"v3"}


@pytest.mark.parametrize("others", [(), ("v2", "v3")])
def test_a_picture_is_sound_xml_with_a_name_and_every_voter_in_words(others):
    for frame in frames(a_group(others)):
        svg = ElementTree.fromstring(frame.picture)
        assert svg.get("role") == "img" and svg.get("aria-label")
        said = " ".join(text.text for text in svg.iter("{http://www.w3.org/2000/svg}text"))
        assert all(f"v{i}, " in said for i in range(4))
        assert "(lie)" in said or "a lie" not in str(frame.tables)
