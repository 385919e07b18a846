"""Label sets: what tells one time series from another.

A label set is a tuple of (name, value) pairs, sorted by name: it can be compared, used as a key
and read. The metric name is the value of the label `__name__`, as in Prometheus. A label with an
empty value is the same as no label, so none is kept.
"""

import re
from collections.abc import Collection, Mapping

Labels = tuple[tuple[str, str], ...]

NAME = "__name__"
LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


def labels(name: str = "", /, **values: str) -> Labels:
    """The label set `name{values}`: `labels("up", job="dwcp-worker")`."""
    return make({NAME: name, **values})


def make(pairs: Mapping[str, str]) -> Labels:
    """A label set from a mapping; ValueError if a name is not one Prometheus allows."""
    for name, value in pairs.items():
        if not LABEL_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no label name: letters, digits and _, no digit first")
        if not isinstance(value, str):
            raise ValueError(f"label {name} is {value!r}; a label's value is a string")
    metric = pairs.get(NAME, "")
    if metric and not METRIC_NAME.fullmatch(metric):
        raise ValueError(f"{metric!r} is no metric name: letters, digits, _ and :, no digit first")
    return tuple(sorted((name, value) for name, value in pairs.items() if value))


def get(of: Labels, name: str) -> str:
    """The value of one label, empty if there is none."""
    return next((value for key, value in of if key == name), "")


def metric_name(of: Labels) -> str:
    """The metric name, empty if the label set has none."""
    return get(of, NAME)


def nameless(of: Labels) -> Labels:
    """The label set without its metric name."""
    return tuple(pair for pair in of if pair[0] != NAME)


def without(of: Labels, names: Collection[str]) -> Labels:
    """The label set without the labels in `names`."""
    return tuple(pair for pair in of if pair[0] not in names)


def only(of: Labels, names: Collection[str]) -> Labels:
    """The label set with nothing but the labels in `names`."""
    return tuple(pair for pair in of if pair[0] in names)


def with_label(of: Labels, name: str, value: str) -> Labels:
    """The label set with one label set, or taken out when `value` is empty."""
    return make({**dict(of), name: value})


def quoted(value: str) -> str:
    """A label value in Prometheus' formats: quoted; backslash, quote and newline escaped."""
    plain = value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
    return f'"{plain}"'


def show(of: Labels) -> str:
    """The label set as Prometheus prints it: `name{a="b", c="d"}`."""
    inner = ", ".join(f"{name}={quoted(value)}" for name, value in nameless(of))
    name = metric_name(of)
    return f"{name}{{{inner}}}" if inner or not name else name
