"""Do two quorums share an honest voter? The arithmetic behind 0.67, 0.75 and 2f + 1.

Two quorums of q among n voters share at least 2q - n. PBFT needs f + 1 of them in common: f may
lie to both sides, the one more does not. A larger quorum shares more and is reached less often:
it buys safety with liveness.

Also here is a rule that does not work, for looking at only: ceil(sqrt n) voters, as in proposals
for "probabilistic" consensus. Of 100 voters two such quorums of 10 need not share anybody.
Shares are fractions of the voters, 0 to 1. Read before: `quorum`. Read next: `pbft`.
"""

from fractions import Fraction
from math import ceil, isqrt

from course.dwcp.consensus.quorum import byzantine_quorum, max_faulty

DEFAULT_SHARE, RAISED_SHARE = 0.67, 0.75
VOTERS_MIN = 4


def quorum_at(voters: int, share: float = DEFAULT_SHARE) -> int:
    """Matching votes needed at `share` of the voters, rounded up, never below the safe quorum.

    >>> [quorum_at(n) for n in (4, 7, 10, 13)], [quorum_at(n, 0.75) for n in (4, 7, 10, 13)]
    ([3, 5, 7, 9], [3, 6, 8, 10])
    """
    if voters < VOTERS_MIN:
        raise ValueError(f"{voters} voters survive no liar; Byzantine agreement needs {VOTERS_MIN}")
    if not 0 < share <= 1:
        raise ValueError(f"a share of the voters lies above 0 and up to 1, not {share}")
    # Exact: 0.67 x 100 is 67 voters, and no rounding error may make it 68.
    return max(byzantine_quorum(voters), ceil(Fraction(str(share)) * voters))


def silent_tolerated(voters: int, share: float = DEFAULT_SHARE) -> int:
    """Voters that may say nothing while the rest still decides.

    >>> silent_tolerated(7), silent_tolerated(7, 0.75)
    (2, 1)
    """
    return voters - quorum_at(voters, share)


def overlap(voters: int, quorum: int) -> int:
    """The fewest voters that two quorums share."""
    return max(0, 2 * quorum - voters)


def is_safe(voters: int, quorum: int) -> bool:
    """Do any two quorums share an honest voter, with f liars among `voters`?

    >>> is_safe(100, 67), is_safe(100, square_root_quorum(100))
    (True, False)
    """
    return overlap(voters, quorum) >= max_faulty(voters) + 1


def square_root_quorum(voters: int) -> int:
    """ceil(sqrt n): shown because it fails, and used by nothing.

    >>> square_root_quorum(100), overlap(100, 10)
    (10, 0)
    """
    return isqrt(voters - 1) + 1
