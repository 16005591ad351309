"""The OpenID Connect provider of the utility, over HTTP: the one implementation of `app.domain.oidc.IdentityProvider`.

Every exchange has a time limit as a whole, every answer a limit of its size, and no redirect is followed: the provider
is the operator's choice, but a broken one must not take this server with it.

Source: OpenID Connect Discovery 1.0 4, Core 1.0 3.1.2, 3.1.3, 5.3; RFC 6749 2.3.1; RFC 7636.
"""

import asyncio
import warnings
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Final, NamedTuple
from urllib.parse import quote_plus

import httpx
import msgspec
from authlib.deprecate import AuthlibDeprecationWarning

from app.crypto.id_tokens import VerificationKey, verification_keys
from app.domain.oidc import IssuedTokens, ProviderMetadata, SignInQuestion
from app.domain.oidc_trust import failed, unavailable, usable_metadata
from app.identity.remembered import Remembered

with warnings.catch_warnings():
    # Authlib would rather have the successor of httpx and says so on import; it works with httpx all the same.
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    from authlib.integrations.base_client import OAuthError
    from authlib.integrations.httpx_client import AsyncOAuth2Client

TIMEOUT_SECONDS: Final = 5.0
"""For one exchange, from the connection to the last byte."""

MAX_ANSWER_BYTES: Final = 256 * 1024
"""JWK Sets with certificates in them have tens of kilobytes."""

METADATA_SECONDS: Final = 3600.0
KEYS_SECONDS: Final = 600.0
"""A key that the provider withdraws is not trusted for longer than this; new ones are looked for at once."""

_CONNECTIONS: Final = httpx.Limits(max_connections=20, max_keepalive_connections=5, keepalive_expiry=30)
_SCOPE: Final = "openid profile email"
_TOKEN_ERRORS: Final = frozenset(
    {
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    }
)


class Agreement(NamedTuple):
    """What this server and the provider have agreed on when the operator registered the one with the other."""

    issuer: str
    client_id: str
    client_secret: str
    redirect_uri: str


