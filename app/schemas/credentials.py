"""Credentials (CDS-WG1-02 7.1, 7.2)."""

from datetime import datetime
from enum import StrEnum

from msgspec import UNSET, Struct, UnsetType


class CredentialType(StrEnum):
    """The kinds of Credential (7.2): one so far."""

    CLIENT_SECRET = "client_secret"  # noqa: S105 -- the name of the type, not a secret


class Credential(Struct, kw_only=True, frozen=True):
    """One Credential, as 7.1 lays it out.

    `client_secret` is set while a new Credential is on its way into the store, which seals it; loaded objects leave
    it UNSET, and documents that go to the Client carry it again.
    """

    credential_id: str
    uri: str
    client_id: str
    created: datetime
    modified: datetime
    type: CredentialType
    client_secret_expires_at: int
    client_secret: str | UnsetType = UNSET


class CredentialInternal(Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What we know about a Credential and do not show."""

    digest: str = ""
    """SHA-256 of the client_secret (app.crypto.tokens.digest), the field of the index by which a secret is found."""
    told_expiry: int = 0
    """The `client_secret_expires_at` of which the Client has been told ahead of time."""
