"""RFC 9126, 7636 and 6749 section 4.1 as far as they show without a user: authorization requests."""

import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from urllib.parse import parse_qs, urlsplit

from app.conformance.checks import Need, Skipped, check, refuse, require, skip_unless
from app.conformance.formats import is_integer, shown, strings
from app.conformance.session import Session, told
from app.conformance.shapes import INTEGER, TEXT, lacking
from app.conformance.suite.metadata import is_json
from app.conformance.suite.registration import scopes_of
from app.conformance.suite.tokens import BAD_REQUEST, UNAUTHORIZED, require_error
from app.conformance.wire import NOBODY, Answer, Caller

CREATED: Final = 201
REDIRECTS: Final = range(300, 400)
REGISTRATION: Final = (Need.REGISTRATION,)
TWO: Final = (Need.REGISTRATION, Need.SECOND_REGISTRATION)
REFUSED: Final = ("invalid_request", "invalid_redirect_uri", "invalid_request_object", "access_denied")
STATE: Final = "a b&c=d/e?f%20é"


@dataclass(frozen=True, slots=True)
class Asker:
    """A sandbox Client Object that may ask users, and how."""

    client_id: str
    redirect_uri: str
    scope: str
    caller: Caller
    secret: bool
    """Whether it authenticates with one."""

    def form(self, **changes: str) -> dict[str, str]:
        """A valid authorization request; empty values take a parameter away."""
        usual = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": self.scope,
            "state": "conformance",
            "code_challenge": challenge(secrets.token_urlsafe(48)),
            "code_challenge_method": "S256",
        }
        return {name: value for name, value in (usual | changes).items() if value}


@check("WG1-02-3.2-10", "RFC9126-2.2-01", needs=REGISTRATION)
async def a_pushed_request_is_answered_with_a_request_uri(session: Session) -> None:
    """201, JSON and how long it lives."""
    answer = await push(session, await asker(session))
    require(answer.status == CREATED, f"a pushed request is answered with {answer.status}: {told(answer)}", answer)
    require(is_json(answer), f"its Content-Type is {shown(answer.media_type)}, not application/json", answer)
    refuse(lacking(answer.object(), {"request_uri": TEXT, "expires_in": INTEGER}), answer)
    lives = answer.object()["expires_in"]
    require(is_integer(lives) and lives > 0, f"expires_in is {shown(lives)}", answer)


@check("RFC9126-2.2-01", needs=REGISTRATION, level="SHOULD")
async def nobody_stores_the_answer_to_a_pushed_request(session: Session) -> None:
    """As the example has it."""
    answer = await pushed(session, await asker(session))
    control = str(answer.headers.get("cache-control", ""))
    require("no-store" in control, f"Cache-Control is {shown(control)}, without no-store", answer)


@check("RFC9126-2.1-01", needs=REGISTRATION)
async def a_pushed_request_needs_authentication_and_names_no_request_uri(session: Session) -> None:
    """401 without a secret where there is one, 400 with a request_uri."""
    own = await asker(session)
    if own.secret:
        answer = await push(session, own, NOBODY)
        refused = answer.status in {BAD_REQUEST, UNAUTHORIZED}
        require(refused, f"without authentication a pushed request is answered with {answer.status}", answer)
        require_error(answer, "invalid_client", "invalid_request")
    answer = await push(session, own, request_uri="urn:ietf:params:oauth:request_uri:abc")
    require(answer.status == BAD_REQUEST, f"with a request_uri it is answered with {answer.status}, not 400", answer)


@check("RFC9126-2.1-02", needs=REGISTRATION)
async def a_pushed_request_is_looked_at_at_once(session: Session) -> None:
    """An unknown scope and a redirect URI that is not registered are refused with 400."""
    own = await asker(session)
    for what, change, errors in (
        ("an unknown scope", {"scope": "no_such_scope"}, ("invalid_scope",)),
        ("an unregistered redirect_uri", {"redirect_uri": "https://attacker.example/"}, REFUSED),
        ("an unknown response_type", {"response_type": "nonsense"}, ("unsupported_response_type", "invalid_request")),
    ):
        answer = await push(session, own, None, **change)
        require(answer.status == BAD_REQUEST, f"{what} is answered with {answer.status}, not 400", answer)
        require_error(answer, *errors)


@check("RFC9126-2.2-02", needs=TWO)
async def a_request_uri_is_for_the_client_that_pushed_it(session: Session) -> None:
    """Nobody else gets a user asked with it, and no two are the same."""
    own, other = await asker(session), await session.user_client(await session.second_registration())
    first = str((await pushed(session, own)).find("request_uri"))
    second = str((await pushed(session, own)).find("request_uri"))
    require(first != second, "two pushed requests have the same request_uri")
    foreign = await authorize(session, client_id=str(other["client_id"]), request_uri=first)
    rightful = await authorize(session, client_id=own.client_id, request_uri=second)
    skip_unless(not is_error(rightful), "the authorization endpoint refuses the rightful client as well")
    same = foreign.status == rightful.status and not is_error(foreign)
    require(not same, "another Client Object can use a request_uri", foreign, rightful)


@check("RFC7636-4.3-01", needs=REGISTRATION)
async def a_code_challenge_without_a_method_is_refused(session: Session) -> None:
    """It would be a plain one."""
    await refused_challenge(session, code_challenge_method="")


