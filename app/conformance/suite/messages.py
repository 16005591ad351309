"""CDS-WG1-02 sections 6, 6.1 to 6.8 and 6.10: Messages as they are listed and read."""

from typing import Final

from app.conformance.apis import (
    NO_SUCH_ID,
    UNAUTHORIZED,
    Fits,
    read,
    require_admins_only,
    require_hidden,
    require_single,
)
from app.conformance.checks import Need, Problems, check, refuse, require, skip_unless
from app.conformance.formats import is_integer, is_media_type, is_number, is_url, objects, parse_datetime, shown
from app.conformance.mailbox import ENDPOINT, LINKS, LISTS, Mailbox, first_mailbox, mailbox, posted, some
from app.conformance.session import Session
from app.conformance.shapes import (
    DATETIME,
    FLAG,
    OBJECTS,
    TEXT,
    TEXT_OR_NULL,
    URL,
    URL_OR_NULL,
    Shape,
    differing,
    lacking,
    misspelt,
    unknown,
)
from app.conformance.wire import NOBODY, Answer, Document

REGISTRATION: Final = (Need.REGISTRATION,)
TWO: Final = (Need.REGISTRATION, Need.SECOND_REGISTRATION)
MESSAGE: Final[Shape] = {
    "message_id": TEXT,
    "uri": URL,
    "previous_uri": URL_OR_NULL,
    "type": TEXT,
    "read": FLAG,
    "creator": TEXT_OR_NULL,
    "created": DATETIME,
    "modified": DATETIME,
    "status": TEXT,
    "name": TEXT,
    "description": TEXT,
}
REQUESTS: Final = ("payment_request", "online_form_request", "pdf_form_request")
TYPES: Final = (
    "notification",
    "private_message",
    "production_request",
    "support_request",
    "grant_request",
    "field_changes",
    "server_request",
    "client_submission",
    *REQUESTS,
    "request_update",
)
UPDATED: Final = frozenset(TYPES) - {"notification", "private_message", "field_changes", "request_update"}
"""What a request_update may be about."""

STATUSES: Final = ("complete", "open", "pending", "rejected", "errored")
FOR_STATUS: Final = {
    "open": {"server_request", *REQUESTS, "request_update"},
    "pending": set(TYPES) - {"notification", "private_message", "client_submission"},
    "rejected": set(TYPES) - {"notification", "private_message", "client_submission", "support_request"},
    "errored": {"field_changes", "server_request", *REQUESTS, "request_update"},
}
"""The types with which a status occurs; complete occurs with all."""

PUBLIC_TYPES: Final = (
    "more_info", "documentation", "support", "online_form", "pdf_form", "payment_form", "payment_receipt",
)  # fmt: skip
API_TYPES: Final = (
    "client_list", "client", "grant_list", "grant", "message_list", "message", "credential_list", "credential",
)  # fmt: skip
MEMBER_OF: Final = {
    "client_list": "clients", "client": "client_id", "grant_list": "grants", "grant": "grant_id",
    "message_list": "unread", "message": "message_id", "credential_list": "credentials", "credential": "credential_id",
}  # fmt: skip
"""By which member one knows what a related_uri leads to."""

CURRENCY_LETTERS: Final = 3


@check("WG1-02-6-03", needs=REGISTRATION)
async def the_messages_api_takes_admin_tokens_and_no_others(session: Session) -> None:
    """401 without one, 403 with one for something else."""
    await require_admins_only(session, await session.endpoint(ENDPOINT))


@check("WG1-02-6.1-01", needs=REGISTRATION)
async def every_message_has_what_messages_have(session: Session) -> None:
    """Eleven members."""
    found = await with_one(session)
    problems = Problems(found.first)
    for one in found.every.values():
        problems.found += lacking(one, MESSAGE, f"{one.get('type')} {one.get('message_id')}: ")
    problems.refuse()


