"""Which indexes an object is in.

An index is a sorted set of local ids by position. The position of an object is the second of its last modification
times a million plus a running number, so it orders a listing, breaks ties, works as a cursor and serves as the object's
version.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.crypto.tokens import ADMIN, REGISTRATION_ID_LENGTH
from app.domain.inbox import waits_for_operator
from app.domain.records import AnyObject, Nothing
from app.schemas.clients import Client, ClientInternal
from app.schemas.credentials import Credential, CredentialInternal
from app.schemas.files import FileInternal, ServerProvidedFile
from app.schemas.grants import Grant, GrantInternal
from app.schemas.messages import Message, MessageInternal, MessageStatus
from app.schemas.registrations import Registration

POSITIONS_PER_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Collection:
    """How one type of object is kept."""

    name: str
    """The index that has all of them."""
    internal: type[Any]
    id_field: str | None
    """The field that identifies it; a registration has one object of a kind without."""
    created_index: str | None = None
    """The index by `created`, for types that can be filtered by it."""


COLLECTIONS: dict[type[AnyObject], Collection] = {
    Client: Collection("clients", ClientInternal, "client_id"),
    Message: Collection("messages", MessageInternal, "message_id"),
    Credential: Collection("credentials", CredentialInternal, "credential_id", "credentials:created"),
    Grant: Collection("grants", GrantInternal, "grant_id", "grants:created"),
    ServerProvidedFile: Collection("files", FileInternal, "file_id"),
    Registration: Collection("registration", Nothing, None),
}


def index_name(kind: type[AnyObject], filter_: tuple[str, str]) -> str:
    """The index for one filter of a Listing: `("status", "active")` of Grants is `grants:status:active`."""
    name, value = filter_
    return f"{COLLECTIONS[kind].name}:{name}:{value}" if value else f"{COLLECTIONS[kind].name}:{name}"


def position(moment: datetime) -> int:
    """The lowest position of a second."""
    return int(moment.timestamp()) * POSITIONS_PER_SECOND


def local(object_id: str) -> str:
    """The local part of one of our own ids; a file_id is its own."""
    registration_id, dash, own = object_id.partition("-")
    if dash:
        return own
    return ADMIN if len(registration_id) == REGISTRATION_ID_LENGTH else object_id


def indexes_of(item: AnyObject, internal: Any) -> list[str]:  # noqa: ANN401 -- the internal part differs by type
    """Every index that lists this object, beside the one by creation; each once, in the same order for like objects."""
    match item:
        case Message():
            names = ["messages", "messages:read" if item.read else "messages:unread"]
            if item.status in {MessageStatus.OPEN, MessageStatus.PENDING}:
                names.append("messages:outstanding")
            if isinstance(internal, MessageInternal) and internal.thread:
                names.append(f"messages:thread:{local(internal.thread)}")
            if isinstance(internal, MessageInternal) and waits_for_operator(item, internal):
                names.append("messages:waiting")
        case Credential():
            names = ["credentials", f"credentials:client:{local(item.client_id)}"]
        case Grant():
            names = list(dict.fromkeys(_grant_indexes(item, internal)))
        case _:
            names = [COLLECTIONS[type(item)].name]
    return names


def _grant_indexes(grant: Grant, internal: GrantInternal) -> Iterator[str]:
    yield from ("grants", f"grants:status:{grant.status}", f"grants:client:{local(grant.client_id)}")
    yield from (f"grants:scope:{scope}" for scope in grant.scope.split())
    yield from (f"grants:scope:{entry['type']}" for entry in grant.authorization_details)
    yield from (f"grants:receipt:{code}" for code in grant.receipt_confirmations)
    if grant.parent:
        yield f"grants:parent:{local(grant.parent)}"
    if internal.target_grant_id:
        yield f"grants:target:{local(internal.target_grant_id)}"
    if internal.resume:
        yield f"grants:resume:{local(grant.client_id)}"
    if internal.standing:
        yield f"grants:standing:{internal.standing}"
    if internal.request:
        yield f"grants:request:{internal.request}"


def identity(item: AnyObject) -> str:
    """The local id under which an object is stored."""
    field = COLLECTIONS[type(item)].id_field
    return local(getattr(item, field)) if field else "r"


def full_identity(item: AnyObject) -> str:
    """The id of an object as it leaves the house; that of a Registration is the registration_id."""
    return str(getattr(item, COLLECTIONS[type(item)].id_field or "registration_id"))


def modified(item: AnyObject) -> datetime:
    """When the object was last modified."""
    return item.cds_modified if isinstance(item, Client) else item.modified


def created(item: AnyObject) -> datetime:
    """When the object was created."""
    return item.cds_created if isinstance(item, Client) else item.created
