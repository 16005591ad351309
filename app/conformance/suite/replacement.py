"""RFC 7592 section 2.2 and RFC 5789: how a PUT replaces a Client Object, and a PATCH changes all or nothing."""

import secrets
from typing import Final

from app.conformance.apis import OK, read, unchanged
from app.conformance.checks import Need, Skipped, Stage, check, refuse, require, skip_unless
from app.conformance.formats import shown
from app.conformance.session import Session, told
from app.conformance.shapes import differing
from app.conformance.suite.client_changes import URI, put, target
from app.conformance.suite.grant_changes import machine_grant, patch
from app.conformance.suite.registration import NO_SUCH_SCOPE
from app.conformance.suite.tokens import BAD_REQUEST, UNAUTHORIZED, require_challenge
from app.conformance.wire import Answer, Caller, Document

REGISTRATION: Final = (Need.REGISTRATION,)
REFUSED: Final = (BAD_REQUEST, UNAUTHORIZED)
FIELDS: Final = ("tos_uri", "policy_uri", "client_uri")
"""Members that are left out when they have no value; one of them can be changed without a review."""


@check("RFC7592-2.2-01", "RFC7592-2.2-05", "RFC7592-2.2-06", needs=REGISTRATION, stage=Stage.CHANGE)
async def a_put_replaces_the_whole_client_object(session: Session) -> None:
    """What it leaves out is gone, what is null as well, and the answer is what is stored."""
    client = await target(session)
    for what in ("left out", "null"):
        field, before = await with_page(session, client)
        body = {name: value for name, value in before.items() if name != field}
        answer = await put_body(session, client, body if what == "left out" else {**body, field: None})
        problem = f"a PUT with {field} {what} is answered with {answer.status}: {told(answer)}"
        require(answer.status == OK, problem, answer)
        value = answer.object().get(field)
        require(value != before[field], f"{field} is {what} and stays {shown(value)}", answer)
        stored = await read(session, await session.as_admin(), client, URI)
        refuse(unchanged(answer.object(), stored.object()), answer, stored)


@check("RFC7592-2.2-06", needs=REGISTRATION, stage=Stage.CHANGE)
async def what_is_wrong_with_a_put_is_answered_with_400(session: Session) -> None:
    """And an error that a program can read."""
    answer = await put(session, await target(session), contacts="no list")
    require(answer.status == BAD_REQUEST, f"contacts that are no list are answered with {answer.status}", answer)
    answer.object()


@check("RFC7592-2.2-02", needs=REGISTRATION, stage=Stage.CHANGE)
async def a_put_for_another_client_id_is_refused(session: Session) -> None:
    """And changes nothing."""
    client = await target(session)
    await refused_put(session, client, {"client_id": f"{client['client_id']}-other"}, "another client_id")


@check("RFC7592-2.2-03", needs=REGISTRATION, stage=Stage.CHANGE)
async def a_put_may_send_back_what_it_was_given(session: Session) -> None:
    """The time of issue as well; another one has no effect."""
    client = await target(session)
    answer = await put(session, client)
    require(answer.ok, f"a PUT of the object as it is, is answered with {answer.status}: {told(answer)}", answer)
    issued = client.get("client_id_issued_at")
    answer = await put(session, client, client_id_issued_at=1)
    stored = await read(session, await session.as_admin(), client, URI)
    refuse(differing(stored.object(), {"client_id_issued_at": issued}), answer, stored)


@check("RFC7592-2.2-04", needs=REGISTRATION, stage=Stage.CHANGE)
async def nobody_chooses_a_secret_with_a_put(session: Session) -> None:
    """It is refused, and the secret stays."""
    client = await target(session)
    await session.caller_for(client)
    credentials = await session.credentials(str(client["client_id"]))
    await refused_put(session, client, {"client_secret": secrets.token_urlsafe(32)}, "another client_secret")
    after = await session.credentials(str(client["client_id"]))
    kept = [one.get("client_secret") for one in after] == [one.get("client_secret") for one in credentials]
    require(kept, "the secrets of the Client Object have changed")


@check("RFC7592-2.2-07", needs=REGISTRATION, stage=Stage.USE)
async def a_put_with_a_bad_token_is_challenged(session: Session) -> None:
    """401."""
    client = await target(session)
    answer = await session.wire.ask("PUT", str(client[URI]), Caller.bearer("no-such-token"), json=client)
    require(answer.status == UNAUTHORIZED, f"a PUT with a bad token is answered with {answer.status}, not 401", answer)
    require_challenge(answer, "bearer")


@check("RFC5789-2-01", needs=REGISTRATION, stage=Stage.CHANGE)
async def a_patch_is_applied_as_a_whole_or_not_at_all(session: Session) -> None:
    """One good member and a bad one: nothing."""
    grant = await machine_grant(session)
    answer = await patch(session, grant, {"status": "closed", "scope": NO_SUCH_SCOPE})
    skip_unless(not answer.ok, f"whoever closes a Grant may say anything about its scope: {answer.status}")
    require(answer.status == BAD_REQUEST, f"it is answered with {answer.status}, not 400", answer)
    after = await read(session, await session.as_admin(), grant)
    refuse(unchanged(grant, after.object()), answer, after)


async def with_page(session: Session, client: Document) -> tuple[str, Document]:
    """The name of a member that has a value now, and the Client Object with it.

    Raises:
        Skipped: The server takes none of them, or reviews each.
    """
    for field in FIELDS:
        answer = await put(session, client, **{field: f"https://client.example/{secrets.token_hex(4)}"})
        if answer.status == OK and answer.object().get(field):
            return field, answer.object()
    raise Skipped(f"none of {', '.join(FIELDS)} can be set without a review")


async def put_body(session: Session, client: Document, body: Document) -> Answer:
    """A PUT of that body."""
    return await session.wire.ask("PUT", str(client[URI]), await session.as_admin(), json=body)


async def refused_put(session: Session, client: Document, changes: Document, what: str) -> None:
    """Raises: Violated: A PUT with these changes is accepted, or changes something."""
    before = await read(session, await session.as_admin(), client, URI)
    answer = await put_body(session, client, {**before.object(), **changes})
    require(answer.status in REFUSED, f"a PUT with {what} is answered with {answer.status}, not 400", answer)
    after = await read(session, await session.as_admin(), client, URI)
    refuse(unchanged(before.object(), after.object()), answer, after)