@check("WG1-02-6.1-02", needs=REGISTRATION)
async def what_a_message_answers_can_be_read(session: Session) -> None:
    """By its previous_uri."""
    replies = [one for one in (await with_one(session)).every.values() if is_url(one.get("previous_uri"))]
    skip_unless(replies, "none of our Messages answers another one")
    for one in replies:
        answer = await read(session, await session.as_admin(), one, "previous_uri")
        refuse(differing(answer.object(), {"uri": one["previous_uri"]}), answer)


@check("WG1-02-6.1-04", needs=REGISTRATION)
async def every_message_is_of_the_server_or_of_the_admin(session: Session) -> None:
    """Creator is null or the client_id."""
    own = await session.registration()
    found = await with_one(session)
    for one in found.every.values():
        creator = one.get("creator")
        known = creator is None or creator == own.client_id
        require(known, f"{one.get('message_id')} has the creator {shown(creator)}, not {own.client_id}", found.first)


@check("WG1-02-6.1-06", needs=REGISTRATION)
async def messages_about_fields_say_which(session: Session) -> None:
    """field_changes and server_request have updates_requested."""
    for one in await some(session, "field_changes", "server_request"):
        refuse(lacking(one, {"updates_requested": OBJECTS}, f"{one.get('message_id')}: "))
        for update in objects(one["updates_requested"]):
            refuse(lacking(update, {"field": TEXT}, "updates_requested: "))


@check("WG1-02-6.1-07", needs=REGISTRATION)
async def requests_for_grants_say_which(session: Session) -> None:
    """By grants_requested."""
    for one in await some(session, "grant_request"):
        refuse(lacking(one, {"grants_requested": OBJECTS}, f"{one.get('message_id')}: "))


@check("WG1-02-6.1-13", "WG1-02-6.1-18", needs=REGISTRATION)
async def requests_for_a_payment_say_how_much_and_where(session: Session) -> None:
    """With a link to the page, an amount and its currency."""
    fields = await session.registration_fields()
    prices = [(field.get("amount"), field.get("currency")) for field in fields.values()]
    for one in await some(session, "payment_request"):
        where, amount, currency = f"{one.get('message_id')}: ", one.get("amount"), one.get("currency")
        refuse([*lacking(one, {"related_uri": URL}, where), *differing(one, {"related_type": "payment_form"}, where)])
        require(is_number(amount) or is_integer(amount), f"{where}amount is {shown(amount)}, not a number")
        known = isinstance(currency, str) and currency.isupper() and len(currency) == CURRENCY_LETTERS
        require(known, f"{where}currency is {shown(currency)}, no code of ISO 4217")
        if await of_a_step(session, one):
            require((amount, currency) in prices, f"{where}no registration field is about {amount} {currency}")


@check("WG1-02-6.1-14", needs=REGISTRATION)
async def requests_for_a_form_lead_to_it(session: Session) -> None:
    """As online_form."""
    for one in await some(session, "online_form_request"):
        where = f"{one.get('message_id')}: "
        refuse([*lacking(one, {"related_uri": URL}, where), *differing(one, {"related_type": "online_form"}, where)])


@check("WG1-02-6.1-15", needs=REGISTRATION)
async def requests_for_a_pdf_lead_to_it(session: Session) -> None:
    """As pdf_form, and there it is."""
    for one in await some(session, "pdf_form_request"):
        where = f"{one.get('message_id')}: "
        refuse([*lacking(one, {"related_uri": URL}, where), *differing(one, {"related_type": "pdf_form"}, where)])
        answer = await session.wire.get(str(one["related_uri"]), follow=True)
        if answer.status == UNAUTHORIZED:
            answer = await session.wire.get(str(one["related_uri"]), await session.as_admin())
        require(answer.ok, f"{where}related_uri is answered with {answer.status}", answer)
        is_pdf = answer.media_type == "application/pdf"
        require(is_pdf, f"{where}related_uri is {shown(answer.media_type)}, not application/pdf", answer)


