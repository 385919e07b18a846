"""How many must agree, so that two groups that both decided share somebody.

Against crashes the shared node need only be there: two majorities always meet in one node.
Against lies it must be honest: two quorums must share f + 1 nodes, so that one of them is not a
liar. That is where 3f + 1 comes from (Lamport, Shostak and Pease 1982; Castro and Liskov 1999).
"""


def majority(nodes: int) -> int:
    """Votes that Raft needs among `nodes` members: more than half.

    >>> [majority(n) for n in (1, 2, 3, 4, 5)]
    [1, 2, 2, 3, 3]
    """
    _check(nodes)
    return nodes // 2 + 1


def max_crashed(nodes: int) -> int:
    """Members that may be down while the rest still decides. An even member adds nothing.

    >>> [max_crashed(n) for n in (3, 4, 5)]
    [1, 1, 2]
    """
    return nodes - majority(nodes)


def max_faulty(voters: int) -> int:
    """f, the liars that `voters` survive: strictly fewer than one third.

    >>> [max_faulty(n) for n in (3, 4, 6, 7, 10, 13)]
    [0, 1, 1, 2, 3, 4]
    """
    _check(voters)
    return (voters - 1) // 3


def byzantine_quorum(voters: int) -> int:
    """Matching votes that PBFT needs: ceil((n + f + 1) / 2), which is 2f + 1 when n = 3f + 1.

    >>> [byzantine_quorum(n) for n in (4, 5, 7, 10, 13)]
    [3, 4, 5, 7, 9]
    """
    return (voters + max_faulty(voters) + 2) // 2


def _check(members: int) -> None:
    if members < 1:
        raise ValueError(f"a group has at least 1 member, not {members}")
