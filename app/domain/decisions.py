"""One door for what operators decide about Messages: whatever the type implies is carried out (DESIGN.md section 4).

| type | a `complete` decision makes |
| --- | --- |
| production_request | the production Client Object and its Credential |
| grant_request | the Grants |
| field_changes | the new values of the Client Object |
| an onboarding request, or a submission to it | the requirement met, and production where that was the last one |
| support_request, server_request | nothing else |
| a private_message of a Client | it noted, which the Client does not learn |
"""

from collections.abc import Sequence

from app.domain import exchanges, production
from app.domain.context import Context
from app.domain.field_changes import decide_field_changes
from app.domain.file_requests import share_and_approve
from app.domain.grant_requests import making
from app.domain.messages import require_message
from app.domain.messages_decisions import decide
from app.domain.records import Access, Stored
from app.errors import AlreadyDecided, InvalidRequest
from app.schemas.messages import Message, MessageStatus, MessageType


async def decide_message(
    context: Context,
    access: Access,
    message_id: str,
    status: MessageStatus,
    description: str = "",
    *,
    receipt_uri: str | None = None,
    file_ids: Sequence[str] = (),
) -> Message:
    """Decide about any Message that waits for a decision.

    Args:
        receipt_uri: See `messages_decisions.decide`.
        file_ids: For a grant_request that asks for files and is complete: those that are shared because of it.

    Returns:
        The `request_update`; the Message itself if it is a `field_changes` (ambiguities C11) or a `private_message`.

    Raises:
        NotFound: The registration has no such Message, or what it is about is gone.
        InvalidRequest: Its type knows no such decision, a rejection has no reason, or what it asks for is impossible.
        InvalidClientMetadata, InvalidScope, InvalidAuthorizationDetails: What it asks for is no longer acceptable.
        AlreadyDecided: It has its final answer.
        Conflict: Others kept changing the same objects.
    """
    stored = await require_message(context, access, message_id)
    if file_ids and (stored.object.type is not MessageType.GRANT_REQUEST or status is not MessageStatus.COMPLETE):
        raise InvalidRequest("file_ids go with the approval of a grant_request.", field="file_ids")
    match stored.object.type:
        case MessageType.FIELD_CHANGES:
            return await decide_field_changes(context, access, message_id, status, description)
        case MessageType.PRODUCTION_REQUEST:
            return await production.decide_request(context, access, message_id, status, description)
        case MessageType.GRANT_REQUEST:
            if file_ids:
                return await share_and_approve(context, access, message_id, file_ids, description)
            execute = making(context, access)
            return await decide(context, access, message_id, status, description, execute=execute)
        case MessageType.PRIVATE_MESSAGE:
            return await _note(context, access, stored, status)
        case _:
            advance = production.when_steps_are_met(context, access)
            return await decide(
                context, access, message_id, status, description, advance=advance, receipt_uri=receipt_uri
            )


async def _note(context: Context, access: Access, stored: Stored[Message], status: MessageStatus) -> Message:
    if status is not MessageStatus.COMPLETE:
        raise InvalidRequest("A private_message can only be noted: status must be complete.", field="status")
    if stored.internal.noted:
        raise AlreadyDecided("This Message was noted before.")
    return await exchanges.note(context, access, stored.object.message_id)
