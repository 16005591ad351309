"""What waits for an operator.

Source: CDS-WG1-02 6.2, 6.3; ambiguities C29: requests of the Server are `open` until the Client acts and `pending`
until the Server does, requests of the Client begin `pending`.
"""

from typing import Final

from app.schemas.messages import Message, MessageInternal, MessageStatus, MessageType

DECIDED_HERE: Final = frozenset(
    {
        MessageType.PRODUCTION_REQUEST,
        MessageType.SUPPORT_REQUEST,
        MessageType.GRANT_REQUEST,
        MessageType.FIELD_CHANGES,
        MessageType.SERVER_REQUEST,
        MessageType.PAYMENT_REQUEST,
        MessageType.ONLINE_FORM_REQUEST,
        MessageType.PDF_FORM_REQUEST,
    }
)
"""Types whose decision is an operator's."""


def waits_for_operator(message: Message, internal: MessageInternal) -> bool:
    """Whether the Server has to act: a decision is due, or a Client has written and nobody has looked at it yet."""
    if message.type is MessageType.PRIVATE_MESSAGE:
        return message.creator is not None and not internal.noted
    return message.status is MessageStatus.PENDING and message.type in DECIDED_HERE
