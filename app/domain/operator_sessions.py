"""Sessions of operators in the console: how long one lasts, and what ends it.

A session that began with an operator key lives no longer than the key: the key is looked up again with every request,
as it is for the API, so whoever loses it is out within `app.domain.operators.CHECK_SECONDS`, and a changed role counts
at once.
"""

from datetime import datetime
from typing import Final, NamedTuple, Protocol

from msgspec import Struct
from msgspec.structs import replace

from app.crypto.tokens import Randomness, digest
from app.domain.operators import VIEWING, Operator, OperatorKeys, Role
from app.errors import WrongLogin

IDLE_SECONDS: Final = 3600
"""A session ends when nobody has used it for so long."""

LONGEST_SECONDS: Final = 12 * 3600
"""A session ends after this time, used or not: one working day."""

_NOTE_SECONDS: Final = 60
"""How exactly the last use is known: noting it is a write, which not every page should cost."""

_MAX_KEY_LENGTH: Final = 200
WRONG_KEY: Final = "This is not the key of an operator. It may have been revoked."
FOR_SYSTEMS: Final = (
    "This key is for systems that check access tokens. The console needs one of a viewer, support or admin."
)


class OperatorSession(Struct, frozen=True, kw_only=True):
    """Somebody who has signed in to the console."""

    shown: str
    """What pages call the operator: the name that goes with the key, or what the identity provider says."""
    role: Role
    """At the beginning."""
    key_digest: str = ""
    """Of the key; empty after a sign-in with the identity provider."""
    subject: str = ""
    """Who the operator is at the identity provider, for ever; empty after a sign-in with a key."""
    started_at: int
    seen_at: int
    """Unix seconds, like `started_at`; at most a minute behind the last use."""

    @property
    def name(self) -> str:
        """As the audit log has it.

        What somebody is called at the identity provider may be their own choice, so who they are there stands behind
        it, in brackets, which no name of a key can have.
        """
        return f"{self.shown} [{self.subject}]" if self.subject else self.shown

    @property
    def log_name(self) -> str:
        """As log lines have it, where no names of people belong."""
        return f"oidc:{self.subject}" if self.subject else self.shown


class OperatorSessionStore(Protocol):
    """Keeps sessions by the digest of their handle. Every method is one round trip and raises StoreUnavailable."""

    async def create(self, handle: str, session: OperatorSession, *, ttl_seconds: int) -> None:
        """Keep a session under a new handle (`Randomness.operator_session`)."""

    async def get(self, handle: str) -> OperatorSession | None:
        """The session of that handle."""

    async def replace(self, handle: str, session: OperatorSession, *, ttl_seconds: int) -> None:
        """Keep a session on; without effect when it has ended meanwhile."""

    async def end(self, handle: str) -> None:
        """Forget a session."""


class SignedIn(NamedTuple):
    """A session with its handle, which is a secret between the browser and us."""

    handle: str
    session: OperatorSession
    operator: Operator
    """With the role of now."""


class Newcomer(NamedTuple):
    """Somebody who has just proven to be an operator; as in `OperatorSession`."""

    shown: str
    role: Role
    key_digest: str = ""
    subject: str = ""


async def with_key(keys: OperatorKeys, key: str, *, now: datetime) -> Newcomer:
    """The operator whose key it is.

    Raises:
        WrongLogin: It is nobody's, or that of a resource server.
    """
    key = key.strip()
    if len(key) > _MAX_KEY_LENGTH:
        raise WrongLogin(WRONG_KEY)
    operator = await keys.holder_of(digest(key), now=now) if keys.may_be_key(key) else None
    if operator is None:
        raise WrongLogin(WRONG_KEY)
    if operator.role not in VIEWING:
        raise WrongLogin(FOR_SYSTEMS)
    return Newcomer(operator.name, operator.role, key_digest=digest(key))


async def begin(
    store: OperatorSessionStore, randomness: Randomness, newcomer: Newcomer, *, before: str | None, now: datetime
) -> str:
    """Begin a session; its handle, a new one whatever the browser came with.

    Args:
        before: The handle of the session that this browser had, which ends.
    """
    seconds = int(now.timestamp())
    handle = randomness.operator_session()
    session = OperatorSession(**newcomer._asdict(), started_at=seconds, seen_at=seconds)
    await store.create(handle, session, ttl_seconds=IDLE_SECONDS)
    if before:
        await store.end(before)
    return handle


async def current(store: OperatorSessionStore, keys: OperatorKeys, handle: str, *, now: datetime) -> SignedIn | None:
    """Who is signed in with this handle; None when nobody is, or not any more."""
    session = await store.get(handle)
    seconds = int(now.timestamp())
    if session is None or not _lasts(session, seconds):
        return None
    operator = Operator(name=session.name, role=session.role, created_at=session.started_at)
    if session.key_digest:
        found = await keys.holder_of(session.key_digest, now=now)
        if found is None or found.role not in VIEWING:
            await store.end(handle)
            return None
        operator = found
    if seconds - session.seen_at >= _NOTE_SECONDS:
        left = session.started_at + LONGEST_SECONDS - seconds
        session = replace(session, seen_at=seconds)
        await store.replace(handle, session, ttl_seconds=min(IDLE_SECONDS, left))
    return SignedIn(handle, session, operator)


def _lasts(session: OperatorSession, seconds: int) -> bool:
    return seconds < min(session.seen_at + IDLE_SECONDS, session.started_at + LONGEST_SECONDS)
