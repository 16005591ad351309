"""Pushed requests and transactions in Redis: the one implementation of `app.domain.authorization_store`.

What is kept is a value of two lines: the Unix second at which it expires, and JSON (see `take.lua`). Redis forgets it
by its own clock; the second is for readers who are told what time it is.
"""

import secrets
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from app.crypto.tokens import Handle, digest, registration_of_handle
from app.domain.authorization_store import Answered, CodeFacts, PushedRequest, Transaction
from app.schemas.encoding import decode, encode
from app.store import keys
from app.store.connection import Connection, Script

SCRIPTS = (
    Script.load("take", writes=True),
    Script.load("amend", writes=True),
)

T = TypeVar("T", bound=Struct)


class RedisAuthorizations:
    """Keeps authorization requests until they are decided; every method is one round trip.

    Args:
        connection: With the scripts of this module loaded.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def push(self, handle: str, request: PushedRequest, *, now: datetime, ttl_seconds: int) -> None:
        """See `AuthorizationStore.push`."""
        await keep(self._connection, _key(Handle.PUSHED_REQUEST, handle), request, now, ttl_seconds)

    async def take_pushed(self, handle: str, *, now: datetime) -> PushedRequest | None:
        """See `AuthorizationStore.take_pushed`."""
        return await self._take(Handle.PUSHED_REQUEST, handle, PushedRequest, now)

    async def begin(self, handle: str, transaction: Transaction, *, now: datetime, ttl_seconds: int) -> None:
        """See `AuthorizationStore.begin`."""
        await keep(self._connection, _key(Handle.TRANSACTION, handle), transaction, now, ttl_seconds)

    async def transaction(self, handle: str, *, now: datetime) -> Transaction | None:
        """See `AuthorizationStore.transaction`."""
        key = _key(Handle.TRANSACTION, handle)
        return await look(self._connection, key, Transaction, now) if key else None

    async def update_transaction(self, handle: str, transaction: Transaction, *, now: datetime) -> bool:
        """See `AuthorizationStore.update_transaction`."""
        key = _key(Handle.TRANSACTION, handle)
        if key is None:
            return False
        return bool(await self._connection.run("amend", [key], encode(transaction), int(now.timestamp())))

    async def take_transaction(self, handle: str, *, now: datetime) -> Transaction | None:
        """See `AuthorizationStore.take_transaction`."""
        return await self._take(Handle.TRANSACTION, handle, Transaction, now)

    async def answered(self, handle: str, *, now: datetime) -> Answered | None:
        """See `AuthorizationStore.answered`; `apply.lua` and `take.lua` leave a mark in place of the expiry."""
        key = _key(Handle.TRANSACTION, handle)
        value: bytes | None = await self._connection.command("GET", key) if key else None
        mark, _, rest = (value or b"").partition(b"\n")
        kind, _, detail = mark.partition(b" ")
        if kind == b"approved" and int(detail) > now.timestamp():
            return Answered(approved=True, transaction=read(Transaction, rest))
        return Answered(approved=False, transaction=read(Transaction, rest)) if kind == b"taken" else None

    async def code(self, handle: str, *, now: datetime) -> CodeFacts | None:
        """See `AuthorizationStore.code`; `redeem.lua` explains the value."""
        registration_id = registration_of_handle(Handle.AUTHORIZATION_CODE, handle)
        if registration_id is None:
            return None
        value: bytes | None = await self._connection.command("GET", keys.code(registration_id, digest(handle)))
        if value is None or value.startswith(b"used\n"):
            return None
        *_, expires, facts = value.rsplit(b"\n", 2)
        return read(CodeFacts, facts) if int(expires) > now.timestamp() else None

    async def _take(self, kind: Handle, handle: str, type_: type[T], now: datetime) -> T | None:
        return await take(self._connection, _key(kind, handle), type_, now)


async def keep(connection: Connection, key: str | None, value: Struct, now: datetime, ttl_seconds: int) -> None:
    """Store `value` for a time. A key of None is an error of the caller, who makes handles itself."""
    if key is None:
        message = "not a handle of this kind"
        raise ValueError(message)
    expires = int(now.timestamp()) + ttl_seconds
    await connection.command("SET", key, b"%d\n%b" % (expires, encode(value)), "EX", ttl_seconds, writes=True)


async def look(connection: Connection, key: str, type_: type[T], now: datetime) -> T | None:
    """What is kept under `key`, None when it is gone, taken or past its time."""
    value: bytes | None = await connection.command("GET", key)
    mark, _, rest = (value or b"").partition(b"\n")
    return read(type_, rest) if mark.isdigit() and int(mark) > now.timestamp() else None


async def take(connection: Connection, key: str | None, type_: type[T], now: datetime) -> T | None:
    """What is kept under `key`, which is gone then; None when it was already, and for a key of None."""
    if key is None:
        return None
    taken = await connection.run("take", [key], secrets.token_urlsafe(9), int(now.timestamp()))
    return read(type_, taken) if taken else None


def read(type_: type[T], value: bytes) -> T:
    """The Struct that `encode` made `value` of."""
    fields: dict[str, Any] = decode(value)
    return msgspec.convert(fields, type_)


def _key(kind: Handle, handle: str) -> str | None:
    registration_id = registration_of_handle(kind, handle)
    if registration_id is None:
        return None
    name = keys.pushed_request if kind is Handle.PUSHED_REQUEST else keys.transaction
    return name(registration_id, digest(handle))
