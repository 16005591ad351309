"""Webhooks: where the utility's systems are told what happens, and what became of telling them. For admins."""

import asyncio
from typing import Any, Final, NamedTuple

from starlette.requests import Request

from app.console import paging
from app.console.shell import Acting, Form, console_page, console_route, done, posted, signed_in
from app.domain import deliveries, webhooks
from app.domain.deliveries import DeliveryStatus
from app.domain.events import EVENT_TYPES
from app.domain.operators import ADMINISTERING
from app.domain.webhooks import EVERYTHING, MAX_DESCRIPTION, MAX_WEBHOOKS, OVERLAP, Webhook, WebhookStatus
from app.errors import Conflict, InvalidRequest
from app.web.answers import Answer
from app.web.pages import base_path
from app.web.paging import cursor
from app.web.routing import Route
from app.web.state import State

PATH: Final = "/console/webhooks"
DEAD_SHOWN: Final = 50

_TONES: Final = {
    DeliveryStatus.WAITING: "waiting",
    DeliveryStatus.DELIVERED: "good",
    DeliveryStatus.DEAD: "bad",
}
_STATUS_WORDS: Final = {
    DeliveryStatus.WAITING: "Waiting",
    DeliveryStatus.DELIVERED: "Delivered",
    DeliveryStatus.DEAD: "Dead letters",
}


class Row(NamedTuple):
    """A webhook in the list."""

    webhook: Webhook
    events: str
    has_dead: bool


class Entered(NamedTuple):
    """What a form has, or shall have again after a refusal."""

    url: str = ""
    description: str = ""
    everything: bool = True
    events: tuple[str, ...] = ()

    @classmethod
    def of(cls, webhook: Webhook) -> "Entered":
        """The form that would change nothing."""
        everything = EVERYTHING in webhook.events
        return cls(webhook.url, webhook.description, everything, () if everything else tuple(webhook.events))

    @classmethod
    def read(cls, form: Form) -> "Entered":
        """What was filled in."""
        return cls(form.get("url"), form.get("description"), form.get("which") != "some", form.all("events"))

    @property
    def submitted(self) -> dict[str, Any]:
        """As `webhooks.create` and `webhooks.modify` take it."""
        events = [EVERYTHING] if self.everything else list(self.events)
        return {"url": self.url, "description": self.description, "events": events}


async def show_all(request: Request[State]) -> Answer:
    """GET: all of them."""
    await signed_in(request, ADMINISTERING)
    return await _list_page(request)


async def create(request: Request[State]) -> Answer:
    """POST of a new one. The answer is the one page that has its secret."""
    acting, form = await posted(request, ADMINISTERING, "webhooks.create")
    state, entered = request.state, Entered.read(form)
    try:
        webhook, secret = await webhooks.create(
            state["webhooks"], state["context"].randomness, acting.actor, entered.submitted, now=state["now"]()
        )
    except (InvalidRequest, Conflict) as refusal:
        return await _list_page(request, entered=entered, refusal=refusal)
    return await _page(request, webhook, secret=secret)


async def show(request: Request[State]) -> Answer:
    """GET: one of them, with what was sent to it."""
    await signed_in(request, ADMINISTERING)
    return await _page(request, await _webhook(request))


async def modify(request: Request[State]) -> Answer:
    """POST: another URL, other events, another description."""
    acting, form = await posted(request, ADMINISTERING, "webhooks.modify")
    entered = Entered.read(form)
    try:
        webhook = await _modified(request, acting, entered.submitted)
    except InvalidRequest as refusal:
        return await _page(request, await _webhook(request), entered=entered, refusal=refusal)
    return done(request, _path(webhook), "The webhook has been changed.")


async def switch(request: Request[State]) -> Answer:
    """POST: off or on."""
    acting, form = await posted(request, ADMINISTERING, "webhooks.modify")
    webhook = await _modified(request, acting, {"status": form.get("status")})
    is_on = webhook.status is WebhookStatus.ACTIVE
    notice = "The webhook is active: what waits is sent." if is_on else "The webhook is off. What happens waits for it."
    return done(request, _path(webhook), notice)


async def test(request: Request[State]) -> Answer:
    """POST: an event of type webhook.test, to see that it arrives."""
    await posted(request, ADMINISTERING, "webhooks.test")
    state, webhook = request.state, await _webhook(request)
    try:
        await deliveries.send_test(
            state["webhooks"],
            state["deliveries"],
            state["context"].randomness,
            webhook.webhook_id,
            now=state["now"](),
        )
    except Conflict as refusal:
        return done(request, _path(webhook), refusal.description, failed=True)
    return done(request, _path(webhook), "A test is on its way. Load this page again to see what became of it.")


async def rotate(request: Request[State]) -> Answer:
    """POST: a new secret. The answer is the one page that has it."""
    acting, _ = await posted(request, ADMINISTERING, "webhooks.rotate_secret")
    state = request.state
    webhook, secret = await webhooks.rotate_secret(
        state["webhooks"],
        state["context"].randomness,
        acting.actor,
        request.path_params["webhook_id"],
        now=state["now"](),
    )
    return await _page(request, webhook, secret=secret, has_old=True)


async def delete(request: Request[State]) -> Answer:
    """POST: the end of one."""
    acting, _ = await posted(request, ADMINISTERING, "webhooks.delete")
    state, webhook = request.state, await _webhook(request)
    await webhooks.delete(state["webhooks"], acting.actor, webhook.webhook_id, now=state["now"]())
    return done(request, PATH, f"The webhook to {webhook.url} has been deleted.")


