"""Listings and request bodies of the APIs of Clients (CDS-WG1-02 sections 5 to 9).

Fields that a body may have and that its operation ignores are not named; senders may leave them in.
"""

from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from app.openapi.schemas import extensible
from app.schemas.clients import Client, ClientStatus
from app.schemas.credentials import Credential
from app.schemas.files import ServerProvidedFile
from app.schemas.grants import Grant
from app.schemas.messages import GrantRequest, Message

_LINE: Final = r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]*"
_TEXT: Final = r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*"
LINE_WITH_WORDS: Final = rf"^{_LINE}[A-Za-z0-9]{_LINE}$"
TEXT_WITH_WORDS: Final = rf"^{_TEXT}[A-Za-z0-9]{_TEXT}$"
Line = Annotated[str, Meta(max_length=256, pattern=f"^{_LINE}$")]
Text = Annotated[str, Meta(max_length=65536, pattern=f"^{_TEXT}$")]
Contact = Annotated[str, Meta(min_length=1, max_length=320, pattern=f"^{_LINE}$")]
Contacts = Annotated[list[Contact], Meta(max_length=20)]
Details = list[dict[str, Any]]
Seconds = Annotated[int, Meta(ge=0, le=253_402_300_799)]


class Aboutness(Struct, kw_only=True, frozen=True):
    """What a Client says about itself, at registration and later (RFC 7591 2); null counts as left out."""

    client_name: Line | UnsetType | None = UNSET
    contacts: Contacts | UnsetType | None = UNSET
    client_uri: str | UnsetType | None = UNSET
    logo_uri: str | UnsetType | None = UNSET
    tos_uri: str | UnsetType | None = UNSET
    policy_uri: str | UnsetType | None = UNSET
    software_id: Line | UnsetType | None = UNSET
    software_version: Line | UnsetType | None = UNSET


@extensible
class RegistrationRequest(Aboutness, kw_only=True, frozen=True):
    """RFC 7591 3.1; `app.openapi.registration` adds the registration fields of the catalog."""

    scope: str


class RegistrationResponse(Client, kw_only=True, frozen=True):
    """The admin Client Object, with the only secret that is not read in the Credentials API."""

    client_secret: str
    client_secret_expires_at: int | UnsetType = UNSET


@extensible
class ClientUpdate(Aboutness, kw_only=True, frozen=True):
    """What a PUT may change; what it leaves out goes back to its default."""

    scope: str | UnsetType | None = UNSET
    redirect_uris: list[str] | UnsetType | None = UNSET
    cds_status: ClientStatus | UnsetType | None = UNSET
    cds_default_scope: str | UnsetType | None = UNSET
    cds_default_redirect_uri: str | UnsetType | None = UNSET
    cds_default_authorization_details: Details | UnsetType | None = UNSET


class ClientListing(Struct, frozen=True):
    """CDS-WG1-02 5.3."""

    clients: list[Client]
    next: str | None
    previous: str | None


class MessageListing(Struct, frozen=True):
    """CDS-WG1-02 6.8."""

    outstanding: list[Message]
    outstanding_next: str | None
    outstanding_previous: str | None
    unread: list[Message]
    unread_next: str | None
    unread_previous: str | None
    read: list[Message]
    read_next: str | None
    read_previous: str | None


class SubmittedField(Struct, kw_only=True, frozen=True):
    """One answer of a client_submission."""

    field: Annotated[str, Meta(min_length=1, max_length=128)]
    description: Text | UnsetType | None = UNSET
    uri: str | UnsetType | None = UNSET


class NewAttachment(Struct, kw_only=True, frozen=True):
    """A file that comes along (6.7)."""

    filename: Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029/\\]*$")]
    mime_type: str
    data: Annotated[str, Meta(extra_json_schema={"contentEncoding": "base64"})]


@extensible
class NewMessage(Struct, kw_only=True, frozen=True):
    """CDS-WG1-02 6.9."""

    type: Literal["private_message", "production_request", "support_request", "grant_request", "client_submission"]
    previous_uri: str | UnsetType | None = UNSET
    name: Line
    description: Text
    related_uri: str | UnsetType | None = UNSET
    updates_requested: list[SubmittedField] | UnsetType | None = UNSET
    grants_requested: list[GrantRequest] | UnsetType | None = UNSET
    attachments: Annotated[list[NewAttachment], Meta(max_length=50)] | UnsetType | None = UNSET


@extensible
class MessageUpdate(Struct, kw_only=True, frozen=True):
    """CDS-WG1-02 6.11."""

    read: bool | UnsetType = UNSET


class CredentialWithSecret(Credential, kw_only=True, frozen=True):
    """CDS-WG1-02 7.1: to its Client a Credential always shows its secret."""

    client_secret: str


class CredentialListing(Struct, frozen=True):
    """CDS-WG1-02 7.3."""

    credentials: list[CredentialWithSecret]
    next: str | None
    previous: str | None


@extensible
class NewCredential(Struct, kw_only=True, frozen=True):
    """CDS-WG1-02 7.5."""

    client_id: str


@extensible
class CredentialUpdate(Struct, kw_only=True, frozen=True):
    """CDS-WG1-02 7.6."""

    client_secret_expires_at: Seconds | UnsetType = UNSET


class GrantListing(Struct, frozen=True):
    """CDS-WG1-02 8.4."""

    grants: list[Grant]
    next: str | None
    previous: str | None


@extensible
class GrantUpdate(Struct, kw_only=True, frozen=True):
    """CDS-WG1-02 8.6."""

    status: Literal["closed"] | UnsetType = UNSET
    scope: str | UnsetType = UNSET
    authorization_details: Details | UnsetType = UNSET


class FileListing(Struct, frozen=True):
    """CDS-WG1-02 9.2."""

    files: list[ServerProvidedFile]
    next: str | None
    previous: str | None


class OnboardingReport(Struct, kw_only=True, frozen=True):
    """What a checkout or an e-sign service of the utility reports."""

    message_id: str
    status: Literal["pending", "complete", "rejected", "errored"]
    description: Text | UnsetType | None = UNSET
    receipt_uri: str | UnsetType | None = UNSET
    amount: float | UnsetType | None = UNSET
    currency: str | UnsetType | None = UNSET


class ReportTaken(Struct, frozen=True):
    """How far the request is then."""

    message_id: str
    status: str
