"""CDS-WG1-02 section 7.6: Credentials as they are modified, and what becomes of their tokens."""

import time
from dataclasses import dataclass
from typing import Final

from app.conformance.apis import (
    BAD_REQUEST,
    CREATED,
    OK,
    UNAUTHORIZED,
    listing,
    read,
    refuse_order,
    require_done,
    require_refused,
    server_time,
    unchanged,
)
from app.conformance.checks import Need, Stage, check, refuse, require, skip_unless
from app.conformance.formats import objects, parse_datetime, shown
from app.conformance.mailbox import mailbox, news
from app.conformance.session import Session, told
from app.conformance.shapes import differing
from app.conformance.suite.credentials import ENDPOINT, create, post
from app.conformance.suite.tokens import introspect
from app.conformance.wire import Answer, Caller, Document

REGISTRATION: Final = (Need.REGISTRATION,)
STAFFED: Final = (Need.REGISTRATION, Need.OPERATOR)
EXPIRY: Final = "client_secret_expires_at"
HOUR: Final = 3600


@dataclass(frozen=True, slots=True)
class Expired:
    """A Credential that was expired at once, and what was seen before and afterwards."""

    patch: Answer
    old_token: str
    other_token: str
    refused: Answer
    old: Answer
    other: Answer


@check("WG1-02-7.6-01", "WG1-02-7.6-07", needs=REGISTRATION, stage=Stage.CHANGE)
async def an_earlier_expiry_is_set_at_once(session: Session) -> None:
    """And answered with the Credential."""
    credential = await new(session)
    at = now() + HOUR
    answer = await patch(session, credential, {EXPIRY: at})
    after = require_done(answer, OK, f"an expiry in an hour ({at})")
    refuse(differing(after, {EXPIRY: at}), answer)
    refuse(unchanged(credential, after, EXPIRY, "modified"), answer)
    again = await read(session, await session.as_admin(), credential)
    refuse(unchanged(after, again.object()), again)


@check("WG1-02-7.6-02", needs=REGISTRATION, stage=Stage.CHANGE)
async def what_a_patch_of_a_credential_does_not_name_stays(session: Session) -> None:
    """All of it."""
    credential = await new(session)
    answer = await patch(session, credential, {})
    refuse(unchanged(credential, require_done(answer, OK, "an empty PATCH"), "modified"), answer)


@check("WG1-02-7.6-03", needs=REGISTRATION, stage=Stage.CHANGE)
async def an_expiry_moves_towards_the_present_alone(session: Session) -> None:
    """Neither past what it is, nor into the past."""
    credential = await new(session)
    at = now() + 2 * HOUR
    require_done(await patch(session, credential, {EXPIRY: at}), OK, f"an expiry in two hours ({at})")
    for what, value in (("the same", at), ("ten minutes from now", now() + 600)):
        require_done(await patch(session, credential, {EXPIRY: value}), OK, f"an expiry {what} ({value})")
    later = {"a later expiry": {EXPIRY: at + 1}, "0 after a time": {EXPIRY: 0}}
    past = {"an expiry an hour ago": {EXPIRY: now() - HOUR}}
    await require_refused(session, "PATCH", str(credential["uri"]), {**later, **past})


@check("WG1-02-7.6-04", needs=REGISTRATION, stage=Stage.CHANGE)
async def what_never_expires_gets_any_time_from_now_on(session: Session) -> None:
    """Or stays as it is."""
    credential = await new(session)
    skip_unless(credential.get(EXPIRY) == 0, "secrets of this server do expire")
    past = {"an expiry an hour ago": {EXPIRY: now() - HOUR}}
    await require_refused(session, "PATCH", str(credential["uri"]), past)
    require_done(await patch(session, credential, {EXPIRY: 0}), OK, "0 where it is 0")
    require_done(await patch(session, credential, {EXPIRY: now() + HOUR}), OK, "an expiry in an hour")


@check("WG1-02-7.6-05", needs=REGISTRATION, stage=Stage.CHANGE)
async def wrong_expiries_are_refused(session: Session) -> None:
    """400 for each."""
    credential = await new(session)
    wrong: dict[str, object] = {
        "a text": {EXPIRY: "tomorrow"},
        "null": {EXPIRY: None},
        "a negative number": {EXPIRY: -1},
        "true": {EXPIRY: True},
        "a list instead of an object": [],
    }
    await require_refused(session, "PATCH", str(credential["uri"]), wrong)


@check("WG1-02-7.6-06", "WG1-02-7.6-11", needs=REGISTRATION, stage=Stage.CHANGE)
async def what_cannot_be_modified_in_a_credential_is_ignored(session: Session) -> None:
    """Its secret above all."""
    credential = await new(session)
    body = {
        "client_secret": "conformance-chosen-secret-0123456789abcdef",
        "client_id": "another",
        "type": "x",
        "conformance_unknown": 1,
    }
    answer = await patch(session, credential, body)
    after = require_done(answer, OK, "a PATCH of members that cannot be modified")
    refuse(unchanged(credential, after, "modified"), answer)


