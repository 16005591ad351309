"""Operators: the utility's own people and systems, and the keys that they come with.

A key says nothing and is shown once, when it is made; the store has its digest. Resource servers (the utility's APIs
that Clients reach with their access tokens) are operators of the role `introspector`.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from msgspec import Struct

from app.crypto.tokens import Randomness, digest
from app.errors import InvalidToken

CHECK_SECONDS: Final = 5
"""For how long a key that was found good is not looked up again: so long may one work that has been revoked."""

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
NAME_RULE: Final = "up to 64 letters, digits, dots, hyphens, underscores and @, with a letter or a digit first"

UNKNOWN_KEY: Final = "The operator key is unknown or has been revoked."


class Role(StrEnum):
    """What an operator may do."""

    VIEWER = "viewer"
    SUPPORT = "support"
    ADMIN = "admin"
    INTROSPECTOR = "introspector"
    """Look at access tokens of every registration, and nothing else."""


INTROSPECTING: Final = frozenset({Role.INTROSPECTOR, Role.ADMIN})
"""The roles that may look at access tokens."""

VIEWING: Final = frozenset({Role.VIEWER, Role.SUPPORT, Role.ADMIN})
"""The roles that may read what operators read."""

SUPPORTING: Final = frozenset({Role.SUPPORT, Role.ADMIN})
"""The roles that may write Messages."""

ADMINISTERING: Final = frozenset({Role.ADMIN})
"""The role that decides and changes."""


class Operator(Struct, frozen=True, kw_only=True):
    """Somebody who works for the utility, or a system of it."""

    name: str
    role: Role
    created_at: int
    """Unix seconds."""


class OperatorStore(Protocol):
    """Keeps operators by the digest of their key. Every method is one round trip and raises StoreUnavailable."""

    async def add(self, operator: Operator, key_digest: str) -> bool:
        """Keep a new operator; False when there is one of that name."""

    async def list(self) -> list[Operator]:
        """All of them, by name."""

    async def revoke(self, name: str) -> bool:
        """Forget an operator and the key; False when there is none of that name."""

    async def find(self, key_digest: str) -> Operator | None:
        """Whose key it is."""


def is_name(text: str) -> bool:
    """Whether an operator may be called so."""
    return NAME.fullmatch(text) is not None


async def add(store: OperatorStore, randomness: Randomness, name: str, role: Role, *, now: datetime) -> str | None:
    """Make an operator; the key, which is in nobody's hands but the caller's. None when the name is taken."""
    key = randomness.operator_key()
    operator = Operator(name=name, role=role, created_at=int(now.timestamp()))
    return key if await store.add(operator, digest(key)) else None


@dataclass(frozen=True, slots=True)
class _Seen:
    operator: Operator
    at: datetime


class OperatorKeys:
    """Tells whose key it is, without asking the store each time: resource servers come with every request of theirs.

    Only keys that were found good are remembered, so there are never more of them than operators.

    Args:
        store: Knows all of them.
    """

    def __init__(self, store: OperatorStore) -> None:
        self._store = store
        self._seen: dict[str, _Seen] = {}

    async def require(self, key: str, roles: frozenset[Role], *, now: datetime) -> Operator:
        """The operator whose key it is.

        Raises:
            InvalidToken: It is nobody's, or somebody's whose role is none of these (RFC 7662 2.3 answers both alike).
            StoreUnavailable: The store does not answer.
        """
        operator = await self._operator_of(digest(key), now)
        if operator is None:
            raise InvalidToken(UNKNOWN_KEY)
        if operator.role not in roles:
            named = " or ".join(sorted(roles))
            raise InvalidToken(f"The operator key is one of the role {operator.role}; this needs {named}.")
        return operator

    async def _operator_of(self, key_digest: str, now: datetime) -> Operator | None:
        seen = self._seen.get(key_digest)
        if seen and 0 <= (now - seen.at).total_seconds() < CHECK_SECONDS:  # below 0 the clock was set back
            return seen.operator
        operator = await self._store.find(key_digest)
        if operator is None:
            self._seen.pop(key_digest, None)
        else:
            self._seen[key_digest] = _Seen(operator, now)
        return operator
