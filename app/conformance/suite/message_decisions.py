"""CDS-WG1-02 sections 6, 6.2, 6.3, 6.9 and 6.11 as far as the staff of the server takes part."""

import asyncio
import secrets
from typing import Final

from app.conformance.apis import CREATED, read, require_done
from app.conformance.checks import Need, Stage, check, refuse, require
from app.conformance.formats import objects, shown, strings
from app.conformance.mailbox import Mailbox, mailbox, post, posted, reread
from app.conformance.session import Registration, Session
from app.conformance.shapes import OBJECTS, TEXT, URL, differing, lacking, listed
from app.conformance.suite.message_creation import TEXTS, grant_request, require_refused_message
from app.conformance.suite.registration import scopes_of
from app.conformance.wire import Document

STAFFED: Final = (Need.REGISTRATION, Need.OPERATOR)
TWO: Final = (Need.REGISTRATION, Need.SECOND_REGISTRATION, Need.OPERATOR)
REASON: Final = "Conformance check: rejected on purpose"
POLLS: Final = 20
POLL_SECONDS: Final = 0.5
ASKED: Final = ("address", "insurer")
UPDATES: Final = [{"field": field, "name": f"Your {field}", "description": "Please tell us."} for field in ASKED]
SERVER_REQUEST: Final[Document] = {
    "type": "server_request",
    "name": "Conformance check",
    "description": "Please ignore",
    "updates_requested": UPDATES,
}


@check("WG1-02-6-01", needs=STAFFED, stage=Stage.CHANGE)
async def a_message_tells_when_a_client_object_is_suspended(session: Session) -> None:
    """And the Client cannot undo it."""
    own = await apart(session)
    client = await session.machine_client(own)
    before = await mailbox(session, own)
    await session.operator.suspend(str(client["client_id"]))
    after = await mailbox(session, own)
    await session.operator.reinstate(str(client["client_id"]))
    told = [one for one in new_ones(before, after) if one.get("related_uri") == client["cds_client_uri"]]
    require(told, "no Message tells that a Client Object was suspended", after.first)


@check("WG1-02-6.2-02", needs=TWO, stage=Stage.CHANGE)
async def news_reach_all_and_private_messages_one(session: Session) -> None:
    """As notification and as private_message."""
    own, other = await session.registration(), await session.second_registration()
    private, general = (f"Conformance {secrets.token_hex(4)}" for _ in range(2))
    message = {"type": "private_message", "name": private, "description": "Please ignore"}
    await session.operator.send_message(own.client_id, message)
    await session.operator.broadcast({"name": general, "description": "Please ignore"})
    for one in (own, other):
        found = await named(session, one, general)
        require(found, "a notification for all has not reached both of our registrations")
        refuse(differing(found[0], {"type": "notification", "status": "complete", "creator": None}))
    require(await named(session, own, private, wait=False), "a private_message has not reached its registration")
    require(not await named(session, other, private, wait=False), "a private_message has reached another registration")


@check("WG1-02-6.2-04", "WG1-02-6.3-07", "WG1-02-6.5-02", "WG1-02-6.1-06", needs=STAFFED, stage=Stage.CHANGE)
async def the_server_asks_for_fields_by_name(session: Session) -> None:
    """Open, unread, and with texts for whoever answers."""
    message = await asked(session)
    refuse(differing(message, {"type": "server_request", "status": "open", "read": False, "creator": None}))
    refuse(lacking(message, {"updates_requested": OBJECTS}))
    for update in objects(message["updates_requested"]):
        refuse(lacking(update, {"field": TEXT, "name": TEXT, "description": TEXT}, "updates_requested: "))
        require(update["name"] and update["description"], "a field that is asked for has an empty text")


@check("WG1-02-6.9-08", needs=STAFFED, stage=Stage.CHANGE)
async def a_submission_answers_the_fields_that_were_asked_for(session: Session) -> None:
    """And no others."""
    message = await asked(session)
    for what, updates in (
        ("for a field that was not asked for", [{"field": "another", "description": "x"}]),
        ("without an answer", [{"field": ASKED[0]}]),
        ("for no field", []),
    ):
        await require_refused_message(
            session,
            f"a client_submission {what}",
            type="client_submission",
            previous_uri=message["uri"],
            updates_requested=updates,
            name="",
            description="",
        )


