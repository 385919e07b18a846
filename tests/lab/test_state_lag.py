"""How far behind each worker is, as an operator reads it."""

from course.lab import Lab


def test_the_lag_of_every_worker_is_told_and_only_late_ones_if_asked():
    lab = Lab("syn-03-partition")
    found = lab.state_sync.lag_status()
    late = lab.state_sync.lag_status(show_all=False)
    assert len(found["nodes"]) == 10 and found["max_seconds"] > 30
    assert {row["region"] for row in late["nodes"]} == {"eu-west"}
