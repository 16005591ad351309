"""One door for what operators decide about Messages: whatever the type implies is carried out (DESIGN.md section 4).

| type | a `complete` decision makes |
| --- | --- |
| production_request | the production Client Object and its Credential |
| grant_request | the Grants |
| field_changes | the new values of the Client Object |
| an onboarding request, or a submission to it | the requirement met, and production where that was the last one |
| support_request, server_request | nothing else |
"""

from app.domain import production
from app.domain.context import Context
from app.domain.field_changes import decide_field_changes
from app.domain.grant_requests import making
from app.domain.messages import require_message
from app.domain.messages_decisions import decide
from app.domain.records import Access
from app.schemas.messages import Message, MessageStatus, MessageType


async def decide_message(
    context: Context,
    access: Access,
    message_id: str,
    status: MessageStatus,
    description: str = "",
    *,
    receipt_uri: str | None = None,
) -> Message:
    """Decide about any Message that waits for a decision.

    Args:
        receipt_uri: See `messages_decisions.decide`.

    Returns:
        The `request_update`, or the `field_changes` Message itself (ambiguities C11).

    Raises:
        NotFound: The registration has no such Message, or what it is about is gone.
        InvalidRequest: Its type knows no such decision, a rejection has no reason, or what it asks for is impossible.
        InvalidClientMetadata, InvalidScope, InvalidAuthorizationDetails: What it asks for is no longer acceptable.
        AlreadyDecided: It has its final answer.
        Conflict: Others kept changing the same objects.
    """
    stored = await require_message(context, access, message_id)
    match stored.object.type:
        case MessageType.FIELD_CHANGES:
            return await decide_field_changes(context, access, message_id, status, description)
        case MessageType.PRODUCTION_REQUEST:
            return await production.decide_request(context, access, message_id, status, description)
        case MessageType.GRANT_REQUEST:
            execute = making(context, access)
            return await decide(context, access, message_id, status, description, execute=execute)
        case _:
            advance = production.when_steps_are_met(context, access)
            return await decide(
                context, access, message_id, status, description, advance=advance, receipt_uri=receipt_uri
            )