@check("WG1-02-3.4-13", needs=REGISTRATION)
async def a_plain_code_challenge_is_refused(session: Session) -> None:
    """Said to be one, or by default."""
    await refused_challenge(session, code_challenge_method="plain")
    await refused_challenge(session, code_challenge_method="")


@check("WG1-02-3.4-11", needs=REGISTRATION)
async def only_public_clients_come_without_a_secret(session: Session) -> None:
    """Nobody else redeems a code without one."""
    own = await asker(session)
    skip_unless(own.secret, "our Client Object is a public one, which has no secret")
    form = {"grant_type": "authorization_code", "client_id": own.client_id, "redirect_uri": own.redirect_uri}
    answer = await session.ask_token(NOBODY, **form, code="no-such-code", code_verifier="a" * 43)
    refused = answer.status in {BAD_REQUEST, UNAUTHORIZED}
    require(refused, f"without a secret it is answered with {answer.status}, not 401", answer)
    require_error(answer, "invalid_client", "invalid_request")


@check("RFC6749-3.1.2-01", needs=REGISTRATION)
async def nobody_is_sent_to_a_redirect_uri_that_is_not_registered(session: Session) -> None:
    """Nor to one that only begins alike, nor for a client that does not exist."""
    own = await asker(session)
    for change in (
        {"redirect_uri": "https://attacker.example/"},
        {"redirect_uri": f"{own.redirect_uri}/more"},
        {"client_id": "no-such-client", "redirect_uri": "https://attacker.example/"},
    ):
        answer = await authorize(session, **own.form(**change))
        target = change["redirect_uri"]
        sent = answer.headers.get("location", "").startswith(target)
        require(not sent, f"the user is sent to {target}, which is not registered", answer)
        refused = not answer.ok or "html" in answer.media_type
        require(refused, f"it is answered with {answer.status}, not with a page", answer)


@check("RFC6749-4.1.2-03", "RFC6749-4.1.1-01", needs=REGISTRATION)
async def errors_go_back_to_the_client_with_its_state(session: Session) -> None:
    """An unknown response type or scope, once the redirect URI is known to be right."""
    own = await asker(session)
    for change, errors in (
        ({"response_type": "nonsense"}, {"unsupported_response_type", "invalid_request"}),
        ({"scope": "no_such_scope"}, {"invalid_scope"}),
    ):
        answer = await authorize(session, **own.form(state=STATE, **change))
        location = answer.headers.get("location", "")
        if answer.ok or not location.startswith(own.redirect_uri):
            asks = "the server asks the user something before it looks at the request"
            require(answer.ok or answer.status in REDIRECTS, f"it is answered with {answer.status}", answer)
            raise Skipped(asks)
        query = parse_qs(urlsplit(location).query)
        error = query.get("error", [""])[0]
        require(error in errors, f"the error is {shown(error)}, not {' or '.join(sorted(errors))}", answer)
        require(query.get("state") == [STATE], f"state is {shown(query.get('state'))}, not {shown(STATE)}", answer)


async def asker(session: Session) -> Asker:
    """A Client Object that may ask users.

    Raises:
        Skipped: There is none.
    """
    client = await session.user_client()
    uris = strings(client.get("redirect_uris"))
    skip_unless(uris, "the Client Object that users authorize has no redirect_uris")
    return Asker(
        str(client["client_id"]),
        uris[0],
        scopes_of(client)[0],
        await session.caller_for(client),
        client.get("token_endpoint_auth_method") not in {None, "none"},
    )


async def push(session: Session, own: Asker, caller: Caller | None = None, **changes: str) -> Answer:
    """Push an authorization request."""
    endpoint = await session.endpoint("pushed_authorization_request_endpoint")
    answer = await session.wire.post(endpoint, own.caller if caller is None else caller, form=own.form(**changes))
    request_uri = answer.find("request_uri")
    session.blackener.learn(request_uri if isinstance(request_uri, str) else None)
    return answer


async def pushed(session: Session, own: Asker) -> Answer:
    """A pushed request that was accepted.

    Raises:
        Skipped: It was not.
    """
    answer = await push(session, own)
    accepted = answer.ok and isinstance(answer.find("request_uri"), str)
    skip_unless(accepted, f"a pushed request is answered with {answer.status}: {told(answer)}")
    return answer


async def authorize(session: Session, **params: str) -> Answer:
    """Open the authorization endpoint as a browser does, without following redirects."""
    endpoint = await session.endpoint("authorization_endpoint")
    return await session.wire.get(endpoint, params=params, headers={"Accept": "text/html"})


async def refused_challenge(session: Session, **changes: str) -> None:
    """Raises: Violated: An authorization request with that code challenge is not refused."""
    answer = await push(session, await asker(session), None, **changes)
    require(answer.status == BAD_REQUEST, f"{shown(changes)} is answered with {answer.status}, not 400", answer)
    require_error(answer, "invalid_request")


def is_error(answer: Answer) -> bool:
    """Whether a browser sees an error, or is sent back with one."""
    query = parse_qs(urlsplit(answer.headers.get("location", "")).query)
    return answer.status >= BAD_REQUEST or "error" in query


def challenge(verifier: str) -> str:
    """The S256 challenge of a code verifier (RFC 7636 4.2)."""
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