class OpenIdProvider:
    """Asks the provider.

    Args:
        agreement: With whom, and as whom.
        clock: Seconds that never go backwards.
        transport: Instead of the network, for tests.
        timeout_seconds: For one exchange.
    """

    def __init__(
        self,
        agreement: Agreement,
        clock: Callable[[], float],
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self.client_id = agreement.client_id
        self._issuer = agreement.issuer
        # RFC 6749 2.3.1 has both encoded like a form before they become HTTP Basic, which Authlib leaves out.
        self._basic = httpx.BasicAuth(quote_plus(agreement.client_id), quote_plus(agreement.client_secret))
        self._timeout_seconds = timeout_seconds
        self._http = AsyncOAuth2Client(
            agreement.client_id,
            agreement.client_secret,
            scope=_SCOPE,
            redirect_uri=agreement.redirect_uri,
            code_challenge_method="S256",
            headers={"accept-encoding": "identity", "user-agent": "cds-server"},
            limits=_CONNECTIONS,
            timeout=httpx.Timeout(timeout_seconds),
            event_hooks={"response": [_limit]},
            transport=transport,
        )
        # Whatever cookie the provider sets belongs to nobody: exchanges for one user must not know those for another.
        self._http.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=()))
        self._metadata = Remembered(self._discover, lifetime_seconds=METADATA_SECONDS, clock=clock)
        self._keys = Remembered(self._fetch_keys, lifetime_seconds=KEYS_SECONDS, clock=clock)

    async def metadata(self) -> ProviderMetadata:
        """See `IdentityProvider.metadata`."""
        return await self._metadata.get()

    async def keys(self, *, fresh: bool = False) -> list[VerificationKey]:
        """See `IdentityProvider.keys`."""
        return await self._keys.get(fresh=fresh)

    async def authorization_url(self, question: SignInQuestion) -> str:
        """See `IdentityProvider.authorization_url`."""
        metadata = await self.metadata()
        again = {"prompt": "login", "max_age": "0"} if question.again else {}
        url, _ = self._http.create_authorization_url(
            metadata.authorization_endpoint,
            state=question.state,
            nonce=question.nonce,
            code_verifier=question.code_verifier,
            **again,
        )
        return str(url)

    async def redeem(self, code: str, code_verifier: str) -> IssuedTokens:
        """See `IdentityProvider.redeem`."""
        metadata = await self.metadata()
        try:
            async with self._exchange("token endpoint"):
                tokens = await self._http.fetch_token(
                    metadata.token_endpoint,
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=code_verifier,
                    auth=self._client_authentication(metadata),
                )
        except TypeError as error:
            # Authlib reckons with `expires_in` whatever it is.
            raise failed("token endpoint: a member has the wrong type") from error
        # Authlib keeps the tokens of whoever signed in last; we need nobody's.
        self._http.token = None
        id_token, access_token = tokens.get("id_token"), tokens.get("access_token")
        if not isinstance(id_token, str):
            raise failed("token endpoint: no ID token")
        return IssuedTokens(id_token, access_token if isinstance(access_token, str) else None)

    async def userinfo(self, access_token: str) -> dict[str, Any]:
        """See `IdentityProvider.userinfo`."""
        metadata = await self.metadata()
        if metadata.userinfo_endpoint is None or not access_token.isascii() or not access_token.isprintable():
            raise failed("userinfo: cannot be asked for")
        headers = {"authorization": f"Bearer {access_token}"}
        claims = await self._document(metadata.userinfo_endpoint, "userinfo", headers)
        if not isinstance(claims, dict):
            raise failed("userinfo: not an object")
        return claims

    async def close(self) -> None:
        """See `IdentityProvider.close`."""
        await self._http.aclose()

    def _client_authentication(self, metadata: ProviderMetadata) -> httpx.Auth | None:
        """HTTP Basic unless the provider only takes the secret in the form (None: Authlib's way to do that)."""
        offered = metadata.token_endpoint_auth_methods_supported
        in_form = "client_secret_basic" not in offered and "client_secret_post" in offered
        self._http.token_endpoint_auth_method = "client_secret_post" if in_form else "client_secret_basic"
        return None if in_form else self._basic

    async def _discover(self) -> ProviderMetadata:
        url = self._issuer.removesuffix("/") + "/.well-known/openid-configuration"
        document = usable_metadata(await self._document(url, "discovery"), self._issuer)
        try:
            return msgspec.convert(document, ProviderMetadata)
        except msgspec.ValidationError as error:
            raise failed("discovery: a member has the wrong type") from error

    async def _fetch_keys(self) -> list[VerificationKey]:
        metadata = await self.metadata()
        try:
            return verification_keys(await self._document(metadata.jwks_uri, "keys"))
        except ValueError as error:
            raise failed("keys: not a JWK Set") from error

    async def _document(self, url: str, what: str, headers: Mapping[str, str] | None = None) -> object:
        """The JSON document at a URL."""
        async with self._exchange(what):
            answer = await self._http.request("GET", url, headers=headers, withhold_token=True)
            if answer.status_code != HTTPStatus.OK:
                answer.raise_for_status()
                raise failed(f"{what}: status {answer.status_code}")
            return msgspec.json.decode(answer.content)

    @asynccontextmanager
    async def _exchange(self, what: str) -> AsyncIterator[None]:
        """One exchange with the provider: within its time, and with errors that say what happened.

        Raises:
            IdentityProviderUnavailable: There was no answer in time, or one that speaks of an outage.
            SignInFailed: The answer is a refusal, or not what it should be.
        """
        try:
            async with asyncio.timeout(self._timeout_seconds):
                yield
        except (TimeoutError, httpx.TransportError) as error:
            raise unavailable(f"{what}: {type(error).__name__}") from error
        except httpx.HTTPStatusError as error:
            status = error.response.status_code
            is_outage = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS
            raise (unavailable if is_outage else failed)(f"{what}: status {status}") from error
        except OAuthError as error:
            code = str(error.error)
            raise failed(f"{what}: {code if code in _TOKEN_ERRORS else 'an unknown error'}") from error
        except (httpx.HTTPError, httpx.InvalidURL, msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise failed(f"{what}: not an answer that can be read ({type(error).__name__})") from error


class _TooLarge(ValueError):
    """An answer that is longer than any honest one."""


class _Limited(httpx.AsyncByteStream):
    """The body of an answer, up to a limit."""

    def __init__(self, body: httpx.AsyncByteStream) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Its pieces."""
        left = MAX_ANSWER_BYTES
        async for piece in self._body:
            left -= len(piece)
            if left < 0:
                raise _TooLarge
            yield piece

    async def aclose(self) -> None:
        """Let go of the connection."""
        await self._body.aclose()


async def _limit(response: httpx.Response) -> None:
    """Hold an answer to its limit; one that is compressed, which we did not ask for, could grow beyond any."""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise _TooLarge
    if isinstance(response.stream, httpx.AsyncByteStream):
        response.stream = _Limited(response.stream)
