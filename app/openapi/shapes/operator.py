"""Objects and bodies of the operator API: the fields of the specifications, and what Clients do not see.

Bodies are exact: whoever misspells a field is told.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from app.openapi.schemas import exact, extensible
from app.openapi.shapes.apis import Aboutness, Details, Line, NewAttachment, Text
from app.schemas.clients import Client, ClientStatus
from app.schemas.credentials import Credential
from app.schemas.files import ServerProvidedFile
from app.schemas.grants import Grant, GrantStatus, Withheld
from app.schemas.messages import (
    Message,
    MessageStatus,
    RelatedType,
    UpdateRequest,
)
from app.schemas.registrations import Evidence, RegistrationStatus, RequirementStatus

Reason = Text | UnsetType | None


class FieldFile(Struct, frozen=True):
    """An image or a PDF in a registration field."""

    field_name: str
    download_uri: str


class OperatorAttachment(Struct, frozen=True):
    """An attachment without its bytes."""

    filename: str
    mime_type: str
    size: int
    download_uri: str


class OperatorMessageDocument(Message, kw_only=True, frozen=True):
    """A Message to look at."""

    registration_id: str
    # The other attachments have bytes instead of a link: what this describes is not a Message to anybody else.
    attachments: list[OperatorAttachment] | UnsetType = UNSET  # type: ignore[assignment]  # another shape, see above


class OperatorMessage(OperatorMessageDocument, kw_only=True, frozen=True):
    """A Message to work with."""

    waiting: bool
    field_files: list[FieldFile] | UnsetType = UNSET


class Question(Struct, frozen=True):
    """What there is to decide in an exchange."""

    message_id: str
    decisions: list[MessageStatus]


class OperatorMessageDetails(OperatorMessage, kw_only=True, frozen=True):
    """A Message with its exchange."""

    thread: list[OperatorMessage]
    question: Question | None


class InboxEntry(OperatorMessageDocument, kw_only=True, frozen=True):
    """A Message that waits."""

    age_seconds: int


class OperatorClient(Client, kw_only=True, frozen=True):
    """A Client Object, and what became of it."""

    registration_id: str
    disabled_by_operator: bool
    production_client_id: str | None
    pending_changes: dict[str, str]


class OperatorCredential(Credential, kw_only=True, frozen=True):
    """A Credential; it never has its secret here."""

    registration_id: str


class OperatorGrant(Grant, kw_only=True, frozen=True):
    """A Grant, and what is the matter with it."""

    registration_id: str
    under_review: bool
    withheld: list[Withheld]


class OperatorFileDetails(ServerProvidedFile, kw_only=True, frozen=True):
    """A file, and who has it."""

    shares: list[OperatorGrant]


class OnboardingStep(Struct, frozen=True):
    """How far a step is."""

    registration_field: str
    status: RequirementStatus
    message_id: str | None


class OnboardingStepDetails(OnboardingStep, kw_only=True, frozen=True):
    """A step, what it asks for, and what was done."""

    type: str | None
    description: str | None
    evidence: list[Evidence]
    message: OperatorMessageDocument | None


class RegistrationFacts(Struct, kw_only=True, frozen=True):
    """What is known of a registration."""

    registration_id: str
    created: datetime
    modified: datetime
    status: RegistrationStatus
    notes: str
    scope: str
    client_metadata: dict[str, Any]
    field_values: dict[str, Any]
    field_files: list[FieldFile]


class OperatorRegistration(RegistrationFacts, kw_only=True, frozen=True):
    """A registration."""

    onboarding: list[OnboardingStep]


class OperatorRegistrationDetails(RegistrationFacts, kw_only=True, frozen=True):
    """A registration with all that belongs to it."""

    onboarding: list[OnboardingStepDetails]
    clients: list[OperatorClient]
    credentials: list[OperatorCredential]
    waiting: list[OperatorMessage]
    messages: list[OperatorMessage]
    grants: list[OperatorGrant]
    files: list[ServerProvidedFile]


class RegistrationListing(Struct, frozen=True):
    """A page of registrations."""

    registrations: list[OperatorRegistration]
    next: str | None
    previous: str | None


@exact
class RegistrationChange(Struct, kw_only=True, frozen=True):
    """What an operator changes about a registration."""

    status: RegistrationStatus | UnsetType | None = UNSET
    notes: Text | UnsetType | None = UNSET
    description: Reason = UNSET


class OperatorMessageListing(Struct, frozen=True):
    """A page of Messages."""

    messages: list[OperatorMessage]
    next: str | None
    previous: str | None


@exact
class MessageFromServer(Struct, kw_only=True, frozen=True):
    """What an operator writes to a registration (CDS-WG1-02 6.2)."""

    type: Literal[
        "notification", "private_message", "client_submission", "server_request", "payment_request",
        "online_form_request", "pdf_form_request",
    ]  # fmt: skip
    name: Line
    description: Text
    previous_uri: str | UnsetType | None = UNSET
    related_uri: str | UnsetType | None = UNSET
    related_type: RelatedType | UnsetType | None = UNSET
    updates_requested: list[UpdateRequest] | UnsetType | None = UNSET
    amount: Decimal | UnsetType | None = UNSET
    currency: str | UnsetType | None = UNSET
    attachments: Annotated[list[NewAttachment], Meta(max_length=50)] | UnsetType | None = UNSET


@exact
class Decision(Struct, kw_only=True, frozen=True):
    """What an operator decides about a Message."""

    status: MessageStatus
    description: Reason = UNSET
    receipt_uri: str | UnsetType | None = UNSET
    file_ids: list[str] | UnsetType | None = UNSET


@extensible
class ClientChange(Aboutness, kw_only=True, frozen=True):
    """Fields of a Client Object that an operator changes, registration fields among them."""

    scope: str | UnsetType | None = UNSET
    redirect_uris: list[str] | UnsetType | None = UNSET
    cds_status: ClientStatus | UnsetType | None = UNSET
    cds_status_options: list[ClientStatus] | UnsetType | None = UNSET
    cds_default_scope: str | UnsetType | None = UNSET
    cds_default_redirect_uri: str | UnsetType | None = UNSET
    cds_default_authorization_details: Details | UnsetType | None = UNSET
    description: Reason = UNSET


@exact
class Explanation(Struct, kw_only=True, frozen=True):
    """What the Client reads about it."""

    description: Reason = UNSET


@exact
class CredentialOf(Struct, kw_only=True, frozen=True):
    """Nothing is needed: the path says whose."""

    client_id: Any = UNSET


@exact
class CredentialExpiry(Struct, kw_only=True, frozen=True):
    """When a Credential expires; at once without a time."""

    client_secret_expires_at: Annotated[int, Meta(ge=1, le=253_402_300_799)] | UnsetType | None = UNSET
    description: Reason = UNSET


class OperatorCredentialListing(Struct, frozen=True):
    """A page of Credentials."""

    credentials: list[OperatorCredential]
    next: str | None
    previous: str | None


class OperatorGrantListing(Struct, frozen=True):
    """A page of Grants."""

    grants: list[OperatorGrant]
    next: str | None
    previous: str | None


@exact
class NewGrant(Struct, kw_only=True, frozen=True):
    """The terms of a Grant."""

    client_id: str
    scope: str | UnsetType | None = UNSET
    authorization_details: Details | UnsetType | None = UNSET
    status: GrantStatus | UnsetType | None = UNSET
    not_before: datetime | UnsetType | None = UNSET
    not_after: datetime | UnsetType | None = UNSET
    expires: datetime | UnsetType | None = UNSET
    eta: datetime | UnsetType | None = UNSET
    parent: str | UnsetType | None = UNSET
    replacing: list[str] | UnsetType | None = UNSET


@exact
class GrantChange(Struct, kw_only=True, frozen=True):
    """What an operator changes about a Grant; `expires: null` is never."""

    status: GrantStatus | UnsetType | None = UNSET
    enabled_scope: str | UnsetType | None = UNSET
    enabled_authorization_details: Details | UnsetType | None = UNSET
    eta: datetime | UnsetType | None = UNSET
    not_after: datetime | UnsetType | None = UNSET
    expires: datetime | UnsetType | None = UNSET
    description: Reason = UNSET


@exact
class GrantDecision(Struct, kw_only=True, frozen=True):
    """Whether a Client gets what it has asked to change about a Grant."""

    status: Literal["complete", "rejected"]
    description: Reason = UNSET


class OperatorFileListing(Struct, frozen=True):
    """A page of the library."""

    files: list[ServerProvidedFile]
    next: str | None
    previous: str | None


@exact
class FileUpload(Struct, kw_only=True, frozen=True):
    """A form with a file."""

    file: bytes
    name: str | UnsetType = UNSET
    mime_type: str | UnsetType = UNSET
    description: str | UnsetType = UNSET


@exact
class FileChange(Struct, kw_only=True, frozen=True):
    """What is said about a file."""

    name: str | UnsetType | None = UNSET
    mime_type: str | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET


@exact
class ShareOfFile(Struct, kw_only=True, frozen=True):
    """With whom a file is shared."""

    client_id: str
    scope: str | UnsetType | None = UNSET


@exact
class Share(ShareOfFile, kw_only=True, frozen=True):
    """Several files with one Grant."""

    file_ids: list[str]
