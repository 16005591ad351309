"""Pages of what operators look through: places in, links to the neighbours out (as `app.web.paging` for Clients)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from app.domain.directory import Place, Sheet
from app.domain.records import Page
from app.domain.stored_pages import StoredPage
from app.errors import InvalidRequest
from app.web.answers import json_answer
from app.web.paging import link
from app.web.state import State

_PLACE: Final = re.compile(r"([no])([0-9]{1,18})\.([A-Za-z0-9_-]{1,80})")


def place(request: Request[Any]) -> Place | None:
    """The place that a link of ours names. Raises InvalidRequest when it is not one of ours."""
    text = request.query_params.get("cursor")
    if not text:
        return None
    match = _PLACE.fullmatch(text)
    if match is None:
        raise InvalidRequest("Follow the next and previous links as they are; this is none of them.", field="cursor")
    return Place(int(match[2]), match[3], newer=match[1] == "n")


def sheet_answer(
    request: Request[State], path: str, member: str, items: Sequence[Mapping[str, Any]], sheet: Sheet[Any]
) -> Response:
    """A page across registrations."""
    next_, previous = _place_link(request, path, sheet.next), _place_link(request, path, sheet.previous)
    return json_answer({member: items, "next": next_, "previous": previous})


def page_answer(
    request: Request[State], path: str, member: str, items: Sequence[Mapping[str, Any]], page: Page | StoredPage
) -> Response:
    """A page of one registration, or of the library of files."""
    next_, previous = link(request, path, page.next), link(request, path, page.previous)
    return json_answer({member: items, "next": next_, "previous": previous})


def _place_link(request: Request[State], path: str, place: Place | None) -> str | None:
    if place is None:
        return None
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor" and value]
    cursor = f"{'n' if place.newer else 'o'}{place.position}.{place.member}"
    return f"{request.state['settings'].public_url}{path}?{urlencode([*kept, ('cursor', cursor)])}"
