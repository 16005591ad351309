"""Tokens under Grants that users authorized: how codes and refresh tokens become access tokens in the store.

Both are exchanged in two steps. The first looks at what is presented and at what it rests on, the second issues tokens
if nothing of that has changed. What a caller may have is decided between the two, and everything that may happen only
once happens in the second.

Refresh tokens come in families. A family begins with a code, and each exchange of its last token makes the next one.
Access tokens are cut off with whatever they depend on (`Change.cut_off`). A family ends with its Client Object, with
the Credential that its last token was issued to (CDS-WG1-02 7.6) or with its registration; its Grant only has to give
access at the moment of the exchange, so that a Grant may be suspended and resumed without asking the user again.

Source: RFC 6749 4.1.2, 4.1.3 and 6, RFC 7009 2.1, RFC 9700 4.5 and 4.14.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic, NamedTuple, Protocol, TypeVar

from app.domain.records import CodeFacts, Stored
from app.domain.tokens import Login, Revocation, StandingFacts
from app.schemas.clients import Client
from app.schemas.grants import Grant

REFRESH_GRACE_SECONDS = 30
"""For how long a refresh token may be exchanged once more, because the answer to the first time may have been lost."""


class RefreshFacts(NamedTuple):
    """What a refresh token stands for. How much it gives is up to the Grant when it is used."""

    client_id: str
    expires_at: int


T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Presented(Generic[T_co]):
    """What somebody presents, with what it rests on.

    `client` is the caller. A caller with a ClientLogin has proved who it is; with a PublicLogin it has only said so,
    and whether that is enough is up to `client`. `facts` and `grant` are None when there is nothing to exchange, for
    whatever reason; when there is something, it may be another Client Object's.
    """

    client: Stored[Client]
    facts: T_co | None = None
    grant: Stored[Grant] | None = None
    is_copy: bool = False
    """It was exchanged before, and longer ago than an answer may be lost: somebody has kept a copy."""


@dataclass(frozen=True, slots=True)
class NewTokens:
    """What is to be issued."""

    reference: str
    """What the store is to know the access token by (see `app.domain.access_tokens`)."""
    access_ttl_seconds: int
    facts: StandingFacts
    refresh_token: str | None
    """The first one of a new family, or None when there is to be none; an exchange of refresh tokens makes its own."""
    refresh_ttl_seconds: int


class NotExchanged(StrEnum):
    """Why nothing was issued."""

    REFUSED = "refused"
    """The caller is not who it says."""
    GONE = "gone"
    """There is nothing to exchange any more, or it is another Client Object's."""
    REPLAYED = "replayed"
    """It was exchanged before, so somebody has a copy of it: all that came of it has been ended."""
    CHANGED = "changed"
    """Client Object or Grant are not as they were read: look again."""


class UserTokenStore(Protocol):
    """What the token, revocation and introspection endpoints need of the store for codes and refresh tokens.

    Every method is one round trip and raises StoreUnavailable; looking takes more when time has changed Grants.
    """

    async def client_of(self, login: Login, *, now: datetime) -> Stored[Client] | None:
        """Authenticate, and the Client Object of the caller; None when the caller is not who it says."""

    async def look_at_code(self, login: Login, code: str, *, now: datetime) -> Presented[CodeFacts] | None:
        """Authenticate and look at a code, also at a used one; None when the caller is not who it says."""

    async def redeem(
        self, login: Login, code: str, presented: Presented[CodeFacts], new: NewTokens, *, now: datetime
    ) -> NotExchanged | None:
        """Exchange a code, once, and end all that came of it when that has happened before. None when it was issued."""

    async def end_copied_code(self, login: Login, code: str, *, now: datetime) -> None:
        """End all that came of a code that was exchanged before."""

    async def look_at_refresh_token(
        self, login: Login, refresh_token: str, *, now: datetime
    ) -> Presented[RefreshFacts] | None:
        """Authenticate and look at a refresh token; None when the caller is not who it says."""

    async def rotate(
        self, login: Login, refresh_token: str, presented: Presented[RefreshFacts], new: NewTokens, *, now: datetime
    ) -> str | NotExchanged:
        """Exchange a refresh token; the next one, or why not. A copy ends its family instead.

        Within REFRESH_GRACE_SECONDS of its exchange a token is exchanged once more, for the same next one.
        """

    async def give_back(self, login: Login, refresh_token: str, *, now: datetime) -> Revocation:
        """End the family of a refresh token and all access tokens under its Grant."""
