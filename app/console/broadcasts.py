"""Broadcasts: one text for many Clients, written, looked at as they will see it, and sent once.

Source: CDS-WG1-02 6.2; ambiguities C23.
"""

import re
from typing import Any, Final

from starlette.requests import Request

from app.console import entered, paging, wording
from app.console.shell import Acting, Form, console_page, console_route, done, posted, signed_in
from app.domain import broadcasts
from app.domain.broadcasts import Preview
from app.domain.operators import SUPPORTING
from app.errors import InvalidRequest, NotFound, Refusal, ServerError, StoreUnavailable
from app.web.answers import Answer
from app.web.paging import cursor
from app.web.routing import Route
from app.web.state import State

PATH: Final = "/console/broadcasts"

_KEY: Final = re.compile(r"[a-z0-9]{8,64}")


async def index(request: Request[State]) -> Answer:
    """GET: broadcasts, newest first, with how far they have got."""
    acting = await signed_in(request)
    page = await request.state["broadcasts"].page(cursor(request, paging.AT))
    return console_page(
        request,
        "broadcasts.html",
        title="Broadcasts",
        rows=page.items,
        pages=paging.of_page(request, page.previous, page.next),
        may_write=acting.may(SUPPORTING),
    )


async def show(request: Request[State]) -> Answer:
    """GET: one broadcast."""
    acting = await signed_in(request)
    broadcast = await broadcasts.get(request.state["broadcasts"], request.path_params["broadcast_id"])
    catalog = acting.context.catalog
    return console_page(
        request,
        "broadcast.html",
        title=broadcast.name,
        crumbs=(("Broadcasts", PATH),),
        broadcast=broadcast,
        scopes=[catalog.scopes[one].name if one in catalog.scopes else one for one in broadcast.scopes],
        link=wording.link(broadcast.related_uri) if broadcast.related_uri else None,
    )


async def compose(request: Request[State]) -> Answer:
    """GET: write one."""
    acting = await signed_in(request, SUPPORTING)
    return _page(request, acting, Form([]))


async def send(request: Request[State]) -> Answer:
    """POST: look at it, change it, or send it."""
    acting, form = await posted(request, SUPPORTING, broadcasts.CREATED)
    step, submitted = form.get("step"), _submitted(form)
    store, now = request.state["broadcasts"], request.state["now"]()
    if step == "change":
        return _page(request, acting, form)
    try:
        if step != "send":
            preview = await broadcasts.preview(acting.context, store, submitted, now=now)
            return _page(request, acting, form, preview=preview)
        key = form.get("key")
        if not _KEY.fullmatch(key):
            raise InvalidRequest("Look at it once more before you send it.")
        broadcast = await broadcasts.create(
            acting.context, store, acting.actor, submitted, now=now, idempotency_key=key
        )
    except (ServerError, StoreUnavailable, NotFound):
        raise
    except Refusal as refusal:
        return _page(request, acting, form, refusal=refusal)
    return done(request, f"{PATH}/{broadcast.broadcast_id}", "On its way. Each registration gets it once.")


def _page(
    request: Request[State],
    acting: Acting,
    form: Form,
    *,
    preview: Preview | None = None,
    refusal: Refusal | None = None,
) -> Answer:
    catalog = acting.context.catalog
    chosen = form.all("scopes")
    message = preview.message if preview else None
    return console_page(
        request,
        "broadcast_new.html",
        status=refusal.status if refusal else 200,
        title="Look at it before it goes out" if preview else "Write a broadcast",
        crumbs=(("Broadcasts", PATH),),
        form=form,
        fields=[(name, value) for name, value in form.pairs if name not in {"form_token", "step", "key"}],
        offered=[(one.id, one.name, one.id in chosen) for one in catalog.scopes.values()],
        chosen=[catalog.scopes[one].name for one in chosen if one in catalog.scopes],
        preview=preview,
        message=message,
        link=wording.link(message.related_uri) if message else None,
        key=acting.context.randomness.file_id() if preview else "",
        refusal=refusal,
    )


def _submitted(form: Form) -> dict[str, Any]:
    link = form.get("related_uri")
    return {
        "name": form.get("name"),
        "description": entered.text(form, "description"),
        "related_uri": link or None,
        "related_type": (form.get("related_type") or None) if link else None,
        "scopes": list(form.all("scopes")),
    }


routes: Final[list[Route]] = [
    console_route(PATH, GET=index),
    console_route(f"{PATH}/new", GET=compose, POST=send),
    console_route(f"{PATH}/{{broadcast_id}}", GET=show),
]
