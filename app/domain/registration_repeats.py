"""A registration that is made once, however often its request is sent (`Idempotency-Key`, see `app.domain.repeats`).

Nobody is signed in when they register, so the key alone says that it is the same caller, and opens the answer with a
client_secret in it. So it has to be as hard to guess as one: short keys are refused, and the body has to be the same.

The registration_id follows from the key. A request that is sent again therefore finds in one place what the first one
has made, in however many processes both are under way; even long after the key is forgotten it makes no second one.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from app.crypto.tokens import local_id, registration_id_of
from app.domain import registration
from app.domain.context import Context
from app.domain.records import Access, Listing
from app.domain.repeats import HEADER, Repeats, once, read_request
from app.errors import Conflict, InvalidRequest
from app.schemas.clients import Client
from app.schemas.credentials import Credential
from app.schemas.encoding import decode
from app.schemas.registrations import Registration

MIN_KEY_LENGTH: Final = 20
"""Of a key that nobody guesses: a UUID has 36 characters."""


class Answer(NamedTuple):
    """What the registration endpoint answers: the admin Client Object and its Credential, as they go out."""

    admin: dict[str, Any]
    credential: dict[str, Any]


async def register_once(
    context: Context, repeats: Repeats, metadata: Mapping[str, Any], header: str, path: str, *, now: datetime
) -> registration.Registered | str:
    """Register; only the registration_id when the same request has done so within a day.

    Args:
        header: The Idempotency-Key.
        path: Where the request was sent.

    Raises:
        InvalidRequest: The key is none, or easy to guess.
        KeyReused: It came with another body before.
        Conflict: It has made a registration before, more than a day ago.
        Others as `registration.register`.
    """
    asked = read_request(header, "anybody", path, metadata)
    if asked is None or len(header) < MIN_KEY_LENGTH:
        raise InvalidRequest(
            f"{HEADER} must have at least {MIN_KEY_LENGTH} characters here, and be as random as a UUID.", field=HEADER
        )
    registration_id = registration_id_of(f"{HEADER} {header}")
    new: list[registration.Registered] = []

    async def make(guarded: Context) -> str:
        new.append(await registration.register(guarded, metadata, now=now, registration_id=registration_id))
        return registration_id

    try:
        await once(context, repeats, registration_id, asked, kind=Registration, make=make)
    except Conflict:
        raise Conflict(
            f"This {HEADER} has made a registration before, more than a day ago; a new one needs a new key."
        ) from None
    return new[0] if new else registration_id


async def read_answer(context: Context, registration_id: str, *, now: datetime) -> Answer:
    """What a registration was answered with, as it is now. One round trip."""
    admin = local_id(registration_id)
    local = admin.local if admin else ""
    clients, credentials = await context.records.pages(
        Access(registration_id, now),
        Listing(Client, ids=(registration_id,)),
        Listing(Credential, filters=((("client", local),),)),
    )
    # The last one is the one that has been there longest.
    return Answer(decode(clients.documents[0]), decode(credentials.documents[-1]))
