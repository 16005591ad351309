"""POSTs of Clients that make something once (`Idempotency-Key`, see `app.domain.repeats`)."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from starlette.requests import Request

from app.domain import repeats
from app.domain.context import Context
from app.domain.records import Access
from app.errors import InvalidToken
from app.schemas.credentials import Credential
from app.schemas.messages import Message
from app.web.state import State

T = TypeVar("T", Credential, Message)


async def make_once(
    request: Request[State],
    access: Access,
    submitted: Mapping[str, Any],
    kind: type[T],
    make: Callable[[Context], Awaitable[T]],
) -> T | str:
    """What a POST makes; only its id when the same request has made it before.

    Args:
        access: Of the caller; with a key the token is checked first, so that nobody else learns what was made.
        kind: What is made.
        make: Makes it in the Context that it is given.

    Raises:
        InvalidToken, InsufficientScope, TooManyRequests: The caller may not.
        InvalidRequest: The key is none.
        KeyReused: It came with another request before.
        Others as `make`.
    """
    context, header = request.state["context"], request.headers.get(repeats.HEADER)
    if header is None:
        return await make(context)
    if access.token is None:
        await context.records.load(access)
    if access.token is None:
        raise InvalidToken("The access token is expired, revoked or unknown.")
    access.admitted = None  # it counts once, however often the store is asked
    asked = repeats.read_request(header, f"client {access.token.client_id}", request.url.path, submitted)
    new: list[T] = []

    async def note(guarded: Context) -> str:
        new.append(await make(guarded))
        return _id_of(new[0])

    made = await repeats.once(context, request.state["repeats"], access.registration_id, asked, kind=kind, make=note)
    return new[0] if new else made


def _id_of(made: Credential | Message) -> str:
    return made.credential_id if isinstance(made, Credential) else made.message_id