@check("WG1-02-6.9-06", needs=STAFFED, stage=Stage.CHANGE)
async def a_submission_has_no_texts_of_its_own(session: Session) -> None:
    """Neither name nor description."""
    message = await asked(session)
    await require_refused_message(
        session,
        "a client_submission with a name",
        type="client_submission",
        previous_uri=message["uri"],
        updates_requested=answers(),
        name="A name",
        description="",
    )


@check(
    "WG1-02-6.9-03",
    "WG1-02-6.9-22",
    "WG1-02-6.9-24",
    "WG1-02-6.3-08",
    "WG1-02-6.5-03",
    needs=STAFFED,
    stage=Stage.CHANGE,
)
async def a_submission_makes_its_request_pending(session: Session) -> None:
    """With answers in words and by link."""
    uri = await session.operator.send_message((await session.registration()).client_id, SERVER_REQUEST)
    answer = await post(session, type="client_submission", previous_uri=uri, updates_requested=answers())
    message = require_done(answer, CREATED, "a client_submission")
    refuse(differing(message, {"status": "complete", "previous_uri": uri, "name": "", "description": ""}), answer)
    refuse(differing(await reread(session, {"uri": uri}), {"status": "pending"}, "server_request: "), answer)


@check("WG1-02-6.3-03", needs=STAFFED, stage=Stage.CHANGE)
async def a_request_for_support_ends_as_complete(session: Session) -> None:
    """With a request_update that says so."""
    message = await posted(session, type="support_request", **TEXTS)
    await require_told(session, message, "complete", "It is done.")


@check("WG1-02-6.3-11", needs=STAFFED, stage=Stage.CHANGE)
async def a_request_may_end_in_an_error(session: Session) -> None:
    """With a request_update that says so."""
    uri = await session.operator.send_message((await session.registration()).client_id, SERVER_REQUEST)
    await post(session, type="client_submission", previous_uri=uri, updates_requested=answers())
    await require_told(session, {"uri": uri}, "errored", "Something went wrong on our side.")


@check("WG1-02-6.9-26", "WG1-02-6.9-30", needs=STAFFED, stage=Stage.CHANGE)
async def the_server_asks_back_about_a_request(session: Session) -> None:
    """By a private_message that answers it."""
    request = require_done(await grant_request(session), CREATED, "a grant_request")
    own = await session.registration()
    question = {
        "type": "private_message",
        "name": "A question",
        "description": "Please ignore",
        "previous_uri": request["uri"],
    }
    uri = await session.operator.send_message(own.client_id, question)
    refuse(differing(await reread(session, {"uri": uri}), {"type": "private_message", "previous_uri": request["uri"]}))


@check("WG1-02-6.3-09", "WG1-02-6.3-10", "WG1-02-6.9-29", "WG1-02-6.9-31", needs=STAFFED, stage=Stage.CHANGE)
async def a_rejected_request_for_grants_says_why(session: Session) -> None:
    """As rejected, with the reason."""
    request = require_done(await grant_request(session), CREATED, "a grant_request")
    update = await require_told(session, request, "rejected", REASON)
    there = REASON in str(update.get("description"))
    require(there, f"the description of a rejection is {shown(update.get('description'))}, without the reason")


@check("WG1-02-6.3-05", "WG1-02-6.9-29", "WG1-02-6.9-31", needs=STAFFED, stage=Stage.CHANGE)
async def an_approved_request_for_grants_leads_to_them(session: Session) -> None:
    """By a listing of the Grants that were made."""
    own = await apart(session)
    client = await session.machine_client(own)
    wanted = {"scope": scopes_of(client)[0], "authorization_details": []}
    request = await posted(
        session, own, type="grant_request", related_uri=client["cds_client_uri"], grants_requested=[wanted], **TEXTS
    )
    update = await require_told(session, request, "complete", "", own)
    for one in (update, await reread(session, request, own)):
        refuse([*differing(one, {"related_type": "grant_list"}), *lacking(one, {"related_uri": URL})])
        answer = await read(session, await session.as_admin(own), one, "related_uri")
        grants = objects(answer.object().get("grants"))
        require(grants, "the listing that an approved grant_request leads to is empty", answer)
        for grant in grants:
            refuse(differing(grant, {"client_id": client["client_id"]}), answer)


@check("WG1-02-6.9-25", "WG1-02-6.9-28", "WG1-02-6.3-09", needs=STAFFED, stage=Stage.CHANGE)
async def a_rejected_request_for_production_changes_nothing(session: Session) -> None:
    """But says why."""
    own = await for_production(session, "for staying in the sandbox")
    client, request = await production_request(session, own)
    await require_told(session, request, "rejected", REASON, own)
    require(not await twins(session, own, client), "there is a production Client Object after a rejection")


