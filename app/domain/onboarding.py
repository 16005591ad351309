"""What a Client has to do after its registration, and the Messages that ask for it.

Source: CDS-WG1-02 3.6; ambiguities A19, A20, A25, C29.
"""

from decimal import Decimal

from msgspec import UNSET

from app.catalog import RegistrationField
from app.domain import documentation
from app.domain.changelog import server_message
from app.domain.context import Context
from app.domain.records import Change
from app.schemas.clients import Client
from app.schemas.messages import Message, MessageInternal, MessageStatus, MessageType, RelatedType

_REQUESTS = {
    "payment_required": (MessageType.PAYMENT_REQUEST, RelatedType.PAYMENT_FORM),
    "email_verification": (MessageType.ONLINE_FORM_REQUEST, RelatedType.ONLINE_FORM),
    "sso_verification": (MessageType.ONLINE_FORM_REQUEST, RelatedType.ONLINE_FORM),
    "online_form": (MessageType.ONLINE_FORM_REQUEST, RelatedType.ONLINE_FORM),
    "pdf_form": (MessageType.PDF_FORM_REQUEST, RelatedType.PDF_FORM),
}


def request_step(context: Context, change: Change, field: RegistrationField) -> Message | None:
    """Add the Message that asks for an onboarding step; None for a step that only the Server takes (internal_review).

    The link is a URL of ours that never expires (A25); the description names the field, because nothing else in a
    Message does (A20).
    """
    kinds = _REQUESTS.get(field.type)
    if kinds is None:
        return None
    message = server_message(
        context,
        change,
        kinds[0],
        status=MessageStatus.OPEN,
        name=_title(field.id),
        description=f"{field.description}\n\nRegistration field: {field.id}",
        related_uri=context.links.onboarding(change.registration_id, field.id),
        related_type=kinds[1],
        amount=field.amount if isinstance(field.amount, Decimal) else UNSET,
        currency=field.currency or UNSET,
    )
    change.create(message, MessageInternal(registration_field=field.id))
    change.event("message.created", message.message_id)
    return message


def request_review(context: Context, change: Change, client: Client) -> Message:
    """Add the `production_request` by which the Client learns of the review of a sandbox object (A19)."""
    message = server_message(
        context,
        change,
        MessageType.PRODUCTION_REQUEST,
        status=MessageStatus.PENDING,
        name="Production access",
        description=f"We review production access for {client.scope}. The answer will be a Message.",
        related_uri=client.cds_client_uri,
        related_type=RelatedType.CLIENT,
    )
    change.create(message, MessageInternal())
    change.event("message.created", message.message_id)
    return message


def welcome(context: Context, change: Change) -> None:
    """Add the catalog's welcome, if it has one."""
    text = context.catalog.registration.welcome_message
    if not text:
        return
    message = server_message(
        context,
        change,
        MessageType.NOTIFICATION,
        name=f"Welcome to {context.catalog.server.name}",
        description=text.strip(),
        related_uri=documentation.getting_started(context.settings),
        related_type=RelatedType.DOCUMENTATION,
    )
    change.create(message, MessageInternal())
    change.event("message.created", message.message_id)


def _title(field_id: str) -> str:
    """A human name of a field: `data_terms` is "Data terms"."""
    return field_id.replace("_", " ").replace("-", " ").strip().capitalize()
