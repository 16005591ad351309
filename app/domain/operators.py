"""Operators: the utility's own people and systems, and the keys that they come with.

A key says nothing and is shown once, when it is made; the store has its digest. Resource servers (the utility's APIs
that Clients reach with their access tokens) are operators of the role `introspector`.
"""

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol

from msgspec import Struct

from app.crypto.tokens import Randomness, digest, is_operator_key
from app.domain.feed import Actor, AuditEntry
from app.errors import Conflict, InsufficientRole, InvalidRequest, InvalidToken, NotFound

CHECK_SECONDS: Final = 5
"""For how long a key that was found good is not looked up again: so long may one work that has been revoked."""

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
NAME_RULE: Final = "up to 64 letters, digits, dots, hyphens, underscores and @, with a letter or a digit first"

BOOTSTRAP: Final = "bootstrap"
"""What the operator of CDS_OPERATOR_BOOTSTRAP_KEY is called; nobody else may be."""

NO_SUCH_OPERATOR: Final = "There is no operator of that name."
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
    """Unix seconds; 0 for the one of the settings, who was there before."""


class OperatorStore(Protocol):
    """Keeps operators by the digest of their key. Every method is one round trip and raises StoreUnavailable.

    What adds or revokes one appends an event to the feed and `audit` to the audit log in the same step.
    """

    async def add(self, operator: Operator, key_digest: str, *, now: datetime, audit: AuditEntry | None = None) -> bool:
        """Keep a new operator; False when there is one of that name."""

    async def list(self) -> list[Operator]:
        """All of them, by name."""

    async def revoke(self, name: str, *, now: datetime, audit: AuditEntry | None = None) -> bool:
        """Forget an operator and the key; False when there is none of that name."""

    async def find(self, key_digest: str) -> Operator | None:
        """Whose key it is."""


def is_name(text: str) -> bool:
    """Whether an operator may be called so."""
    return NAME.fullmatch(text) is not None and text != BOOTSTRAP


def require_role(operator: Operator, roles: frozenset[Role]) -> None:
    """Refuse an operator who may not do it. Raises InsufficientRole, which names the roles that may."""
    if operator.role not in roles:
        raise InsufficientRole(f"This needs an operator of the role {_either(roles)}; yours is {operator.role}.")


def _either(roles: Iterable[Role]) -> str:
    """The roles as a choice, the humblest first: `support or admin`."""
    named = [role.value for role in Role if role in roles]
    return " or ".join(filter(None, [", ".join(named[:-1]), named[-1]]))


async def add(
    store: OperatorStore, randomness: Randomness, actor: Actor, name: str, role: Role, *, now: datetime
) -> str | None:
    """Make an operator; the key, which is in nobody's hands but the caller's. None when the name is taken.

    Args:
        store: Keeps operators.
        randomness: Makes the key.
        actor: Who makes the operator, for the audit log.
        name: One that suits (`is_name`).
        role: What the operator may do.
        now: The present.
    """
    key = randomness.operator_key()
    operator = Operator(name=name, role=role, created_at=int(now.timestamp()))
    entry = _entry(actor, "operators.add", name, after={"role": role.value})
    return key if await store.add(operator, digest(key), now=now, audit=entry) else None


async def revoke(store: OperatorStore, actor: Actor, name: str, *, now: datetime) -> bool:
    """Forget an operator, and the key with that; False when there is none of that name."""
    role = next((one.role.value for one in await store.list() if one.name == name), None)
    entry = _entry(actor, "operators.revoke", name, before={"role": role})
    return await store.revoke(name, now=now, audit=entry)


async def appoint(
    keys: "OperatorKeys", randomness: Randomness, actor: Actor, name: str, role: str, *, now: datetime
) -> tuple[Operator, str]:
    """Make an operator on behalf of another one; the new one and the key, which nobody sees again.

    Raises:
        InvalidRequest: Nobody may be called so, or there is no such role.
        Conflict: The name is taken.
        StoreUnavailable: The store does not answer.
    """
    if not is_name(name):
        raise InvalidRequest(f"name must be {NAME_RULE}, and not {BOOTSTRAP}.", field="name")
    if role not in set(Role):
        raise InvalidRequest(f"role must be one of {', '.join(Role)}.", field="role")
    key = await add(keys.store, randomness, actor, name, Role(role), now=now)
    if key is None:
        raise Conflict("There is an operator of that name already.", field="name")
    return Operator(name=name, role=Role(role), created_at=int(now.timestamp())), key


