"""PBFT step by step: what `course.dwcp.consensus.pbft_cluster` does, as frames to go through.

Each frame is one round of a table-top cluster: the messages that arrived in it, and what each
voter knows after it. The voters are the real ones. `TwoFaced` is a primary that gives one number
to two batches and tells each half of the voters another one: the lie that PBFT is made for.
Read next: `course.figures.agreement`, which draws a frame.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from course.dwcp.consensus.canonical import digest
from course.dwcp.consensus.pbft import Pbft
from course.dwcp.consensus.pbft_cluster import Cluster, Letter
from course.dwcp.consensus.pbft_messages import NULL, PrePrepare, Proposal
from course.dwcp.consensus.pbft_records import Place
from course.dwcp.consensus.signatures import Signed, Signer
from course.dwcp.machine import Effect, Send
from course.dwcp.units import SECOND
from course.figures.agreement import Message, Voter, ring
from course.widgets.stepper import Frame

WORDS = {
    "Request": "The client's request arrives.",
    "Proposal": "The primary has given the request a number and sent it to the backups.",
    "Prepare": "Backups say which batch they hold at this number.",
    "Commit": "Who has a quorum's prepares says so.",
    "Reply": "Who has a quorum's commits has carried it out and answers the client.",
    "ViewChange": "Voters have waited too long and want another primary.",
    "NewView": "The next primary begins with what a quorum can prove.",
    "CommitCertificate": "Who missed the decision is sent a quorum's commits, which prove it.",
    "Progress": "Voters tell how far they are, so that nobody stays behind.",
}


@dataclass(slots=True)
class TwoFaced:
    """A primary that proposes what was asked to some, and nothing to `others`, at one number."""

    inner: Pbft
    signer: Signer
    others: tuple[str, ...]

    @property
    def wake_at(self) -> int | None:
        return self.inner.wake_at

    def receive(self, sender: str, message: Any, now: int) -> list[Effect]:
        return [self._face(effect) for effect in self.inner.receive(sender, message, now)]

    def wake(self, now: int) -> list[Effect]:
        return [self._face(effect) for effect in self.inner.wake(now)]

    def _face(self, effect: Effect) -> Effect:
        if isinstance(effect, Send) and effect.to in self.others and _is_own(effect.message, self):
            at = effect.message.pre_prepare.body
            said = PrePrepare(at.view, at.number, digest(NULL))
            return replace(effect, message=Proposal(self.signer.sign(said), NULL))
        return effect


def two_faced(cluster: Cluster, name: str, others: tuple[str, ...]) -> None:
    """Let `name` lie to `others` from now on."""
    cluster.nodes[name] = TwoFaced(cluster.nodes[name], cluster.signers[name], others)


def frames(
    cluster: Cluster,
    most: int = 12,
    until: int = 20 * SECOND,
    number: int = 1,
    passes: Callable[[Letter], bool] = lambda letter: True,
) -> list[Frame]:
    """Rounds of `cluster` until `until` (us) or `most` frames; what `passes` drops is lost.

    Where nothing is on the way time passes until a timer fires. A round in which nobody learns
    anything, from messages of kinds that were seen before, is left out.
    """
    made, kinds = [_frame(cluster, [], [], number, "Before anything arrives.")], {""}
    while len(made) < most and cluster.now < until:
        if not cluster.wire and not _wait(cluster):
            break
        lost = [letter for letter in cluster.wire if not passes(letter)]
        arrived = cluster.round(passes)
        frame = _frame(cluster, arrived, lost, number, _words(arrived))
        new = {letter.kind for letter in (*arrived, *lost)}
        if frame.tables[0] != made[-1].tables[0] or not new <= kinds:
            made.append(frame)
        kinds |= new
    return made


def _wait(cluster: Cluster) -> bool:
    """Until somebody's patience ends; False if nobody waits for anything."""
    times = [node.wake_at for node in cluster.nodes.values() if node.wake_at is not None]
    if times:
        cluster.pass_time(max(0, min(times) - cluster.now))
    return bool(times)


