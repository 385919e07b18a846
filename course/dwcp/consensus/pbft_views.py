"""A new primary: what it must take over, and how everybody checks that it did.

A voter that leaves a view says what it has prepared, with proof. The new primary collects a
quorum of these and proposes anew, for every number between the newest stable checkpoint and the
highest prepared number, the batch prepared in the highest view; or the empty batch, where nobody
prepared anything. Nothing is left to its choice: the backups compute the same and compare.

Why that keeps what was committed: a committed batch was prepared by a quorum, the new primary
hears a quorum, and the two share an honest voter (Castro and Liskov 2002, section 4.4).

Functions only. Read before: `pbft_votes`. Read next: `pbft_view_change`, the voter's part.
"""

from collections.abc import Iterable

from course.dwcp.consensus.pbft_messages import (
    NULL_DIGEST,
    NewView,
    PrePrepare,
    Proof,
    ViewChange,
)
from course.dwcp.consensus.pbft_votes import Group, objection_to_prepared, objection_to_proof
from course.dwcp.consensus.signatures import Signed


def reissue(
    view: int, view_changes: Iterable[Signed[ViewChange]]
) -> tuple[int, Proof, tuple[PrePrepare, ...]]:
    """What a new view begins with: the newest stable checkpoint, its proof, and the proposals.

    The paper's min-s is the checkpoint, its max-s the number of the last proposal.
    """
    changes = [signed.body for signed in view_changes]
    newest = max(changes, key=lambda change: change.low)
    highest: dict[int, PrePrepare] = {}
    for certificate in (one for change in changes for one in change.prepared):
        at = certificate.pre_prepare.body
        if at.number not in highest or at.view > highest[at.number].view:
            highest[at.number] = at
    last = max(highest, default=newest.low)
    again = tuple(
        PrePrepare(view, n, highest[n].digest if n in highest else NULL_DIGEST)
        for n in range(newest.low + 1, last + 1)
    )
    return newest.low, newest.proof, again


def objection_to_view_change(change: ViewChange, group: Group, window: int) -> str | None:
    """None if every claim in it is proven, or else which is not."""
    numbers = [one.pre_prepare.body.number for one in change.prepared]
    if numbers != sorted({*numbers}):
        return "the certificates are not by number, one each"
    if numbers and not change.low < numbers[0] <= numbers[-1] <= change.low + window:
        return f"a certificate lies outside {change.low + 1} to {change.low + window}"
    if any(one.pre_prepare.body.view >= change.view for one in change.prepared):
        return f"a certificate is not from a view before {change.view}"
    wrong = objection_to_proof(change.low, change.proof, group)
    claims = (objection_to_prepared(one, group) for one in change.prepared)
    return wrong or next((claim for claim in claims if claim), None)


def objection_to_new_view(new: NewView, group: Group, window: int) -> str | None:
    """None if the view follows from what a quorum said, or else what does not."""
    primary = group.primary(new.view)
    changes = new.view_changes
    wanted = {v for v in group.voters for one in changes if v == one.signer}
    other = any(one.signer not in wanted or one.body.view != new.view for one in changes)
    if other or len(wanted) < max(group.quorum, len(changes)):
        return f"it needs view-changes to {new.view} of {group.quorum} different voters"
    for signed in changes:
        wrong = objection_to_view_change(signed.body, group, window)
        if wrong or not group.verifies(signed):
            return f"the view-change of {signed.signer}: {wrong or 'its signature is false'}"
    if not all(one.signer == primary and group.verifies(one) for one in new.pre_prepares):
        return f"a pre-prepare is not signed by {primary}"
    if tuple(one.body for one in new.pre_prepares) != reissue(new.view, changes)[2]:
        return "the proposals are not those that follow from the view-changes"
    return None


def view_to_join(view_changes: Iterable[Signed[ViewChange]], present: int, weak: int) -> int | None:
    """A view above `present` that `weak` (f + 1) voters have reached; None if there is none.

    One of them is honest, so liars alone cannot drag anybody along (1999, section 4.5.2).
    """
    views = sorted((one.body.view for one in view_changes), reverse=True)
    reached = views[weak - 1] if len(views) >= weak else 0
    return reached if reached > present else None
