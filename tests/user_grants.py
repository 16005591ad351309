"""Grants that users authorized, and codes for them, for tests of what comes after the consent page."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec

from app.catalog import Catalog
from app.crypto.tokens import Handle
from app.domain.records import Change, CodeFacts
from app.schemas.encoding import encode
from app.schemas.grants import Grant
from tests.conftest import Registered, Server
from tests.grant_objects import Holder, field_of, holder_of, make_grant, scope_of

BACK = "https://client.example/back?from=utility"
VERIFIER = "verifier-" + "v" * 40
USER_SCOPES = "cds_client_admin test_usage test_costs test_phone test_once ple_grid_status"
DATA = "test_usage test_costs"
"""The scope of a Client Object with a secret."""
PHONE = "test_phone"
"""The scope of one without."""
DAILY = {"type": "test_usage", "interval": "day", "share": 1, "meters": []}
HALF = DAILY | {"share": 0.5}


def challenge_of(verifier: str) -> str:
    """The S256 code_challenge."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def text_of(details: Any) -> str:
    """Authorization details as a form parameter; a text is sent as it stands."""
    return details if isinstance(details, str) else encode(details).decode()


def user_utility(demo: Catalog) -> Catalog:
    """The demo utility with scopes that users authorize: a group, one for public clients, one without refresh."""
    fields = (
        field_of("test_usage", "interval", "string", default="day", minimum=1, maximum=10),
        field_of("test_usage", "share", "decimal", default=1, minimum=0, maximum=1),
        field_of("test_usage", "meters", "string_list", default=[], minimum=0, maximum=1000),
    )
    by_users: dict[str, Any] = {
        "grant_types_supported": ("authorization_code", "refresh_token"),
        "response_types_supported": ("code",),
        "code_challenge_methods_supported": ("S256",),
    }
    scopes = [
        scope_of("test_usage", *fields, group="data", **by_users),
        scope_of("test_costs", group="data", **by_users),
        scope_of(PHONE, **by_users | {"token_endpoint_auth_methods_supported": ("none",), "pkce_required": True}),
        scope_of("test_once", **by_users | {"grant_types_supported": ("authorization_code",)}),
    ]
    return msgspec.structs.replace(demo, scopes=demo.scopes | {scope.id: scope for scope in scopes})


@dataclass
class App(Holder):
    """A Client Object whose access users authorize, as a program that uses it."""

    is_public: bool = False
    bound: dict[str, str] = field(default_factory=lambda: {"redirect_uri": BACK, "code_verifier": VERIFIER})
    """What it sends along with a code."""

    async def post(self, path: str, **form: str) -> httpx.Response:
        """A form, authenticated if it can be."""
        if self.is_public:
            return await self.server.http.post(path, data={"client_id": self.client_id} | form)
        return await super().post(path, **form)

    async def grant(self, scope: str = "", details: Any = (), **terms: Any) -> Grant:
        """A Grant as a user's approval makes it."""
        scope = scope or (PHONE if self.is_public else DATA)
        return await make_grant(self.registered, self.client_id, scope, authorization_details=list(details), **terms)

    async def code(self, grant: Grant | None = None, **facts: Any) -> str:
        """A code as a user's approval makes it."""
        grant = grant or await self.grant()
        server = self.server
        values: dict[str, Any] = {
            "client_id": self.client_id,
            "grant_id": grant.grant_id,
            "redirect_uri": BACK,
            "redirect_uri_sent": True,
            "code_challenge": challenge_of(VERIFIER),
        }
        handle = server.context.randomness.handle(Handle.AUTHORIZATION_CODE, self.registered.registration_id)
        change = Change(self.registered.registration_id, server.clock.now)
        change.issue_code(handle, CodeFacts(**(values | facts)), ttl_seconds=server.settings.code_ttl_seconds)
        await server.context.records.apply(change)
        return handle

    async def exchange(self, code: str, *, without: Sequence[str] = (), **form: Any) -> httpx.Response:
        """The token request for a code."""
        sent = {name: value for name, value in (self.bound | form).items() if name not in without}
        return await self.post("/oauth/token", grant_type="authorization_code", code=code, **sent)

    async def tokens(self, grant: Grant | None = None, **form: str) -> dict[str, Any]:
        """What a new code is exchanged for."""
        return answered(await self.exchange(await self.code(grant), **form))

    async def refresh(self, tokens: Mapping[str, Any] | str, details: Any = None, **form: str) -> httpx.Response:
        """The token request for a refresh token."""
        refresh_token = tokens if isinstance(tokens, str) else tokens["refresh_token"]
        if details is not None:
            form["authorization_details"] = text_of(details)
        return await self.post("/oauth/token", grant_type="refresh_token", refresh_token=refresh_token, **form)

    async def is_active(self, token: str) -> bool:
        """Whether introspection by the admin Client Object, or by itself for a refresh token, finds it good."""
        asker = self if token.startswith("cdsrt_") else admin_of(self)
        return bool((await asker.introspect(token))["active"])


def admin_of(app: App) -> Holder:
    """The admin Client Object of the same registration."""
    registered = app.registered
    return Holder(registered, registered.client_id, registered.client_secret)


async def app_of(registered: Registered, scope: str = DATA) -> App:
    """The Client Object with that scope string."""
    holder = await holder_of(registered, scope)
    return App(registered, holder.client_id, holder.client_secret, is_public=scope == PHONE)


def answered(response: httpx.Response) -> dict[str, Any]:
    """The body of a token response."""
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def refused(response: httpx.Response, error: str, *, status: int = 400, about: str = "") -> str:
    """The description of an error of the token endpoint."""
    body = response.json()
    assert (response.status_code, body["error"]) == (status, error), response.text
    assert set(body) == {"error", "error_description"}
    assert response.headers["cache-control"] == "no-store"
    assert about in body["error_description"]
    description: str = body["error_description"]
    return description


async def user_server(make_server: Any, demo_catalog: Catalog, **environment: str) -> Server:
    """A service with those scopes."""
    server: Server = await make_server(user_utility(demo_catalog), **environment)
    return server
