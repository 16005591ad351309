"""The hash chain of the audit log: why nobody can change, remove or insert a record without breaking it.

A record is kept as the JSON that its hash is made of; the hash is SHA-256 over these very bytes, which contain the hash
of the record before. Records are numbered from 1 without gaps. The log is exported as those bytes with the hash as one
more member at the end, so anybody can check a file of it without us: take `,"hash":"…"` out again and hash the line.

Whoever can write to the store could make a whole new chain. So keep the number and the hash of a record in another
place from time to time: `examine` compares them.
"""

import hashlib
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Struct

from app.domain.feed import Actor, AuditEntry, AuditRecord
from app.schemas.encoding import encode

BEGINNING: Final = "0" * 64
"""What the first record has as the hash of the one before."""


class Unsealed(Struct, kw_only=True, frozen=True):
    """A record but for its hash; the order of these fields is part of what is hashed."""

    id: str
    at: datetime
    registration_id: str | None
    actor: Actor
    action: str
    changes: list[dict[str, Any]]
    previous_hash: str


class Sealed(NamedTuple):
    """A record as it is kept: its JSON and the hash of that."""

    number: int
    record: bytes
    hash: str


class Link(NamedTuple):
    """A place in the chain: the number of a record and its hash."""

    number: int
    hash: str


ORIGIN: Final = Link(0, BEGINNING)
"""Where the chain of an empty log is."""

_decoder = msgspec.json.Decoder(Unsealed, float_hook=Decimal)


class Finding(NamedTuple):
    """What came of looking at a log: the last record before anything was wrong, and what was."""

    head: Link
    broken: "Broken | None"


class Broken(Exception):
    """A record that is not as it was written, or not where it was.

    Args:
        number: The first such record.
        reason: What is wrong with it, in a sentence.
    """

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(f"Record {number}: {reason}")
        self.number = number
        self.reason = reason


def seal(entry: AuditEntry, registration_id: str | None, at: datetime, before: Link) -> Sealed:
    """The next record of the log."""
    number = before.number + 1
    record = encode(
        Unsealed(
            id=str(number),
            at=at,
            registration_id=registration_id,
            actor=entry.actor,
            action=entry.action,
            changes=entry.changes,
            previous_hash=before.hash,
        )
    )
    return Sealed(number, record, hash_of(record))


def hash_of(record: bytes) -> str:
    """The hash of a record."""
    return hashlib.sha256(record).hexdigest()


def opened(sealed: Sealed) -> AuditRecord:
    """A record as operators see it."""
    return AuditRecord(**msgspec.structs.asdict(_decoder.decode(sealed.record)), hash=sealed.hash)


def line_of(sealed: Sealed) -> bytes:
    """A record as it is exported: one line of JSON, without the line end."""
    return sealed.record[:-1] + b',"hash":' + encode(sealed.hash) + b"}"


@dataclass(slots=True)
class Chain:
    """Checks records one after the other, beginning with the first.

    `head` is the last one that was found good.
    """

    known: dict[int, str] = field(default_factory=dict)
    """Hashes that are known from elsewhere, by number."""
    head: Link = ORIGIN

    def add(self, sealed: Sealed) -> None:
        """Check the next record. Raises Broken."""
        expected = self.head.number + 1
        if sealed.number != expected:
            raise Broken(expected, f"it is missing; the next one that is there is {sealed.number}.")
        if hash_of(sealed.record) != sealed.hash:
            raise Broken(expected, "its content is not what its hash was made of.")
        try:
            known = _decoder.decode(sealed.record)
        except msgspec.DecodeError as error:
            raise Broken(expected, "it is not a record.") from error
        if known.previous_hash != self.head.hash:
            raise Broken(expected, "it does not follow the record before it.")
        if known.id != str(sealed.number):
            raise Broken(expected, f"it calls itself {known.id}.")
        if self.known.get(expected, sealed.hash) != sealed.hash:
            raise Broken(expected, "its hash is not the one that is known from elsewhere.")
        self.head = Link(expected, sealed.hash)

    def end(self) -> None:
        """Check that the last record was the last one. Raises Broken."""
        if self.head.number < max(self.known, default=0):
            raise Broken(self.head.number + 1, "it is missing at the end of the log.")


async def examine(
    records: AsyncIterator[Sealed], known: Iterable[Link], pass_on: Callable[[Sealed], object] = lambda _: None
) -> Finding:
    """Look at a whole log.

    Args:
        records: All of it in its order.
        known: Places that are known from elsewhere, the end of the log among them.
        pass_on: Gets every record, also those behind one that is broken: whoever looks into that needs them.
    """
    chain = Chain(dict(known))
    broken: Broken | None = None
    async for sealed in records:
        pass_on(sealed)
        broken = broken or _complaint(chain.add, sealed)
    return Finding(chain.head, broken or _complaint(chain.end))


def _complaint(check: Callable[..., None], *arguments: Sealed) -> Broken | None:
    try:
        check(*arguments)
    except Broken as error:
        return error
    return None
