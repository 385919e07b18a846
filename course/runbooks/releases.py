"""Steps about releases: one that fails is rolled back, one that was withdrawn goes everywhere.

T09 decides whether, T10 how. What is rolled back stays where it is: in place, no guest is moved or
stopped. Failed moves of the nodes concerned are made again. Next to read: `guests`.
"""

from course.runbooks.looks import Row, crashed, unready
from course.runbooks.running import Act, Case, Plan, act, step

FORWARD = 0.05
"""Below this share of workers a release is mended forward, not rolled back."""
SLOWER = 1.2
SETTLED_S = 300
"""A version that came this lately may be a rollout in progress."""


@step
def bad_release(case: Case) -> Plan | str:
    """Services fall over, or moves fail, on one version and on no other."""
    versions: dict[str, list[str]] = case.look("upgrade status")["versions"]
    broken = set(crashed(case, 3_600)) | {row["source"] for row in _failed(case)}
    if not broken:
        return "No service fell over in the last hour, and no move failed for its service's sake."
    bad = [version for version, names in versions.items() if broken & set(names)]
    if len(bad) != 1 or not broken <= set(versions[bad[0]]):
        return f"{', '.join(sorted(broken))} failed, on {', '.join(bad)}: it is not the version."
    return _rollback(case, versions, bad[0], sorted(broken), "fails")


@step
def slow_release(case: Case) -> Plan | str:
    """Moves from nodes of one version take longer than from those of another."""
    versions: dict[str, list[str]] = case.look("upgrade status")["versions"]
    workers = {v: [n for n in names if n.startswith("worker")] for v, names in versions.items()}
    workers = {v: names for v, names in workers.items() if names}
    if len(workers) < 2:
        return f"All workers have one version, {', '.join(workers)}."
    newest, older = max(workers), max(set(workers) - {max(workers)})
    target = workers[older][-1]
    times = {v: case.measure(workers[v][0], target) for v in (newest, older)}
    seconds = {v: found["duration_s"] for v, found in times.items() if found and found["passed"]}
    if len(seconds) < 2 or seconds[newest] <= SLOWER * seconds[older]:
        return f"A test move takes {seconds} s by version: no version is slower."
    return _rollback(case, versions, newest, workers[newest], f"is slower ({seconds} s)")


def _rollback(
    case: Case, versions: dict[str, list[str]], bad: str, broken: list[str], how: str
) -> Plan:
    """Back to the version that most of the others have."""
    others = {v: names for v, names in versions.items() if v != bad}
    share = len([n for n in broken if n.startswith("worker")]) / max(1, _workers(versions))
    found, names = f"{bad} {how} on {', '.join(broken)}.", versions[bad]
    if not others:
        return Plan(found, (), lambda c: "", unless=(
            "every node has that version; say to which it goes back (upgrade rollback)."
        ))  # fmt: skip
    if 0 < share < FORWARD:
        return Plan(found, (), lambda c: "", unless=(
            f"{share:.1%} of the workers are below 5 %: mend forward (matrix R1)."
        ))  # fmt: skip
    before = max(others, key=lambda version: len(others[version]))
    decision = f"Roll {', '.join(names)} back from {bad} to {before} in place: {bad} {how}"
    again: list[Act] = []
    for row in _failed(case):
        again += [act("migration retry", vm=row["vm"]), act("migration wait", vm=row["vm"])]
    acts = (
        act("incident record", kind="decision", text=decision),
        act("upgrade rollback", version=before, nodes=names, method="in-place"),
        act("clock run", seconds=30),
        *again,
    )
    return Plan(found, acts, lambda c: _not_one_version(c, names), 90)


def _failed(case: Case) -> list[Row]:
    """Moves that a service gave up, without test moves."""
    rows = case.look("migration list", status="failed") or []
    return [r for r in rows if "INTERNAL_ERROR" in (r["error"] or "") and r["vm"] and
            not r["id"].startswith("test-")]  # fmt: skip


def _workers(versions: dict[str, list[str]]) -> int:
    return sum(name.startswith("worker") for names in versions.values() for name in names)


def _not_one_version(case: Case, names: list[str]) -> str:
    found = case.look("upgrade status")
    if not found["uniform"]:
        return f"there are still versions {', '.join(found['versions'])}"
    return unready(case, names)


@step
def withdrawn_version(case: Case) -> Plan | str:
    """A node came back with a version that all others were taken back from."""
    versions: dict[str, list[str]] = case.look("upgrade status")["versions"]
    installed = case.look("events list", duration=86_400, type="version_installed")
    for version, names in versions.items():
        gave_up = {row["node"] for row in installed if row["version"] == version} - set(names)
        if gave_up and len(gave_up) > len(names):
            return _taken_back(case, versions, version, names)
    return "No node has a version that the others were taken back from."


def _taken_back(case: Case, versions: dict[str, list[str]], version: str, names: list[str]) -> Plan:
    others = {v: held for v, held in versions.items() if v != version}
    before = max(others, key=lambda one: len(others[one]))
    fresh = case.look("events list", duration=SETTLED_S, type="version_installed")
    reason = "versions are being exchanged right now; wait for the end of it." if fresh else ""
    acts = (
        act("upgrade rollback", version=before, nodes=names, method="in-place"),
        act("clock run", seconds=30),
    )
    found = f"{', '.join(names)} still has {version}, which was withdrawn."
    return Plan(found, acts, lambda c: _not_one_version(c, names), 90, unless=reason)
