"""Authorization requests from beginning to end, for tests: a Client that sends its users, and the users who answer."""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
import msgspec

from app.catalog import Catalog
from app.domain.approval import Question
from app.domain.authorization_store import AuthorizationRequest, UserSession
from app.schemas.grants import Grant
from tests.authorization_pages import MARA, MARA_ID, authorizations, users
from tests.conftest import PUBLIC_URL, Registered, Server
from tests.grant_objects import field_of, holder_of, scope_of
from tests.html_pages import UserBrowser, View
from tests.user_grants import BACK, DATA, PHONE, VERIFIER, App, challenge_of, user_utility

STRICT, SLOW, PARTS, DATED, NEEDY = "test_strict", "test_slow", "test_parts", "test_dated", "test_needy"
EVERY_USER_SCOPE = f"cds_client_admin {DATA} {PHONE} {STRICT} {SLOW} {PARTS} {DATED} {NEEDY} ple_grid_status"
CHALLENGE = {"code_challenge": challenge_of(VERIFIER), "code_challenge_method": "S256"}
STATE = "state of the client: äöü &=?#%+\"'<>"
"""Whatever a Client might put there."""

BY_USERS: dict[str, Any] = {
    "grant_types_supported": ("authorization_code", "refresh_token"),
    "response_types_supported": ("code",),
    "code_challenge_methods_supported": ("S256",),
}


def authorizing_utility(demo: Catalog) -> Catalog:
    """The utility of `tests.user_grants` with more scopes that users authorize."""
    catalog = user_utility(demo)
    dates = field_of(DATED, "until", "relative_or_absolute_date", default="P1Y", minimum="P1D", maximum="P5Y")
    needed = field_of(NEEDY, "account", "string", is_required=True, minimum=1, maximum=20)
    scopes = [
        scope_of(STRICT, **BY_USERS, pkce_required=True),
        scope_of(SLOW, **BY_USERS, authorized_status="pending"),
        scope_of(PARTS, **BY_USERS, authorized_status="needs_sub_grants"),
        scope_of(DATED, dates, **BY_USERS),
        scope_of(NEEDY, needed, **BY_USERS),
    ]
    return msgspec.structs.replace(catalog, scopes=catalog.scopes | {scope.id: scope for scope in scopes})


@dataclass
class Site(App):
    """A Client Object with a redirect URI, and what it sends with every authorization request."""

    usual: dict[str, str] = field(default_factory=dict)

    async def authorize(self, method: str = "GET", **parameters: Any) -> httpx.Response:
        """Send a user; no redirect is followed. A parameter None is left out, a list comes several times."""
        return await self.send(self.pairs(**parameters), method)

    async def send(self, pairs: list[tuple[str, str]], method: str = "GET") -> httpx.Response:
        """Send a user with just these parameters."""
        if method == "POST":
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            return await self.server.http.post("/oauth/authorize", content=urlencode(pairs), headers=headers)
        return await self.server.http.get(f"/oauth/authorize?{urlencode(pairs)}")

    def pairs(self, **parameters: Any) -> list[tuple[str, str]]:
        """The parameters of a request: the usual ones, changed."""
        found = []
        for name, value in (self.usual | parameters).items():
            values = value if isinstance(value, list) and name != "authorization_details" else [value]
            found += [(name, one if isinstance(one, str) else json.dumps(one)) for one in values if one is not None]
        return found

    async def push(self, **parameters: Any) -> httpx.Response:
        """Push a request."""
        pairs = self.pairs(**parameters)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        auth = None if self.is_public else (self.client_id, self.client_secret)
        return await self.server.http.post("/oauth/par", content=urlencode(pairs), headers=headers, auth=auth)

    async def pushed(self, **parameters: Any) -> str:
        """The request_uri of a request that was pushed."""
        response = await self.push(**parameters)
        assert response.status_code == 201, response.text
        request_uri: str = response.json()["request_uri"]
        return request_uri

    async def use(self, request_uri: str, **parameters: str) -> httpx.Response:
        """Send a user with a request_uri."""
        named = {"client_id": self.client_id, "request_uri": request_uri} | parameters
        return await self.send(list(named.items()))

    def url(self, **parameters: Any) -> str:
        """The address to which the Client sends its users."""
        return f"/oauth/authorize?{urlencode(self.pairs(**parameters))}"

    async def consent(self, browser: UserBrowser, account: dict[str, str] | None = None, **parameters: Any) -> View:
        """The page on which a user decides, after signing in if need be."""
        view = await browser.open(self.url(**parameters))
        if any(form.button == "Sign in" for form in view.forms):
            view = await browser.press(view, "Sign in", **(account or MARA))
        return view

    async def approved(
        self, browser: UserBrowser, account: dict[str, str] | None = None, **parameters: Any
    ) -> dict[str, str]:
        """What the redirect URI gets when a user approves."""
        view = await self.consent(browser, account, **parameters)
        return answer(await browser.submit(view, "Approve"))

    async def newest(self) -> dict[str, Any]:
        """The newest Grant of the Client Object."""
        newest: dict[str, Any] = (await self.grants())[0]
        return newest