async def dismiss(keys: "OperatorKeys", actor: Actor, name: str, *, now: datetime) -> None:
    """Revoke an operator on behalf of another one. Nobody revokes themselves, so there is always an admin left.

    Raises:
        NotFound: There is none of that name.
        Conflict: It is the one who asks, or the one of the settings.
        StoreUnavailable: The store does not answer.
    """
    if name == BOOTSTRAP and keys.bootstrap:
        raise Conflict("This one is there as long as CDS_OPERATOR_BOOTSTRAP_KEY is set.")
    if name == actor.name:
        raise Conflict("You cannot revoke yourself; ask another admin.")
    if not await revoke(keys.store, actor, name, now=now):
        raise NotFound(NO_SUCH_OPERATOR)
    keys.forget(name)


def _entry(
    actor: Actor, action: str, name: str, *, before: dict[str, Any] | None = None, after: dict[str, Any] | None = None
) -> AuditEntry:
    change = {"object": "operator", "id": name, "before": before, "after": after}
    return AuditEntry(actor=actor, action=action, changes=[change])


@dataclass(frozen=True, slots=True)
class _Seen:
    operator: Operator
    at: datetime


class OperatorKeys:
    """Tells whose key it is, without asking the store each time: resource servers come with every request of theirs.

    Only keys that were found good are remembered, so there are never more of them than operators.

    Args:
        store: Knows all of them but the one of the settings.
        bootstrap_key: Of an admin who is there from the start, or None.
    """

    def __init__(self, store: OperatorStore, bootstrap_key: str | None = None) -> None:
        self.store = store
        self.bootstrap = Operator(name=BOOTSTRAP, role=Role.ADMIN, created_at=0) if bootstrap_key else None
        self._bootstrap_digest = digest(bootstrap_key) if bootstrap_key else ""
        self._seen: dict[str, _Seen] = {}

    async def everybody(self) -> list[Operator]:
        """All operators by name, the one of the settings first. Raises StoreUnavailable."""
        return [*([self.bootstrap] if self.bootstrap else []), *await self.store.list()]

    def may_be_key(self, text: str) -> bool:
        """Whether it is worth looking for: it has the shape of a key, or is the one of the settings."""
        return is_operator_key(text) or self._is_bootstrap(digest(text))

    async def identify(self, key: str, *, now: datetime) -> Operator:
        """The operator whose key it is.

        Raises:
            InvalidToken: It is nobody's.
            StoreUnavailable: The store does not answer.
        """
        operator = await self.holder_of(digest(key), now=now) if self.may_be_key(key) else None
        if operator is None:
            raise InvalidToken(UNKNOWN_KEY)
        return operator

    async def require(self, key: str, roles: frozenset[Role], *, now: datetime) -> Operator:
        """The operator whose key it is.

        Raises:
            InvalidToken: It is nobody's, or somebody's whose role is none of these (RFC 7662 2.3 answers both alike).
            StoreUnavailable: The store does not answer.
        """
        operator = await self.identify(key, now=now)
        if operator.role not in roles:
            named = " or ".join(sorted(roles))
            raise InvalidToken(f"The operator key is one of the role {operator.role}; this needs {named}.")
        return operator

    async def holder_of(self, key_digest: str, *, now: datetime) -> Operator | None:
        """The operator whose key has this digest; None when there is none, or none any more.

        Raises:
            StoreUnavailable: The store does not answer.
        """
        if self._is_bootstrap(key_digest):
            return self.bootstrap
        seen = self._seen.get(key_digest)
        if seen and 0 <= (now - seen.at).total_seconds() < CHECK_SECONDS:  # below 0 the clock was set back
            return seen.operator
        operator = await self.store.find(key_digest)
        if operator is None:
            self._seen.pop(key_digest, None)
        else:
            self._seen[key_digest] = _Seen(operator, now)
        return operator

    def forget(self, name: str) -> None:
        """Look up the keys of an operator anew: one who was revoked here is out at once."""
        self._seen = {key: seen for key, seen in self._seen.items() if seen.operator.name != name}

    def _is_bootstrap(self, key_digest: str) -> bool:
        """Compares digests, and in constant time, so that a timer learns nothing about the key of the settings."""
        return self.bootstrap is not None and hmac.compare_digest(key_digest, self._bootstrap_digest)
