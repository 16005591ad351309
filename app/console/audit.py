"""The audit log: who changed what, newest first, with what was there before."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from starlette.requests import Request

from app.console import wording
from app.console.names import names_of
from app.console.shell import console_page, console_route, signed_in
from app.crypto.tokens import local_id
from app.domain.feed import AuditRecord, Feed, Via
from app.errors import InvalidRequest
from app.web.answers import Answer
from app.web.pages import base_path
from app.web.state import State

PATH: Final = "/console/audit"
PAGE: Final = 30
_MAX_NUMBER: Final = 15
_FEW: Final = 8
"""Fields that are shown without having been asked for."""

_VIA: Final[Mapping[Via, str]] = {
    "api": "by the operator API",
    "console": "in the console",
    "cli": "on the command line",
    "callback": "by a signed call",
    "server": "by itself",
}


class Difference(NamedTuple):
    """A field before and after; empty where there was, or is, nothing."""

    field: str
    before: str
    after: str


class Affected(NamedTuple):
    """An object, and what became of it."""

    kind: str
    id: str
    verb: str
    differences: list[Difference]


class Shown(NamedTuple):
    """A record as the page has it."""

    record: AuditRecord
    via: str
    registration: str
    objects: list[Affected]
    is_long: bool


class Sheet(NamedTuple):
    """A page, newest first, and whether it has neighbours."""

    records: list[AuditRecord]
    has_newer: bool
    has_older: bool


async def show(request: Request[State]) -> Answer:
    """GET: all of it, or that of one registration; `before` and `after` are places between pages."""
    acting = await signed_in(request)
    feed, query = request.state["feed"], request.query_params
    registration_id = _registration_id(query.get("registration_id", "").strip())
    before, after = _number(query.get("before", "")), _number(query.get("after", ""))
    await feed.relay()
    sheet = await _sheet(feed, registration_id, before, after)
    records = sheet.records
    names = await names_of(
        acting.context, (one.registration_id for one in records if one.registration_id), request.state["now"]()
    )
    return console_page(
        request,
        "audit.html",
        title="Audit log",
        lead="Every change that somebody of the utility has made. Records cannot be altered or removed: each is sealed"
        " with the one before it.",
        records=[_shown(one, names) for one in records],
        registration_id=registration_id or "",
        newer=_link(request, registration_id, after=records[0].id) if records and sheet.has_newer else "",
        older=_link(request, registration_id, before=records[-1].id) if sheet.has_older else "",
    )


async def _sheet(feed: Feed, registration_id: str | None, before: str, after: str) -> Sheet:
    """The page at a place; the first one instead of a page of newer records that would not be full."""
    if after:
        newer = await feed.audit(after=after, registration_id=registration_id, limit=PAGE + 1)
        if len(newer) > PAGE:
            return Sheet(newer[PAGE - 1 :: -1], has_newer=True, has_older=True)
    records = await feed.latest_audit(before=before or None, registration_id=registration_id, limit=PAGE + 1)
    return Sheet(records[:PAGE], has_newer=bool(before), has_older=len(records) > PAGE)


def _registration_id(text: str) -> str | None:
    found = local_id(text) if text else None
    if text and found is None:
        raise InvalidRequest("This is not the id of a registration, or of anything in one.", field="registration_id")
    return found.registration_id if found else None


def _number(text: str) -> str:
    if text and not (text.isascii() and text.isdigit() and len(text) <= _MAX_NUMBER):
        raise InvalidRequest("Follow the links to other pages as they are; this is none of them.")
    return text


def _link(request: Request[State], registration_id: str | None, **place: str) -> str:
    named = {"registration_id": registration_id or "", **place}
    query = urlencode({name: value for name, value in named.items() if value})
    return f"{base_path(request.state)}{PATH}" + (f"?{query}" if query else "")


def _shown(record: AuditRecord, names: Mapping[str, str]) -> Shown:
    objects = [_affected(one) for one in record.changes]
    owner = record.registration_id or ""
    count = sum(len(one.differences) for one in objects)
    return Shown(record, _VIA[record.actor.via], names.get(owner, owner), objects, count > _FEW)


def _affected(change: Mapping[str, Any]) -> Affected:
    before, after = change["before"], change["after"]
    verb = "new" if before is None else "gone" if after is None else "changed"
    fields = dict.fromkeys([*(before or {}), *(after or {})])
    differences = [
        Difference(name, *(wording.value(one[name]) if one and name in one else "" for one in (before, after)))
        for name in fields
    ]
    return Affected(str(change["object"]).replace("_", " "), str(change["id"]), verb, differences)


routes = [console_route(PATH, GET=show)]
