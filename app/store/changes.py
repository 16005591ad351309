"""A change as `apply.lua` takes it: a plan, and the fields of the objects' hash with their values.

A registration writes some twenty objects at once and is the dearest request of all, so everything is grouped by the
command that will write it: all fields go into one HSET, every index gets one ZADD, and the events of a change are one
entry of the stream. With one command per object and index the store took 1.7 times as long. What can be told from the
rest is left out of the plan, because the store has to read it all.
"""

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol

from msgspec import Struct, field

from app.crypto.tokens import digest
from app.domain.records import Change, NewCode, Nothing, Put, Stored
from app.domain.reminders import reminder_of
from app.schemas.clients import Client
from app.schemas.credentials import Credential
from app.schemas.encoding import encode
from app.schemas.messages import Message
from app.schemas.registrations import Registration
from app.store import indexes
from app.store.documents import Documents, with_members
from app.store.shard_indexes import LISTED, shard_indexes_of
from app.store.words import NO_WORDS, WORDS, NewWords, changed_words, of_new_registration, words_of

SEPARATOR = b"\0"
"""Between fields and values, none of which has this byte. As one argument they spare redis-py eighty small ones."""

_NO_INTERNAL = b"{}"
_NOTHING_UNKNOWN: tuple[Mapping[str, Any], Mapping[str, Any]] = ({}, {})


class Seals(Protocol):
    """Encrypts client_secrets (see `app.crypto.sealing`)."""

    def seal_all(self, secrets: Sequence[tuple[str, str]]) -> list[str]:
        """Secrets as they may stand in the store: those of these Credentials, given as pairs of id and secret."""


class Plan(Struct, omit_defaults=True):
    """The JSON that `apply.lua` begins with and explains."""

    now: int
    registration_id: str
    ids: list[str] = field(default_factory=list)
    seconds: list[tuple[int, int]] = field(default_factory=list)
    fresh: bool = False
    status: str = ""
    versions: list[tuple[str, str, int | Literal[False]]] = field(default_factory=list)
    vacant: list[str] = field(default_factory=list)
    add: dict[str, list[int]] = field(default_factory=dict)
    drop: dict[str, list[str]] = field(default_factory=dict)
    created: dict[str, list[str | int]] = field(default_factory=dict)
    remove: list[str] = field(default_factory=list)
    auth: list[str] = field(default_factory=list)
    spent: list[str] = field(default_factory=list)
    codes: list[tuple[str, int, str, str]] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
    forget: list[str] = field(default_factory=list)
    due: list[str | int] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)
    enlist: dict[str, list[int]] = field(default_factory=dict)
    delist: dict[str, list[str]] = field(default_factory=dict)
    words: list[tuple[str, str]] = field(default_factory=list)
    remind: list[str | int] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    once: tuple[str, str] | None = None


class Layout(NamedTuple):
    """A change as `apply.lua` takes it, but for the words by which a new registration is found."""

    plan: bytes
    fields: bytes
    events: bytes
    audit: bytes

    def arguments(self, words: NewWords) -> tuple[bytes, ...]:
        """The arguments of `apply.lua`, with a nonce of this call's own."""
        fields = SEPARATOR.join((self.fields, WORDS, words.text)) if words.text else self.fields
        nonce = secrets.token_urlsafe(9).encode()
        return self.plan, fields, self.events, self.audit, nonce, SEPARATOR.join(words.found)


