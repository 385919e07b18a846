"""Who calls, and what they may: accounts of the lab, and the tokens they log in for.

Tokens are JSON Web Tokens (RFC 7519) signed with Ed25519 (RFC 8037): a controller that only
checks them holds nothing that could make one. They live an hour. The lab's accounts and their
passwords are printed by `course lab serve` and hold for that cluster only.
"""

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from course.lab.commands import CommandError

LIFE_S = 3_600
OVERLAP_S = 60  # an old token is valid this much longer after a renewal
FAILURES_MAX, FAILURES_WINDOW_S = 5, 300

ROLES = {
    "viewer": ("read",),
    "operator": ("read", "operate"),
    "administrator": ("read", "operate", "admin"),
}


@dataclass
class Accounts:
    """Names, roles and passwords; `clock` gives seconds, and is passed in so that tests can."""

    clock: Callable[[], float]
    cluster: str = "lab"
    passwords: dict[str, str] = field(default_factory=dict)
    _key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate, repr=False)
    _revoked: dict[str, float] = field(default_factory=dict, repr=False)  # token id -> from when
    _failures: dict[str, list[float]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for role in ROLES:
            self.passwords.setdefault(role, secrets.token_urlsafe(12))

    def login(self, username: str, password: str) -> tuple[str, float]:
        """A token and when it expires (s); LOGIN_FAILED, or RATE_LIMITED after 5 in 5 minutes."""
        now = self.clock()
        recent = [at for at in self._failures.get(username, []) if now - at < FAILURES_WINDOW_S]
        self._failures[username] = recent
        if len(recent) >= FAILURES_MAX:
            raise CommandError("RATE_LIMITED", f"{len(recent)} failed logins of {username!r}")
        right = self.passwords.get(username, "")
        if not right or not hmac.compare_digest(right.encode(), password.encode()):
            self._failures[username].append(now)
            raise CommandError("LOGIN_FAILED", "name and password do not fit")
        return self.issue(username)

    def issue(self, username: str) -> tuple[str, float]:
        """A fresh token for an account."""
        now = self.clock()
        claims = {
            "sub": username, "scope": " ".join(ROLES[username]), "iat": now, "exp": now + LIFE_S,
            "jti": secrets.token_hex(8), "cluster": self.cluster,
        }  # fmt: skip
        return jwt.encode(claims, self._key, "EdDSA"), now + LIFE_S

    def claims(self, token: str | None) -> dict[str, str]:
        """Who this is; TOKEN_MISSING or TOKEN_EXPIRED."""
        if not token:
            raise CommandError("TOKEN_MISSING", "no bearer token in the Authorization header")
        try:
            claims: dict[str, str] = jwt.decode(
                token, self._key.public_key(), ["EdDSA"],
                options={"verify_exp": False, "verify_iat": False, "require": ["exp", "jti"]},
            )  # fmt: skip
        except jwt.InvalidTokenError as error:
            raise CommandError("TOKEN_MISSING", f"the token is not one of ours: {error}") from None
        now = self.clock()
        if now >= float(claims["exp"]) or now >= self._revoked.get(claims["jti"], now + 1):
            raise CommandError("TOKEN_EXPIRED", "the token has expired or was revoked")
        return claims

    def refresh(self, token: str) -> tuple[str, float]:
        """A new token; the old one is valid for another minute."""
        claims = self.claims(token)
        self._revoked[claims["jti"]] = self.clock() + OVERLAP_S
        return self.issue(claims["sub"])

    def logout(self, token: str) -> None:
        """The token is worth nothing from now on."""
        self._revoked[self.claims(token)["jti"]] = self.clock()


def need(claims: dict[str, str], scope: str) -> None:
    """SCOPE_MISSING unless the caller has `scope`."""
    if scope not in claims["scope"].split():
        raise CommandError("SCOPE_MISSING", f"{claims['sub']} has {claims['scope']}, not {scope}")
