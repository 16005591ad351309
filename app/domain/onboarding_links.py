"""The links of onboarding Messages: who may open them, and what happens when one has expired.

A link is a secret between the Client, which reads it in its Messages, and whomever the Client gives it to. It may be
opened any number of times. When its time is over a new request with a new link comes as a reply to the old one, and
what is decided about one of them is decided about both.

A link also lives as long as the request is complete, or waits for an operator: receipts stay where they are, and nobody
has to start again because we were slow.

Source: CDS-WG1-02 3.6; ambiguities A25.
"""

import hmac
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import parse_qs, urlsplit

from msgspec import UNSET
from msgspec.structs import replace

from app.crypto.tokens import digest, local_id
from app.domain.context import Context
from app.domain.onboarding import request_again
from app.domain.onboarding_steps import Step, finish, read_step
from app.domain.records import Access, Change, Stored, Wanted
from app.domain.reminders import request_due
from app.domain.retries import until_written
from app.errors import NotFound
from app.schemas.messages import Message, MessageStatus
from app.schemas.registrations import Registration

_LIVES_ON: Final = frozenset({MessageStatus.PENDING, MessageStatus.COMPLETE})
_NOTHING: Final = "This link leads nowhere. Please copy it once more from the Message, as a whole."


async def open_link(context: Context, message_id: str, key: str, *, now: datetime) -> Step:
    """The step that a link opens, expired or not. One round trip.

    Raises:
        NotFound: There is no such link: unknown, mistyped and somebody else's are not told apart.
    """
    step = await _find(context, message_id, now)
    if not _is_right(key, _key_of(step.request.object)):
        raise NotFound(_NOTHING)
    return step


async def open_return(context: Context, message_id: str, back: str, *, now: datetime) -> Step:
    """The step that somebody comes back to from elsewhere, to see how far it is. One round trip.

    Raises:
        NotFound: As for `open_link`.
    """
    step = await _find(context, message_id, now)
    if not _is_right(back, _back_of(step.request.object)):
        raise NotFound(_NOTHING)
    return step


def return_link(context: Context, step: Step) -> str:
    """Where a system elsewhere sends people back to. It shows how far the step is, and opens nothing."""
    request = step.request.object
    return context.links.onboarding_return(request.message_id, _back_of(request) or "")


def is_expired(step: Step, now: datetime) -> bool:
    """Whether a link has had its time."""
    internal = step.request.internal
    if step.is_complete:
        return False
    return bool(internal.renewed_by) or _is_over(step.request, now)


async def renew(context: Context, registration_id: str, message_id: str, now: datetime) -> Message | None:
    """Do what is due about an onboarding request: answer what was submitted, or send it again with a new link.

    A link that is not over yet stays. Whoever comes first does it, so it is done once.

    Returns:
        The request that has come in its place, now or before; None when there is none.

    Raises:
        Conflict: Others kept changing the request.
        StoreUnavailable: The store does not answer.
    """
    access = Access(registration_id, now)

    async def write() -> Message | None:
        request, registration = await context.records.load(
            access, Wanted(Message, message_id), Wanted(Registration, registration_id)
        )
        if request is None or registration is None:
            await _forget(context, access, message_id)
            return None
        if request.internal.renewed_by:
            (renewed,) = await context.records.load(access, Wanted(Message, request.internal.renewed_by))
            return renewed.object if renewed else None
        return await _renew(context, access, request, registration)

    try:
        await finish(context, access, message_id)
    except NotFound:
        await _forget(context, access, message_id)
        return None
    return await until_written(write)


async def _renew(
    context: Context, access: Access, request: Stored[Message], registration: Stored[Registration]
) -> Message | None:
    """Raises Conflict when somebody else was first."""
    change = Change(access.registration_id, access.now)
    field = context.catalog.registration_fields.get(request.internal.registration_field)
    lives_seconds = context.catalog.registration.onboarding_link_ttl_seconds
    if field is None or not request.internal.link_expires or request.object.status is MessageStatus.COMPLETE:
        change.unchanged.append(request)
        change.remind(request.object.message_id, None)
        renewed = None
    elif request.object.status is MessageStatus.PENDING and _is_past(request, access.now):
        later = access.now + timedelta(seconds=lives_seconds or 0)
        internal = replace(request.internal, link_expires=int(later.timestamp()) if lives_seconds else 0)
        change.replace(request, request.object, internal)
        change.remind(request.object.message_id, request_due(request.object, internal))
        renewed = None
    elif not _is_past(request, access.now):
        change.unchanged.append(request)
        change.remind(request.object.message_id, datetime.fromtimestamp(request.internal.link_expires, UTC))
        renewed = None
    else:
        renewed = request_again(context, change, field, request, registration)
    await context.records.apply(change)
    return renewed


async def _forget(context: Context, access: Access, message_id: str) -> None:
    """Be reminded no more of something that is not there."""
    change = Change(access.registration_id, access.now)
    change.remind(message_id, None)
    await context.records.apply(change)


async def _find(context: Context, message_id: str, now: datetime) -> Step:
    parts = local_id(message_id)
    if parts is None:
        raise NotFound(_NOTHING)
    try:
        return await read_step(context, Access(parts.registration_id, now), message_id)
    except NotFound:
        raise NotFound(_NOTHING) from None


def _key_of(request: Message) -> str | None:
    """The key in the link of a request; None for one without a link of ours."""
    link = "" if request.related_uri is UNSET else str(request.related_uri)
    keys = parse_qs(urlsplit(link).query).get("key", [])
    return keys[0] if len(keys) == 1 and f"/onboarding/{request.message_id}?" in link else None


def _back_of(request: Message) -> str | None:
    """What opens the page to come back to: it follows from the key, and the key does not follow from it."""
    key = _key_of(request)
    return digest(f"back {key}") if key else None


def _is_right(given: str, expected: str | None) -> bool:
    return bool(expected) and hmac.compare_digest(str(expected).encode(), given.encode())


def _is_past(request: Stored[Message], now: datetime) -> bool:
    expires: int = request.internal.link_expires
    return 0 < expires <= int(now.timestamp())


def _is_over(request: Stored[Message], now: datetime) -> bool:
    return request.object.status not in _LIVES_ON and _is_past(request, now)
