"""Grants: seen, made, changed, and what Clients have asked to change about them (CDS-WG1-02 section 8)."""

from datetime import datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from app.crypto.tokens import local_id
from app.domain import grant_creation, grant_decisions, grants
from app.domain.context import Context
from app.domain.grants import Filters
from app.domain.messages_fields import read_description
from app.domain.operators import ADMINISTERING, VIEWING
from app.domain.stored_pages import stored_page
from app.domain.texts import one_of
from app.domain.times import parse_datetime
from app.errors import InvalidRequest, NotFound
from app.operator import shown
from app.operator.grant_bodies import read_decision, read_terms
from app.operator.paging import page_answer, place, sheet_answer
from app.operator.reading import (
    API,
    access_of,
    access_to,
    created_answer,
    found,
    make_once,
    refuse_other_fields,
    refuse_other_parameters,
)
from app.schemas.grants import Grant, GrantStatus
from app.schemas.messages import MessageStatus
from app.web.answers import json_answer
from app.web.bodies import read_json
from app.web.operators import acting
from app.web.paging import cursor, words
from app.web.routing import Route
from app.web.state import State

PATH: Final = f"{API}/grants"

_NAMING: Final = ("grant_ids", "client_ids", "parents")
_FILTERS: Final = (
    *_NAMING, "registration_id", "status", "statuses", "scopes", "receipt_confirmations", "after", "before",
)  # fmt: skip
_DECISIONS: Final = (MessageStatus.COMPLETE, MessageStatus.REJECTED)


async def list_grants(request: Request[State]) -> Response:
    """GET: Grants of all registrations by `status`, or of one with the filters of 8.4.

    Of one are those that `registration_id` says, or the ids in `grant_ids`, `client_ids` or `parents`.
    """
    context = (await acting(request, VIEWING, "grants.list")).context
    refuse_other_parameters(request, *_FILTERS, "cursor")
    registration_id, statuses = _registration_id(request), _statuses(request)
    if registration_id is None:
        return await _list_everywhere(request, statuses)
    access = access_to(request, registration_id)
    listing = grants.listing(registration_id, _filters(request, statuses), cursor(request))
    page = await stored_page(context, access, listing)
    return page_answer(request, PATH, "grants", [shown.grant(one) for one in page.items], page)


async def _list_everywhere(request: Request[State], statuses: tuple[GrantStatus, ...] | None) -> Response:
    for name in ("scopes", "receipt_confirmations", "after", "before"):
        if request.query_params.get(name):
            raise InvalidRequest(f"{name} goes with registration_id.", field=name)
    if statuses and len(statuses) > 1:
        raise InvalidRequest("status must be a single one without registration_id.", field="status")
    status = statuses[0] if statuses else None
    sheet = await request.state["directory"].grants(status, place(request))
    return sheet_answer(request, PATH, "grants", [shown.grant(one) for one in sheet.items], sheet)


def _registration_id(request: Request[State]) -> str | None:
    """The registration that the filters name; None when they name none. Raises InvalidRequest for more than one."""
    given = request.query_params.get("registration_id")
    named = {given} if given else set()
    for name in _NAMING:
        parts = [local_id(one) for one in words(request, name) or ()]
        named |= {part.registration_id if part else "" for part in parts}
    if len(named) > 1:
        raise InvalidRequest("The ids must be of one registration.", field="registration_id")
    return next(iter(named), None)


def _statuses(request: Request[State]) -> tuple[GrantStatus, ...] | None:
    given = (*(words(request, "status") or ()), *(words(request, "statuses") or ()))
    for one in given:
        if one not in set(GrantStatus):
            raise InvalidRequest(f"status must be {one_of(GrantStatus)}.", field="status")
    return tuple(GrantStatus(one) for one in given) or None


def _filters(request: Request[State], statuses: tuple[GrantStatus, ...] | None) -> Filters:
    return Filters(
        grant_ids=words(request, "grant_ids"),
        parents=words(request, "parents"),
        statuses=statuses,
        client_ids=words(request, "client_ids"),
        scopes=words(request, "scopes"),
        receipt_confirmations=words(request, "receipt_confirmations"),
        after=_moment(request, "after"),
        before=_moment(request, "before"),
    )


def _moment(request: Request[State], name: str) -> datetime | None:
    given = request.query_params.get(name)
    return parse_datetime(given, field=name) if given else None


async def get_grant(request: Request[State]) -> Response:
    """GET: a Grant."""
    await acting(request, VIEWING, "grants.get")
    return json_answer(await _shown(request, request.path_params["grant_id"]))


async def post_grant(request: Request[State]) -> Response:
    """POST: make a Grant for a Client Object: 201."""
    doing = await acting(request, ADMINISTERING, "grants.create")
    submitted = await read_json(request)
    client_id, terms = read_terms(submitted)
    if local_id(client_id) is None:
        raise NotFound("There is no such Client Object.", field="client_id")
    access = access_of(request, client_id)

    async def make(context: Context) -> str:
        return (await grant_creation.create(context, access, client_id, terms)).grant_id

    grant_id = await make_once(request, doing, access, submitted, Grant, make)
    return created_answer(request, f"{PATH}/{grant_id}", await _shown(request, grant_id))


async def patch_grant(request: Request[State]) -> Response:
    """PATCH: status, what is enabled, when it ends; `description` tells the Client why."""
    context = (await acting(request, ADMINISTERING, "grants.modify")).context
    grant_id = request.path_params["grant_id"]
    access = access_of(request, grant_id)
    decision = read_decision(await read_json(request))
    await grant_decisions.modify_by_operator(context, access, grant_id, decision)
    return json_answer(await _shown(request, grant_id))


async def post_decision(request: Request[State]) -> Response:
    """POST: approve what a Client has asked to change about a Grant (`complete`), or decline it (`rejected`)."""
    context = (await acting(request, ADMINISTERING, "grants.decide")).context
    grant_id = request.path_params["grant_id"]
    access = access_of(request, grant_id)
    submitted = await read_json(request)
    refuse_other_fields(submitted, ("status", "description"))
    status, reason = submitted.get("status"), read_description(submitted.get("description") or "")
    if status not in _DECISIONS:
        raise InvalidRequest(f"status must be {one_of(_DECISIONS)}.", field="status")
    if status == MessageStatus.COMPLETE:
        await grant_decisions.approve_changes(context, access, grant_id, reason)
    else:
        await grant_decisions.decline_changes(context, access, grant_id, reason)
    return json_answer(await _shown(request, grant_id))


async def _shown(request: Request[State], grant_id: str) -> shown.Shown:
    return shown.grant(await found(request.state["context"], access_of(request, grant_id), Grant, grant_id))


routes = [
    Route(PATH, {"GET": list_grants, "POST": post_grant}),
    Route(PATH + "/{grant_id}", {"GET": get_grant, "PATCH": patch_grant}),
    Route(PATH + "/{grant_id}/decision", {"POST": post_decision}),
]
