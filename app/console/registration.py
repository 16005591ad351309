"""One page with everything of one registration, and what operators do with it as a whole.

Source: CDS-WG1-02 3.6, 5.2, 6.2, 7.1, 8.1, 9.1.
"""

import asyncio
import re
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from app.console import confirmation, paging, registration_views, wording
from app.console.changes import latest_changes
from app.console.confirmation import Question
from app.console.downloads import download_field
from app.console.names import title_of
from app.console.registrations import PATH
from app.console.shell import Acting, Form, console_page, console_route, done, posted, signed_in
from app.crypto.tokens import local_id
from app.domain import registrations
from app.domain.operators import ADMINISTERING, SUPPORTING
from app.domain.records import PAGE_SIZE, Access, Cursor, Listing
from app.domain.registrations import RECENT
from app.domain.stored_pages import stored_page
from app.errors import Conflict, InvalidRequest, NotFound, Refusal
from app.schemas.messages import Message
from app.schemas.registrations import Registration, RegistrationStatus
from app.web.answers import Answer
from app.web.pages import base_path
from app.web.paging import cursor
from app.web.routing import Endpoint, Route
from app.web.state import State

_AUDITED: Final = 8
_HISTORY: Final = 100
_EVENT: Final = re.compile(r"[0-9]{1,15}(?:-[0-9]{1,15})?")

_SUSPENDING: Final = (
    "Every access token of this registration is revoked now, and no new ones are issued.",
    "Users cannot authorize its Client Objects, and its Client cannot read its Messages until it is active again.",
    "Credentials and Grants stay as they are; nothing is deleted.",
)
_ACTIVATING: Final = (
    "Its Credentials work again from now on, and its Grants give access as before.",
    "Access tokens of before stay revoked: the Client has to request new ones.",
)


async def show(request: Request[State]) -> Answer:
    """GET."""
    return await _page(request, await signed_in(request))


async def _page(
    request: Request[State], acting: Acting, *, form: Form | None = None, refusal: Refusal | None = None
) -> Answer:
    """Everything of the registration; after a refused note with what was entered."""
    access, now, feed = access_of(request), request.state["now"](), request.state["feed"]
    dossier, audit = await asyncio.gather(
        registrations.dossier(acting.context, access),
        latest_changes(feed, access.registration_id, limit=_AUDITED),
    )
    registration, catalog = dossier.registration, acting.context.catalog
    home = f"{base_path(request.state)}{PATH}/{access.registration_id}"
    steps = registration_views.steps(dossier, now, catalog)
    threads = registration_views.threads(dossier.messages)
    return console_page(
        request,
        "registration.html",
        status=refusal.status if refusal else 200,
        title=title_of(registration),
        crumbs=(("Registrations", PATH),),
        home=home,
        registration=registration,
        steps=steps,
        met=sum(one.is_met for one in steps),
        clients=registration_views.clients(dossier, catalog),
        submitted=registration_views.submitted(acting.context, registration, home),
        metadata=wording.attributes(registration.client_metadata),
        waiting=registration_views.threads(dossier.waiting)[::-1],
        threads=threads[:10],
        has_more_messages=len(dossier.messages) == RECENT or len(threads) > 10,  # noqa: PLR2004 -- a short list
        credentials=registration_views.credentials(dossier, now),
        grants=registration_views.grants(dossier.grants, catalog),
        has_more_grants=len(dossier.grants) == RECENT,
        files=[(one, wording.size(one.size)) for one in dossier.files],
        audit=audit,
        notes=form.get("notes") if form else registration.notes,
        refusal=refusal,
        may_administer=acting.may(ADMINISTERING),
        may_write_notes=acting.may(ADMINISTERING),
        value_of=wording.value,
        may_write=acting.may(SUPPORTING),
    )


async def write_notes(request: Request[State]) -> Answer:
    """POST: what operators have to know about a registration."""
    acting, form = await posted(request, ADMINISTERING, "registrations.note")
    access = access_of(request)
    try:
        await registrations.modify(acting.context, access, notes=form.get("notes").replace("\r\n", "\n"))
    except (InvalidRequest, Conflict) as refusal:
        return await _page(request, acting, form=form, refusal=refusal)
    return done(request, f"{PATH}/{access.registration_id}#notes", "The notes are kept.")


async def messages(request: Request[State]) -> Answer:
    """GET: everything that was written to or by one registration, newest change first."""
    acting = await signed_in(request)
    access, place = access_of(request), _cursor(request)
    registration, page = await asyncio.gather(
        registrations.get(acting.context, access),
        stored_page(acting.context, access, Listing(Message, cursor=place, limit=PAGE_SIZE)),
    )
    name = title_of(registration.object)
    return console_page(
        request,
        "conversation.html",
        title="Messages",
        crumbs=(("Registrations", PATH), (name, f"{PATH}/{access.registration_id}")),
        registration_id=access.registration_id,
        rows=registration_views.all_messages(page.items),
        pages=paging.of_page(request, page.previous, page.next),
        may_write=acting.may(SUPPORTING),
    )


