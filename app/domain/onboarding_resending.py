"""An onboarding request that is sent again because somebody asks for it, before its link has expired.

Source: CDS-WG1-02 3.6; ambiguities A25.
"""

from app.domain.context import Context
from app.domain.messages_answers import OUTSTANDING
from app.domain.onboarding import request_again
from app.domain.records import Access, Change, Wanted
from app.domain.retries import until_written
from app.errors import AlreadyDecided, InvalidRequest, NotFound
from app.schemas.messages import Message, MessageStatus, MessageType
from app.schemas.registrations import Registration


async def send_again(context: Context, access: Access, message_id: str) -> Message:
    """Send an onboarding request again with a new link, as a reply to it; the old link opens nothing from then on.

    What was rejected is open again.

    Raises:
        NotFound: The registration has no such Message.
        InvalidRequest: It asks for no onboarding step, or for one without a link that could end.
        AlreadyDecided: It is complete or waits for an operator, or has been sent again before.
        Conflict: Others kept changing the request.
    """

    async def attempt() -> Message:
        stored, registration = await context.records.load(
            access, Wanted(Message, message_id), Wanted(Registration, access.registration_id)
        )
        if stored is None or registration is None:
            raise NotFound("There is no such Message.")
        field = context.catalog.registration_fields.get(stored.internal.registration_field)
        if field is None or stored.object.type is MessageType.PDF_FORM_REQUEST:
            raise InvalidRequest("This is no request with a link that could be sent again.")
        if stored.object.status in {MessageStatus.COMPLETE, *OUTSTANDING} - {MessageStatus.OPEN}:
            raise AlreadyDecided(f"A new link would change nothing: the request is {stored.object.status}.")
        if stored.internal.renewed_by:
            raise AlreadyDecided(f"It has been sent again before: {stored.internal.renewed_by}.")
        change = Change(access.registration_id, access.now)
        message = request_again(context, change, field, stored, registration)
        await context.records.apply(change)
        return message

    return await until_written(attempt)
