"""Objects and bodies of the operator API that concern the server as a whole: what happens, who works here, webhooks.

Bodies are exact: whoever misspells a field is told.
"""

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from app.domain.broadcasts import Broadcast
from app.domain.deliveries import Delivery
from app.domain.events import EVENT_TYPES
from app.domain.feed import AuditRecord, FeedEvent
from app.domain.operators import Role
from app.domain.webhooks import EVERYTHING, Webhook, WebhookStatus
from app.openapi.schemas import called, exact
from app.openapi.shapes.apis import LINE_WITH_WORDS, TEXT_WITH_WORDS, Line
from app.openapi.shapes.operator import InboxEntry
from app.schemas.grants import GrantStatus
from app.schemas.messages import (
    MessageStatus,
    MessageType,
    RelatedType,
)
from app.schemas.registrations import RegistrationStatus

called("Event", FeedEvent)

EventType = Annotated[str, Meta(extra_json_schema={"enum": [EVERYTHING, *sorted(EVENT_TYPES)]})]


class EventListing(Struct, frozen=True):
    """A page of events."""

    events: list[FeedEvent]
    next: str | None
    previous: str | None


class AuditListing(Struct, frozen=True):
    """A page of the audit log."""

    audit: list[AuditRecord]
    next: str | None
    previous: str | None


class WaitingCount(Struct, frozen=True):
    """How many Messages of a type wait."""

    count: int
    oldest: datetime | None


class StoreVitals(Struct, frozen=True):
    """How the store is."""

    round_trip_ms: float
    used_memory_bytes: int | None
    feed_backlog: int


class Overview(Struct, frozen=True):
    """The first page of the console; `inbox` has what has waited longest."""

    registrations: dict[RegistrationStatus, int]
    onboarding: int
    waiting: dict[MessageType, WaitingCount]
    outstanding: int
    grants: dict[GrantStatus, int]
    inbox: list[InboxEntry]
    events: list[FeedEvent]
    store: StoreVitals


class Operator(Struct, frozen=True):
    """Who works here."""

    name: str
    role: Role
    created: datetime | None


class OperatorListing(Struct, frozen=True):
    """All operators."""

    operators: list[Operator]
    next: str | None
    previous: str | None


@exact
class NewOperator(Struct, frozen=True):
    """Who is to work here."""

    name: Annotated[str, Meta(pattern=r"^(?!bootstrap$)[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$")]
    role: Role


class OperatorWithKey(Operator, kw_only=True, frozen=True):
    """A new operator."""

    key: str


@exact
class NewWebhook(Struct, kw_only=True, frozen=True):
    """Where to send what."""

    url: str
    events: Annotated[list[EventType], Meta(min_length=1)] | UnsetType = UNSET
    description: Line | UnsetType = UNSET


@exact
class WebhookChange(Struct, kw_only=True, frozen=True):
    """What is different from now on."""

    url: str | UnsetType = UNSET
    events: Annotated[list[EventType], Meta(min_length=1)] | UnsetType = UNSET
    description: Line | UnsetType = UNSET
    status: WebhookStatus | UnsetType = UNSET


class WebhookWithSecret(Webhook, kw_only=True, frozen=True):
    """A webhook whose secret is new."""

    secret: str


class WebhookListing(Struct, frozen=True):
    """All webhooks."""

    webhooks: list[Webhook]
    next: str | None
    previous: str | None


class DeliveryListing(Struct, frozen=True):
    """A page of deliveries."""

    deliveries: list[Delivery]
    next: str | None
    previous: str | None


class Replayed(Struct, frozen=True):
    """How many are tried again."""

    replayed: int


@exact
class NewBroadcast(Struct, kw_only=True, frozen=True):
    """What is written to whom."""

    name: Annotated[str, Meta(max_length=256, pattern=LINE_WITH_WORDS)]
    description: Annotated[str, Meta(max_length=65536, pattern=TEXT_WITH_WORDS)]
    related_uri: str | UnsetType | None = UNSET
    related_type: RelatedType | UnsetType | None = UNSET
    scopes: list[str] | UnsetType | None = UNSET


class BroadcastListing(Struct, frozen=True):
    """A page of broadcasts."""

    broadcasts: list[Broadcast]
    next: str | None
    previous: str | None


class PreviewMessage(Struct, kw_only=True, frozen=True):
    """A notification before it is sent."""

    previous_uri: None
    type: MessageType
    read: bool
    creator: None
    created: datetime
    modified: datetime
    status: MessageStatus
    name: str
    description: str
    related_uri: str | UnsetType = UNSET
    related_type: RelatedType | UnsetType = UNSET


class BroadcastPreview(Struct, frozen=True):
    """What a broadcast would do."""

    recipients: int
    message: PreviewMessage
