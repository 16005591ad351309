"""CDS-WG1-02 section 8.3, and the defaults of 5.1, as far as they show before a user decides."""

from typing import Final
from urllib.parse import parse_qs, urlsplit

from app.conformance.apis import CREATED
from app.conformance.checks import Need, Skipped, Stage, check, require
from app.conformance.formats import shown
from app.conformance.session import Session, told
from app.conformance.suite.pushed_requests import REDIRECTS, asker, authorize, is_error, push
from app.conformance.wire import Answer

REGISTRATION: Final = (Need.REGISTRATION,)
UNSUITABLE: Final = "cds_grant_id_invalid_value"
NO_GRANT: Final = "conformance-no-such-grant"
STATE: Final = "conformance 1&2"


@check("WG1-02-8.3-05", needs=REGISTRATION)
async def an_unsuitable_grant_is_refused_before_anybody_signs_in(session: Session) -> None:
    """By a redirect with its error and the state."""
    own = await asker(session)
    answer = await authorize(session, **own.form(cds_grant_id=NO_GRANT, state=STATE))
    require_sent_back(answer, own.redirect_uri, UNSUITABLE, state=STATE)


@check("WG1-02-8.3-06", needs=REGISTRATION)
async def other_parameters_are_looked_at_before_the_grant(session: Session) -> None:
    """A bad scope is told of, and a bad redirect URI leads nowhere."""
    own = await asker(session)
    answer = await authorize(session, **own.form(cds_grant_id=NO_GRANT, scope="no_such_scope"))
    require_sent_back(answer, own.redirect_uri, "invalid_scope")
    attacker = "https://attacker.example/"
    answer = await authorize(session, **own.form(cds_grant_id=NO_GRANT, redirect_uri=attacker))
    sent = str(answer.headers.get("location", "")).startswith(attacker)
    require(not sent, f"the user is sent to {attacker}, which is not registered", answer)


@check("WG1-02-8.3-07", needs=REGISTRATION)
async def an_empty_grant_id_is_none(session: Session) -> None:
    """The request goes on as if it were not there."""
    own = await asker(session)
    form = [*own.form().items(), ("cds_grant_id", "")]
    answer = await authorize_with(session, form)
    require(not is_error(answer), f"an empty cds_grant_id is refused with {shown(error_of(answer))}", answer)


@check("WG1-02-8.3-08", needs=REGISTRATION)
async def only_one_grant_can_be_authorized_at_a_time(session: Session) -> None:
    """Two are refused; an empty one does not count."""
    own = await asker(session)
    two = [*own.form().items(), ("cds_grant_id", NO_GRANT), ("cds_grant_id", f"{NO_GRANT}-two")]
    answer = await authorize_with(session, two)
    require(is_error(answer), f"two cds_grant_id are answered with {answer.status}, not with an error", answer)


@check("WG1-02-8.3-04", needs=REGISTRATION)
async def grant_and_prompt_can_be_pushed(session: Session) -> None:
    """And count like those of a plain request."""
    own = await asker(session)
    answer = await push(session, own, None, cds_grant_id=NO_GRANT, prompt="login", state=STATE)
    if answer.find("error") == UNSUITABLE:
        raise Skipped("the server refuses an unsuitable cds_grant_id when it is pushed already")
    require(
        answer.status == CREATED, f"cds_grant_id and prompt are answered with {answer.status}: {told(answer)}", answer
    )
    used = await authorize(session, client_id=own.client_id, request_uri=str(answer.find("request_uri")))
    require_sent_back(used, own.redirect_uri, UNSUITABLE, state=STATE)


@check("WG1-02-5.1-18", needs=REGISTRATION)
async def a_request_without_a_scope_is_for_the_default(session: Session) -> None:
    """It is accepted."""
    await require_accepted(session, "scope")


@check("WG1-02-5.1-20", needs=REGISTRATION)
async def a_request_without_a_redirect_uri_goes_to_the_default(session: Session) -> None:
    """As its errors show."""
    await require_accepted(session, "redirect_uri")
    own = await asker(session)
    client = await session.user_client()
    answer = await authorize(session, **own.form(redirect_uri="", cds_grant_id=NO_GRANT))
    require_sent_back(answer, str(client.get("cds_default_redirect_uri")), UNSUITABLE)


@check("WG1-02-5.1-22", needs=REGISTRATION)
async def a_request_without_authorization_details_is_for_the_default(session: Session) -> None:
    """It is accepted."""
    await require_accepted(session, "authorization_details")


@check("WG1-02-5.2-04", needs=REGISTRATION, stage=Stage.SPOIL)
async def users_are_not_asked_for_a_disabled_client_object(session: Session) -> None:
    """There is an error instead."""
    client, own = await session.user_client(), await asker(session)
    admin, uri = await session.as_admin(), str(client["cds_client_uri"])
    now = (await session.wire.get(uri, admin)).object()
    answer = await session.wire.ask("PUT", uri, admin, json={**now, "cds_status": "disabled"})
    require(answer.ok, f"cds_status disabled is answered with {answer.status}: {told(answer)}", answer)
    asked = await authorize(session, **own.form())
    await session.wire.ask("PUT", uri, admin, json={**now, "cds_status": now.get("cds_status")})
    session.forget(f"caller {client['client_id']}")
    require(is_error(asked), f"an authorization for a disabled Client Object is answered with {asked.status}", asked)


async def require_accepted(session: Session, left_out: str) -> None:
    """Raises: Violated: A pushed request without a parameter is refused."""
    own = await asker(session)
    answer = await push(session, own, None, **{left_out: ""})
    require(answer.status == CREATED, f"without {left_out} it is answered with {answer.status}: {told(answer)}", answer)


async def authorize_with(session: Session, pairs: list[tuple[str, str]]) -> Answer:
    """Open the authorization endpoint with parameters that may come twice."""
    endpoint = await session.endpoint("authorization_endpoint")
    return await session.wire.get(endpoint, params=pairs, headers={"Accept": "text/html"})


def require_sent_back(answer: Answer, redirect_uri: str, error: str, state: str | None = None) -> None:
    """Raises: Violated: The browser is not sent back to the Client with that error."""
    location = str(answer.headers.get("location", ""))
    back = answer.status in REDIRECTS and location.startswith(redirect_uri)
    require(back, f"it is answered with {answer.status}, not with a redirect to {redirect_uri}", answer)
    found = error_of(answer)
    require(found == error, f"the error is {shown(found)}, not {error}", answer)
    if state is not None:
        there = parse_qs(urlsplit(location).query).get("state")
        require(there == [state], f"state is {shown(there)}, not {shown(state)}", answer)


def error_of(answer: Answer) -> str:
    """The error with which a browser is sent back."""
    return parse_qs(urlsplit(str(answer.headers.get("location", ""))).query).get("error", [""])[0]