def _frame(
    cluster: Cluster, arrived: list[Letter], lost: list[Letter], number: int, text: str
) -> Frame:
    kinds = list(dict.fromkeys(letter.kind for letter in arrived)) or ["Start"]
    liars = [name for name, node in cluster.nodes.items() if isinstance(node, TwoFaced)]
    known = cluster.knows(number)
    for name in liars:
        known |= {name: _place(cluster.nodes[name].inner, number)}
    rows = [_row(cluster, name, known.get(name), name in liars) for name in cluster.voters]
    messages = [_message(cluster, letter) for letter in arrived if letter.sender != letter.to]
    messages += [Message(one.sender, one.to, one.kind, lost=True) for one in lost]
    heard = [{"from": m.sender, "to": m.to, "message": m.kind, "note": _note(m)} for m in messages]
    picture = ring(
        _voters(cluster, rows, liars), messages, f"{text} The table below says the same."
    )
    tables = (
        {"title": "Who knows what now", "rows": rows},
        {"title": "What arrived", "rows": heard},
    )
    return Frame(f"{cluster.now / 1000:g} ms: {', '.join(kinds)}", text, picture, tables)


def _row(cluster: Cluster, name: str, place: Place | None, lies: bool) -> dict[str, Any]:
    node = cluster.nodes[name]
    status = (node.inner if lies else node).status()
    quorum = (node.inner if lies else node).group.quorum
    role = "primary" if status.primary == name else "backup"
    return {
        "voter": f"{name}{' (lies)' if lies else ''}",
        "role": role,
        "view": f"{status.view}{', wants the next' if status.changing else ''}",
        "holds": place.digest.hex()[:6] if place and place.digest else "nothing",
        "prepares": f"{len(place.prepares) if place else 0} of {quorum - 1}",
        "commits": f"{len(place.commits) if place else 0} of {quorum}",
        "state": _state(place),
        "carried out": status.executed,
    }


def _state(place: Place | None) -> str:
    if place is None:
        return "nothing yet"
    return "committed" if place.committed else "prepared" if place.prepared else "waiting"


def _voters(cluster: Cluster, rows: list[dict[str, Any]], liars: list[str]) -> list[Voter]:
    voters = [
        Voter(
            name, row["role"],
            (f"holds {row['holds']}", f"P {row['prepares']}, C {row['commits']}", row["state"]),
            name in liars, row["role"] == "primary",
        )
        for name, row in zip(cluster.voters, rows, strict=True)
    ]  # fmt: skip
    clients = [name for name in cluster.nodes if name not in cluster.voters]
    return [*voters, *(Voter(name, "", ("asks",)) for name in clients)]


def _message(cluster: Cluster, letter: Letter) -> Message:
    liar = cluster.nodes[letter.sender]
    lies = isinstance(liar, TwoFaced) and letter.to in liar.others and _is_own(letter.message, liar)
    return Message(letter.sender, letter.to, f"{letter.kind}{_what(letter)}", lies)


def _is_own(message: Any, liar: TwoFaced) -> bool:
    return isinstance(message, Proposal) and message.pre_prepare.signer == liar.inner.name


def _what(letter: Letter) -> str:
    """The first signs of the digest that it is about."""
    message = letter.message
    body = message.pre_prepare.body if isinstance(message, Proposal) else message
    body = body.body if isinstance(body, Signed) else body
    about = getattr(body, "digest", None)
    return f" {about.hex()[:6]}" if isinstance(about, bytes) else ""


def _note(message: Message) -> str:
    return "a lie" if message.lies else "lost" if message.lost else ""


def _place(voter: Pbft, number: int) -> Place | None:
    return next((one for one in voter.status().places if one.number == number), None)


def _words(arrived: list[Letter]) -> str:
    kinds = dict.fromkeys(letter.kind for letter in arrived)
    return " ".join(WORDS.get(kind, f"{kind} arrives.") for kind in kinds) or "All of it was lost."
