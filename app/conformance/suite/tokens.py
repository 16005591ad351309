"""RFC 6749, 6750, 7009 and 7662 as far as CDS-WG1-02 builds on them: getting tokens, using and revoking them."""

import secrets
from typing import Final

from app.conformance.checks import Need, check, refuse, require, skip_unless
from app.conformance.formats import is_integer, shown
from app.conformance.session import ADMIN, Session, told
from app.conformance.shapes import TEXT, lacking
from app.conformance.subject import OK
from app.conformance.suite.metadata import CLIENT_ERRORS, is_json
from app.conformance.suite.registration import scopes_of, storable
from app.conformance.wire import NOBODY, Answer, Caller

TOKEN_ERRORS: Final = frozenset(
    {
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    }
)
BAD_REQUEST: Final = 400
UNAUTHORIZED: Final = 401
FORBIDDEN: Final = 403
ENOUGH_CHARACTERS: Final = 22
"""Of Base64: 128 bits."""

APIS: Final = ("cds_clients_api", "cds_messages_api", "cds_credentials_api", "cds_grants_api")
REGISTRATION: Final = (Need.REGISTRATION,)
TWO: Final = (Need.REGISTRATION, Need.SECOND_REGISTRATION)


@check("WG1-02-3.3.1-03", needs=REGISTRATION)
async def an_admin_token_opens_every_api(session: Session) -> None:
    """Client Objects, Messages, Credentials and Grants."""
    admin = await session.as_admin()
    for name in APIS:
        answer = await session.wire.get(await session.endpoint(name), admin)
        require(answer.status == OK, f"with an admin token {name} is answered with {answer.status}, not 200", answer)
        answer.object()


@check("RFC6749-2.3.1-01", needs=REGISTRATION)
async def the_token_endpoint_takes_http_basic(session: Session) -> None:
    """With the right secret, and only with that."""
    own = await session.registration()
    answer = await session.ask_token(own.caller, scope=ADMIN)
    require(answer.ok, f"with HTTP Basic a token request is answered with {answer.status}: {told(answer)}", answer)
    await refused_secret(session)


@check("RFC6749-3.2-01", needs=REGISTRATION)
async def the_token_endpoint_takes_post_alone_and_each_parameter_once(session: Session) -> None:
    """And does not mind parameters that it does not know."""
    own, url = await session.registration(), await session.endpoint("token_endpoint")
    query = {"grant_type": "client_credentials", "scope": ADMIN}
    answer = await session.wire.get(url, own.caller, params=query)
    require(answer.status in CLIENT_ERRORS, f"a GET is answered with {answer.status}, not 405", answer)
    twice = [*query.items(), ("scope", ADMIN)]
    answer = await session.wire.post(url, own.caller, form=twice)
    require(answer.status == BAD_REQUEST, f"with scope twice it is answered with {answer.status}, not 400", answer)
    require_error(answer, "invalid_request")
    answer = await session.ask_token(own.caller, scope=ADMIN, conformance_unknown="1")
    require(answer.ok, f"with an unknown parameter it is answered with {answer.status}: {told(answer)}", answer)


@check("RFC6749-4.4-01", needs=REGISTRATION)
async def nobody_gets_a_token_without_authenticating(session: Session) -> None:
    """Not even with a client_id alone."""
    own = await session.registration()
    for what, form in (("nothing", {}), ("a client_id alone", {"client_id": own.client_id})):
        answer = await session.ask_token(NOBODY, scope=ADMIN, **form)
        refused = answer.status in {BAD_REQUEST, UNAUTHORIZED}
        require(refused, f"with {what} a token request is answered with {answer.status}, not 401", answer)
        require_error(answer, "invalid_client", "invalid_request")


@check("RFC6749-4.4-02", needs=REGISTRATION)
async def client_credentials_bring_no_refresh_token(session: Session) -> None:
    """They are there to be used again."""
    answer = await token_answer(session)
    require("refresh_token" not in answer.object(), "the token response has a refresh_token", answer)


