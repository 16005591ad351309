"""CDS-WG1-02 section 8.6: Grants as Clients modify them, as far as they do it to Grants without users."""

from typing import Final

from app.conformance.apis import (
    NO_SUCH_ID,
    OK,
    UNAUTHORIZED,
    listed,
    listing,
    read,
    refuse_order,
    require_done,
    require_refused,
    unchanged,
)
from app.conformance.checks import Need, Stage, Unavailable, check, refuse, require
from app.conformance.formats import parse_datetime
from app.conformance.session import ADMIN, Registration, Session
from app.conformance.shapes import differing, lacking
from app.conformance.suite.grants import ENDPOINT, GRANT, STATUSES, every_grant
from app.conformance.suite.registration import scopes_of
from app.conformance.suite.tokens import introspect
from app.conformance.wire import Answer, Caller, Document

REGISTRATION: Final = (Need.REGISTRATION,)


@check("WG1-02-8.6-02", needs=REGISTRATION, stage=Stage.CHANGE)
async def what_a_patch_of_a_grant_does_not_name_stays(session: Session) -> None:
    """All of it."""
    grant = await machine_grant(session)
    answer = await patch(session, grant, {})
    refuse(unchanged(grant, require_done(answer, OK, "an empty PATCH"), "modified"), answer)


@check("WG1-02-8.6-03", needs=REGISTRATION, stage=Stage.CHANGE)
async def a_client_sets_no_status_but_closed(session: Session) -> None:
    """400 for each other, and nothing comes of it."""
    grant = await machine_grant(session)
    wrong = {status: {"status": status} for status in STATUSES if status != "closed"}
    await require_refused(session, "PATCH", str(grant["uri"]), {**wrong, "bogus": {"status": "bogus"}})
    answer = await read(session, await session.as_admin(), grant)
    refuse(differing(answer.object(), {"status": grant.get("status")}), answer)


@check("WG1-02-8.6-04", needs=REGISTRATION, stage=Stage.CHANGE)
async def a_grant_gets_no_scope_that_its_client_object_does_not_have(session: Session) -> None:
    """400."""
    grant = await machine_grant(session)
    wrong = {"the scope of our admin": {"scope": ADMIN}, "an unknown scope": {"scope": NO_SUCH_ID}}
    await require_refused(session, "PATCH", str(grant["uri"]), wrong)


@check("WG1-02-8.6-07", needs=REGISTRATION, stage=Stage.CHANGE)
async def a_grant_gets_no_authorization_details_of_an_unknown_type(session: Session) -> None:
    """400."""
    grant = await machine_grant(session)
    wrong = {"an unknown type": {"authorization_details": [{"type": NO_SUCH_ID}]}}
    await require_refused(session, "PATCH", str(grant["uri"]), wrong)


@check("WG1-02-8.6-10", needs=REGISTRATION, stage=Stage.CHANGE)
async def wrong_values_of_a_grant_are_refused(session: Session) -> None:
    """400 for each."""
    grant = await machine_grant(session)
    wrong: dict[str, object] = {
        "a number as status": {"status": 5},
        "null as status": {"status": None},
        "a number as scope": {"scope": 5},
        "an array as scope": {"scope": [scopes_of(grant)]},
        "a text as authorization_details": {"authorization_details": "x"},
        "an object as authorization_details": {"authorization_details": {}},
        "a list instead of an object": [],
    }
    await require_refused(session, "PATCH", str(grant["uri"]), wrong)


@check("WG1-02-8.6-11", needs=REGISTRATION, stage=Stage.CHANGE)
async def what_cannot_be_modified_in_a_grant_is_ignored(session: Session) -> None:
    """200, and nothing comes of it."""
    grant = await machine_grant(session)
    body = {"client_id": "x", "expires": "2001-01-01T00:00:00Z", "enabled_scope": "", "conformance_unknown": 1}
    answer = await patch(session, grant, body)
    after = require_done(answer, OK, "a PATCH of members that cannot be modified")
    refuse(unchanged(grant, after, "modified"), answer)


