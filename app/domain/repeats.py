"""Requests that make something once, however often they are repeated: what `Idempotency-Key` is for.

Whoever did not get an answer sends the same request with the same key again. What it made is noted in the same atomic
step in which it comes into being, so a repeated request finds it, no matter what broke off in between and how many
come at once. Requests that were refused leave nothing behind and may be sent again, corrected, under their key.
"""

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple, Protocol

import msgspec

from app.crypto.tokens import digest
from app.domain.context import Context
from app.domain.records import AnyObject, Change, Once, PassedOn, Records
from app.errors import Conflict, InvalidRequest, KeyReused

HEADER: Final = "Idempotency-Key"
MAX_KEY_LENGTH: Final = 255

_canonical = msgspec.json.Encoder(decimal_format="number", order="sorted")


class Request(NamedTuple):
    """A request as those who repeat it repeat it."""

    key: str
    fingerprint: str


class Made(NamedTuple):
    """What a request has made."""

    fingerprint: str
    object_id: str


class Repeats(Protocol):
    """Remembers for a day what requests have made."""

    async def find(self, registration_id: str, key: str) -> Made | None:
        """What a request made in this registration. One round trip. Raises StoreUnavailable."""


def read_request(header: str | None, caller: str, path: str, submitted: object) -> Request | None:
    """The request that an `Idempotency-Key` makes repeatable; None without one.

    Args:
        header: The key: 1 to 255 visible ASCII characters, unique among the requests of its caller.
        caller: Who asks; the keys of others are others.
        path: Where it was sent.
        submitted: Its body; the order of members does not matter.

    Raises:
        InvalidRequest: The key is not one.
    """
    if header is None:
        return None
    if not 0 < len(header) <= MAX_KEY_LENGTH or not (header.isascii() and header.isprintable()) or " " in header:
        raise InvalidRequest(f"{HEADER} must be 1 to {MAX_KEY_LENGTH} visible ASCII characters.", field=HEADER)
    asked = _canonical.encode([path, submitted]).decode()
    return Request(digest(f"{caller}\n{header}"), digest(asked))


async def once(
    context: Context,
    repeats: Repeats,
    registration_id: str,
    request: Request | None,
    *,
    kind: type[AnyObject],
    make: Callable[[Context], Awaitable[str]],
) -> str:
    """The id of what a request makes, or has made before.

    Args:
        context: Hands the change over to the store.
        repeats: Knows what has been made.
        registration_id: Where it is made.
        request: None for one that makes something each time.
        kind: What it makes.
        make: Makes it, with one change through the Context that it is given; returns its id.

    Raises:
        KeyReused: The key came with another request before.
        Others as `make`.
    """
    if request is None:
        return await make(context)
    if made := await repeats.find(registration_id, request.key):
        return _same(made, request)
    guarded = OnceRecords(context.records, Once(request.key, request.fingerprint, kind))
    try:
        return await make(context.keeping_in(guarded, context.library))
    except Conflict:
        if made := await repeats.find(registration_id, request.key):
            return _same(made, request)
        raise


def _same(made: Made, request: Request) -> str:
    """What was made, if it was this request that made it. Raises KeyReused."""
    if made.fingerprint != request.fingerprint:
        raise KeyReused(f"This {HEADER} came with another request before; each request needs one of its own.")
    return made.object_id


class OnceRecords(PassedOn):
    """Registrations in which something comes into being once (`app.domain.records.Records`).

    Args:
        records: Where they are.
        once: What is to happen once. A change that makes nothing of its kind is written as it is, and so is what
            follows.
    """

    def __init__(self, records: Records, once: Once) -> None:
        super().__init__(records)
        self._once = once
        self._is_made = False

    async def apply(self, change: Change) -> None:
        """See `Records.apply`."""
        makes = not self._is_made and any(
            put.old is None and isinstance(put.object, self._once.kind) for put in change.puts
        )
        if makes:
            change.once = self._once
        await super().apply(change)
        self._is_made = self._is_made or makes