@check("RFC6749-5.1-01", needs=REGISTRATION)
async def a_token_response_has_what_it_needs(session: Session) -> None:
    """The token and its type; the scope when it is another one than was asked for."""
    answer = await token_answer(session)
    require(answer.status == OK, f"a token response has the status {answer.status}, not 200", answer)
    require(is_json(answer), f"its Content-Type is {shown(answer.media_type)}, not application/json", answer)
    refuse(lacking(answer.object(), {"access_token": TEXT, "token_type": TEXT}), answer)
    kind, expires, scope = (answer.find(name) for name in ("token_type", "expires_in", "scope"))
    require(str(kind).lower() == "bearer", f"token_type is {shown(kind)}, not bearer", answer)
    require(expires is None or (is_integer(expires) and expires > 0), f"expires_in is {shown(expires)}", answer)
    require(scope in {None, ADMIN}, f"scope is {shown(scope)}, not {ADMIN}", answer)


@check("RFC6749-5.1-01", needs=REGISTRATION, level="SHOULD")
async def a_token_response_says_when_the_token_expires(session: Session) -> None:
    """As recommended."""
    answer = await token_answer(session)
    require(answer.find("expires_in") is not None, "the token response has no expires_in", answer)


@check("RFC6749-5.1-02", needs=REGISTRATION)
async def nobody_stores_a_token_response(session: Session) -> None:
    """By two headers."""
    refuse(storable(answer := await token_answer(session)), answer)


@check("RFC6749-5.2-01", needs=REGISTRATION)
async def what_is_wrong_with_a_token_request_is_said_as_rfc_6749_has_it(session: Session) -> None:
    """400, JSON, and a registered error."""
    own, url = await session.registration(), await session.endpoint("token_endpoint")
    for form, errors in (
        ({}, ("invalid_request",)),
        ({"grant_type": "urn:example:unknown"}, ("unsupported_grant_type",)),
        ({"grant_type": "client_credentials", "scope": "no_such_scope"}, ("invalid_scope",)),
        (
            {"grant_type": "authorization_code", "code": "no-such-code"},
            ("invalid_grant", "unauthorized_client", "invalid_request", "unsupported_grant_type"),
        ),
    ):
        answer = await session.wire.post(url, own.caller, form=form)
        require(answer.status == BAD_REQUEST, f"{shown(form)} is answered with {answer.status}, not 400", answer)
        require_error(answer, *errors)


@check("RFC6749-5.2-02", needs=REGISTRATION)
async def a_wrong_secret_in_http_basic_is_challenged(session: Session) -> None:
    """401 and WWW-Authenticate with the same scheme."""
    answer = await refused_secret(session)
    require(answer.status == UNAUTHORIZED, f"a wrong secret is answered with {answer.status}, not 401", answer)
    require_challenge(answer, "basic")


@check("RFC6749-10.10-01", needs=REGISTRATION)
async def tokens_and_secrets_are_long_and_never_the_same(session: Session) -> None:
    """As far as that shows from outside."""
    own = await session.registration()
    tokens = [str((await token_answer(session)).find("access_token")) for _ in range(2)]
    require(tokens[0] != tokens[1], "two token requests give the same token")
    for what, value in (("access_token", tokens[0]), ("client_secret", own.client_secret)):
        require(len(value) >= ENOUGH_CHARACTERS, f"{what} has only {len(value)} characters", own.answer)


@check("RFC6750-2.1-01", "WG1-02-11.2-04", needs=REGISTRATION)
async def the_apis_take_a_bearer_token_in_the_header_however_it_is_spelt(session: Session) -> None:
    """Bearer or bearer."""
    token, url = await session.admin_token(), await session.endpoint("cds_clients_api")
    for scheme in ("Bearer", "bearer"):
        answer = await session.wire.get(url, Caller(f"{scheme} {token}"))
        require(answer.ok, f"with {scheme} in the header it is answered with {answer.status}", answer)


@check("WG1-02-11.2-04", needs=REGISTRATION)
async def the_apis_take_a_token_nowhere_but_in_the_header(session: Session) -> None:
    """Not in the query, where logs have it."""
    token, url = await session.admin_token(), await session.endpoint("cds_clients_api")
    answer = await session.wire.get(url, params={"access_token": token})
    require(answer.status == UNAUTHORIZED, f"with a token in the query it is answered with {answer.status}", answer)


