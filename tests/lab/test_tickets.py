"""A lab's incidents are drawn by the learner's seed: all of them, in an order of one's own."""

import pytest

from course.lab.tickets import tickets


def test_everybody_gets_every_variant_and_the_same_seed_the_same_order():
    orders = {tickets("Ops 7", f"learner-{number}") for number in range(40)}
    assert orders == {("lab-7-a", "lab-7-b"), ("lab-7-b", "lab-7-a")}
    assert tickets("Ops 7", "ada") == tickets("Ops 7", "ada")


def test_a_healthy_cluster_is_no_ticket():
    assert tickets("Ops 8", 1) == ("lab-8-slow-trace",)


def test_a_lab_without_incidents_is_refused_by_name():
    with pytest.raises(
        ValueError, match="no incident belongs to the lab 'Ops 9'; there are .*Ops 7"
    ):
        tickets("Ops 9", 1)
