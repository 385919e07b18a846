"""Signals of monitoring itself (T29)."""

from course.lab.signals.looking import Case, signal


@signal()
def up_returns_series(case: Case) -> bool:
    """Does the latest scrape say of the controllers whether they are up?"""
    return bool(case.lab.metrics.query('up{job="dwcp-controller"}').lines)


@signal("node")
def metric_present(case: Case) -> bool:
    """Has the node, beside `up`, which the monitor writes, a series of its own?"""
    return bool(case.lab.metrics.query(f'{{node="{case.node}",__name__=~"dwcp_.+"}}').lines)
