"""Signing real customers in with the OpenID Connect provider of the utility: the rules, without the HTTP.

Operators sign in with theirs in the same way (`app.domain.operator_sign_in`).

The code flow with PKCE, `state` and `nonce`. What has to stay secret between the two halves of a sign-in is made of
the browser's own cookie, so that an answer is good for nobody but the browser that asked for it, and nothing in the
store helps anybody else.

Source: OpenID Connect Core 1.0 3.1 and 5.3; OpenID Connect Discovery 1.0 3 and 4.3; RFC 7636; RFC 9207; RFC 9700 4.4,
4.5.
"""

import base64
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol

from msgspec import Struct

from app.crypto.id_tokens import BadIdToken, UnknownKey, VerificationKey, claims_of
from app.crypto.tokens import Randomness, digest
from app.domain.authorization_store import SignInAttempt, UserStore
from app.domain.oidc_trust import failed, require_claims, require_recent_sign_in, shown_name, subject_of, unavailable
from app.domain.users import User
from app.errors import CookiesNeeded, RequestOver, SignInFailed, SignInStopped

SIGN_IN_SECONDS: Final = 900
"""How long a user may take at the identity provider; some send mails with codes."""

MAX_CODE_LENGTH: Final = 4096
_NAMELESS: Final = "a customer"

_STOPPED: Final = frozenset(
    {
        "access_denied",
        "login_required",
        "interaction_required",
        "consent_required",
        "account_selection_required",
    }
)
_BUSY: Final = frozenset({"temporarily_unavailable", "server_error"})
_OTHER_ERRORS: Final = frozenset(
    {
        "invalid_request",
        "unauthorized_client",
        "unsupported_response_type",
        "invalid_scope",
        "request_not_supported",
        "registration_not_supported",
    }
)

_OVER: Final = (
    "This sign-in has been used already, or it has taken too long. If you have just signed in, everything is as you"
    " left it; else go back to where you came from and start again."
)
_OTHER_BROWSER: Final = (
    "This sign-in was started in another browser, or this one does not keep our cookie. Allow cookies for this site and"
    " start again. Nothing has been shared."
)


