"""An identity provider that lies on demand, on the other end of httpx: no sockets, no waiting.

It is an honest one until a test changes something: `provider.claims["aud"] = "somebody-else"`.
"""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Callable
from typing import Any, Final
from urllib.parse import parse_qs, parse_qsl, unquote_plus, urlencode, urlsplit

import httpx
from joserfc import jws
from joserfc.jwk import ECKey, OctKey

from app.identity.provider import Agreement, OpenIdProvider
from app.schemas.encoding import encode
from tests.conftest import PUBLIC_URL, Clock
from tests.patience import SECONDS

ISSUER: Final = "https://login.example"
CLIENT_ID: Final = "cds server"
CLIENT_SECRET: Final = "s+e/c:r%et"
CALLBACK: Final = f"{PUBLIC_URL}/oauth/oidc/callback"
SUBJECT: Final = "customer-4711"


class ForgedProvider:
    """What a test may change: whatever has no underscore.

    `claims` are put over honest ones (None takes one away), `answers` replaces what a path answers.
    """

    def __init__(self, clock: Clock, callback: str = CALLBACK) -> None:
        self.clock = clock
        self.callback = callback
        self.keys = [ECKey.generate_key("P-256", {"kid": "k1", "alg": "ES256", "use": "sig"})]
        self.signing_key: ECKey = self.keys[0]
        self.claims: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {"sub": SUBJECT, "name": "Ada Kunde"}
        self.answers: dict[str, Callable[[], httpx.Response]] = {}
        self.sign: Callable[[dict[str, Any], bytes], str] = self.honestly
        self.is_down = False
        self.is_silent = False
        self.asked: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}
        self._seen: list[OpenIdProvider] = []

    def as_seen_by_the_server(self) -> OpenIdProvider:
        """The client side, which is the one under test."""
        agreement = Agreement(ISSUER, CLIENT_ID, CLIENT_SECRET, self.callback)
        transport = httpx.MockTransport(self._answer)
        self._seen.append(OpenIdProvider(agreement, self.clock.monotonic, transport=transport, timeout_seconds=SECONDS))
        return self._seen[-1]

    def fall_silent(self) -> None:
        """Answer nothing any more; whoever asks is made to give up soon."""
        self.is_silent = True
        for one in self._seen:
            one._timeout_seconds = 0.05  # noqa: SLF001 -- known at the start only, when nobody may be impatient

    def recover(self) -> None:
        """Answer again, and be waited for."""
        self.is_down = self.is_silent = False
        for one in self._seen:
            one._timeout_seconds = SECONDS  # noqa: SLF001 -- see above

    def authorize(self, location: str, **instead: str | None) -> str:
        """What a user's sign-in makes of an authorization request: the path at our server to come back to."""
        assert location.startswith(f"{ISSUER}/authorize?")
        query = dict(parse_qsl(urlsplit(location).query, strict_parsing=True))
        code = f"code-{len(self._codes)}"
        self._codes[code] = query
        answer = {"code": code, "state": query["state"], "iss": ISSUER} | instead
        return self.callback + "?" + urlencode({name: value for name, value in answer.items() if value is not None})

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        assert "cookie" not in request.headers
        if self.is_down:
            raise httpx.ConnectError("nobody there", request=request)
        if self.is_silent:
            await asyncio.sleep(3600)
        if request.url.path in self.answers:
            return self.answers[request.url.path]()
        match request.url.path:
            case "/.well-known/openid-configuration":
                answer = json_response(self._document() | self.metadata)
                answer.headers["set-cookie"] = "session=of-nobody; Path=/"
                return answer
            case "/jwks":
                return json_response({"keys": [key.as_dict(private=False) for key in self.keys]})
            case "/token":
                return self._redeem(request)
            case "/userinfo":
                assert request.headers["authorization"] == "Bearer access-1"
                return json_response(self.userinfo)
        return httpx.Response(404)

    def _document(self) -> dict[str, Any]:
        return {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/jwks",
            "userinfo_endpoint": f"{ISSUER}/userinfo",
            "id_token_signing_alg_values_supported": ["RS256", "ES256", "HS256", "none"],
            "authorization_response_iss_parameter_supported": True,
        }

    def _redeem(self, request: httpx.Request) -> httpx.Response:
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        if (form.get("client_id", ""), form.get("client_secret", "")) != (CLIENT_ID, CLIENT_SECRET):
            basic = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()
            assert [unquote_plus(part) for part in basic.split(":")] == [CLIENT_ID, CLIENT_SECRET]
        asked = self._codes.pop(form["code"], None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
        if asked is None or asked["code_challenge"] != challenge.decode() or form["redirect_uri"] != self.callback:
            return json_response({"error": "invalid_grant", "error_description": "code-secret"}, status=400)
        return json_response({"token_type": "Bearer", "access_token": "access-1", "id_token": self._id_token(asked)})

    def _id_token(self, asked: dict[str, str]) -> str:
        now = int(self.clock.now.timestamp())
        honest = {
            "iss": ISSUER,
            "sub": SUBJECT,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "auth_time": now,
            "nonce": asked["nonce"],
        }
        claims = {name: value for name, value in (honest | self.claims).items() if value is not None}
        header = {"alg": "ES256", "kid": self.signing_key.kid} | self.header
        return self.sign({name: value for name, value in header.items() if value is not None}, encode(claims))

    def honestly(self, header: dict[str, Any], payload: bytes) -> str:
        """Sign as it should be signed."""
        return jws.serialize_compact(header, payload, self.signing_key, algorithms=["ES256"])


def unsigned(header: dict[str, Any], payload: bytes) -> str:
    """A token of `alg: none`."""
    return f"{_part(encode(header | {'alg': 'none'}))}.{_part(payload)}."


def signed_with_the_client_secret(header: dict[str, Any], payload: bytes) -> str:
    """A token of `alg: HS256`, which every holder of the client_secret could make."""
    key = OctKey.import_key(CLIENT_SECRET.ljust(32))
    return jws.serialize_compact(header | {"alg": "HS256"}, payload, key, algorithms=["HS256"])


def signed_by_a_stranger(header: dict[str, Any], payload: bytes) -> str:
    """A token with the right kid and the signature of another key."""
    return jws.serialize_compact(header, payload, ECKey.generate_key("P-256"), algorithms=["ES256"])


def json_response(body: object, *, status: int = 200) -> httpx.Response:
    """An answer in JSON."""
    return httpx.Response(status, content=encode(body), headers={"content-type": "application/json"})


class Endless(httpx.AsyncByteStream):
    """A body that never ends; `sent` counts its bytes."""

    def __init__(self) -> None:
        self.sent = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Blanks, which JSON allows before it begins."""
        while True:
            self.sent += 16384
            yield b" " * 16384


def _part(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()
