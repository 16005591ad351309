"""What the Server has to do about an object at a later time, as the object itself says.

Whoever is reminded (`app.domain.directory.Directory.due`) does it and changes the object, so that the reminder goes:
nothing is remembered beside the documents, and an index of reminders can be made anew from them.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from app.domain.grant_states import State, next_due
from app.domain.records import AnyObject
from app.schemas.clients import Client, ClientInternal
from app.schemas.credentials import Credential, CredentialInternal
from app.schemas.grants import Grant
from app.schemas.messages import Message, MessageInternal, MessageStatus

EXPIRY_NOTICE_SECONDS: Final = 14 * 24 * 3600
"""How long before its expiry a Client is told about a Credential; of one that lives shortly, half of its life."""

UNFINISHED: Final = timedelta(minutes=1)
"""How long those who disable or enable a Client Object have for its Credentials and Grants, until others help."""


def reminder_of(item: AnyObject, internal: Any) -> datetime | None:  # noqa: ANN401 -- the internal part differs by type
    """When something has to be done about an object; None when nothing has."""
    match item:
        case Grant():
            return next_due(State(item, internal))
        case Credential() if isinstance(internal, CredentialInternal):
            return expiry_notice(item, internal)
        case Client() if isinstance(internal, ClientInternal) and internal.unfinished:
            return item.cds_modified + UNFINISHED
        case Message() if isinstance(internal, MessageInternal):
            return request_due(item, internal)
        case _:
            return None


def expiry_notice(credential: Credential, internal: CredentialInternal) -> datetime | None:
    """When to tell a Client that its Credential will expire; None when that was done, or when there is no need to.

    There is none for a Credential that expired at the moment at which somebody said that it should.
    """
    expires_at = credential.client_secret_expires_at
    if not expires_at or expires_at == internal.told_expiry:
        return None
    life_seconds = expires_at - int(credential.modified.timestamp())
    if life_seconds <= 0:
        return None
    return datetime.fromtimestamp(expires_at - min(EXPIRY_NOTICE_SECONDS, life_seconds // 2), UTC)


def request_due(request: Message, internal: MessageInternal) -> datetime | None:
    """When something is due about an onboarding request (3.6): what was submitted is answered, or its link is renewed.

    None for every other Message.
    """
    if request.status is MessageStatus.COMPLETE or internal.renewed_by:
        return None
    if request.status is MessageStatus.PENDING and internal.to_accept:
        return request.modified
    return datetime.fromtimestamp(internal.link_expires, UTC) if internal.link_expires else None
