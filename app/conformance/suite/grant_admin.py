"""CDS-WG1-02 sections 3.3.2 and 3.3.3 as far as they show without the server's staff: grant admin tokens."""

from typing import Final

from app.conformance.checks import Need, check, require, skip_unless
from app.conformance.formats import shown
from app.conformance.session import FILES, GRANT_ADMIN, Registration, Session
from app.conformance.suite.authorization_details import written
from app.conformance.suite.registration import scopes_of
from app.conformance.suite.tokens import BAD_REQUEST, UNAUTHORIZED
from app.conformance.wire import Answer, Caller, Document

REGISTRATION: Final = (Need.REGISTRATION,)
TWO: Final = (Need.REGISTRATION, Need.SECOND_REGISTRATION)


@check("WG1-02-3.3.2-08", needs=REGISTRATION)
async def only_the_client_object_of_grant_admin_asks_for_grant_admin_tokens(session: Session) -> None:
    """No other one of the registration."""
    scope = await grant_admin_scope(session)
    other = await session.machine_client()
    grant = {"type": scope, "client_id": str(other["client_id"]), "grant_id": "no-such-grant"}
    caller = await session.caller_for(other)
    answer = await session.ask_token(caller, scope=scope, authorization_details=written([grant]))
    require(answer.status == BAD_REQUEST, f"for {other['scope']} it is answered with {answer.status}, not 400", answer)


@check("WG1-02-3.3.2-09", "WG1-02-3.8-05", needs=REGISTRATION)
async def a_grant_admin_token_is_for_exactly_one_grant(session: Session) -> None:
    """Not for none, not for two, and never without naming it and its client."""
    scope, caller = await grant_admin_scope(session), await grant_admin(session)
    whole = {"type": scope, "client_id": "some-client", "grant_id": "some-grant"}
    for what, entries in (
        ("no authorization_details", []),
        ("two entries", [whole, whole]),
        ("another type", [{**whole, "type": "no_such_type"}]),
        ("no grant_id", [{name: value for name, value in whole.items() if name != "grant_id"}]),
        ("no client_id", [{name: value for name, value in whole.items() if name != "client_id"}]),
    ):
        await refused(session, caller, scope, entries, what)


@check("WG1-02-3.3.2-10", needs=TWO)
async def a_grant_admin_token_is_only_for_grants_that_have_that_scope(session: Session) -> None:
    """Not for one that does not exist, is of another client, or of a scope without grant admin access."""
    scope, caller = await grant_admin_scope(session), await grant_admin(session)
    own = await session.registration()
    grant, client_id = await some_grant(session, own)
    await refused(session, caller, scope, [entry(scope, client_id, "no-such-grant")], "a Grant that does not exist")
    await refused(session, caller, scope, [entry(scope, own.client_id, grant)], "the Grant of another Client Object")
    await refused(session, caller, scope, [entry(scope, client_id, grant)], "a Grant without grant admin access")
    other = await session.second_registration()
    grant, client_id = await some_grant(session, other)
    await refused(session, caller, scope, [entry(scope, client_id, grant)], "a Grant of somebody else")


@check("WG1-02-3.3.3-08", needs=REGISTRATION)
async def nobody_gets_a_token_for_files_directly(session: Session) -> None:
    """Only by way of grant admin."""
    scopes = await session.scopes()
    files = next((name for name, scope in scopes.items() if scope.get("type") == FILES), None)
    skip_unless(files, f"there is no scope of type {FILES}")
    own = await session.registration()
    for caller in (own.caller, await grant_admin(session)):
        answer = await session.ask_token(caller, scope=str(files))
        require(not answer.ok, f"a token request for {files} is answered with {answer.status}", answer)


async def grant_admin_scope(session: Session) -> str:
    """The grant admin scope of our registration.

    Raises:
        Skipped: It has none.
    """
    scopes = await session.scopes()
    own = scopes_of(await grant_admin_client(session))
    return next(scope for scope in own if scopes.get(scope, {}).get("type") == GRANT_ADMIN)


async def grant_admin_client(session: Session) -> Document:
    """The Client Object with a grant admin scope.

    Raises:
        Skipped: There is none.
    """
    types = {name: scope.get("type") for name, scope in (await session.scopes()).items()}
    return await session.client_for(
        lambda client: GRANT_ADMIN in {types.get(scope) for scope in scopes_of(client)}, "with a grant admin scope"
    )


async def grant_admin(session: Session) -> Caller:
    """That Client Object, for the token endpoint."""
    return await session.caller_for(await grant_admin_client(session))


async def some_grant(session: Session, registration: Registration) -> tuple[str, str]:
    """A Grant of a scope without grant admin access, made by asking for a token, and its Client Object.

    Raises:
        Skipped: There is none.
    """
    client = await session.machine_client(registration)
    client_id = str(client["client_id"])
    await session.token(await session.caller_for(client, registration), scope=scopes_of(client)[0])
    grants = await session.endpoint("cds_grants_api")
    answer = await session.wire.get(grants, await session.as_admin(registration), params={"client_ids": client_id})
    found = [grant for grant in answer.find("grants") or [] if isinstance(grant, dict) and grant.get("grant_id")]
    scope = (await session.scopes()).get(scopes_of(client)[0], {})
    skip_unless(found and scope.get("grant_admin_scope") is None, "there is no Grant without grant admin access")
    return str(found[0]["grant_id"]), client_id


async def refused(session: Session, caller: Caller, scope: str, entries: list[Document], what: str) -> Answer:
    """Raises: Violated: The request is not refused with 400 and an OAuth error."""
    form = {"authorization_details": written(entries)} if entries else {}
    answer = await session.ask_token(caller, scope=scope, **form)
    expected = answer.status in {BAD_REQUEST, UNAUTHORIZED}
    require(expected, f"{what} is answered with {answer.status}, not 400", answer)
    error = answer.object().get("error")
    require(isinstance(error, str), f"{what} is refused with the error {shown(error)}", answer)
    return answer


def entry(scope: str, client_id: str, grant_id: str) -> Document:
    """An authorization details entry for a Grant."""
    return {"type": scope, "client_id": client_id, "grant_id": grant_id}