@check("WG1-02-6.3-04", "WG1-02-6.9-25", "WG1-02-6.9-28", needs=STAFFED, stage=Stage.CHANGE)
async def an_approved_request_for_production_leads_to_its_client_object(session: Session) -> None:
    """Which has a Credential."""
    own = await for_production(session, "for going to production")
    client, request = await production_request(session, own)
    update = await require_told(session, request, "complete", "", own)
    for one in (update, await reread(session, request, own)):
        refuse([*differing(one, {"related_type": "client"}), *lacking(one, {"related_uri": URL})])
        answer = await read(session, await session.as_admin(own), one, "related_uri")
        options = strings(answer.object().get("cds_status_options"))
        require("production" in options, f"it leads to a Client Object with the options {options}", answer)
    found = await twins(session, own, client)
    require(found, "there is no production Client Object after an approval")
    if found[0].get("token_endpoint_auth_method") not in {None, "none"}:
        credentials = await session.credentials(str(found[0]["client_id"]), own)
        require(credentials, "the production Client Object has no Credential")


async def apart(session: Session) -> Registration:
    """A registration of its own for what the staff of the server does to it."""

    async def make() -> Registration:
        machine = await session.machine_client()
        return await session.new_registration("for what the staff of the server does", scopes_of(machine)[:1])

    return await session.once("staff apart", make)


async def for_production(session: Session, purpose: str) -> Registration:
    """A registration with a sandbox object for which production is requested; kept, one for each purpose."""

    async def make() -> Registration:
        client = await session.client_for(lambda one: "sandbox" in listed(one, "cds_status_options"), "of the sandbox")
        return await session.new_registration(purpose, scopes_of(client)[:1])

    return await session.once(purpose, make)


async def asked(session: Session) -> Document:
    """A server_request that nobody has answered."""

    async def make() -> Document:
        uri = await session.operator.send_message((await session.registration()).client_id, SERVER_REQUEST)
        return await reread(session, {"uri": uri})

    return await session.once("asked", make)


async def production_request(session: Session, own: Registration) -> tuple[Document, Document]:
    """A sandbox object, and a pending request to take it to production."""
    client = await session.client_for(lambda one: "sandbox" in listed(one, "cds_status_options"), "of the sandbox", own)
    for one in (await mailbox(session, own)).of_type("production_request"):
        if one.get("status") == "pending" and one.get("related_uri") == client["cds_client_uri"]:
            return client, one
    uri = client["cds_client_uri"]
    return client, await posted(session, own, type="production_request", related_uri=uri)


async def require_told(
    session: Session, request: Document, status: str, description: str, registration: Registration | None = None
) -> Document:
    """Have a request decided; what the request_update about it says.

    Raises:
        Violated: There is none, or it or the request has another status.
    """
    await session.operator.decide(str(request["uri"]), status, description)
    found = await mailbox(session, registration)
    updates = found.replies(request["uri"])
    require(updates, f"no request_update answers a request that was decided as {status}", found.first)
    refuse(differing(updates[0], {"status": status, "creator": None}, "request_update: "), found.first)
    refuse(differing(await reread(session, request, registration), {"status": status}, "the request: "), found.first)
    return updates[0]


async def named(session: Session, registration: Registration, name: str, *, wait: bool = True) -> list[Document]:
    """The Messages of that name; they may take a while to arrive."""
    for _ in range(POLLS if wait else 1):
        found = [one for one in (await mailbox(session, registration)).every.values() if one.get("name") == name]
        if found:
            return found
        if wait:
            await asyncio.sleep(POLL_SECONDS)
    return []


async def twins(session: Session, own: Registration, sandbox: Document) -> list[Document]:
    """The production objects for what a sandbox object is for."""
    return [
        client
        for client in await session.clients(own, anew=True)
        if scopes_of(client) == scopes_of(sandbox) and "production" in listed(client, "cds_status_options")
    ]


def answers() -> list[Document]:
    """What a client_submission answers, once in words and once by link."""
    return [
        {"field": ASKED[0], "description": "1 Conformance Street"},
        {"field": ASKED[1], "uri": "https://client.example/insurer"},
    ]


def new_ones(before: Mailbox, after: Mailbox) -> list[Document]:
    """The Messages of the server that have come."""
    return [one for uri, one in after.every.items() if uri not in before.every and one.get("creator") is None]
