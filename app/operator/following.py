"""Listings that only grow: the next entries after a place, oldest first, and where to go on."""

import re
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from app.crypto.tokens import ADMIN, local_id
from app.domain.feed import FEED_PAGE, AuditRecord, FeedEvent
from app.errors import InvalidRequest
from app.operator.reading import refuse_other_parameters
from app.web.answers import json_answer
from app.web.calls import facts_of
from app.web.state import State

T = TypeVar("T", FeedEvent, AuditRecord)

EVENT_PLACE: Final = re.compile(r"[0-9]{1,15}(-[0-9]{1,15})?")
RECORD_PLACE: Final = re.compile(r"[0-9]{1,15}")


def after(request: Request[State], shape: re.Pattern[str]) -> str | None:
    """The place to begin after: the id of an entry, and the beginning without one. Raises InvalidRequest."""
    place = request.query_params.get("after")
    if place and not shape.fullmatch(place):
        raise InvalidRequest("after must be the id of an entry.", field="after")
    return place or None


async def following_answer(
    request: Request[State],
    path: str,
    member: str,
    shape: re.Pattern[str],
    read: Callable[..., Coroutine[Any, Any, Sequence[T]]],
) -> Response:
    """A page of what `read` (a method of Feed) finds after `after`, of one registration if `registration_id` says so.

    What has happened up to now is there: the feed is brought up to date first. `next` is null at the end; whoever
    follows goes on after the last id, later.

    Raises:
        InvalidRequest: `after` is no id, or there are other parameters.
        StoreUnavailable: The store does not answer.
    """
    refuse_other_parameters(request, "after", "registration_id")
    place = after(request, shape)
    registration_id = request.query_params.get("registration_id") or None
    found: Sequence[T] = []
    if registration_id is None or _is_registration(request, registration_id):
        await request.state["feed"].relay()
        found = await read(after=place, registration_id=registration_id, limit=FEED_PAGE + 1)
    page = found[:FEED_PAGE]
    next_ = _link(request, path, page[-1].id) if len(found) > FEED_PAGE else None
    return json_answer({member: page, "next": next_, "previous": None})


def _is_registration(request: Request[State], registration_id: str) -> bool:
    """Whether it can be one; the log line of the request gets to know it."""
    parts = local_id(registration_id)
    if parts is None or parts.local != ADMIN:
        return False
    facts_of(request).registration_id = registration_id
    return True


def _link(request: Request[State], path: str, place: str) -> str:
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "after" and value]
    return f"{request.state['settings'].public_url}{path}?{urlencode([*kept, ('after', place)])}"
