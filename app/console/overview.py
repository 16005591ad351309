"""The first page of the console: what waits, how much there is, what happened last, and how the server is doing."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from starlette.requests import Request

from app.console import wording
from app.console.names import names_of
from app.console.shell import CONSOLE, Acting, console_page, console_route, signed_in
from app.crypto.tokens import local_id
from app.domain.deliveries import DeliveryStatus
from app.domain.directory import Tally
from app.domain.feed import FeedEvent
from app.domain.mails import MAIL_PAGE, MailStatus
from app.domain.operators import ADMINISTERING
from app.domain.overview import overview
from app.domain.webhooks import DisabledBy
from app.schemas.messages import Message, MessageType
from app.web.answers import Answer
from app.web.state import State

OLDEST: Final = 8
"""Messages on the first page: those that have waited longest."""

EVENTS: Final = 100
ACTIVITY: Final = 12
"""Lines of recent activity, made of at most so many events."""

_TOGETHER_SECONDS: Final = 60

_LINKS: Final = {
    "message": "/console/messages/{id}",
    "grant": "/console/grants/{id}",
    "file": "/console/files/{id}",
    "broadcast": "/console/broadcasts",
    "operator": "/console/keys",
}
"""Where the object of an event is shown, by the first word of its type; of all others the registration is enough."""

_NOUNS: Final = {"client": "Client Object", "message": "Message", "credential": "Credential", "grant": "Grant"}

_REGISTERED: Final = "registration.created"
_DONE: Final = {"modified": "changed"}


class Kind(NamedTuple):
    """Messages of one type that wait."""

    type: MessageType
    name: str
    number: int
    age: str


class Line(NamedTuple):
    """A Message that waits."""

    message: Message
    type_name: str
    subject: str
    registration_id: str
    registration: str


class Concern(NamedTuple):
    """Something that leaves the house, or does not."""

    name: str
    value: str
    tone: str
    link: str


class Happening(NamedTuple):
    """What happened in one go in a registration, or to something that belongs to none."""

    at: datetime
    what: str
    """`Message changed`, `Registered, 5 new Messages`."""
    link: str
    """Of a single object; empty when there is nothing to see, or not for this operator."""
    registration_id: str
    registration: str


async def show(request: Request[State]) -> Answer:
    """GET."""
    acting = await signed_in(request)
    state, now = request.state, request.state["now"]()
    seen = await overview(state["directory"], state["feed"], state["store_health"], now=now)
    waiting = [one.message for one in seen.inbox[:OLDEST]]
    groups = _groups(await state["feed"].latest_events(limit=EVENTS))
    names = await names_of(acting.context, _registrations_of(waiting, groups), now)
    return console_page(
        request,
        "overview.html",
        title="Overview",
        kinds=_kinds(seen.tally, request),
        total=sum(one.count for one in seen.tally.waiting.values()),
        waiting=[_line(one, names) for one in waiting],
        tally=seen.tally,
        registrations=sum(seen.tally.registrations.values()),
        happenings=[_happening(group, names, acting) for group in groups],
        vitals=seen.vitals,
        memory=wording.size(seen.vitals.used_memory_bytes) if seen.vitals.used_memory_bytes else "",
        backlog=seen.backlog,
        concerns=await _concerns(request, acting),
    )


def _kinds(tally: Tally, request: Request[State]) -> list[Kind]:
    """What waits by type, what waits longest first."""
    now = request.state["now"]()
    found = [(type_, one) for type_, one in tally.waiting.items() if one.count]
    found.sort(key=lambda each: each[1].oldest or now)
    return [
        Kind(type_, wording.type_name(type_), one.count, wording.age(one.oldest, now) if one.oldest else "")
        for type_, one in found
    ]


def _registrations_of(messages: Sequence[Message], groups: Sequence[Sequence[FeedEvent]]) -> list[str]:
    owners = [local_id(one.message_id) for one in messages]
    return [
        *(one.registration_id for one in owners if one),
        *(group[0].registration_id for group in groups if group[0].registration_id),
    ]


def _line(message: Message, names: Mapping[str, str]) -> Line:
    found = local_id(message.message_id)
    owner = found.registration_id if found else ""
    return Line(
        message, wording.type_name(message.type), message.name or message.description, owner, names.get(owner, owner)
    )


async def _concerns(request: Request[State], acting: Acting) -> list[Concern]:
    """Mails that are stuck, and webhooks that are not heard."""
    outbox = request.state["outbox"]
    waiting, failed, concerned = await asyncio.gather(
        outbox.latest(MailStatus.WAITING, limit=MAIL_PAGE),
        outbox.latest(MailStatus.FAILED, limit=MAIL_PAGE),
        _webhooks(request, acting),
    )
    return [
        concerned,
        Concern("Mails waiting", _at_least(len(waiting)), "waiting" if waiting else "quiet", "/console/mails"),
        Concern(
            "Mails that failed", _at_least(len(failed)), "bad" if failed else "quiet", "/console/mails?status=failed"
        ),
    ]


async def _webhooks(request: Request[State], acting: Acting) -> Concern:
    """Those that an endpoint has turned off, and those with dead letters."""
    queue = request.state["deliveries"]
    every = await request.state["webhooks"].list()
    dead = await asyncio.gather(*(queue.page(one.webhook_id, DeliveryStatus.DEAD, None, limit=1) for one in every))
    bad = sum(
        bool(page.items) or webhook.disabled_by is DisabledBy.ENDPOINT
        for webhook, page in zip(every, dead, strict=True)
    )
    link = "/console/webhooks" if acting.may(ADMINISTERING) else ""
    if not bad:
        return Concern("Webhooks", str(len(every)), "quiet", link)
    return Concern("Webhooks", f"{bad} of {len(every)} fail{'s' if bad == 1 else ''}", "bad", link)


def _at_least(count: int) -> str:
    return f"{count} or more" if count == MAIL_PAGE else str(count)


def _groups(events: Sequence[FeedEvent]) -> list[list[FeedEvent]]:
    """The events of each line: those of a registration that follow each other closely are one."""
    groups: list[list[FeedEvent]] = []
    for event in events:
        if groups and _go_together(groups[-1][-1], event):
            groups[-1].append(event)
        else:
            groups.append([event])
    return groups[:ACTIVITY]


def _go_together(later: FeedEvent, earlier: FeedEvent) -> bool:
    is_same = earlier.registration_id is not None and earlier.registration_id == later.registration_id
    return is_same and (later.at - earlier.at).total_seconds() < _TOGETHER_SECONDS


def _happening(group: Sequence[FeedEvent], names: Mapping[str, str], acting: Acting) -> Happening:
    owner = group[0].registration_id or ""
    counts = Counter(event.type for event in group)
    what = ", ".join(_what(type_, counts[type_]) for type_ in sorted(counts, key=lambda one: one != _REGISTERED))
    link = _link(group[0], acting) if len(group) == 1 else ""
    return Happening(group[0].at, what if owner else what[:1].upper() + what[1:], link, owner, names.get(owner, owner))


def _what(type_: str, count: int) -> str:
    if type_ == _REGISTERED:
        return "registered"
    noun, _, verb = type_.partition(".")
    counted = f"{_NOUNS.get(noun, noun)}s" if count > 1 else _NOUNS.get(noun, noun)
    number = f"{count} " if count > 1 else ""
    return f"{number}new {counted}" if verb == "created" else f"{number}{counted} {_DONE.get(verb, verb)}"


def _link(event: FeedEvent, acting: Acting) -> str:
    noun = event.type.partition(".")[0]
    if noun == "operator" and not acting.may(ADMINISTERING):
        return ""
    return _LINKS.get(noun, "").replace("{id}", event.object_id)


routes = [console_route(CONSOLE, GET=show)]
