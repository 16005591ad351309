"""Objects for store tests, made without the domain."""

from datetime import UTC, datetime
from typing import Any

from app.crypto.tokens import Randomness, digest
from app.domain.records import Change
from app.schemas.clients import Client, ClientInternal, ClientStatus
from app.schemas.credentials import Credential, CredentialInternal, CredentialType
from app.schemas.grants import Grant, GrantInternal, GrantStatus
from app.schemas.messages import Message, MessageInternal, MessageStatus, MessageType
from app.schemas.registrations import Registration, RegistrationStatus

BASE = "https://utility.example"
NOW = datetime(2026, 6, 1, 12, 0, 0, tzinfo=UTC)
RANDOM = Randomness()


def make_client(client_id: str, **fields: Any) -> Client:
    """An admin-like Client Object."""
    values: dict[str, Any] = {
        "client_id": client_id,
        "client_id_issued_at": int(NOW.timestamp()),
        "scope": "cds_client_admin",
        "redirect_uris": [],
        "response_types": [],
        "grant_types": ["client_credentials"],
        "token_endpoint_auth_method": "client_secret_basic",
        "authorization_details_types": [],
        "client_name": client_id,
        "contacts": [],
        "cds_created": NOW,
        "cds_modified": NOW,
        "cds_client_uri": f"{BASE}/cds-api/v1/clients/{client_id}",
        "cds_status": ClientStatus.PRODUCTION,
        "cds_status_options": [ClientStatus.PRODUCTION],
        "cds_server_metadata": f"{BASE}/.well-known/cds-server-metadata.json",
    }
    return Client(**(values | fields))


def make_message(registration_id: str, **fields: Any) -> Message:
    """An unread private Message of the Server."""
    message_id = RANDOM.object_id(registration_id, "m")
    values: dict[str, Any] = {
        "message_id": message_id,
        "uri": f"{BASE}/cds-api/v1/messages/{message_id}",
        "previous_uri": None,
        "type": MessageType.PRIVATE_MESSAGE,
        "read": False,
        "creator": None,
        "created": NOW,
        "modified": NOW,
        "status": MessageStatus.COMPLETE,
        "name": "Subject",
        "description": "Body",
    }
    return Message(**(values | fields))


def make_credential(client_id: str, **fields: Any) -> Credential:
    """A Credential with a new secret that never expires."""
    credential_id = RANDOM.object_id(client_id[:14], "c")
    values: dict[str, Any] = {
        "credential_id": credential_id,
        "uri": f"{BASE}/cds-api/v1/credentials/{credential_id}",
        "client_id": client_id,
        "created": NOW,
        "modified": NOW,
        "type": CredentialType.CLIENT_SECRET,
        "client_secret_expires_at": 0,
        "client_secret": RANDOM.client_secret(),
    }
    return Credential(**(values | fields))


def make_grant(client_id: str, **fields: Any) -> Grant:
    """An active Grant of the admin scope."""
    grant_id = RANDOM.object_id(client_id[:14], "g")
    values: dict[str, Any] = {
        "grant_id": grant_id,
        "uri": f"{BASE}/cds-api/v1/grants/{grant_id}",
        "replacing": [],
        "replaced_by": [],
        "parent": None,
        "children": [],
        "created": NOW,
        "modified": NOW,
        "not_before": None,
        "not_after": None,
        "eta": None,
        "expires": None,
        "status": GrantStatus.ACTIVE,
        "client_id": client_id,
        "scope": "cds_client_admin",
        "authorization_details": [],
        "receipt_confirmations": [],
        "enabled_scope": "cds_client_admin",
        "enabled_authorization_details": [],
    }
    return Grant(**(values | fields))


def add_credential(change: Change, credential: Credential) -> None:
    """Put a new Credential into a change, with the digest by which its secret is found."""
    change.create(credential, CredentialInternal(digest=digest(str(credential.client_secret))))


def new_registration(messages: int = 0) -> tuple[Change, Client, Credential, Grant]:
    """A change that creates a registration with an admin Client Object, its Credential, its Grant and some Messages."""
    registration_id = RANDOM.registration_id()
    client, credential, grant = (
        make_client(registration_id),
        make_credential(registration_id),
        make_grant(registration_id),
    )
    change = Change(registration_id, NOW)
    change.create(
        Registration(
            registration_id=registration_id,
            created=NOW,
            modified=NOW,
            status=RegistrationStatus.ACTIVE,
            scope="cds_client_admin",
            client_metadata={},
        )
    )
    for number in range(messages):
        change.create(make_message(registration_id, name=str(number)), MessageInternal())
    change.create(client, ClientInternal(assigned_scope=client.scope))
    add_credential(change, credential)
    change.create(grant, GrantInternal())
    change.event("registration.created", registration_id)
    return change, client, credential, grant
