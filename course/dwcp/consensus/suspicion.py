"""Suspicion: how strange a voter has been in the last five minutes, 0 to 100.

Each sign has a weight and fades linearly over the window; several kinds of signs count half as
much again. 40 and up is suspicious, 70 and up confirmed. It says whom to look at now, as a
reputation says whom to ask over weeks; neither is evidence, except where a sign is a proof.

Weights are DWCP's. Times are us. Read before: `evidence`, `reputation`.
"""

from collections.abc import Iterable

from course.dwcp.units import MINUTE

WINDOW = 5 * MINUTE
SUSPICIOUS, CONFIRMED = 40, 70
WEIGHTS = {
    "checkpoint_manipulation": 45,
    "equivocation": 40,
    "conflicting_vote": 35,
    "view_change_abuse": 30,
    "flooding": 25,
    "invalid_signature": 15,
    "timing_anomaly": 10,
    "malformed": 8,
    "silence": 5,
}
PROOFS = ("equivocation",)
"""Kinds that confirm at once, whatever the sum."""


def suspicion(signs: Iterable[tuple[str, int]]) -> float:
    """0 to 100 from (kind, age in us). ValueError for a kind without a weight.

    >>> suspicion([("conflicting_vote", 0)]), suspicion([("silence", 0), ("malformed", 0)])
    (35.0, 19.5)
    """
    recent = [(kind, age) for kind, age in signs if 0 <= age < WINDOW]
    unknown = sorted({kind for kind, _ in recent} - set(WEIGHTS))
    if unknown:
        raise ValueError(f"no weight for {', '.join(unknown)}; there are {', '.join(WEIGHTS)}")
    if any(kind in PROOFS for kind, _ in recent):
        return 100.0
    total = sum(WEIGHTS[kind] * (1 - age / WINDOW) for kind, age in recent)
    several = 1.5 if len({kind for kind, _ in recent}) > 1 else 1.0
    return round(min(100.0, total * several), 1)


def verdict(score: float) -> str:
    """normal, suspicious or confirmed.

    >>> [verdict(score) for score in (39.9, 40, 70)]
    ['normal', 'suspicious', 'confirmed']
    """
    if score >= CONFIRMED:
        return "confirmed"
    return "suspicious" if score >= SUSPICIOUS else "normal"
