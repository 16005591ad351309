"""A registration: all that one registration request created (ambiguities J11). Never on the wire to a Client."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct, field


class RegistrationStatus(StrEnum):
    """Whether its Client Objects may be used at all."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class RequirementStatus(StrEnum):
    """How far an onboarding requirement (3.6) has got."""

    OPEN = "open"
    PENDING = "pending"
    MET = "met"
    REJECTED = "rejected"


class Evidence(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What somebody did on our own pages to meet a requirement; what does not apply is empty."""

    at: datetime
    message_id: str
    """The request that was answered."""
    name: str = ""
    """Who it was, in their own words, or as the identity provider calls them."""
    text_digest: str = ""
    """SHA-256 of the Markdown text that was accepted, in hexadecimal digits."""
    issuer: str = ""
    """The identity provider that vouches for the account."""
    subject: str = ""
    """The account at that provider, for ever."""
    email: str = ""
    """The address that was verified."""
    reference: str = ""
    """How the payment can be found."""


class Requirement(Struct, kw_only=True, frozen=True):
    """One registration field that has to be done after registration, and its newest request Message."""

    status: RequirementStatus
    message_id: str = ""
    evidence: list[Evidence] = []
    """Oldest first."""


class Registration(Struct, kw_only=True, frozen=True):
    """What we keep of a registration besides its Client Objects."""

    registration_id: str
    created: datetime
    modified: datetime
    status: RegistrationStatus
    scope: str
    """What was asked for, space-separated."""
    client_metadata: dict[str, Any]
    """RFC 7591 fields as submitted; copied to Client Objects that are made later (ambiguities A4)."""
    field_values: dict[str, Any] = field(default_factory=dict)
    """Registration field values by `field_name`."""
    field_files: dict[str, str] = field(default_factory=dict)
    """Image and PDF values by `field_name`: their keys in the file store."""
    requirements: dict[str, Requirement] = field(default_factory=dict)
    """By registration field id."""
    next_client: int = 1
    """The number of the next Client Object."""
    verified_email: str = ""
    """The contact address that was verified last."""
    notes: str = ""
    """What operators have written down about it; Clients never see it."""