async def history(request: Request[State]) -> Answer:
    """GET: what operators have changed, and what has happened, in one registration."""
    acting = await signed_in(request)
    access, feed = access_of(request), request.state["feed"]
    registration, audit = await asyncio.gather(
        registrations.get(acting.context, access),
        latest_changes(feed, access.registration_id, limit=_AUDITED),
    )
    after = _event_id(request.query_params.get("after", ""))
    events = await feed.events(registration_id=access.registration_id, after=after, limit=_HISTORY)
    name = title_of(registration.object)
    return console_page(
        request,
        "history.html",
        title="History",
        registration_id=access.registration_id,
        crumbs=(("Registrations", PATH), (name, f"{PATH}/{access.registration_id}")),
        audit=audit,
        events=events,
        value_of=wording.value,
        further=events[-1].id if len(events) == _HISTORY else "",
    )


async def field_file(request: Request[State]) -> Response:
    """GET: a registration field value that is a file, to be saved."""
    acting = await signed_in(request)
    registration = (await registrations.get(acting.context, access_of(request))).object
    name = request.query_params.get("name", "")
    return await download_field(request, acting.context, registration.field_files.get(name, ""), name)


def _status_change(status: RegistrationStatus) -> tuple[Endpoint, Endpoint]:
    """The page that asks, and the endpoint that does it."""
    suspends = status is RegistrationStatus.SUSPENDED

    def question(registration: Registration) -> Question:
        name, home = title_of(registration), f"{PATH}/{registration.registration_id}"
        return Question(
            title=f"Suspend {name}?" if suspends else f"Let {name} back in?",
            consequences=_SUSPENDING if suspends else _ACTIVATING,
            yes="Suspend" if suspends else "Activate",
            back=home,
            crumbs=(("Registrations", PATH), (name, home)),
            reason="What the Client reads about it",
            reason_hint="In a Message, once the registration is active again." if suspends else "",
            danger=suspends,
        )

    async def ask(request: Request[State]) -> Answer:
        acting = await signed_in(request, ADMINISTERING)
        stored = await registrations.get(acting.context, access_of(request))
        return confirmation.ask(request, question(stored.object))

    async def carry_out(request: Request[State]) -> Answer:
        action = "registrations.suspend" if suspends else "registrations.activate"
        acting, form = await posted(request, ADMINISTERING, action)
        access = access_of(request)
        description = form.get("description").replace("\r\n", "\n")
        try:
            await registrations.modify(acting.context, access, status=status, description=description)
        except (InvalidRequest, Conflict) as refusal:
            stored = await registrations.get(acting.context, access)
            return confirmation.ask(request, question(stored.object), form=form, refusal=refusal)
        said = "The registration is suspended." if suspends else "The registration is active again."
        return done(request, f"{PATH}/{access.registration_id}", said)

    return ask, carry_out


def access_of(request: Request[State]) -> Access:
    """The registration in the path. Raises NotFound when it is the id of nothing."""
    registration_id: str = request.path_params["registration_id"]
    parts = local_id(registration_id)
    if parts is None or parts.registration_id != registration_id:
        raise NotFound("There is no such registration.")
    return Access(registration_id, request.state["now"]())


def _event_id(text: str) -> str | None:
    """The event after which a page goes on. Raises InvalidRequest when it is none."""
    if text and not _EVENT.fullmatch(text):
        raise InvalidRequest("Follow the links to other pages as they are; this is none of them.", field="after")
    return text or None


def _cursor(request: Request[State]) -> Cursor | None:
    return cursor(request, paging.AT)


_suspend, _activate = _status_change(RegistrationStatus.SUSPENDED), _status_change(RegistrationStatus.ACTIVE)

routes: Final[list[Route]] = [
    console_route(f"{PATH}/{{registration_id}}", GET=show),
    console_route(f"{PATH}/{{registration_id}}/notes", POST=write_notes),
    console_route(f"{PATH}/{{registration_id}}/messages", GET=messages),
    console_route(f"{PATH}/{{registration_id}}/history", GET=history),
    console_route(f"{PATH}/{{registration_id}}/field", GET=field_file),
    console_route(f"{PATH}/{{registration_id}}/suspend", GET=_suspend[0], POST=_suspend[1]),
    console_route(f"{PATH}/{{registration_id}}/activate", GET=_activate[0], POST=_activate[1]),
]
