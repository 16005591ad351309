"""The Grants API (CDS-WG1-02 section 8)."""

from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from app.catalog import CLIENT_ADMIN
from app.domain import grants
from app.domain.grants import Filters
from app.domain.records import Wanted
from app.domain.times import parse_datetime
from app.schemas.documents import document_of
from app.schemas.grants import Grant
from app.web.access import bearer
from app.web.answers import json_answer
from app.web.bodies import read_json
from app.web.paging import cursor, link, listing_body, words
from app.web.routing import Route
from app.web.state import State

PATH = "/cds-api/v1/grants"


async def get_grants(request: Request[State]) -> Response:
    """List Grants (8.4)."""
    access = bearer(request, CLIENT_ADMIN)
    listing = grants.listing(access.registration_id, _filters(request), cursor(request))
    (page,) = await request.state["context"].records.pages(access, listing)
    next_, previous = link(request, PATH, page.next), link(request, PATH, page.previous)
    return json_answer(listing_body("grants", page, next_=next_, previous=previous))


async def get_grant(request: Request[State]) -> Response:
    """Retrieve a Grant (8.5)."""
    access = bearer(request, CLIENT_ADMIN)
    wanted = Wanted(Grant, request.path_params["grant_id"])
    return json_answer(await request.state["context"].records.document(access, wanted))


async def patch_grant(request: Request[State]) -> Response:
    """Modify a Grant (8.6): 202 when an operator has to review the change."""
    access = bearer(request, CLIENT_ADMIN)
    submitted = await read_json(request)
    modified = await grants.modify(request.state["context"], access, request.path_params["grant_id"], submitted)
    return json_answer(document_of(modified.grant), status=202 if modified.is_under_review else 200)


def _filters(request: Request[State]) -> Filters:
    return Filters(
        grant_ids=words(request, "grant_ids"),
        parents=words(request, "parents"),
        statuses=words(request, "statuses"),
        client_ids=words(request, "client_ids"),
        scopes=words(request, "scopes"),
        receipt_confirmations=words(request, "receipt_confirmations"),
        after=_moment(request, "after"),
        before=_moment(request, "before"),
    )


def _moment(request: Request[State], name: str) -> datetime | None:
    """The datetime of a filter; an empty one counts as absent, several are none. Raises InvalidRequest."""
    text = " ".join(value for value in request.query_params.getlist(name) if value)
    return parse_datetime(text, field=name) if text else None


routes = [
    Route(PATH, {"GET": get_grants}),
    Route(PATH + "/{grant_id}", {"GET": get_grant, "PATCH": patch_grant}),
]