@check("WG1-02-6.1-10", "WG1-02-6.1-17", needs=REGISTRATION)
async def every_related_uri_comes_with_its_type(session: Session) -> None:
    """Whoever has sent the Message."""
    found = await with_one(session)
    related = [one for one in found.every.values() if one.get("related_uri") is not None]
    skip_unless(related, "none of our Messages has a related_uri")
    problems = Problems(found.first)
    for one in related:
        problems.found += lacking(one, {"related_uri": URL, "related_type": TEXT}, f"{one.get('message_id')}: ")
    problems.refuse()


@check("WG1-02-6.2-01", needs=REGISTRATION)
async def no_type_of_message_is_misspelt(session: Session) -> None:
    """Twelve are defined."""
    found = await with_one(session)
    refuse(misspelt([str(one.get("type")) for one in found.every.values()], TYPES), found.first)


@check("WG1-02-6.2-01", needs=REGISTRATION, level="SHOULD")
async def every_type_of_message_is_known(session: Session) -> None:
    """Others come from extensions."""
    found = await with_one(session)
    others = unknown([str(one.get("type")) for one in found.every.values()], TYPES)
    require(not others, f"only an extension can define the type {', '.join(others)}", found.first)


@check("WG1-02-6.2-06", needs=REGISTRATION)
async def updates_are_about_requests(session: Session) -> None:
    """By their previous_uri."""
    every = (await mailbox(session)).every
    for one in await some(session, "request_update"):
        asked = every.get(str(one.get("previous_uri")))
        require(asked is not None, f"{one.get('message_id')} has the previous_uri {shown(one.get('previous_uri'))}")
        require(asked and asked.get("type") in UPDATED, f"a request_update is about a {asked and asked.get('type')}")


@check("WG1-02-6.3-01", needs=REGISTRATION)
async def no_status_of_a_message_is_misspelt(session: Session) -> None:
    """Five are defined."""
    found = await with_one(session)
    refuse(misspelt([str(one.get("status")) for one in found.every.values()], STATUSES), found.first)


@check("WG1-02-6.3-01", needs=REGISTRATION, level="SHOULD")
async def every_status_of_a_message_is_known(session: Session) -> None:
    """Others come from extensions."""
    found = await with_one(session)
    others = unknown([str(one.get("status")) for one in found.every.values()], STATUSES)
    require(not others, f"only an extension can define the status {', '.join(others)}", found.first)


@check("WG1-02-6.3-02", needs=REGISTRATION)
async def what_asks_for_nothing_is_complete(session: Session) -> None:
    """Notifications, private messages and submissions."""
    for one in (await with_one(session)).of_type("notification", "private_message", "client_submission"):
        refuse(differing(one, {"status": "complete"}, f"{one['type']} {one.get('message_id')}: "))


@check("WG1-02-6.3-13", needs=REGISTRATION)
async def a_status_occurs_only_with_the_types_that_it_is_for(session: Session) -> None:
    """Over all Messages of this run."""
    found = await with_one(session)
    for one in found.every.values():
        fitting = FOR_STATUS.get(str(one.get("status")), TYPES)
        fits = one.get("type") in fitting or one.get("type") not in TYPES
        require(fits, f"a {one.get('type')} has the status {one.get('status')}", found.first)


@check("WG1-02-6.4-01", needs=REGISTRATION)
async def no_related_type_is_misspelt(session: Session) -> None:
    """Fifteen are defined."""
    found = await with_one(session)
    refuse(misspelt(related_types(found), (*PUBLIC_TYPES, *API_TYPES)), found.first)


@check("WG1-02-6.4-01", needs=REGISTRATION, level="SHOULD")
async def every_related_type_is_known(session: Session) -> None:
    """Others come from extensions."""
    found = await with_one(session)
    others = unknown(related_types(found), (*PUBLIC_TYPES, *API_TYPES))
    require(not others, f"only an extension can define the related_type {', '.join(others)}", found.first)


