"""What authorizing needs of the store beyond records: short-lived things found by handle, and who is signed in.

A handle is an unguessable text (`app.crypto.tokens.Handle`) that names its kind and its registration in clear. The
store keeps only its digest, so a copy of the store opens nothing. Whatever is asked for by an unknown, malformed,
expired or used handle is None; the callers tell these cases apart for nobody.

Authorization codes have no method here: `Change.issue_code` stores one together with the Grant that it stands for, and
`Change.spend` ends a transaction in the same step.

Source: RFC 6749 4.1, RFC 9126 2.2 and 4, RFC 9700 4.5 and 4.8; CDS-WG1-02 8.3.
"""

from datetime import datetime
from typing import Any, NamedTuple, Protocol

from msgspec import Struct

from app.domain.records import CodeFacts

__all__ = [
    "REQUEST_URI_PREFIX",
    "Answered",
    "AuthorizationRequest",
    "AuthorizationStore",
    "CodeFacts",
    "PushedRequest",
    "SignInAttempt",
    "Transaction",
    "UserGrant",
    "UserSession",
    "UserStore",
]

REQUEST_URI_PREFIX = "urn:ietf:params:oauth:request_uri:"
"""What stands before the handle of a pushed request in its `request_uri` (RFC 9126 2.2)."""

USER_GRANTS_PAGE = 100
"""Grants per page of what one user authorized."""


class PushedRequest(Struct, kw_only=True, frozen=True):
    """An authorization request as it was pushed (RFC 9126 2.1), to be checked once more when it is used."""

    client_id: str
    parameters: list[tuple[str, str]]
    """Names and values in the order of the form, without those that authenticated the Client Object."""


class AuthorizationRequest(Struct, kw_only=True, frozen=True):
    """An authorization request that has passed every check, with all defaults filled in."""

    client_id: str
    redirect_uri: str
    redirect_uri_sent: bool
    """Whether the request had the parameter; if so, the token request has to repeat it (RFC 6749 4.1.3)."""
    response_type: str
    state: str | None
    scope: str
    authorization_details: list[dict[str, Any]]
    code_challenge: str | None
    """Of method S256; None when the request had none."""
    prompt_login: bool
    """Whether the user has to sign in again (`prompt=login`)."""
    cds_grant_id: str | None
    """The Grant that is to be authorized again (8.3), None for a new one."""


class Transaction(Struct, kw_only=True, frozen=True):
    """An authorization request on its way through the pages, until it is approved or declined."""

    request: AuthorizationRequest
    browser_digest: str
    """Digest of a cookie: the one browser that may go on with it. Empty until the first page has set it."""
    created_at: int
    """Unix seconds."""
    authenticated_after: int
    """Unix seconds: only a sign-in at or after this moment counts; 0 when any does."""


class Answered(NamedTuple):
    """A transaction that its user has approved, or else declined."""

    approved: bool
    transaction: Transaction


class UserSession(Struct, kw_only=True, frozen=True):
    """A user who is signed in with one browser."""

    user_id: str
    """Who it is, the same text at every sign-in, whatever the way: it also keys the user's Grants."""
    name: str
    """What the pages call the user."""
    sandbox: bool
    """A test account, for sandbox Client Objects only (ambiguities F8); else a real customer, for production ones."""
    authenticated_at: int
    """Unix seconds."""


class SignInAttempt(Struct, kw_only=True, frozen=True):
    """The way of a user, or of an operator, to the identity provider and back.

    Nothing in it opens anything without the browser's cookie.
    """

    browser_digest: str
    """Digest of a cookie: the one browser that may come back."""
    transaction: str
    """The handle of the authorization request that goes on afterwards; empty when there is none."""
    grant_id: str
    """The Grant whose receipt a user wants to see who came without one; may be empty."""
    again: bool
    """Whether the user has to prove anew who it is (`prompt=login`)."""
    started_at: int
    """Unix seconds."""
    console_page: str = ""
    """The page of the console to go on to; empty for a user, who never gets into the console."""
    onboarding: str = ""
    """Path and query of the onboarding step that goes on afterwards, below the public URL; may be empty."""


class UserGrant(NamedTuple):
    """An entry of what a user authorized. The Grant itself may never have come into being; readers skip those."""

    grant_id: str
    position: int
    """Where it stands in the listing: the cursor for what comes after it."""


class AuthorizationStore(Protocol):
    """Pushed requests and transactions. Every method is one round trip and raises StoreUnavailable.

    `now` is when the caller asks: what was kept for a time is gone when that has passed by the caller's clock.
    """

    async def push(self, handle: str, request: PushedRequest, *, now: datetime, ttl_seconds: int) -> None:
        """Keep a pushed request under a new handle of kind PUSHED_REQUEST."""

    async def take_pushed(self, handle: str, *, now: datetime) -> PushedRequest | None:
        """Hand a pushed request out and forget it. Of two that race with one handle only one gets it."""

    async def begin(self, handle: str, transaction: Transaction, *, now: datetime, ttl_seconds: int) -> None:
        """Keep a transaction under a new handle of kind TRANSACTION."""

    async def transaction(self, handle: str, *, now: datetime) -> Transaction | None:
        """Look at a transaction."""

    async def update_transaction(self, handle: str, transaction: Transaction, *, now: datetime) -> bool:
        """Replace a transaction; it ends when it would have. False when it is over: it does not come back to life."""

    async def take_transaction(self, handle: str, *, now: datetime) -> Transaction | None:
        """Hand a transaction out and end it: the way to decline.

        Approving ends it with `Change.spend` instead. Whoever is first wins; the other one gets None, or a Conflict
        from `Records.apply`.
        """

    async def answered(self, handle: str, *, now: datetime) -> Answered | None:
        """What was answered to a transaction within the last minute: a browser may send its answer twice."""

    async def code(self, handle: str, *, now: datetime) -> CodeFacts | None:
        """Look at an authorization code that nobody has redeemed yet, without using it up."""


class UserStore(Protocol):
    """Sessions of users and what they authorized. Every method is one round trip and raises StoreUnavailable."""

    async def create_session(self, handle: str, session: UserSession, *, now: datetime, ttl_seconds: int) -> None:
        """Keep a session under a new handle (`Randomness.session`)."""

    async def session(self, handle: str, *, now: datetime) -> UserSession | None:
        """The session of that handle."""

    async def end_session(self, handle: str) -> None:
        """Forget a session."""

    async def begin_sign_in(self, handle: str, attempt: SignInAttempt, *, now: datetime, ttl_seconds: int) -> None:
        """Keep an attempt to sign in under a new handle (`Randomness.sign_in`)."""

    async def take_sign_in(self, handle: str, *, now: datetime) -> SignInAttempt | None:
        """Hand an attempt to sign in out and forget it. Of two that race with one handle only one gets it."""

    async def note_user_grant(self, user_id: str, grant_id: str, *, created: datetime) -> None:
        """Enter a Grant into what a user authorized; without effect when it is there already.

        To be done BEFORE the Grant is stored: an entry whose Grant does not exist does no harm, a Grant that its user
        cannot find does.
        """

    async def grants_of_user(
        self, user_id: str, *, before: int | None = None, limit: int = USER_GRANTS_PAGE
    ) -> list[UserGrant]:
        """What a user authorized, most recent first, beginning after the entry at position `before`."""