@check("WG1-02-7.6-08", needs=REGISTRATION, stage=Stage.CHANGE)
async def an_expired_secret_gets_no_token(session: Session) -> None:
    """From the moment on at which it is expired."""
    seen = await expired(session)
    require_done(seen.patch, OK, "an expiry now")
    refused = seen.refused.status in {BAD_REQUEST, UNAUTHORIZED}
    problem = f"a token request with an expired client_secret is answered with {seen.refused.status}, not 401"
    require(refused, problem, seen.patch, seen.refused)
    require(seen.refused.find("error") == "invalid_client", f"it says {told(seen.refused)}", seen.refused)


@check("WG1-02-7.6-09", needs=REGISTRATION, stage=Stage.CHANGE)
async def the_tokens_of_an_expired_secret_are_dead_and_the_others_are_not(session: Session) -> None:
    """Of the same Client Object."""
    seen = await expired(session)
    require_done(seen.patch, OK, "an expiry now")
    problem = f"a token of an expired client_secret is answered with {seen.old.status}, not 401"
    require(seen.old.status == UNAUTHORIZED, problem, seen.patch, seen.old)
    require(seen.other.ok, f"a token of another client_secret is answered with {seen.other.status}", seen.other)
    own = await session.registration()
    answer = await introspect(session, own.caller, seen.old_token)
    require(answer.find("active") is not True, "a token of an expired client_secret is still active", answer)


@check("WG1-02-7.3-11", "WG1-02-7.3-12", needs=REGISTRATION, stage=Stage.CHANGE)
async def a_changed_credential_is_the_first_and_a_message_tells_of_it(session: Session) -> None:
    """With a link to it."""
    credential = await new(session)
    before = await mailbox(session)
    answer = await patch(session, credential, {EXPIRY: now() + HOUR})
    after = require_done(answer, OK, "an expiry in an hour")
    await news(session, before, "credential", credential["uri"])
    pages = await listing(session, ENDPOINT)
    refuse_order(pages, "credentials")
    first = objects(pages[0].find("credentials"))[0]
    tied = parse_datetime(first.get("modified")) == parse_datetime(after.get("modified"))
    require(tied, "a Credential that was changed is not the first of the listing", pages[0])


@check("WG1-02-7-02", "WG1-02-7.6-10", "WG1-02-7.6-12", needs=STAFFED, stage=Stage.CHANGE)
async def a_credential_that_the_server_ends_is_shown_as_ended(session: Session) -> None:
    """Its secret is of no use, and a Message tells of it."""
    credential = await new(session)
    before = await mailbox(session)
    await session.operator.expire_credential(str(credential["credential_id"]))
    answer = await read(session, await session.as_admin(), credential)
    expires = answer.object().get(EXPIRY)
    past = isinstance(expires, int) and 0 < expires <= server_time(answer).timestamp()
    require(past, f"{EXPIRY} is {shown(expires)} after the server has ended the Credential", answer)
    await news(session, before, "credential", credential["uri"])
    caller = Caller.client(str(credential["client_id"]), str(credential["client_secret"]))
    refused = await session.ask_token(caller)
    require(not refused.ok, f"the secret of a Credential that has ended is answered with {refused.status}", refused)


async def new(session: Session) -> Document:
    """A Credential of a Client Object that nothing else of the run depends on.

    Raises:
        Violated: It is not answered with 201.
    """
    client = await session.machine_client()
    return require_done(await post(session, {"client_id": client["client_id"]}), CREATED, "a new Credential")


async def patch(session: Session, credential: Document, body: object) -> Answer:
    """A PATCH of a Credential."""
    return await session.wire.ask("PATCH", str(credential["uri"]), await session.as_admin(), json=body)


async def expired(session: Session) -> Expired:
    """A Credential of our admin that was expired at once."""

    async def make() -> Expired:
        own = await session.registration()
        answer = await create(session)
        credential = require_done(answer, CREATED, "a new Credential")
        caller = Caller.client(own.client_id, str(credential["client_secret"]))
        token, other = await session.token(caller), await session.token(own.caller)
        patched = await patch(session, credential, {EXPIRY: int(server_time(answer).timestamp())})
        clients = await session.endpoint("cds_clients_api")
        return Expired(
            patched,
            token,
            other,
            await session.ask_token(caller),
            await session.wire.get(clients, Caller.bearer(token)),
            await session.wire.get(clients, Caller.bearer(other)),
        )

    return await session.once("expired", make)


def now() -> int:
    """Seconds since 1970. Clocks may differ by minutes, which is why no check of this counts on less than ten."""
    return int(time.time())