@check("WG1-02-6.4-01", "WG1-02-6.4-03", needs=REGISTRATION)
async def related_objects_are_read_by_the_admin_alone(session: Session) -> None:
    """They are what related_type says; one of each is looked at."""
    found = await mailbox(session)
    kinds = {str(one.get("related_type")): one for one in found.every.values() if one.get("related_type") in API_TYPES}
    skip_unless(kinds, "none of our Messages leads to an object of the APIs")
    for kind, one in kinds.items():
        answer = await read(session, await session.as_admin(), one, "related_uri")
        require(MEMBER_OF[kind] in answer.object(), f"the related_uri of a {kind} has no {MEMBER_OF[kind]}", answer)
        answer = await session.wire.get(str(one["related_uri"]), NOBODY)
        require(answer.status == UNAUTHORIZED, f"without a token it is answered with {answer.status}, not 401", answer)


@check("WG1-02-6.7-02", needs=REGISTRATION)
async def attachments_have_a_media_type(session: Session) -> None:
    """Whatever it is."""
    found = await with_one(session)
    attachments = [one for message in found.every.values() for one in objects(message.get("attachments"))]
    skip_unless(attachments, "none of our Messages has an attachment")
    for one in attachments:
        require(is_media_type(one.get("mime_type")), f"mime_type is {shown(one.get('mime_type'))}", found.first)


@check("WG1-02-6.8-01", needs=TWO)
async def a_registration_lists_its_own_messages_alone(session: Session) -> None:
    """None is in two mailboxes."""
    own, other = await with_one(session), await mailbox(session, await session.second_registration())
    both = own.every.keys() & other.every.keys()
    require(not both, f"two registrations are shown the same Messages: {', '.join(sorted(both)[:3])}", other.first)


@check("WG1-02-6.8-02", needs=REGISTRATION)
async def a_listing_of_messages_has_its_nine_members(session: Session) -> None:
    """Always."""
    answer = (await mailbox(session)).first
    refuse_listing(answer)


@check("WG1-02-6.8-03", needs=REGISTRATION)
async def what_is_open_or_pending_is_outstanding(session: Session) -> None:
    """And nothing else is."""
    await posted(session, type="support_request", name="Conformance", description="Please ignore")
    await require_list(session, "outstanding", lambda one: one.get("status") in {"open", "pending"})


@check("WG1-02-6.8-04", needs=REGISTRATION)
async def what_is_not_read_is_unread(session: Session) -> None:
    """And nothing else is."""
    await require_list(session, "unread", lambda one: one.get("read") is False)


@check("WG1-02-6.8-05", needs=REGISTRATION)
async def what_is_read_is_among_the_read(session: Session) -> None:
    """And nothing else is."""
    await require_list(session, "read", lambda one: one.get("read") is True)


@check("WG1-02-6.8-06", needs=REGISTRATION)
async def the_pages_of_messages_end(session: Session) -> None:
    """Nothing before the first, nothing after the last, nothing twice."""
    found = await with_one(session)
    for name in LISTS:
        pages = found.pages[name]
        require(pages[0].object().get(f"{name}_previous") is None, f"{name} begins with a previous page", pages[0])
        uris = [one.get("uri") for one in found.list(name)]
        require(len(uris) == len(set(map(str, uris))), f"a Message comes twice in {name}", pages[-1])
        for page in pages[1:]:
            require(is_url(page.find(f"{name}_previous")), f"a later page of {name} has no previous one", page)