@check("RFC6750-3-01", "WG1-02-11.2-04")
async def the_apis_challenge_whoever_comes_without_a_token(session: Session) -> None:
    """Each of them."""
    for name in APIS:
        answer = await session.wire.get(await session.endpoint(name))
        require(answer.status == UNAUTHORIZED, f"without a token {name} answers {answer.status}, not 401", answer)
        require_challenge(answer, "bearer")


@check("RFC6750-3-02")
async def the_challenge_to_whoever_has_no_token_names_no_error(session: Session) -> None:
    """There was none."""
    answer = await session.wire.get(await session.endpoint("cds_clients_api"))
    require("error=" not in challenge_of(answer), f"it says {shown(challenge_of(answer))}", answer)


@check("RFC6750-3.1-01")
async def a_bad_token_is_called_invalid(session: Session) -> None:
    """401 and invalid_token."""
    answer = await session.wire.get(await session.endpoint("cds_clients_api"), Caller.bearer(secrets.token_urlsafe(32)))
    require(answer.status == UNAUTHORIZED, f"a bad token is answered with {answer.status}, not 401", answer)
    require("invalid_token" in challenge_of(answer), f"it says {shown(challenge_of(answer))}", answer)


@check("RFC6750-3.1-02", needs=REGISTRATION)
async def a_token_for_something_else_is_not_enough(session: Session) -> None:
    """403 and insufficient_scope."""
    client = await session.machine_client()
    token = await session.token(await session.caller_for(client), scope=scopes_of(client)[0])
    answer = await session.wire.get(await session.endpoint("cds_clients_api"), Caller.bearer(token))
    require(answer.status == FORBIDDEN, f"a token for {client['scope']} is answered with {answer.status}", answer)
    require("insufficient_scope" in challenge_of(answer), f"it says {shown(challenge_of(answer))}", answer)


@check("WG1-02-3.2-05", "RFC7009-2.1-01", needs=REGISTRATION)
async def a_client_revokes_a_token_of_its_own(session: Session) -> None:
    """200, and it opens nothing any more."""
    own = await session.registration()
    token = await session.token(own.caller, scope=ADMIN)
    clients = await session.endpoint("cds_clients_api")
    answer = await revoke(session, own.caller, token)
    require(answer.status == OK, f"a revocation is answered with {answer.status}, not 200", answer)
    answer = await session.wire.get(clients, Caller.bearer(token))
    require(answer.status == UNAUTHORIZED, f"after its revocation a token is answered with {answer.status}", answer)


@check("RFC7009-2.1-01", needs=REGISTRATION)
async def nobody_revokes_without_authenticating(session: Session) -> None:
    """And nothing happens to the token."""
    answer = await revoke(session, NOBODY, token := await session.admin_token())
    refused = answer.status in {BAD_REQUEST, UNAUTHORIZED}
    require(refused, f"without authentication a revocation is answered with {answer.status}, not 401", answer)
    await require_alive(session, token)


@check("RFC7009-2.1-01", needs=TWO)
async def nobody_revokes_the_token_of_another_client(session: Session) -> None:
    """Whatever the answer, the token works on."""
    other = await session.second_registration()
    token = await session.admin_token()
    await revoke(session, other.caller, token)
    await require_alive(session, token)


@check("RFC7009-2.2-01", needs=REGISTRATION)
async def revoking_what_is_no_token_is_fine(session: Session) -> None:
    """Also twice."""
    own = await session.registration()
    token = await session.token(own.caller, scope=ADMIN)
    for what, value in (("an unknown token", "no-such-token"), ("a token", token), ("a revoked token", token)):
        answer = await revoke(session, own.caller, value)
        require(answer.status == OK, f"the revocation of {what} is answered with {answer.status}, not 200", answer)


@check("RFC7662-2.1-01", needs=REGISTRATION)
async def nobody_introspects_without_authenticating(session: Session) -> None:
    """401."""
    answer = await introspect(session, NOBODY, await session.admin_token())
    refused = answer.status in {BAD_REQUEST, UNAUTHORIZED}
    require(refused, f"without authentication an introspection is answered with {answer.status}, not 401", answer)


