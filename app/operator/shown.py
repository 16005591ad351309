"""Objects as operators see them: the fields of the specification, `registration_id`, and what Clients are not shown.

A `client_secret` is never among them. Bytes of attachments and files are not either: they have a `download_uri` of the
operator API.
"""

from collections.abc import Iterable
from typing import Any

from msgspec import UNSET

from app.domain import attachments
from app.domain.grant_changes import is_under_review
from app.domain.grant_writing import state_of
from app.domain.inbox import waits_for_operator
from app.domain.links import Links
from app.domain.records import Stored
from app.domain.registrations import Dossier, Step
from app.operator.reading import API
from app.schemas.clients import Client
from app.schemas.credentials import Credential
from app.schemas.documents import document_of
from app.schemas.files import ServerProvidedFile
from app.schemas.grants import Grant
from app.schemas.messages import Message
from app.schemas.registrations import Registration

Shown = dict[str, Any]


def registration(links: Links, one: Registration) -> Shown:
    """A registration; the Client has submitted `client_metadata`, and `field_values` with images and PDFs as files."""
    return {
        "registration_id": one.registration_id,
        "created": one.created,
        "modified": one.modified,
        "status": one.status,
        "notes": one.notes,
        "scope": one.scope,
        "client_metadata": one.client_metadata,
        "field_values": one.field_values,
        "field_files": _field_files(links, one.registration_id, one.field_files),
        "onboarding": [
            {"registration_field": field_id, "status": step.status, "message_id": step.message_id or None}
            for field_id, step in one.requirements.items()
        ],
    }


def dossier(links: Links, one: Dossier) -> Shown:
    """A registration with all that belongs to it."""
    return registration(links, one.registration) | {
        "onboarding": [_step(links, step) for step in one.steps],
        "clients": [client(stored) for stored in one.clients],
        "credentials": [credential(item) for item in one.credentials],
        "waiting": [message(links, stored) for stored in one.waiting],
        "messages": [message(links, stored) for stored in one.messages],
        "grants": [grant(stored) for stored in one.grants],
        "files": [file(links, item) for item in one.files],
    }


def _field_files(links: Links, owner_id: str, names: Iterable[str]) -> list[Shown]:
    base = f"{links.public_url}{API}/field-files/{owner_id}"
    return [{"field_name": name, "download_uri": f"{base}.{name}"} for name in names]


def _step(links: Links, step: Step) -> Shown:
    return {
        "registration_field": step.field_id,
        "status": step.requirement.status,
        "message_id": step.requirement.message_id or None,
        "type": step.field.type if step.field else None,
        "description": step.field.description if step.field else None,
        "evidence": step.requirement.evidence,
        "message": message_document(links, step.message) if step.message else None,
    }


def message(links: Links, stored: Stored[Message]) -> Shown:
    """A Message, whether it waits for an operator, and the images and PDFs that a `field_changes` would put in."""
    shown = message_document(links, stored.object)
    shown["waiting"] = waits_for_operator(stored.object, stored.internal)
    if new := [name for name, key in stored.internal.files.items() if key]:
        shown["field_files"] = _field_files(links, stored.object.message_id, new)
    return shown


def message_document(links: Links, one: Message) -> Shown:
    """A Message; its attachments say how long they are, in bytes, and where to get them."""
    shown = document_of(one) | {"registration_id": _registration_of(one.message_id)}
    if one.attachments is not UNSET:
        shown["attachments"] = [
            {
                "filename": attachment.filename,
                "mime_type": attachment.mime_type,
                "size": attachments.size_of(attachment),
                "download_uri": f"{links.public_url}{API}/attachments/{one.message_id}.{number}",
            }
            for number, attachment in enumerate(one.attachments)
        ]
    return shown


def client(stored: Stored[Client]) -> Shown:
    """A Client Object, and what became of it on its way into production."""
    return document_of(stored.object) | {
        "registration_id": _registration_of(stored.object.client_id),
        "disabled_by_operator": stored.internal.disabled_by_operator,
        "production_client_id": stored.internal.production_client_id or None,
        "pending_changes": stored.internal.pending_changes,
    }


def credential(one: Credential) -> Shown:
    """A Credential without its secret, whether or not it came with one."""
    shown = document_of(one) | {"registration_id": _registration_of(one.credential_id)}
    shown.pop("client_secret", None)
    return shown


def grant(stored: Stored[Grant]) -> Shown:
    """A Grant, whether a change of it waits for an operator, and why it gives no access for the time being."""
    resume = stored.internal.resume
    return document_of(stored.object) | {
        "registration_id": _registration_of(stored.object.grant_id),
        "under_review": is_under_review(state_of(stored)),
        "withheld": [str(reason) for reason in resume.reasons] if resume else [],
    }


def file(links: Links, one: ServerProvidedFile) -> Shown:
    """A Server-Provided File; `download_uri` is one that an operator key opens."""
    return file_document(links, document_of(one))


def file_document(links: Links, document: Shown) -> Shown:
    """As `file`, of a stored document."""
    return document | {"download_uri": f"{links.public_url}{API}/files/{document['file_id']}/download"}


def _registration_of(object_id: str) -> str:
    return object_id.partition("-")[0]