async def replay(request: Request[State]) -> Answer:
    """POST: one delivery again, or all dead letters."""
    acting, form = await posted(request, ADMINISTERING, "webhooks.replay")
    state, webhook, now = request.state, await _webhook(request), request.state["now"]()
    both = state["webhooks"], state["deliveries"]
    delivery_id = form.get("delivery_id")
    try:
        if delivery_id:
            await deliveries.replay(*both, acting.actor, delivery_id, now=now)
            notice = "It is sent again."
        else:
            number = await deliveries.replay_dead(*both, acting.actor, webhook.webhook_id, now=now)
            notice = f"{number} dead letter{'' if number == 1 else 's'} will be sent again."
    except Conflict as refusal:
        return done(request, _path(webhook), refusal.description, failed=True)
    return done(request, _path(webhook), notice)


async def _webhook(request: Request[State]) -> Webhook:
    return await webhooks.get(request.state["webhooks"], request.path_params["webhook_id"])


async def _modified(request: Request[State], acting: Acting, submitted: dict[str, Any]) -> Webhook:
    state = request.state
    return await webhooks.modify(
        state["webhooks"], acting.actor, request.path_params["webhook_id"], submitted, now=state["now"]()
    )


async def _list_page(
    request: Request[State], *, entered: Entered | None = None, refusal: InvalidRequest | Conflict | None = None
) -> Answer:
    state = request.state
    found = await state["webhooks"].list()
    dead = await asyncio.gather(
        *(state["deliveries"].page(one.webhook_id, DeliveryStatus.DEAD, None, limit=1) for one in found)
    )
    return console_page(
        request,
        "webhooks.html",
        status=refusal.status if refusal else 200,
        title="Webhooks",
        lead="Systems of the utility that are told what happens, at once and signed as Standard Webhooks says. What is"
        " sent has ids and nothing personal; the operator API has the rest.",
        rows=[Row(one, _in_words(one), bool(page.items)) for one, page in zip(found, dead, strict=True)],
        most=MAX_WEBHOOKS,
        entered=entered or Entered(),
        **_form_values(refusal),
    )


async def _page(
    request: Request[State],
    webhook: Webhook,
    *,
    secret: str = "",
    has_old: bool = False,
    entered: Entered | None = None,
    refusal: InvalidRequest | None = None,
) -> Answer:
    state, status = request.state, _status(request)
    sent, dead = await asyncio.gather(
        state["deliveries"].page(webhook.webhook_id, status, cursor(request, paging.AT)),
        state["deliveries"].page(webhook.webhook_id, DeliveryStatus.DEAD, None, limit=DEAD_SHOWN),
    )
    home = base_path(state) + _path(webhook)
    return console_page(
        request,
        "webhook.html",
        status=refusal.status if refusal else 200,
        title=webhook.description or webhook.url,
        crumbs=(("Webhooks", PATH),),
        webhook=webhook,
        home=home,
        words=_in_words(webhook),
        is_active=webhook.status is WebhookStatus.ACTIVE,
        secret=secret,
        has_old=has_old,
        overlap_hours=int(OVERLAP.total_seconds()) // 3600,
        sent=sent.items,
        tones=_TONES,
        dead=f"{DEAD_SHOWN} or more" if len(dead.items) == DEAD_SHOWN else str(len(dead.items) or ""),
        tabs=_tabs(home, status),
        neighbours=paging.of_page(request, sent.previous, sent.next),
        entered=entered or Entered.of(webhook),
        **_form_values(refusal),
    )


def _form_values(refusal: InvalidRequest | Conflict | None) -> dict[str, Any]:
    """What the form needs beside what was entered."""
    return {
        "types": tuple(EVENT_TYPES.items()),
        "longest": MAX_DESCRIPTION,
        "errors": {refusal.field: refusal.description} if refusal and refusal.field else {},
        "problem": refusal.description if refusal and not refusal.field else "",
    }


def _in_words(webhook: Webhook) -> str:
    return "everything" if EVERYTHING in webhook.events else ", ".join(webhook.events)


def _tabs(home: str, status: DeliveryStatus | None) -> list[tuple[str, str, bool, None]]:
    every = [("All", home, status is None, None)]
    return every + [(words, f"{home}?status={one}", status is one, None) for one, words in _STATUS_WORDS.items()]


def _status(request: Request[State]) -> DeliveryStatus | None:
    text = request.query_params.get("status", "")
    if text and text not in set(DeliveryStatus):
        raise InvalidRequest("There are no deliveries of such a status.", field="status")
    return DeliveryStatus(text) if text else None


def _path(webhook: Webhook) -> str:
    return f"{PATH}/{webhook.webhook_id}"


routes: list[Route] = [
    console_route(PATH, GET=show_all, POST=create),
    console_route(f"{PATH}/{{webhook_id}}", GET=show, POST=modify),
    console_route(f"{PATH}/{{webhook_id}}/status", POST=switch),
    console_route(f"{PATH}/{{webhook_id}}/test", POST=test),
    console_route(f"{PATH}/{{webhook_id}}/secret", POST=rotate),
    console_route(f"{PATH}/{{webhook_id}}/replay", POST=replay),
    console_route(f"{PATH}/{{webhook_id}}/delete", POST=delete),
]
