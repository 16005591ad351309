"""Where an object belongs, as its document says: the counterpart of what `changes` writes with every change."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import UNSET, Struct, UnsetType, field

from app.domain.records import AnyObject
from app.domain.reminders import reminder_of
from app.schemas.clients import Client
from app.schemas.credentials import Credential
from app.schemas.encoding import decode
from app.schemas.files import ServerProvidedFile
from app.schemas.grants import Grant
from app.schemas.messages import Message
from app.schemas.registrations import Registration
from app.store import indexes
from app.store.changes import login_of
from app.store.documents import Documents
from app.store.shard_indexes import shard_indexes_of
from app.store.words import words_of

REGISTRATION: Final = "r"
"""The local id of the one object that says what a registration is."""

_KINDS: Final[Mapping[str, type[AnyObject]]] = {
    "m": Message,
    "c": Credential,
    "g": Grant,
    "f": ServerProvidedFile,
    REGISTRATION: Registration,
}
"""Types by the first character of a local id; Client Objects are numbered."""


class Found(NamedTuple):
    """An object as it is in `:o`; nothing where it is not there."""

    local: str
    document: bytes
    internal: bytes


class Entry(Struct):
    """Where one object belongs and where not, as `mend.lua` explains."""

    id: str
    at: int = 0
    add: list[str] = field(default_factory=list)
    drop: list[str] = field(default_factory=list)
    created: tuple[str, int] | UnsetType = UNSET
    due: int | bool | UnsetType = UNSET
    auth: tuple[str, str] | UnsetType = UNSET
    full_id: str = ""
    enlist: list[str] = field(default_factory=list)
    delist: list[str] = field(default_factory=list)
    remind: int | bool | UnsetType = UNSET
    words: str | UnsetType = UNSET


class Known(NamedTuple):
    """What is known about the words of a registration before its objects are looked at."""

    parts: frozenset[str]
    """Local ids of the objects that have words of their own (see `words.lua`)."""
    words: frozenset[str]
    """Those of the Registration, which its Client Objects have in common with it until they are changed."""


class Unreadable(Exception):
    """Something in the store is no object of ours."""


def entry_of(documents: Documents, found: Found) -> Entry:
    """Where an object belongs. Raises Unreadable."""
    item, internal = unpack(documents, found)
    collection = indexes.COLLECTIONS[type(item)]
    others = set(indexes.indexes_of(item, internal)) - {collection.name}
    entry = Entry(found.local, int(indexes.modified(item).timestamp()), [collection.name, *sorted(others)])
    if collection.created_index:
        entry.created = (collection.created_index, int(indexes.created(item).timestamp()))
    if isinstance(item, Grant | Credential | Message | Client):
        due = reminder_of(item, internal)
        entry.remind = int(due.timestamp()) if due else False
    if isinstance(item, Grant):
        entry.due = entry.remind
    if isinstance(item, Credential):
        entry.auth = (internal.digest, login_of(item))
    entry.full_id = indexes.full_identity(item)
    entry.enlist = sorted(shard_indexes_of(item, internal))
    return entry


def words_to_place(documents: Documents, found: Found, known: Known) -> str | UnsetType:
    """The words to keep of an object, as lines; UNSET when it has none of its own. Raises Unreadable."""
    item, _ = unpack(documents, found)
    if not isinstance(item, Registration | Client):
        return UNSET
    words = words_of(item)
    if isinstance(item, Client) and found.local not in known.parts:
        is_changed = item.cds_modified > item.cds_created
        if not is_changed or known.words.issuperset(words):
            return UNSET
    return "\n".join(words)


def known_of(documents: Documents, registration: Found, text: bytes) -> Known:
    """What is known about the words of a registration: its document, and the text that they are kept in."""
    parts = frozenset(part.partition("\n")[0] for part in text.decode().split("\1")[1:])
    try:
        item, _ = unpack(documents, registration)
    except Unreadable:
        return Known(parts, frozenset())
    return Known(parts, frozenset(words_of(item)))


def belongs(entry: Entry, index: str) -> bool:
    """Whether an index rightly lists an object."""
    return index in entry.add or (entry.created is not UNSET and entry.created[0] == index)


def unpack(documents: Documents, found: Found) -> tuple[AnyObject, Any]:
    """An object and its internal part. Raises Unreadable."""
    kind = Client if found.local.isdigit() else _KINDS.get(found.local[:1])
    if kind is None:
        raise Unreadable("no type of object has such an id")
    part = indexes.COLLECTIONS[kind].internal
    try:
        internal = msgspec.convert(decode(found.internal), part) if found.internal else part()
        return documents.unpack(kind, found.document), internal
    except (msgspec.MsgspecError, TypeError, AttributeError) as error:
        raise Unreadable(str(error)) from error
