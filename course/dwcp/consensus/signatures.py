"""Who said this? Ed25519 over the one encoding of a message (RFC 8032).

A signature lets a third party judge: the same bytes that convinced you convince everybody, so a
prepared certificate can travel, and a voter who said two things has proved it himself. Keys are
32 bytes, signatures 64. What is signed begins with a tag and the signer's name, so a signature
made elsewhere, for something else, never fits here.

Signing and checking cost about 50 and 100 us each. For simulations with millions of messages
there is `KeyedHashSigner`, behind the same two methods. It is NOT a signature: who can check can
forge. It stands for one as long as nobody in the simulation uses a key that is not theirs.

Left out: certificates, revocation, and how the keys came here. Read before: `canonical`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from hmac import compare_digest
from typing import Any, Generic, Protocol, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from course.dwcp.consensus.canonical import encode, fits

TAG = b"dwcp-acp-3:"
SEED_SIZE, KEY_SIZE, SIGNATURE_SIZE = 32, 32, 64

T = TypeVar("T")


@dataclass(frozen=True)
class Signed(Generic[T]):
    """A message and who answers for it. `signer` is a claim until a keyring has checked it."""

    body: T
    signer: str
    signature: bytes

    @cached_property
    def is_whole(self) -> bool:
        """Has it, and has its body, the types that their classes declare? Computed once, too."""
        return fits(self, a_signed(type(self.body)))

    @cached_property
    def signed_bytes(self) -> bytes:
        """What the signature is over; computed once, since nothing here ever changes."""
        return to_sign(self.signer, self.body)


def a_signed(kind: type) -> Any:
    """The type of a signed `kind`, for `canonical.fits`."""
    return Signed[kind]  # type: ignore[valid-type]


def to_sign(signer: str, body: Any) -> bytes:
    """Tag, signer, message. ValueError if the message has no encoding."""
    return TAG + encode((signer, body))


class Signer(Protocol):
    """Holds a private key, and the name that goes with it."""

    name: str

    def sign(self, body: Any) -> Signed[Any]: ...


class Verifier(Protocol):
    """Knows who has which key."""

    def verifies(self, signed: Signed[Any]) -> bool:
        """False: not by that signer, or the signer is unknown. Never raises for a peer's bytes."""


class Ed25519Signer:
    """`seed`: 32 secret bytes, drawn by the caller; the same seed gives the same key."""

    def __init__(self, name: str, seed: bytes) -> None:
        if len(seed) != SEED_SIZE:
            raise ValueError(f"a seed has {SEED_SIZE} bytes, not {len(seed)}")
        self.name = name
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public_key = self._key.public_key().public_bytes_raw()

    def sign(self, body: Any) -> Signed[Any]:
        return Signed(body, self.name, self._key.sign(to_sign(self.name, body)))


class Keyring:
    """Public keys by name. Names and keys are given, never learned from a message."""

    def __init__(self, public_keys: Mapping[str, bytes]) -> None:
        self._keys = {
            name: Ed25519PublicKey.from_public_bytes(key) for name, key in public_keys.items()
        }

    @classmethod
    def of(cls, signers: Iterable[Ed25519Signer]) -> "Keyring":
        return cls({signer.name: signer.public_key for signer in signers})

    def verifies(self, signed: Signed[Any]) -> bool:
        key = self._keys.get(signed.signer)
        if key is None or len(signed.signature) != SIGNATURE_SIZE:
            return False
        try:
            key.verify(signed.signature, signed.signed_bytes)
        except InvalidSignature:
            return False
        return True


class KeyedHashSigner:
    """For simulations only: a keyed BLAKE2b hash in place of a signature (RFC 7693)."""

    def __init__(self, name: str, seed: bytes) -> None:
        self.name, self.secret = name, seed

    def sign(self, body: Any) -> Signed[Any]:
        return Signed(body, self.name, _keyed_hash(self.secret, to_sign(self.name, body)))


class KeyedHashKeyring:
    """For simulations only: it holds everybody's secret, so it could sign for everybody."""

    def __init__(self, secrets: Mapping[str, bytes]) -> None:
        self._secrets = dict(secrets)

    @classmethod
    def of(cls, signers: Iterable[KeyedHashSigner]) -> "KeyedHashKeyring":
        return cls({signer.name: signer.secret for signer in signers})

    def verifies(self, signed: Signed[Any]) -> bool:
        secret = self._secrets.get(signed.signer)
        if secret is None:
            return False
        return compare_digest(_keyed_hash(secret, signed.signed_bytes), signed.signature)


def _keyed_hash(secret: bytes, data: bytes) -> bytes:
    return blake2b(data, key=secret, digest_size=SIGNATURE_SIZE).digest()


def demo() -> None:
    """One word changed, and the signature is somebody else's problem no longer."""
    ann, bob = (Ed25519Signer(name, bytes([i]) * 32) for i, name in enumerate(("ann", "bob")))
    ring = Keyring.of([ann, bob])
    said = ann.sign(("move", "vm-1", "worker-4"))
    altered = Signed(("move", "vm-1", "worker-5"), "ann", said.signature)
    borrowed = Signed(said.body, "bob", said.signature)
    for name, one in (("as signed", said), ("altered", altered), ("in Bob's name", borrowed)):
        print(f"{name}: {ring.verifies(one)}")


if __name__ == "__main__":
    demo()
