"""A Client's grant_request that asks for files: an operator chooses which, and both happen together.

The Grants of files scopes are made by sharing (CDS-WG1-02 3.3.3), so `app.domain.grant_requests` wants them to be there
before it approves.
"""

from collections.abc import Sequence

from msgspec import UNSET

from app.catalog import SERVER_PROVIDED_FILES, Catalog
from app.crypto.tokens import local_id
from app.domain import files
from app.domain.client_objects import scopes_of
from app.domain.context import Context
from app.domain.grant_requests import approve_requested
from app.domain.messages import require_message
from app.domain.messages_answers import FINAL
from app.domain.messages_fields import target_of
from app.domain.records import Access, Listing
from app.errors import AlreadyDecided, InvalidRequest, Refusal
from app.schemas.clients import Client, ClientStatus
from app.schemas.messages import Message, MessageType


def files_scope_asked(catalog: Catalog, message: Message) -> str:
    """The files scope that a grant_request asks for, "" when it asks for none."""
    if message.type is not MessageType.GRANT_REQUEST or message.grants_requested is UNSET:
        return ""
    named = " ".join(
        scope
        for one in message.grants_requested
        for scope in (one.scope, *(str(entry.get("type", "")) for entry in one.authorization_details))
    )
    return next((scope.id for scope in scopes_of(catalog, named) if scope.type == SERVER_PROVIDED_FILES), "")


async def share_and_approve(
    context: Context, access: Access, message_id: str, file_ids: Sequence[str], description: str = ""
) -> Message:
    """Share files because a grant_request asked for some, and approve it with their Grant among the others.

    When the approval is refused, the files are taken back.

    Raises:
        NotFound: The registration has no such Message, or one of the files is not in the library.
        InvalidRequest: No file is named, or no Client Object has the scope.
        AlreadyDecided: The request has its final answer.
        Others as `app.domain.grant_requests.approve_requested` and `app.domain.files.share`.
    """
    stored = await require_message(context, access, message_id)
    message: Message = stored.object
    if message.status in FINAL:
        raise AlreadyDecided(f"This request has been decided: it is {message.status}.")
    scope = files_scope_asked(context.catalog, message)
    if not file_ids:
        raise InvalidRequest("Choose the files that are to be shared.", field="file_ids")
    there, client_id = await _holder(context, access, message, scope)
    grant = await files.share(context, there, client_id, file_ids, scope)
    try:
        return await approve_requested(context, access, message_id, description, shared=[grant.grant_id])
    except Refusal:
        await files.unshare(context, there, grant.grant_id)
        raise


async def _holder(context: Context, access: Access, message: Message, scope: str) -> tuple[Access, str]:
    """The Client Object that gets the files: the one that the request names, else one that has the scope."""
    named = target_of(context.links, message.related_uri).object_id if message.related_uri is not UNSET else None
    if named and (parts := local_id(named)):
        return Access(parts.registration_id, access.now), named
    for stored in await context.records.find(access, Listing(Client)):
        client: Client = stored.object
        if scope in client.scope.split() and client.cds_status is not ClientStatus.DISABLED:
            return access, client.client_id
    raise InvalidRequest("No Client Object has the scope that is asked for.", field="file_ids")
