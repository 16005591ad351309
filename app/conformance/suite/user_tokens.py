"""RFC 7009 and 9126 as far as a test user takes part: what becomes of requests and tokens that a user has approved."""

import secrets
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

from app.conformance.checks import Need, Stage, check, require, skip_unless
from app.conformance.session import Session, told
from app.conformance.suite.pushed_requests import Asker, asker, challenge, pushed
from app.conformance.suite.tokens import introspect, require_inactive, revoke
from app.conformance.wire import Answer

STAFFED: Final = (Need.REGISTRATION, Need.OPERATOR)


@check("RFC9126-4-01", needs=STAFFED, stage=Stage.CHANGE)
async def a_request_uri_is_good_for_one_authorization(session: Session) -> None:
    """Whoever comes with it once more gets no second code."""
    own = await asker(session)
    request_uri = str((await pushed(session, own)).find("request_uri"))
    url = await address(session, client_id=own.client_id, request_uri=request_uri)
    first = code_of(await session.operator.authorize(url), own)
    skip_unless(first, "a test user has approved a pushed request, and no code has come of it")
    again = code_of(await session.operator.authorize(url), own)
    require(not again, "a request_uri gives a code a second time")


@check("RFC7009-2.1-02", needs=STAFFED, stage=Stage.CHANGE)
async def the_access_token_ends_with_its_refresh_token(session: Session) -> None:
    """As an introspection shows."""
    own = await asker(session)
    answer = await user_tokens(session, own)
    access, refresh = answer.find("access_token"), answer.find("refresh_token")
    skip_unless(isinstance(refresh, str), "the server gives no refresh_token for a code")
    before = await introspect(session, own.caller, str(access))
    skip_unless(before.find("active") is True, "the access token of a user is not active to begin with")
    revoked = await revoke(session, own.caller, str(refresh))
    skip_unless(revoked.ok, f"the revocation of a refresh_token is answered with {revoked.status}: {told(revoked)}")
    await require_inactive(session, own.caller, str(access), "the access token of a revoked refresh_token")


async def user_tokens(session: Session, own: Asker) -> Answer:
    """The answer to the exchange of a code that a test user's approval gave.

    Raises:
        Skipped: There is no such user, no code came of it, or nothing was given for it.
    """
    verifier = secrets.token_urlsafe(48)
    url = await address(session, **own.form(code_challenge=challenge(verifier)))
    code = code_of(await session.operator.authorize(url), own)
    skip_unless(code, "a test user has approved, and no code has come of it")
    session.blackener.learn(code, verifier)
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
    answer = await session.ask_token(own.caller, **form, redirect_uri=own.redirect_uri)
    given = answer.ok and isinstance(answer.find("access_token"), str)
    skip_unless(given, f"the exchange of a code is answered with {answer.status}: {told(answer)}")
    return answer


async def address(session: Session, **params: str) -> str:
    """Where a browser goes with the parameters of an authorization request."""
    endpoint = await session.endpoint("authorization_endpoint")
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(params)}"


def code_of(location: str, own: Asker) -> str:
    """The code with which a browser is sent back to the Client; empty when it is not, or with an error."""
    if not location.startswith(own.redirect_uri):
        return ""
    return parse_qs(urlsplit(location).query).get("code", [""])[0]
