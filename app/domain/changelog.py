"""The changelog that a Client reads as Messages (CDS-WG1-02 5.3, 7.3 and section 6).

Every Client Object, Credential or Grant that is added, removed or modified after the registration leaves a
`private_message` from the Server (ambiguities B19). Secrets never appear in it.
"""

from typing import Any

from msgspec import UNSET

from app.domain.context import Context
from app.domain.records import Change
from app.schemas.messages import Message, MessageInternal, MessageStatus, MessageType, RelatedType


def server_message(
    context: Context,
    change: Change,
    type_: MessageType,
    *,
    message_id: str = "",
    **fields: Any,  # noqa: ANN401 -- any of a Message
) -> Message:
    """A Message that the Server creates now: unread, `complete` and unrelated unless `fields` say otherwise.

    Its id is a random one unless the caller knows what it has to be.
    """
    message_id = message_id or context.randomness.object_id(change.registration_id, "m")
    fields = {"previous_uri": None, "status": MessageStatus.COMPLETE} | fields
    return Message(
        message_id=message_id,
        uri=context.links.message(message_id),
        type=type_,
        read=False,
        creator=None,
        created=change.now,
        modified=change.now,
        **fields,
    )


def tell(
    context: Context,
    change: Change,
    name: str,
    description: str,
    *,
    about: tuple[str, RelatedType] | None = None,
    type_: MessageType = MessageType.PRIVATE_MESSAGE,
) -> Message:
    """Add a Message from the Server to `change`; `about` is its `related_uri` and `related_type`."""
    message = server_message(
        context,
        change,
        type_,
        name=name,
        description=description,
        related_uri=about[0] if about else UNSET,
        related_type=about[1] if about else UNSET,
    )
    change.create(message, MessageInternal())
    change.event("message.created", message.message_id)
    return message


def note_client(context: Context, change: Change, client_id: str, what: str) -> None:
    """Note that a Client Object was added, modified or removed: `what` completes "Client Object X …"."""
    about = (context.links.client(client_id), RelatedType.CLIENT)
    tell(context, change, "Client Object changed", f"Client Object {client_id} {what}", about=about)


def note_credential(context: Context, change: Change, credential_id: str, what: str) -> None:
    """Note that a Credential was added, modified or removed: `what` completes "Credential X …"."""
    about = (context.links.credential(credential_id), RelatedType.CREDENTIAL)
    tell(context, change, "Credential changed", f"Credential {credential_id} {what}", about=about)


def note_grant(context: Context, change: Change, grant_id: str, what: str) -> None:
    """Note that a Grant was added or modified (section 6 asks to mirror what impacts Grants)."""
    about = (context.links.grant(grant_id), RelatedType.GRANT)
    tell(context, change, "Grant changed", f"Grant {grant_id} {what}", about=about)
