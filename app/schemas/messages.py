"""Messages (CDS-WG1-02 6.1 to 6.7)."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from msgspec import UNSET, Struct, UnsetType, field


class MessageType(StrEnum):
    """What a Message is about (6.2)."""

    NOTIFICATION = "notification"
    PRIVATE_MESSAGE = "private_message"
    PRODUCTION_REQUEST = "production_request"
    SUPPORT_REQUEST = "support_request"
    GRANT_REQUEST = "grant_request"
    FIELD_CHANGES = "field_changes"
    SERVER_REQUEST = "server_request"
    CLIENT_SUBMISSION = "client_submission"
    PAYMENT_REQUEST = "payment_request"
    ONLINE_FORM_REQUEST = "online_form_request"
    PDF_FORM_REQUEST = "pdf_form_request"
    REQUEST_UPDATE = "request_update"


class MessageStatus(StrEnum):
    """How far a Message has got (6.3)."""

    COMPLETE = "complete"
    OPEN = "open"
    PENDING = "pending"
    REJECTED = "rejected"
    ERRORED = "errored"


class RelatedType(StrEnum):
    """What `related_uri` leads to (6.4)."""

    MORE_INFO = "more_info"
    DOCUMENTATION = "documentation"
    SUPPORT = "support"
    ONLINE_FORM = "online_form"
    PDF_FORM = "pdf_form"
    PAYMENT_FORM = "payment_form"
    PAYMENT_RECEIPT = "payment_receipt"
    CLIENT_LIST = "client_list"
    CLIENT = "client"
    GRANT_LIST = "grant_list"
    GRANT = "grant"
    MESSAGE_LIST = "message_list"
    MESSAGE = "message"
    CREDENTIAL_LIST = "credential_list"
    CREDENTIAL = "credential"


class UpdateRequest(Struct, kw_only=True, frozen=True):
    """One field that someone asks to change or to submit (6.5)."""

    field: str
    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    uri: str | UnsetType = UNSET
    previous_value: Any = UNSET
    new_value: Any = UNSET


class GrantRequest(Struct, kw_only=True, frozen=True):
    """One Grant that a Client asks for (6.6)."""

    scope: str
    authorization_details: list[dict[str, Any]]


class MessageAttachment(Struct, kw_only=True, frozen=True):
    """A small file that travels with a Message (6.7).

    `data` is Base64 on the wire. In the store it is a reference into the file store (see `app.domain.attachments`).
    """

    filename: str
    mime_type: str
    data: str


class Message(Struct, kw_only=True, frozen=True):
    """One Message, as 6.1 lays it out; absent optional fields are UNSET and do not appear."""

    message_id: str
    uri: str
    previous_uri: str | None
    type: MessageType
    read: bool
    creator: str | None
    created: datetime
    modified: datetime
    status: MessageStatus
    name: str
    description: str
    updates_requested: list[UpdateRequest] | UnsetType = UNSET
    grants_requested: list[GrantRequest] | UnsetType = UNSET
    attachments: list[MessageAttachment] | UnsetType = UNSET
    related_uri: str | UnsetType = UNSET
    related_type: RelatedType | UnsetType = UNSET
    amount: Decimal | UnsetType = UNSET
    currency: str | UnsetType = UNSET


class MailedCode(Struct, kw_only=True, frozen=True):
    """A code that was mailed to an address, which whoever reads its mails can enter."""

    address: str
    digest: str
    """Of the code, with what it is for."""
    expires: int
    """Unix seconds."""
    attempts_left: int


class MessageInternal(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What we know about a Message and do not show."""

    registration_field: str = ""
    """The catalog's registration field whose requirement this request opens (3.6)."""
    files: dict[str, str] = field(default_factory=dict)
    """On `field_changes`: the new files under review by field, as keys in the file store; "" where a file is to go."""
    updates: list[str] = field(default_factory=list)
    """On a request: message_ids of its `request_update` Messages that are open or pending themselves, oldest first.
    They take over the status of the next one (ambiguities C10)."""
    thread: str = ""
    """On a reply: message_id of the Message with which the exchange began."""
    noted: bool = False
    """On a private_message of a Client: an operator has seen it or replied to it."""
    link_expires: int = 0
    """On an onboarding request: the Unix second from which its link opens nothing any more; 0 when it never does."""
    renewed_by: str = ""
    """On an onboarding request whose link has expired: message_id of the request that came in its place."""
    to_accept: bool = False
    """On an onboarding request that is pending: what was submitted needs nobody's review, only its answer is due."""
    code: MailedCode | None = None
    """On the request of an e-mail verification: the newest code, until it is entered."""
    calls: list[str] = field(default_factory=list)
    """On an onboarding request: ids of signed calls about it that have had their effect, the last ones."""
