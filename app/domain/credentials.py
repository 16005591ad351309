"""Credentials: how they come into being and how they expire (CDS-WG1-02 section 7; ambiguities D1 to D12)."""

from app.crypto.tokens import digest
from app.domain.context import Context
from app.domain.records import Change
from app.schemas.credentials import Credential, CredentialInternal, CredentialType


def issue(context: Context, change: Change, client_id: str) -> Credential:
    """Add a new Credential of that Client Object to `change`, with its secret in clear and without a Message.

    It expires after `registration.secret_ttl` of the catalog, or never.

    Source: CDS-WG1-02 4.2 and 7.1.
    """
    credential_id = context.randomness.object_id(change.registration_id, "c")
    secret = context.randomness.client_secret()
    ttl_seconds = context.catalog.registration.secret_ttl_seconds
    credential = Credential(
        credential_id=credential_id,
        uri=context.links.credential(credential_id),
        client_id=client_id,
        created=change.now,
        modified=change.now,
        type=CredentialType.CLIENT_SECRET,
        client_secret_expires_at=0 if ttl_seconds is None else int(change.now.timestamp()) + ttl_seconds,
        client_secret=secret,
    )
    change.create(credential, CredentialInternal(digest=digest(secret)))
    change.event("credential.created", credential_id)
    return credential
