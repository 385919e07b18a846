"""ACP, the Adaptive Consensus Protocol: one agreed order of decisions.

Reading order: quorum (how many must agree), raft (against crashes), pbft_voter and what it lists
(against lies), evidence, reputation and suspicion (whom to ask), hybrid (who decides what).
"""

from course.dwcp.consensus.quorum import byzantine_quorum, majority, max_crashed, max_faulty
from course.dwcp.consensus.raft import Raft
from course.dwcp.consensus.reputation import Reputation

__all__ = ["Raft", "Reputation", "byzantine_quorum", "majority", "max_crashed", "max_faulty"]
