"""Grants: all of them, one of them, and what operators decide about it.

Source: CDS-WG1-02 8.1, 8.2, 8.6; ambiguities E4 to E6, E10.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from msgspec import UNSET
from starlette.requests import Request

from app.console import entered, paging, registration_views, wording
from app.console.changes import latest_changes
from app.console.grant_views import view_of
from app.console.names import names_of, title_of
from app.console.shell import Acting, Form, console_page, console_route, done, posted, signed_in
from app.crypto.tokens import local_id
from app.domain import grant_decisions, grants
from app.domain.grant_decisions import SETTABLE, Decision
from app.domain.grants import Filters
from app.domain.operators import ADMINISTERING
from app.domain.records import Access, Stored, Wanted
from app.domain.stored_pages import stored_page
from app.errors import Conflict, InvalidRequest, NotFound, Refusal, ServerError, StoreUnavailable
from app.schemas.grants import Grant, GrantStatus
from app.schemas.registrations import Registration
from app.web.answers import Answer
from app.web.pages import base_path
from app.web.paging import cursor
from app.web.routing import Route
from app.web.state import State

PATH: Final = "/console/grants"

_AUDITED: Final = 100

Decide = Callable[[Acting, Access, str, Form], Awaitable[object]]


async def index(request: Request[State]) -> Answer:
    """GET: Grants of all registrations, or of one, or of one Client Object, lately changed ones first."""
    acting = await signed_in(request)
    now, home = request.state["now"](), request.query_params.get("registration_id", "").strip()
    client_id = request.query_params.get("client_id", "").strip()
    status, named = _read_status(request.query_params.get("status", "")), home or client_id
    found: list[Stored[Grant]] = []
    if named:
        found, pages = await _of_one(request, acting, named, client_id, status)
    else:
        sheet = await request.state["directory"].grants(status, paging.place(request))
        found, pages = sheet.items, paging.of_sheet(request, sheet)
    ids = [parts.registration_id for one in found if (parts := local_id(one.object.client_id))]
    catalog = acting.context.catalog
    return console_page(
        request,
        "grants.html",
        title="Grants",
        rows=registration_views.grants(found, catalog),
        names=await names_of(acting.context, ids, now),
        pages=pages,
        statuses=[("", "Any status"), *((one.value, one.value.replace("_", " ")) for one in GrantStatus)],
        query={"status": status or "", "client_id": client_id, "registration_id": home},
        is_filtered=bool(status or named),
        may_administer=acting.may(ADMINISTERING),
    )


async def _of_one(
    request: Request[State], acting: Acting, named: str, client_id: str, status: GrantStatus | None
) -> tuple[list[Stored[Grant]], paging.Neighbours]:
    """A page of one registration; nothing when there is none of that id."""
    parts = local_id(named)
    if parts is None:
        return [], paging.Neighbours()
    filters = Filters(
        statuses=(status,) if status else None,
        client_ids=(client_id,) if client_id else None,
    )
    listing = grants.listing(parts.registration_id, filters, cursor(request, paging.AT))
    page = await stored_page(acting.context, Access(parts.registration_id, request.state["now"]()), listing)
    return list(page.items), paging.of_page(request, page.previous, page.next)


def _read_status(value: str) -> GrantStatus | None:
    if not value:
        return None
    try:
        return GrantStatus(value)
    except ValueError as error:
        raise InvalidRequest("status must be a status of Grants.", field="status") from error


async def show(request: Request[State]) -> Answer:
    """GET: one Grant."""
    return await _page(request, await signed_in(request))


async def _page(
    request: Request[State], acting: Acting, *, form: Form | None = None, refusal: Refusal | None = None
) -> Answer:
    """One Grant; after a refused decision with what was entered."""
    access, grant_id = _access(request)
    stored, registration = await acting.context.records.load(
        access, Wanted(Grant, grant_id), Wanted(Registration, access.registration_id)
    )
    if stored is None or registration is None:
        raise NotFound("There is no such Grant.")
    feed = request.state["feed"]
    below = grants.listing(access.registration_id, Filters(parents=(grant_id,)))
    children, audit = await asyncio.gather(
        stored_page(acting.context, access, below),
        latest_changes(feed, access.registration_id, limit=_AUDITED),
    )
    catalog, base = acting.context.catalog, base_path(request.state)
    view = view_of(acting.context, base, stored)
    name = title_of(registration.object)
    return console_page(
        request,
        "grant.html",
        status=refusal.status if refusal else 200,
        title=", ".join(view.scopes) or "Grant",
        crumbs=(("Grants", PATH), (name, f"/console/registrations/{access.registration_id}")),
        registration=registration.object,
        registration_name=name,
        grant=stored.object,
        view=view,
        children=registration_views.grants(children.items, catalog),
        audit=[one for one in audit if any(change.get("id") == grant_id for change in one.changes)],
        settable=[("", "Leave as it is"), *((one.value, one.value.replace("_", " ")) for one in SETTABLE)],
        timezone=catalog.server.timezone,
        form=form or Form([]),
        refusal=refusal,
        is_late=isinstance(refusal, Conflict),
        decides=bool(form and "decision" in form),
        value_of=wording.value,
        may_administer=acting.may(ADMINISTERING),
    )


async def modify(request: Request[State]) -> Answer:
    """POST: status, what is enabled, how long."""

    async def change(acting: Acting, access: Access, grant_id: str, form: Form) -> object:
        return await grant_decisions.modify_by_operator(acting.context, access, grant_id, _decision(acting, form))

    return await _decided(request, "grants.modify", change, "The Grant is changed, and the Client has been told.")


async def decide(request: Request[State]) -> Answer:
    """POST: approve or decline what the Client has asked to change."""

    async def change(acting: Acting, access: Access, grant_id: str, form: Form) -> object:
        reason = entered.text(form, "why")
        if form.get("decision") == "approve":
            return await grant_decisions.approve_changes(acting.context, access, grant_id, reason)
        return await grant_decisions.decline_changes(acting.context, access, grant_id, reason)

    return await _decided(request, "grants.decide", change, "Decided, and the Client has been told.")


async def _decided(request: Request[State], action: str, change: Decide, said: str) -> Answer:
    acting, form = await posted(request, ADMINISTERING, action)
    access, grant_id = _access(request)
    try:
        await change(acting, access, grant_id, form)
    except (ServerError, StoreUnavailable, NotFound):
        raise
    except Refusal as refusal:
        return await _page(request, acting, form=form, refusal=refusal)
    return done(request, f"{PATH}/{grant_id}", said)


def _decision(acting: Acting, form: Form) -> Decision:
    """What was entered: fields that were left empty stay as they are."""
    catalog = acting.context.catalog
    given: dict[str, Any] = {"reason": entered.text(form, "reason")}
    if status := _read_status(form.get("status")):
        given["status"] = status
    if "limit" in form:
        given["enabled_scope"] = " ".join(form.all("enabled_scope"))
    if form.get("enabled_authorization_details"):
        given["enabled_authorization_details"] = entered.json_details(form, "enabled_authorization_details")
    if eta := entered.moment(form, "eta", catalog):
        given["eta"] = eta
    given["expires"] = _end(acting, form)
    return Decision(**given)


def _end(acting: Acting, form: Form) -> Any:  # noqa: ANN401 -- a datetime, None for never, UNSET for as it is
    match form.get("ends"):
        case "never":
            return None
        case "at":
            at = entered.moment(form, "expires", acting.context.catalog)
            if at is None:
                raise InvalidRequest("expires must say when.", field="expires")
            return at
        case _:
            return UNSET


def _access(request: Request[State]) -> tuple[Access, str]:
    """The registration of the Grant in the path. Raises NotFound when it is the id of nothing."""
    grant_id: str = request.path_params["grant_id"]
    parts = local_id(grant_id)
    if parts is None:
        raise NotFound("There is no such Grant.")
    return Access(parts.registration_id, request.state["now"]()), grant_id


routes: Final[list[Route]] = [
    console_route(PATH, GET=index),
    console_route(f"{PATH}/{{grant_id}}", GET=show),
    console_route(f"{PATH}/{{grant_id}}/modify", POST=modify),
    console_route(f"{PATH}/{{grant_id}}/decision", POST=decide),
]