class ProviderMetadata(Struct, kw_only=True, frozen=True):
    """What an identity provider says of itself (Discovery 3), as far as we use it."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    id_token_signing_alg_values_supported: tuple[str, ...] = ("RS256",)
    authorization_response_iss_parameter_supported: bool = False


class SignInQuestion(NamedTuple):
    """What goes to the identity provider with the browser.

    Args:
        again: The user has to prove anew who it is.
    """

    state: str
    nonce: str
    code_verifier: str
    again: bool


class SignInAnswer(NamedTuple):
    """What the browser brings back from the identity provider; None for what it does not bring."""

    state: str | None
    code: str | None
    error: str | None
    iss: str | None


class IssuedTokens(NamedTuple):
    """What a code was exchanged for."""

    id_token: str
    access_token: str | None


class Proven(NamedTuple):
    """What a sign-in has proven: the claims of an ID token that is about it, and who the user is at the provider."""

    metadata: ProviderMetadata
    claims: Mapping[str, Any]
    tokens: IssuedTokens
    subject: str


class IdentityProvider(Protocol):
    """An OpenID Connect provider, over HTTP.

    Every method raises IdentityProviderUnavailable when it does not answer, and SignInFailed when it answers nonsense.
    """

    client_id: str
    """What it knows this server by."""

    async def metadata(self) -> ProviderMetadata:
        """What it says of itself, remembered for a while."""

    async def keys(self, *, fresh: bool = False) -> Sequence[VerificationKey]:
        """Its keys, remembered for a while unless they are to be `fresh`."""

    async def authorization_url(self, question: SignInQuestion) -> str:
        """Where to send the browser."""

    async def redeem(self, code: str, code_verifier: str) -> IssuedTokens:
        """Exchange a code."""

    async def userinfo(self, access_token: str) -> dict[str, Any]:
        """The claims of the user whom an access token was issued for."""

    async def close(self) -> None:
        """Let go of all connections."""


async def begin(
    provider: IdentityProvider,
    users: UserStore,
    randomness: Randomness,
    attempt: SignInAttempt,
    *,
    browser_secret: str,
    now: datetime,
) -> str:
    """Begin a sign-in: the URL at the identity provider.

    Args:
        browser_secret: Of the cookie whose digest is in the attempt.
        now: When the user asked.

    Raises:
        IdentityProviderUnavailable, SignInFailed: It cannot be reached, or used. Nothing was stored.
    """
    state = randomness.sign_in()
    nonce, code_verifier = _nonce(browser_secret, state), _code_verifier(browser_secret, state)
    url = await provider.authorization_url(SignInQuestion(state, nonce, code_verifier, attempt.again))
    await users.begin_sign_in(state, attempt, now=now, ttl_seconds=SIGN_IN_SECONDS)
    return url


async def attempt_of(
    users: UserStore, answer: SignInAnswer, *, browser_digest: str, now: datetime, console: bool = False
) -> SignInAttempt:
    """The attempt that an answer belongs to, of a user or else to get into the console. It can be asked for once.

    Raises:
        RequestOver: There is none, or there is none any more.
        CookiesNeeded: It is not this browser's.
    """
    attempt = await users.take_sign_in(answer.state, now=now) if answer.state else None
    if attempt is None or bool(attempt.console_page) != console:
        raise RequestOver(_OVER)
    if not hmac.compare_digest(attempt.browser_digest, browser_digest):
        raise CookiesNeeded(_OTHER_BROWSER)
    return attempt


async def finish(
    provider: IdentityProvider, attempt: SignInAttempt, answer: SignInAnswer, *, browser_secret: str, now: datetime
) -> User:
    """The user whom the identity provider has found out in an attempt. Raises as `prove` does."""
    proven = await prove(provider, attempt, answer, browser_secret=browser_secret, now=now)
    name = shown_name(proven.claims) or await _name_from_userinfo(provider, proven)
    # An issuer is a URL without a fragment, so the two parts cannot run into each other.
    return User(f"oidc:{proven.metadata.issuer}#{proven.subject}", name or _NAMELESS, sandbox=False)


async def prove(
    provider: IdentityProvider, attempt: SignInAttempt, answer: SignInAnswer, *, browser_secret: str, now: datetime
) -> Proven:
    """What the identity provider has found out in an attempt.

    Raises:
        SignInStopped: The user did not go through with it.
        IdentityProviderUnavailable: It does not answer.
        SignInFailed: What it says proves nothing.
    """
    metadata = await provider.metadata()
    require_own_answer(metadata, answer)
    refuse_error(answer)
    if not answer.code or len(answer.code) > MAX_CODE_LENGTH or not answer.code.isprintable():
        raise failed("the answer has neither a code nor an error")
    state = answer.state or ""
    tokens = await provider.redeem(answer.code, _code_verifier(browser_secret, state))
    claims = await _proven_claims(provider, metadata, tokens.id_token)
    require_claims(claims, metadata.issuer, provider.client_id, nonce=_nonce(browser_secret, state), now=now)
    if attempt.again:
        require_recent_sign_in(claims, since=attempt.started_at)
    return Proven(metadata, claims, tokens, subject_of(claims))


async def claims_from_userinfo(provider: IdentityProvider, proven: Proven) -> dict[str, Any]:
    """What the provider says beside the ID token; nothing when it has no place for that.

    Raises:
        IdentityProviderUnavailable, SignInFailed: It does not answer, or with nonsense.
    """
    if proven.metadata.userinfo_endpoint is None or proven.tokens.access_token is None:
        return {}
    claims = await provider.userinfo(proven.tokens.access_token)
    # Core 5.3.2: without the same sub it may be about somebody else.
    return claims if claims.get("sub") == proven.subject else {}


def require_own_answer(metadata: ProviderMetadata, answer: SignInAnswer) -> None:
    """Refuse what another provider has answered (RFC 9207 2.4). Raises SignInFailed."""
    expected = answer.iss is not None or metadata.authorization_response_iss_parameter_supported
    if expected and answer.iss != metadata.issuer:
        raise failed("the answer has the iss of another provider")


def refuse_error(answer: SignInAnswer) -> None:
    """Raise what the error of an answer means, if it has one.

    Raises:
        SignInStopped: The user did not want to go on, or could not.
        IdentityProviderUnavailable: The provider cannot, for now.
        SignInFailed: Any other error.
    """
    if answer.error is None:
        return
    if answer.error in _STOPPED:
        raise SignInStopped("You have not been signed in. Nothing has been shared.")
    if answer.error in _BUSY:
        raise unavailable(f"the provider answered {answer.error}")
    # Whoever crafts a link chooses this text, so only known ones get into the log.
    raise failed(f"the provider answered {answer.error if answer.error in _OTHER_ERRORS else 'an unknown error'}")


async def _proven_claims(provider: IdentityProvider, metadata: ProviderMetadata, id_token: str) -> dict[str, Any]:
    """The claims of an ID token that the provider has signed, perhaps with a key that it has only had for a moment."""
    algorithms = metadata.id_token_signing_alg_values_supported
    try:
        try:
            return claims_of(id_token, await provider.keys(), algorithms)
        except UnknownKey:
            return claims_of(id_token, await provider.keys(fresh=True), algorithms)
    except UnknownKey as error:
        raise failed("ID token: signed with a key that the provider does not publish") from error
    except BadIdToken as error:
        raise failed(f"ID token: {error}") from error


async def _name_from_userinfo(provider: IdentityProvider, proven: Proven) -> str:
    """The name of a user of whom the ID token does not tell it. Nobody is turned away for the lack of a name."""
    try:
        return shown_name(await claims_from_userinfo(provider, proven))
    except SignInFailed:
        return ""


def _nonce(browser_secret: str, state: str) -> str:
    return digest(f"nonce {state} {browser_secret}")


def _code_verifier(browser_secret: str, state: str) -> str:
    """43 characters, as RFC 7636 4.1 has them, that only the browser's cookie can give again."""
    secret = hmac.digest(browser_secret.encode(), f"code_verifier {state}".encode(), "sha256")
    return base64.urlsafe_b64encode(secret)[:43].decode()