class Writer:
    """Lays out changes.

    Args:
        documents: Packs objects.
        sealer: Seals client_secrets.
    """

    def __init__(self, documents: Documents, sealer: Seals) -> None:
        self._documents = documents
        self._sealer = sealer

    def arguments(self, change: Change) -> tuple[bytes, ...]:
        """The arguments of `apply.lua`."""
        created = (put.object for put in change.puts if put.old is None and isinstance(put.object, Registration))
        new = next(created, None)
        words = of_new_registration(new.registration_id, words_of(new)) if new else NO_WORDS
        return self.lay_out(change).arguments(words)

    def lay_out(self, change: Change) -> Layout:
        """A change, but for the words by which a new registration is found."""
        plan = Plan(
            now=int(change.now.timestamp()),
            registration_id=change.registration_id,
            versions=[_version(stored) for stored in change.unchanged],
            vacant=[indexes.index_name(kind, filter_) for kind, filter_ in change.vacant],
            spent=[digest(handle) for handle in change.spent],
            codes=[_code(change, code) for code in change.codes],
            cut=["*" if one == change.registration_id else indexes.local(one) for one in change.cut_off],
            forget=[indexes.local(one) for one in change.forget_standing],
            settled=[indexes.local(one) for one, at in change.due.items() if at is None],
            once=_once(change),
        )
        for one, at in change.due.items():
            if at is not None:
                plan.due += (int(at.timestamp()), indexes.local(one))
        fields: list[bytes] = []
        moments = change.due | change.reminders
        for number, put in enumerate(change.puts, 1):
            self._add(plan, fields, number, put)
            modified = indexes.modified(put.object)
            if modified is not change.now:
                plan.seconds.append((number, int(modified.timestamp())))
            _remind(moments, put)
        fields += self._sealed(change)
        for one, at in moments.items():
            if at is None:
                plan.forgotten.append(one)
            else:
                plan.remind += (int(at.timestamp()), one)
        if plan.fresh:  # nothing of it can be there
            plan.versions, plan.vacant = [], []
        events = encode(change.events) if change.events else b""
        return Layout(encode(plan), SEPARATOR.join(fields), events, encode(change.audit) if change.audit else b"")

    def _add(self, plan: Plan, fields: list[bytes], number: int, put: Put) -> None:
        item, old = put.object, put.old
        collection = indexes.COLLECTIONS[type(item)]
        internal = collection.internal() if type(put.internal) is Nothing else put.internal
        local = indexes.identity(item)
        plan.ids.append(local)
        now_in = [] if put.gone else indexes.indexes_of(item, internal)
        for name in now_in:
            plan.add.setdefault(name, []).append(number)
        if old:
            plan.versions.append(_version(old))
            for name in _without(indexes.indexes_of(old.object, old.internal), now_in):
                plan.drop.setdefault(name, []).append(local)
        else:
            plan.versions.append((collection.name, local, False))
            if collection.created_index:
                moment = int(indexes.created(item).timestamp())
                plan.created.setdefault(collection.created_index, []).extend((moment, local))
        if isinstance(item, LISTED):
            _add_to_shard(plan, number, put, internal)
        if old and isinstance(item, Registration | Client):
            _change_words(plan, item, old.object)
        if put.gone:
            plan.remove += (local, f"{local}!")
            return
        self._add_fields(plan, fields, put, local, internal)
        if isinstance(item, Registration):
            plan.status, plan.fresh = item.status, old is None

    def _sealed(self, change: Change) -> list[bytes]:
        """The fields of new client_secrets."""
        new = [
            (put.object.credential_id, put.object.client_secret)
            for put in change.puts
            if isinstance(put.object, Credential) and put.object.client_secret
        ]
        if not new:
            return []
        names = [f"{indexes.local(credential_id)}$".encode() for credential_id, _ in new]
        sealed = [one.encode() for one in self._sealer.seal_all(new)]
        return [part for pair in zip(names, sealed, strict=True) for part in pair]

    def _add_fields(
        self,
        plan: Plan,
        fields: list[bytes],
        put: Put,
        local: str,
        internal: Any,  # noqa: ANN401 -- differs by type
    ) -> None:
        item = put.object
        unknown, unknown_internal = put.old.unknown if put.old else _NOTHING_UNKNOWN
        fields += (local.encode(), self._documents.pack(item, unknown))
        known = _NO_INTERNAL if type(internal) is Nothing else with_members(encode(internal), unknown_internal)
        if known != _NO_INTERNAL:
            fields += (f"{local}!".encode(), known)
        elif put.old:
            plan.remove.append(f"{local}!")
        if isinstance(item, Credential):
            plan.auth += (internal.digest, login_of(item))


def _add_to_shard(plan: Plan, number: int, put: Put, internal: Any) -> None:  # noqa: ANN401 -- differs by type
    """Put an object where it is found across registrations, and out of where it was."""
    item, old = put.object, put.old
    now_in = [] if put.gone else shard_indexes_of(item, internal)
    for name in now_in:
        plan.enlist.setdefault(name, []).append(number)
    for name in _without(shard_indexes_of(old.object, old.internal), now_in) if old else ():
        plan.delist.setdefault(name, []).append(indexes.full_identity(item))


def _without(names: Iterable[str], others: Collection[str]) -> list[str]:
    return [name for name in names if name not in others]


def _change_words(plan: Plan, item: Registration | Client, old: Registration | Client) -> None:
    """Note by which words the registration is found from now on, when they are others than before."""
    words = changed_words(item, old)
    if words is not None:
        plan.words.append((indexes.identity(item), "\n".join(words)))


def _remind(moments: dict[str, datetime | None], put: Put) -> None:
    """Note when something has to be done about an object: what the change says comes before what the object says."""
    item = put.object
    if not isinstance(item, Credential | Message | Client):
        return
    full_id = indexes.full_identity(item)
    if full_id in moments:
        if put.old is None and moments[full_id] is None:
            del moments[full_id]
        return
    at = reminder_of(item, put.internal)
    if at != (reminder_of(put.old.object, put.old.internal) if put.old else None):
        moments[full_id] = at


def login_of(credential: Credential) -> str:
    """What `:auth` says about a client_secret: lines with its Credential, its Client Object and when it expires."""
    where = f"{indexes.local(credential.credential_id)}\n{indexes.local(credential.client_id)}"
    return f"{where}\n{credential.client_secret_expires_at}"


def _once(change: Change) -> tuple[str, str] | None:
    """The key of a change that happens once, and what its request is answered with from then on."""
    if change.once is None:
        return None
    made = next(put.object for put in change.puts if put.old is None and isinstance(put.object, change.once.kind))
    return change.once.key, f"{change.once.fingerprint}\n{indexes.identity(made)}"


def _version(stored: Stored[Any]) -> tuple[str, str, int]:
    return indexes.COLLECTIONS[type(stored.object)].name, indexes.identity(stored.object), stored.version


def _code(change: Change, code: NewCode) -> tuple[str, int, str, str]:
    """An authorization code, but for the number of the change, which stands between the two texts."""
    holder = f"{indexes.local(code.facts.client_id)}\n{indexes.local(code.facts.grant_id)}"
    expires = int(change.now.timestamp()) + code.ttl_seconds
    return digest(code.handle), code.ttl_seconds, holder, f"{expires}\n{encode(code.facts).decode()}"
