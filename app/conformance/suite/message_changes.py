"""CDS-WG1-02 section 6.11: Messages as they are modified."""

from typing import Final

from app.conformance.apis import OK, read, require_done, require_refused, unchanged
from app.conformance.checks import Need, check, refuse, require
from app.conformance.mailbox import mailbox, posted
from app.conformance.session import Session
from app.conformance.shapes import differing
from app.conformance.wire import Answer, Document

REGISTRATION: Final = (Need.REGISTRATION,)


@check("WG1-02-6.11-01", "WG1-02-6.11-10", needs=REGISTRATION)
async def a_patch_is_applied_at_once(session: Session) -> None:
    """And answered with the Message."""
    message = await own_message(session)
    answer = await patch(session, message, {"read": False})
    after = require_done(answer, OK, "a PATCH of read")
    refuse(differing(after, {"read": False}), answer)
    again = await read(session, await session.as_admin(), message)
    refuse(unchanged(after, again.object()), again)


@check("WG1-02-6.11-02", needs=REGISTRATION)
async def what_a_patch_does_not_name_stays(session: Session) -> None:
    """With nothing at all, and with one member."""
    message = await own_message(session)
    for body in ({}, {"read": False}, {"read": True}):
        answer = await patch(session, message, body)
        after = require_done(answer, OK, f"a PATCH of {body}")
        refuse(unchanged(message, after, "modified", "read"), answer)


@check("WG1-02-6.11-03", "WG1-02-6.8-05", "WG1-02-6.8-04", needs=REGISTRATION)
async def a_message_is_marked_as_read_and_as_unread(session: Session) -> None:
    """And is in the list that says so."""
    message = await own_message(session)
    for value, here, gone in ((False, "unread", "read"), (True, "read", "unread")):
        answer = await patch(session, message, {"read": value})
        refuse(differing(require_done(answer, OK, f"read {value}"), {"read": value}), answer)
        found = await mailbox(session)
        uris = {name: {one.get("uri") for one in found.list(name)} for name in (here, gone)}
        require(message["uri"] in uris[here], f"after read {value} a Message is not in {here}", found.first)
        require(message["uri"] not in uris[gone], f"after read {value} a Message is still in {gone}", found.first)


@check("WG1-02-6.11-08", needs=REGISTRATION)
async def wrong_values_of_a_message_are_refused(session: Session) -> None:
    """400 for each."""
    message = await own_message(session)
    wrong = {"a text as read": {"read": "yes"}, "null as read": {"read": None}, "a number": {"read": 1}, "a list": []}
    await require_refused(session, "PATCH", str(message["uri"]), wrong)


@check("WG1-02-6.11-09", needs=REGISTRATION)
async def what_cannot_be_modified_in_a_message_is_ignored(session: Session) -> None:
    """200, and nothing comes of it."""
    message = await own_message(session)
    body = {
        "status": "pending",
        "name": "another one",
        "creator": None,
        "conformance_unknown": 1,
        "type": "notification",
    }
    answer = await patch(session, message, body)
    after = require_done(answer, OK, "a PATCH of members that cannot be modified")
    refuse(unchanged(message, after, "modified"), answer)


async def own_message(session: Session) -> Document:
    """A Message of ours, as it is now."""

    async def make() -> Document:
        return await posted(session, type="private_message", name="To be patched", description="Please ignore")

    message = await session.once("patched message", make)
    return (await read(session, await session.as_admin(), message)).object()


async def patch(session: Session, message: Document, body: object) -> Answer:
    """A PATCH of a Message."""
    return await session.wire.ask("PATCH", str(message["uri"]), await session.as_admin(), json=body)