@check("WG1-02-3.2-06", "RFC7662-2.2-01", needs=REGISTRATION)
async def a_live_token_is_active(session: Session) -> None:
    """With its scope and Client Object."""
    own = await session.registration()
    answer = await introspect(session, own.caller, await session.admin_token())
    require(answer.status == OK, f"an introspection is answered with {answer.status}, not 200", answer)
    require(answer.object().get("active") is True, "a live token is not active", answer)
    scope, client_id = answer.find("scope"), answer.find("client_id")
    require(scope in {None, ADMIN}, f"its scope is {shown(scope)}, not {ADMIN}", answer)
    require(client_id in {None, own.client_id}, f"its client_id is {shown(client_id)}", answer)


@check("WG1-02-3.2-06", "RFC7662-2.2-02", needs=REGISTRATION)
async def an_unknown_or_revoked_token_is_not_active(session: Session) -> None:
    """200 all the same."""
    own = await session.registration()
    token = await session.token(own.caller, scope=ADMIN)
    await revoke(session, own.caller, token)
    for what, value in (("an unknown token", "no-such-token"), ("a revoked token", token)):
        await require_inactive(session, own.caller, value, what)


@check("RFC7662-2.2-02", needs=TWO)
async def the_token_of_another_registration_is_not_active(session: Session) -> None:
    """Nobody learns that it exists."""
    other = await session.second_registration()
    await require_inactive(session, other.caller, await session.admin_token(), "the token of somebody else")


async def token_answer(session: Session) -> Answer:
    """The answer to a token request of the admin.

    Raises:
        Skipped: It was refused; another check tells that.
    """
    answer = await session.ask_token((await session.registration()).caller, scope=ADMIN)
    skip_unless(answer.ok, f"the token endpoint answers {answer.status}: {told(answer)}")
    return answer


async def refused_secret(session: Session) -> Answer:
    """The answer to a token request with a wrong secret.

    Raises:
        Violated: It is not refused as one.
    """
    own = await session.registration()
    answer = await session.ask_token(Caller.client(own.client_id, secrets.token_urlsafe(32)), scope=ADMIN)
    refused = answer.status in {BAD_REQUEST, UNAUTHORIZED}
    require(refused, f"a wrong secret is answered with {answer.status}, not 401", answer)
    require_error(answer, "invalid_client")
    return answer


async def revoke(session: Session, caller: Caller, token: str) -> Answer:
    """Revoke a token (RFC 7009 2.1)."""
    return await session.wire.post(await session.endpoint("revocation_endpoint"), caller, form={"token": token})


async def introspect(session: Session, caller: Caller, token: str) -> Answer:
    """Introspect a token (RFC 7662 2.1)."""
    return await session.wire.post(await session.endpoint("introspection_endpoint"), caller, form={"token": token})


async def require_alive(session: Session, token: str) -> None:
    """Raises: Violated: The token does not open the Clients API any more."""
    answer = await session.wire.get(await session.endpoint("cds_clients_api"), Caller.bearer(token))
    if not answer.ok:
        session.forget("token ")
    require(answer.ok, f"afterwards the token is answered with {answer.status}", answer)


async def require_inactive(session: Session, caller: Caller, token: str, what: str) -> None:
    """Raises: Violated: An introspection says more about the token than that it is not active."""
    answer = await introspect(session, caller, token)
    require(answer.status == OK, f"{what} is answered with {answer.status}, not 200", answer)
    require(answer.object().get("active") is False, f"{what} is not said to be inactive", answer)


def require_error(answer: Answer, *errors: str) -> None:
    """Raises: Violated: The OAuth error of an answer is none of these."""
    error = answer.object().get("error")
    require(error in errors, f"the error is {shown(error)}, not {' or '.join(errors)}", answer)


def require_challenge(answer: Answer, scheme: str) -> None:
    """Raises: Violated: There is no WWW-Authenticate with that scheme."""
    challenge = challenge_of(answer)
    require(
        any(part.strip().startswith(scheme) for part in challenge.lower().split(",")),
        f"WWW-Authenticate is {shown(challenge)}, without {scheme}",
        answer,
    )


def challenge_of(answer: Answer) -> str:
    """WWW-Authenticate, or an empty string."""
    return str(answer.headers.get("www-authenticate", ""))