async def site_of(registered: Registered, scope: str = DATA, **changes: Any) -> Site:
    """The Client Object with that scope string, after it has set a redirect URI."""
    client = (await registered.clients())[scope]
    receipt = client["redirect_uris"][0]
    body = {"redirect_uris": [receipt, BACK]} | changes
    response = await registered.put(client["cds_client_uri"], client | body)
    assert response.status_code == 200, response.text
    holder = await holder_of(registered, response.json()["scope"])
    usual = {
        "client_id": client["client_id"],
        "response_type": "code",
        "redirect_uri": BACK,
        "state": STATE,
        **CHALLENGE,
    }
    is_public = client["token_endpoint_auth_method"] == "none"
    return Site(registered, holder.client_id, holder.client_secret, is_public=is_public, usual=usual)


async def authorizing_server(make_server: Any, demo_catalog: Catalog, **environment: str) -> Server:
    """A service with those scopes."""
    server: Server = await make_server(authorizing_utility(demo_catalog), **environment)
    return server


def text_of_page(response: httpx.Response) -> str:
    """What a person reads, for the message of a failed test."""
    return View(response).text if response.text.startswith("<!doctype") else response.text


def answer(response: httpx.Response, redirect_uri: str = BACK) -> dict[str, str]:
    """What the redirect URI gets, beside `state` and `iss`, which are as they have to be."""
    assert response.status_code == 303, text_of_page(response)
    location = response.headers["location"]
    assert location.startswith(redirect_uri), location
    found = dict(parse_qsl(urlsplit(location).query, keep_blank_values=True, strict_parsing=True))
    for name, values in parse_qs(urlsplit(redirect_uri).query).items():
        assert [found.pop(name)] == values
    assert found.pop("iss") == PUBLIC_URL
    assert found.pop("state") == STATE
    assert response.headers["cache-control"] == "no-store"
    return found


def sent_back(response: httpx.Response, error: str, *, about: str = "", redirect_uri: str = BACK) -> None:
    """Refuse anything but this error at the redirect URI."""
    found = answer(response, redirect_uri)
    assert set(found) == {"error", "error_description"}
    assert found["error"] == error, found
    assert about in found["error_description"], found


def shown_to_user(response: httpx.Response, about: str = "") -> None:
    """Refuse anything but an error page that leads nowhere."""
    assert response.status_code == 400, text_of_page(response)
    assert "location" not in response.headers
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    view = View(response)
    assert about in view.text, view.text
    assert BACK not in response.text


def page_of(response: httpx.Response) -> str:
    """The path of the page that a user is sent to."""
    assert response.status_code == 303, text_of_page(response)
    location: str = response.headers["location"]
    assert location.startswith("/oauth/authorize/cdsax_"), location
    return location


def refused_push(response: httpx.Response, error: str, *, status: int = 400, about: str = "") -> None:
    """Refuse anything but this answer of the PAR endpoint."""
    assert response.status_code == status, response.text
    body = response.json()
    assert set(body) == {"error", "error_description"}
    assert body["error"] == error, body
    assert about in body["error_description"], body
    assert response.headers["cache-control"] == "no-store"


async def asked(server: Server, response: httpx.Response) -> AuthorizationRequest:
    """What a request that was begun asks for."""
    handle = page_of(response).rpartition("/")[2]
    transaction = await authorizations(server).transaction(handle, now=server.clock.now)
    assert transaction
    return transaction.request


async def question_of(site: Site, grant: Grant | None = None, user_id: str = MARA_ID, **parameters: Any) -> Question:
    """A request in front of a user, without the pages."""
    if grant:
        parameters["cds_grant_id"] = grant.grant_id
    handle = page_of(await site.authorize(**parameters)).rpartition("/")[2]
    server = site.server
    transaction = await authorizations(server).transaction(handle, now=server.clock.now)
    assert transaction
    moment = int(server.clock.now.timestamp())
    user = UserSession(user_id=user_id, name="Mara", sandbox=True, authenticated_at=moment)
    return Question(server.context, authorizations(server), users(server), handle, transaction, user, server.clock.now)
