"""Who changed what: every change that an operator makes carries its entry for the audit log.

Doorways cannot forget it: what they change, they change through a Context from here, whose store writes the entry in
the same atomic step as the change. An entry has what differs before and after, never a secret, and no content of files.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct

from app.domain.context import Context
from app.domain.feed import Actor, AuditEntry
from app.domain.file_library import FileLibrary
from app.domain.records import AnyObject, Change, Cursor, Page, PassedOn, Put, Records, Stored
from app.schemas.clients import Client
from app.schemas.credentials import Credential
from app.schemas.documents import document_of
from app.schemas.files import FileInternal, ServerProvidedFile
from app.schemas.grants import Grant
from app.schemas.messages import Message
from app.schemas.registrations import Registration

LONGEST_TEXT: Final = 500
"""Characters of a text that an entry repeats; of what is longer and has no blanks, content in Base64 say, none."""

MOST_ITEMS: Final = 100
"""Items of a list, or members of an object, that an entry repeats."""

KINDS: Final[dict[type[AnyObject], tuple[str, str]]] = {
    Client: ("client", "client_id"),
    Message: ("message", "message_id"),
    Credential: ("credential", "credential_id"),
    Grant: ("grant", "grant_id"),
    ServerProvidedFile: ("file", "file_id"),
    Registration: ("registration", "registration_id"),
}
"""What entries call the objects, and the field that identifies each."""

_UNSEEN: Final = frozenset({"client_secret", "digest"})
"""Members that no entry has, wherever they are: secrets, and what stands for them."""

_OBVIOUS: Final = frozenset({"modified", "cds_modified"})
"""Fields that differ with every change; the record has its own time."""


def acting_as(context: Context, actor: Actor, action: str) -> Context:
    """The same server for somebody of the utility: whatever it changes is in the audit log, in the same atomic step.

    Args:
        context: The server.
        actor: Who acts.
        action: What the log calls it, in words that stay the same: `messages.decide`.
    """
    records = AuditedRecords(context.records, actor, action)
    return context.keeping_in(records, AuditedLibrary(context.library, actor, action))


def changes_of(change: Change) -> list[dict[str, Any]]:
    """What a change does to each object, and whose tokens it ends, as an AuditEntry has it."""
    found = [one for one in map(_change_of, change.puts) if one["before"] != one["after"]]
    return found + [object_change("access_tokens", one, {}, None) for one in change.cut_off]


def object_change(
    kind: str, object_id: str, before: dict[str, Any] | None, after: dict[str, Any] | None
) -> dict[str, Any]:
    """What differs between two states of an object, one of which may not be; for whatever is no object of a Change."""
    if before is not None and after is not None:
        names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
        before, after = ({name: one[name] for name in names if name in one} for one in (before, after))
    return {"object": kind, "id": object_id, "before": _shown(before), "after": _shown(after)}


class AuditedRecords(PassedOn):
    """Registrations whose changes say who made them (`app.domain.records.Records`).

    Args:
        records: Where they are.
        actor: Who acts.
        action: What the log calls it.
    """

    def __init__(self, records: Records, actor: Actor, action: str) -> None:
        super().__init__(records)
        self._actor = actor
        self._action = action

    async def apply(self, change: Change) -> None:
        """See `Records.apply`; a change that only keeps the books leaves no entry."""
        if change.puts or change.cut_off:
            change.audit = AuditEntry(actor=self._actor, action=self._action, changes=changes_of(change))
        await super().apply(change)


class AuditedLibrary:
    """The library of files whose changes say who made them (`app.domain.file_library.FileLibrary`).

    What a share gives is in the entry of its Grant; that the library notes the Grant before it exists changes nothing.
    """

    def __init__(self, library: FileLibrary, actor: Actor, action: str) -> None:
        self._library = library
        self._actor = actor
        self._action = action

    async def create(
        self, file: ServerProvidedFile, internal: FileInternal, *, now: datetime, audit: AuditEntry | None = None
    ) -> None:
        """See `FileLibrary.create`."""
        entry = audit or self._entry(Put(file, internal, None))
        await self._library.create(file, internal, now=now, audit=entry)

    async def get(self, file_id: str) -> Stored[ServerProvidedFile] | None:
        """See `FileLibrary.get`."""
        return await self._library.get(file_id)

    async def page(self, cursor: Cursor | None = None) -> Page:
        """See `FileLibrary.page`."""
        return await self._library.page(cursor)

    async def replace(
        self,
        old: Stored[ServerProvidedFile],
        new: ServerProvidedFile,
        internal: FileInternal,
        *,
        now: datetime,
        audit: AuditEntry | None = None,
    ) -> None:
        """See `FileLibrary.replace`."""
        entry = audit or self._entry(Put(new, internal, old))
        await self._library.replace(old, new, internal, now=now, audit=entry)

    async def share(self, file_ids: list[str], grant_id: str, *, now: datetime) -> list[Stored[ServerProvidedFile]]:
        """See `FileLibrary.share`."""
        return await self._library.share(file_ids, grant_id, now=now)

    async def shares(self, file_id: str) -> list[str]:
        """See `FileLibrary.shares`."""
        return await self._library.shares(file_id)

    async def delete(self, file_id: str, *, now: datetime, audit: AuditEntry | None = None) -> None:
        """See `FileLibrary.delete`; one more round trip, to know what was there."""
        old = await self._library.get(file_id)
        if audit is None and old is not None:
            audit = self._entry(Put(old.object, old.internal, old, gone=True))
        await self._library.delete(file_id, now=now, audit=audit)

    def _entry(self, put: Put) -> AuditEntry:
        return AuditEntry(actor=self._actor, action=self._action, changes=[_change_of(put)])


def _change_of(put: Put) -> dict[str, Any]:
    kind, id_field = KINDS[type(put.object)]
    before = _facts(put.old.object, put.old.internal) if put.old else None
    after = None if put.gone else _facts(put.object, put.internal)
    return object_change(kind, getattr(put.object, id_field), before, after)


def _facts(item: Struct, internal: Any) -> dict[str, Any]:  # noqa: ANN401 -- the internal part differs by type
    """The fields of an object, the internal ones after the public ones; those that say nothing are left out."""
    public = document_of(item)
    if isinstance(item, Message) and item.attachments is not UNSET:
        public["attachments"] = [{"filename": one.filename, "mime_type": one.mime_type} for one in item.attachments]
    own = msgspec.structs.asdict(internal)
    facts = public | {name: value for name, value in own.items() if value not in (UNSET, "", None, 0, False, [], {})}
    return {name: value for name, value in facts.items() if name not in _OBVIOUS | _UNSEEN}


def _shown(facts: dict[str, Any] | None) -> dict[str, Any] | None:
    if facts is None:
        return None
    plain: dict[str, Any] = _short(msgspec.to_builtins(facts, builtin_types=(Decimal,)))
    return plain


def _short(value: Any) -> Any:  # noqa: ANN401 -- JSON may be anything
    """A value as an entry repeats it: long ones cut, with a note of how long they are."""
    match value:
        case str() if len(value) > LONGEST_TEXT:
            beginning = value[:LONGEST_TEXT] if any(one.isspace() for one in value[:LONGEST_TEXT]) else ""
            return f"{beginning}[… {len(value)} characters in all]"
        case list():
            items = [_short(one) for one in value[:MOST_ITEMS]]
            return items if len(value) <= MOST_ITEMS else [*items, f"[… {len(value)} items in all]"]
        case dict():
            kept = [(name, _short(one)) for name, one in value.items() if name not in _UNSEEN]
            more = {"…": f"{len(kept)} members in all"} if len(kept) > MOST_ITEMS else {}
            return dict(kept[:MOST_ITEMS]) | more
        case _:
            return value