@check("WG1-02-6.8-07", "WG1-02-6.8-08", needs=REGISTRATION)
async def messages_are_filtered_by_their_ids(session: Session) -> None:
    """In each of the three lists."""
    every = list((await with_one(session)).every.values())
    wanted = {str(one["message_id"]) for one in every[:2]}
    found = await mailbox(session, filters={"message_ids": " ".join([*sorted(wanted), NO_SUCH_ID])})
    got = {str(one.get("message_id")) for one in found.every.values()}
    require(got == wanted, f"message_ids with {len(wanted)} ids lists {len(got)} Messages", found.first)
    nothing = await mailbox(session, filters={"message_ids": NO_SUCH_ID})
    require(not nothing.every, f"an unknown message_id lists {len(nothing.every)} Messages", nothing.first)


@check("WG1-02-6.8-08", needs=TWO)
async def the_ids_of_other_registrations_find_no_messages(session: Session) -> None:
    """As if they were unknown."""
    foreign = await posted(
        session, await session.second_registration(), type="private_message", name="a", description="b"
    )
    found = await mailbox(session, filters={"message_ids": str(foreign.get("message_id"))})
    require(not found.every, "a message_id of another registration finds its Message", found.first)


@check("WG1-02-6.8-09", needs=REGISTRATION)
async def a_link_to_further_messages_fills_its_own_list_alone(session: Session) -> None:
    """The two others are empty."""
    found = await mailbox(session)
    followed = [(name, page) for name in LISTS for page in found.pages[name][1:]]
    skip_unless(followed, "our registration has too few Messages for a second page")
    for name, page in followed:
        refuse_listing(page)
        for other in set(LISTS) - {name}:
            require(page.find(other) == [], f"{name}_next brings {other} as well", page)


@check("WG1-02-6.8-10", needs=REGISTRATION)
async def messages_are_sorted_by_their_last_change(session: Session) -> None:
    """The newest comes first in each list."""
    found = await with_one(session)
    for name in LISTS:
        times = [parse_datetime(one.get("modified")) for one in found.list(name)]
        known = [time for time in times if time]
        require(known == sorted(known, reverse=True), f"{name} is not sorted by modified, newest first", found.first)


@check("WG1-02-6.10-01", needs=TWO)
async def a_message_alone_is_the_one_of_the_listing(session: Session) -> None:
    """Nobody else sees it, and reading it changes nothing."""
    every = list((await with_one(session)).every.values())
    await require_single(session, every[:5], "uri", "message_id")
    await require_hidden(session, every[0], "uri", "message_id")
    after = (await mailbox(session)).every
    read_ones = [one for one in every[:5] if after.get(str(one.get("uri"))) != one]
    require(not read_ones, "a Message has changed because it was read")


async def with_one(session: Session) -> Mailbox:
    """Our Messages, of which there is one at least."""
    await first_mailbox(session)

    async def make() -> Document:
        return await posted(session, type="private_message", name="Conformance", description="Please ignore")

    await session.once("a message", make)
    return await mailbox(session)


async def require_list(session: Session, name: str, fits: Fits) -> None:
    """Raises: Violated: A list has something that does not belong there, or lacks something that does."""
    found = await with_one(session)
    listed = {str(one.get("uri")) for one in found.list(name)}
    belong = {uri for uri, one in found.every.items() if fits(one)}
    require(listed <= belong, f"{len(listed - belong)} Messages in {name} do not belong there", found.first)
    require(belong <= listed, f"{len(belong - listed)} Messages are missing in {name}", found.first)


async def of_a_step(session: Session, message: Document) -> bool:
    """Whether a Message came with the registration, and not later from somebody."""
    return str(message.get("uri")) in (await first_mailbox(session)).every


def refuse_listing(answer: Answer) -> None:
    """Raises: Violated: A listing of Messages lacks one of its nine members."""
    refuse(lacking(answer.object(), dict.fromkeys(LISTS, OBJECTS) | dict.fromkeys(LINKS, URL_OR_NULL)), answer)


def related_types(found: Mailbox) -> list[str]:
    """Every related_type of our Messages."""
    return [str(one["related_type"]) for one in found.every.values() if one.get("related_type") is not None]
