"""ACP, the Adaptive Consensus Protocol: one agreed order of decisions.

Reading order: quorum (how many must agree), raft (against crashes), reputation (whom to ask).
"""

from course.dwcp.consensus.quorum import byzantine_quorum, majority, max_crashed, max_faulty
from course.dwcp.consensus.raft import Raft
from course.dwcp.consensus.reputation import Reputation

__all__ = ["Raft", "Reputation", "byzantine_quorum", "majority", "max_crashed", "max_faulty"]