@check("WG1-02-8.6-01", "WG1-02-8.6-12", "WG1-02-8.1-01", "WG1-02-8.2-12", needs=REGISTRATION, stage=Stage.CHANGE)
async def a_client_closes_a_grant_at_once(session: Session) -> None:
    """And gets it back as closed."""
    grant, answer, _ = await closed(session)
    after = require_done(answer, OK, "status closed")
    refuse([*lacking(after, GRANT), *differing(after, {"status": "closed"})], answer)
    refuse(differing(after, {name: grant[name] for name in ("grant_id", "client_id", "scope", "created")}), answer)
    again = await read(session, await session.as_admin(await apart(session)), grant)
    refuse(unchanged(after, again.object()), again)


@check("WG1-02-8.1-14", needs=REGISTRATION, stage=Stage.CHANGE)
async def a_closed_grant_has_nothing_enabled(session: Session) -> None:
    """An empty scope, and no authorization details."""
    _, answer, _ = await closed(session)
    after = require_done(answer, OK, "status closed")
    refuse(differing(after, {"enabled_scope": "", "enabled_authorization_details": []}), answer)


@check("WG1-02-8.2-16", needs=REGISTRATION, stage=Stage.CHANGE)
async def the_tokens_of_a_closed_grant_are_dead(session: Session) -> None:
    """Those from before."""
    _, answer, token = await closed(session)
    require_done(answer, OK, "status closed")
    own = await apart(session)
    said = await introspect(session, own.caller, token)
    require(said.find("active") is not True, "a token of a closed Grant is still active", said)


@check("WG1-02-8.2-16", needs=REGISTRATION, stage=Stage.SPOIL)
async def a_closed_grant_of_the_admin_opens_no_api(session: Session) -> None:
    """Its tokens are refused like any that is dead."""
    own = await apart(session)
    token = await session.token(own.caller, scope=ADMIN)
    grants = await listed(session, ENDPOINT, "grants", own)
    found = [one for one in grants if one.get("client_id") == own.client_id and one.get("status") == "active"]
    require(found, "our admin has no active Grant, and a token that works")
    url = await session.endpoint(ENDPOINT)
    for grant in found:
        await session.wire.ask("PATCH", str(grant["uri"]), Caller.bearer(token), json={"status": "closed"})
    answer = await session.wire.get(url, Caller.bearer(token))
    session.forget(f"token {own.client_id}")
    require(
        answer.status == UNAUTHORIZED, f"a token of a closed Grant is answered with {answer.status}, not 401", answer
    )


@check("WG1-02-8.1-04", "WG1-02-8.4-15", needs=REGISTRATION, stage=Stage.CHANGE)
async def a_changed_grant_is_the_first(session: Session) -> None:
    """With the time of its change."""
    grant, answer, _ = await closed(session)
    after = require_done(answer, OK, "status closed")
    was, now = parse_datetime(grant.get("modified")), parse_datetime(after.get("modified"))
    require(was and now and now >= was, "modified of a Grant went back when it was closed", answer)
    pages = await listing(session, ENDPOINT, await apart(session))
    refuse_order(pages, "grants")


async def machine_grant(session: Session) -> Document:
    """A Grant of our Client Object for machines, as it is now.

    Raises:
        Unavailable: It has none.
    """
    client = await session.machine_client()
    for grant in await every_grant(session):
        if grant.get("client_id") == client["client_id"] and grant.get("status") == "active":
            return (await read(session, await session.as_admin(), grant)).object()
    raise Unavailable("our Client Object for machines has no active Grant")


async def patch(session: Session, grant: Document, body: object, registration: Registration | None = None) -> Answer:
    """A PATCH of a Grant."""
    return await session.wire.ask("PATCH", str(grant["uri"]), await session.as_admin(registration), json=body)


async def apart(session: Session) -> Registration:
    """A registration of its own for what closes Grants."""

    async def make() -> Registration:
        machine = await session.machine_client()
        return await session.new_registration("for Grants that are closed", scopes_of(machine)[:1])

    return await session.once("grants apart", make)


async def closed(session: Session) -> tuple[Document, Answer, str]:
    """A Grant as it was, the answer to its closing, and a token from before."""

    async def make() -> tuple[Document, Answer, str]:
        own = await apart(session)
        client = await session.machine_client(own)
        token = await session.token(await session.caller_for(client, own), scope=scopes_of(client)[0])
        grants = await listed(session, ENDPOINT, "grants", own)
        found = [one for one in grants if one.get("client_id") == client["client_id"]]
        if not found:
            raise Unavailable("a token without a user has no Grant")
        return found[0], await patch(session, found[0], {"status": "closed"}, own), token

    return await session.once("closed grant", make)
