"""What a Client has to do after its registration, and the Messages that ask for it.

Source: CDS-WG1-02 3.6; ambiguities A19, A20, A25, C29.
"""

from datetime import datetime
from decimal import Decimal
from typing import Final

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from app.catalog import Catalog, RegistrationField, field_title
from app.domain import documentation
from app.domain.changelog import server_message
from app.domain.context import Context
from app.domain.messages_fields import thread_of
from app.domain.records import Change, Stored
from app.domain.reminders import request_due
from app.schemas.clients import Client
from app.schemas.messages import Message, MessageInternal, MessageStatus, MessageType, RelatedType
from app.schemas.registrations import Registration, RequirementStatus

_REQUESTS: Final = {
    "payment_required": (MessageType.PAYMENT_REQUEST, RelatedType.PAYMENT_FORM),
    "email_verification": (MessageType.ONLINE_FORM_REQUEST, RelatedType.ONLINE_FORM),
    "sso_verification": (MessageType.ONLINE_FORM_REQUEST, RelatedType.ONLINE_FORM),
    "online_form": (MessageType.ONLINE_FORM_REQUEST, RelatedType.ONLINE_FORM),
    "pdf_form": (MessageType.PDF_FORM_REQUEST, RelatedType.PDF_FORM),
}
Fee = tuple[Decimal | UnsetType, str | UnsetType]
"""Amount and currency."""

_AGAIN: Final = "The link of the earlier Message has expired. This one has a new link to the same step."


def request_step(context: Context, change: Change, field: RegistrationField) -> Message | None:
    """Add the Message that asks for an onboarding step; None for a step that only the Server takes (internal_review).

    The description names the field, because nothing else in a Message does (A20).
    """
    if field.type not in _REQUESTS:
        return None
    amount = field.amount if isinstance(field.amount, Decimal) else UNSET
    return _ask(context, change, field, (amount, field.currency or UNSET))


def request_again(
    context: Context,
    change: Change,
    field: RegistrationField,
    old: Stored[Message],
    registration: Stored[Registration],
) -> Message:
    """Add the request that comes in the place of an old one, whose link ends with it, as a reply to it (3.6).

    What is to be paid stays what it was. The requirement depends on the new request; what was rejected is open again.
    """
    renewed = _ask(context, change, field, (old.object.amount, old.object.currency), old)
    change.replace(old, old.object, replace(old.internal, renewed_by=renewed.message_id, code=None))
    change.remind(old.object.message_id, None)
    requirement = registration.object.requirements[field.id]
    is_met = requirement.status is RequirementStatus.MET
    status = RequirementStatus.MET if is_met else RequirementStatus.OPEN
    asked = replace(requirement, status=status, message_id=renewed.message_id)
    requirements = registration.object.requirements | {field.id: asked}
    change.replace(registration, replace(registration.object, modified=change.now, requirements=requirements))
    return renewed


def _ask(
    context: Context, change: Change, field: RegistrationField, fee: Fee, old: Stored[Message] | None = None
) -> Message:
    type_, related_type = _REQUESTS[field.type]
    described = f"{field.description}\n\nRegistration field: {field.id}"
    message = server_message(
        context,
        change,
        type_,
        previous_uri=old.object.uri if old else None,
        status=MessageStatus.OPEN,
        name=field_title(field.id),
        description=f"{_AGAIN}\n\n{described}" if old else described,
        related_type=related_type,
        amount=fee[0],
        currency=fee[1],
    )
    link = context.links.onboarding(message.message_id, context.randomness.link_key())
    message = replace(message, related_uri=link)
    expires = _link_expires(context.catalog, field, change.now)
    internal = MessageInternal(registration_field=field.id, thread=thread_of(old), link_expires=expires)
    change.create(message, internal)
    change.remind(message.message_id, request_due(message, internal))
    change.event("message.created", message.message_id)
    return message


def _link_expires(catalog: Catalog, field: RegistrationField, now: datetime) -> int:
    """The Unix second at which a link ends that begins now; 0 for never.

    Blank PDFs are no secret and 3.6 knows no new link for them, so theirs do not end.
    """
    lives_seconds = catalog.registration.onboarding_link_ttl_seconds
    return int(now.timestamp()) + lives_seconds if lives_seconds and field.type != "pdf_form" else 0


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
