"""Pages of what operators look through: places in, links to the neighbours out."""

import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from starlette.requests import Request

from app.domain.directory import Place, Sheet
from app.domain.records import Cursor, Page
from app.errors import InvalidRequest
from app.web.pages import base_path
from app.web.paging import cursor_text
from app.web.state import State

AT: Final = "at"
_PLACE: Final = re.compile(r"([no])\.([0-9]{1,18})\.([A-Za-z0-9_.-]{0,80})")


class Neighbours(NamedTuple):
    """Links to the pages beside this one, empty at the ends."""

    newer: str = ""
    older: str = ""


def place(request: Request[Any]) -> Place | None:
    """The place across registrations that a link of ours names. Raises InvalidRequest when it is none of ours."""
    text = request.query_params.get(AT)
    if not text:
        return None
    match = _PLACE.fullmatch(text)
    if match is None:
        raise InvalidRequest("Follow the links to other pages as they are; this is none of them.", field=AT)
    return Place(int(match[2]), match[3], newer=match[1] == "n")


def of_sheet(request: Request[State], sheet: Sheet[Any]) -> Neighbours:
    """The neighbours of a page across registrations."""
    return Neighbours(_link(request, _text(sheet.previous)), _link(request, _text(sheet.next)))


def of_page(request: Request[State], previous: Cursor | None, following: Cursor | None) -> Neighbours:
    """The neighbours of a page with cursors."""
    texts = [cursor_text(one) if one else "" for one in (previous, following)]
    return Neighbours(_link(request, texts[0]), _link(request, texts[1]))


def of_documents(request: Request[State], page: Page) -> Neighbours:
    """The neighbours of a page of stored documents."""
    return of_page(request, page.previous, page.next)


def with_query(path: str, pairs: Iterable[tuple[str, str]]) -> str:
    """A path with those parameters that have a value."""
    query = urlencode([(name, value) for name, value in pairs if value])
    return f"{path}?{query}" if query else path


def _text(at: Place | None) -> str:
    return f"{'n' if at.newer else 'o'}.{at.position}.{at.member}" if at else ""


def _link(request: Request[State], at: str) -> str:
    if not at:
        return ""
    path = base_path(request.state) + request.url.path.removeprefix(base_path(request.state))
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != AT]
    return with_query(path, [*kept, (AT, at)])
