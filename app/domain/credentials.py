"""Credentials: how they come into being and how they expire (CDS-WG1-02 section 7; ambiguities D1 to D12)."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace as replace_fields
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from app.crypto.tokens import digest
from app.domain.changelog import note_credential
from app.domain.context import Context
from app.domain.records import Access, Change, Stored, Wanted
from app.domain.retries import until_written
from app.errors import Conflict, InvalidRequest, NotFound
from app.schemas.clients import Client, ClientStatus
from app.schemas.credentials import Credential, CredentialInternal, CredentialType
from app.schemas.encoding import decode

CLOCK_SKEW_SECONDS = 30
"""How far in the past an expiry may lie: a Client that sends its own "now" is always a little late (D2)."""

LATEST = 253_402_300_799
"""The last Unix second of the year 9999."""

EXPIRY = "client_secret_expires_at"


def issue(context: Context, change: Change, client_id: str) -> Credential:
    """Add a new Credential of that Client Object to `change`, with its secret in clear and without a Message.

    It expires after `registration.secret_ttl` of the catalog, or never.

    Source: CDS-WG1-02 4.2 and 7.1.
    """
    credential_id = context.randomness.object_id(change.registration_id, "c")
    secret = context.randomness.client_secret()
    ttl_seconds = context.catalog.registration.secret_ttl_seconds
    credential = Credential(
        credential_id=credential_id,
        uri=context.links.credential(credential_id),
        client_id=client_id,
        created=change.now,
        modified=change.now,
        type=CredentialType.CLIENT_SECRET,
        client_secret_expires_at=0 if ttl_seconds is None else int(change.now.timestamp()) + ttl_seconds,
        client_secret=secret,
    )
    change.create(credential, CredentialInternal(digest=digest(secret)))
    change.event("credential.created", credential_id)
    return credential


async def create(context: Context, access: Access, client_id: object) -> Credential:
    """Create a Credential for one of the registration's Client Objects; operators do it without a token.

    `client_id` is as submitted; everything else that a request may hold is ignored (D9).

    Returns:
        The Credential with its secret in clear.

    Raises:
        InvalidRequest: There is no such Client Object, it is disabled, or it does not authenticate itself (D8).

    Source: CDS-WG1-02 7.5; the Message is from 7.3.
    """
    # What is no id at all is looked up too: who asks comes before what is asked.
    wanted = client_id if isinstance(client_id, str) else ""

    async def attempt() -> Credential:
        (found,) = await context.records.load(access, Wanted(Client, wanted))
        change = Change(access.registration_id, access.now)
        change.unchanged.append(require_usable(found))
        credential = issue(context, change, wanted)
        note_credential(context, change, credential.credential_id, f"was added for Client Object {wanted}.")
        await context.records.apply(change)
        return credential

    return await until_written(attempt)


def require_usable(stored: Stored[Client] | None) -> Stored[Client]:
    """The Client Object, if it can use a secret. Raises InvalidRequest."""
    if stored is None:
        raise InvalidRequest("client_id must be the client_id of one of your Client Objects.", field="client_id")
    if stored.object.cds_status is ClientStatus.DISABLED:
        raise InvalidRequest("This Client Object is disabled; enable it first.", field="client_id")
    if stored.object.token_endpoint_auth_method is None:
        raise InvalidRequest("This Client Object has no token_endpoint_auth_method, so no secret.", field="client_id")
    return stored


async def modify(context: Context, access: Access, credential_id: str, submitted: Mapping[str, Any]) -> Credential:
    """Apply a Client's PATCH: only the expiry can be changed, everything else in it is ignored.

    An expiry that is not after now says that the secret has leaked: the tokens that it gave die with it.

    Returns:
        The Credential with its secret in clear.

    Raises:
        NotFound: The registration has no such Credential.
        InvalidRequest: The new expiry is not acceptable.

    Source: CDS-WG1-02 7.6.
    """

    async def attempt() -> Credential:
        stored, secret = await _load_with_secret(context, access, credential_id)
        if EXPIRY not in submitted:
            return replace(stored.object, client_secret=secret)
        expires_at = require_acceptable(submitted[EXPIRY], stored.object.client_secret_expires_at, access.now)
        if expires_at == stored.object.client_secret_expires_at:
            return replace(stored.object, client_secret=secret)
        change = Change(access.registration_id, access.now)
        new = set_expiry(context, change, stored, expires_at, _expiry_text(expires_at, access.now))
        await context.records.apply(change)
        return replace(new, client_secret=secret)

    return await until_written(attempt)


async def _load_with_secret(context: Context, access: Access, credential_id: str) -> tuple[Stored[Credential], str]:
    """The Credential and its secret, which loaded objects leave out. Asked for together, they are one round trip.

    Raises:
        NotFound: There is none.
    """
    wanted = Wanted(Credential, credential_id)
    document, loaded = await asyncio.gather(
        context.records.document(replace_fields(access, admitted=None), wanted), context.records.load(access, wanted)
    )
    (stored,) = loaded
    if stored is None:
        raise NotFound("There is no such object.")
    return stored, decode(document)["client_secret"]


def require_acceptable(submitted: object, current: int, now: datetime) -> int:
    """The expiry that a Client may set (Unix seconds, 0 for never): the current one, or between now and that.

    Raises:
        InvalidRequest: It is no timestamp, in the past, or later than the current one (D2 to D4).

    Source: CDS-WG1-02 7.6.
    """
    if not isinstance(submitted, int) or isinstance(submitted, bool) or not 0 <= submitted <= LATEST:
        raise InvalidRequest(f"{EXPIRY} must be a whole number of seconds since 1970, or 0 for never.", field=EXPIRY)
    if submitted == current:
        return submitted
    present = int(now.timestamp())
    if 0 < current <= present:
        raise InvalidRequest("This Credential has expired; create a new one.", field=EXPIRY)
    if submitted < present - CLOCK_SKEW_SECONDS:
        raise InvalidRequest(f"{EXPIRY} must not be in the past; it is {present} now.", field=EXPIRY)
    if current and submitted > current:
        raise InvalidRequest(f"{EXPIRY} can only become earlier; it is {current}.", field=EXPIRY)
    return submitted


def set_expiry(context: Context, change: Change, stored: Stored[Credential], expires_at: int, what: str) -> Credential:
    """Add a new expiry to `change`, with its Message. When it is not after now, the tokens of this Credential die.

    `what` completes "Credential X …" in the Message.
    """
    new = replace(stored.object, client_secret_expires_at=expires_at, modified=change.now)
    change.replace(stored, new)
    change.event("credential.modified", new.credential_id)
    if 0 < expires_at <= int(change.now.timestamp()):
        change.cut_off.append(new.credential_id)
    note_credential(context, change, new.credential_id, what)
    return new


async def expire_by_operator(
    context: Context, access: Access, credential_id: str, reason: str, *, at: datetime | None = None
) -> Credential:
    """Let a Credential expire by decision of the Server: now, because its secret has leaked, or at another time.

    Tokens that an already expired Credential has given die as well. The Message tells the `reason`.

    Returns:
        The Credential without its secret.

    Raises:
        NotFound: The registration has no such Credential.
        Conflict: It has expired already and cannot be given another time: an expired secret never becomes valid again.

    Source: CDS-WG1-02 7.6, the two paragraphs about what Servers may and must do.
    """

    async def attempt() -> Credential:
        (stored,) = await context.records.load(access, Wanted(Credential, credential_id))
        if stored is None:
            raise NotFound("There is no such object.")
        change = Change(access.registration_id, access.now)
        if 0 < stored.object.client_secret_expires_at <= int(access.now.timestamp()):
            if at is not None and at > access.now:
                raise Conflict("This Credential has expired already.")
            return await _cut_off(context, change, stored, reason)
        when = max(at or access.now, access.now)
        new = set_expiry(context, change, stored, int(when.timestamp()), f"was set to expire by the Server: {reason}")
        await context.records.apply(change)
        return new

    return await until_written(attempt)


async def _cut_off(context: Context, change: Change, stored: Stored[Credential], reason: str) -> Credential:
    credential = stored.object
    change.cut_off.append(credential.credential_id)
    what = f"has expired before; the Server has now revoked the access tokens that it gave: {reason}"
    note_credential(context, change, credential.credential_id, what)
    await context.records.apply(change)
    return credential


def _expiry_text(expires_at: int, now: datetime) -> str:
    if expires_at <= int(now.timestamp()):
        return "was modified: it has expired, and the access tokens that it gave are revoked."
    return f"was modified: it expires at {datetime.fromtimestamp(expires_at, UTC):%Y-%m-%dT%H:%M:%SZ}."
