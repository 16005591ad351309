"""Pushed authorization requests (RFC 9126; CDS-WG1-02 3.2, 8.3; ambiguities F4, F14)."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.catalog import Catalog
from app.domain.authorization_requests import MAX_LENGTH
from app.domain.pushed_requests import TTL_SECONDS
from tests.authorization_pages import MARA
from tests.authorizing import (
    CHALLENGE,
    EVERY_USER_SCOPE,
    STATE,
    STRICT,
    Site,
    answer,
    asked,
    authorizing_server,
    page_of,
    refused_push,
    sent_back,
    shown_to_user,
    site_of,
)
from tests.conftest import MakeServer, Registered, Server
from tests.grant_objects import suspend
from tests.html_pages import UserBrowser
from tests.user_grants import BACK, DAILY, HALF, PHONE, VERIFIER, answered

PREFIX = "urn:ietf:params:oauth:request_uri:"


@pytest.fixture
async def server(make_server: MakeServer, demo_catalog: Catalog) -> Server:
    """A service with scopes that users authorize."""
    return await authorizing_server(make_server, demo_catalog)


@pytest.fixture
async def registered(server: Server) -> Registered:
    return await server.register(EVERY_USER_SCOPE)


@pytest.fixture
async def site(registered: Registered) -> Site:
    """A Client Object with a secret and two scopes."""
    return await site_of(registered)


@pytest.fixture
async def phone(registered: Registered) -> Site:
    """A public Client Object."""
    return await site_of(registered, PHONE)


@pytest.fixture
async def browser(server: Server) -> AsyncIterator[UserBrowser]:
    """A user's browser."""
    async with UserBrowser(server) as one:
        yield one


@pytest.mark.clause("RFC9126-2.2-01", "WG1-02-3.2-10")
async def test_a_request_is_pushed_to_the_endpoint_of_the_metadata(server, site):
    metadata = (await server.http.get("/.well-known/oauth-authorization-server")).json()
    endpoint = metadata["pushed_authorization_request_endpoint"]

    response = await server.http.post(endpoint, data=site.usual, auth=(site.client_id, site.client_secret))

    assert response.status_code == 201
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    assert set(response.json()) == {"request_uri", "expires_in"}
    assert response.json()["expires_in"] == TTL_SECONDS
    assert response.json()["request_uri"].startswith(PREFIX)


@pytest.mark.clause("WG1-02-8.3-04")
async def test_a_user_is_sent_with_what_was_pushed(server, site):
    details = [HALF]
    request_uri = await site.pushed(authorization_details=details, prompt="login")

    request = await asked(server, await site.use(request_uri))

    assert (request.client_id, request.redirect_uri, request.state) == (site.client_id, BACK, STATE)
    assert (request.scope, request.authorization_details) == ("test_usage", details)
    assert request.code_challenge == CHALLENGE["code_challenge"]
    assert request.prompt_login is True


async def test_a_pushed_request_ends_with_tokens(site, browser):
    request_uri = await site.pushed()
    view = await browser.open(f"/oauth/authorize?client_id={site.client_id}&request_uri={request_uri}")
    view = await browser.press(view, "Sign in", **MARA)

    found = answer(await browser.submit(view, "Approve"))

    answered(await site.exchange(found["code"]))


async def test_pushing_costs_two_round_trips_and_so_does_using(server, site):
    before = server.connection.round_trips
    request_uri = await site.pushed()
    assert server.connection.round_trips - before == 2

    page_of(await site.use(request_uri))
    assert server.connection.round_trips - before == 4


@pytest.mark.clause("RFC9126-2.2-02", "RFC6749-10.10-01")
async def test_no_two_request_uris_are_alike(site):
    found = {await site.pushed() for _ in range(20)}

    assert len(found) == 20
    assert {len(one) for one in found} == {len(f"{PREFIX}cdspr_00zzzzzzzzzzzz_") + 43}


# Who pushes


@pytest.mark.clause("RFC9126-2.1-01")
async def test_a_client_with_a_secret_has_to_show_it(server, site):
    for auth in (None, (site.client_id, "cdscs_wrong"), (f"{site.registered.registration_id}-99", site.client_secret)):
        form = site.usual if auth is None else site.usual | {"client_id": auth[0]}
        response = await server.http.post("/oauth/par", data=form, auth=auth)
        refused_push(response, "invalid_client", status=401)
        assert response.headers["www-authenticate"].startswith("Basic")
    refused_push(
        await server.http.post("/oauth/par", data=site.usual | {"client_secret": site.client_secret}),
        "invalid_client",
        status=401,
    )


async def test_a_public_client_names_itself(server, phone):
    assert (await server.http.post("/oauth/par", data=phone.usual)).status_code == 201
    auth = (phone.client_id, phone.client_secret)
    assert (await server.http.post("/oauth/par", data=phone.usual, auth=auth)).status_code == 201

    for client_id in ("", "x", "00zzzzzzzzzzzz-1"):
        refused_push(
            await server.http.post("/oauth/par", data=phone.usual | {"client_id": client_id}),
            "invalid_client",
            status=401,
        )


async def test_the_header_and_the_form_must_not_name_two_clients(server, site, phone):
    auth = (site.client_id, site.client_secret)

    response = await server.http.post("/oauth/par", data=site.usual | {"client_id": phone.client_id}, auth=auth)

    refused_push(response, "invalid_request", about="client_id")


async def test_the_header_alone_says_who_it_is(server, site):
    form = {name: value for name, value in site.usual.items() if name != "client_id"}

    response = await server.http.post("/oauth/par", data=form, auth=(site.client_id, site.client_secret))

    assert response.status_code == 201
    page_of(await site.use(response.json()["request_uri"]))


@pytest.mark.clause("WG1-02-5.2-04")
async def test_a_disabled_client_pushes_nothing(registered, site, phone):
    for one in (site, phone):
        path = f"/cds-api/v1/clients/{one.client_id}"
        body = (await registered.get(path)).json() | {"cds_status": "disabled"}
        assert (await registered.put(path, body)).status_code == 200
        refused_push(await one.push(), "invalid_client", status=401)


async def test_a_suspended_registration_pushes_nothing(registered, site, phone):
    await suspend(registered)

    refused_push(await site.push(), "invalid_client", status=401)
    refused_push(await phone.push(), "invalid_client", status=401)


async def test_a_client_that_users_do_not_authorize_pushes_nothing(registered):
    response = await registered.server.http.post(
        "/oauth/par", data={"response_type": "code"}, auth=(registered.client_id, registered.client_secret)
    )

    refused_push(response, "unauthorized_client", about="client_credentials")


# What is pushed


@pytest.mark.clause("RFC9126-2.1-02", "RFC9396-5-01", "RFC7636-4.3-01")
@pytest.mark.parametrize(
    ("changes", "error", "about"),
    [
        ({"response_type": None}, "invalid_request", "response_type"),
        ({"response_type": "token"}, "unsupported_response_type", "code"),
        ({"response_mode": "fragment"}, "invalid_request", "query"),
        ({"redirect_uri": "https://evil.example/"}, "invalid_request", "redirect_uri"),
        ({"scope": "test_nothing"}, "invalid_scope", "test_usage"),
        ({"scope": "cds_client_admin"}, "invalid_scope", "test_usage"),
        ({"authorization_details": [DAILY | {"share": 2}]}, "invalid_authorization_details", "share"),
        ({"authorization_details": [{"type": "test_nothing"}]}, "invalid_authorization_details", "type"),
        ({"authorization_details": "["}, "invalid_authorization_details", "array"),
        ({"code_challenge_method": "plain"}, "invalid_request", "S256"),
        ({"code_challenge_method": None}, "invalid_request", "plain"),
        ({"state": "x" * 5000}, "invalid_request", "state"),
        ({"unknown": "x" * MAX_LENGTH}, "invalid_request", "characters"),
        ({"request": "e30.e30."}, "request_not_supported", "push"),
        ({"scope": ["test_usage", "test_usage"]}, "invalid_request", "more than once"),
        ({"state": ["1", "2"]}, "invalid_request", "more than once"),
        ({"cds_grant_id": ["1", "2"]}, "invalid_request", "more than once"),
    ],
)
async def test_what_would_be_refused_later_is_refused_at_once(server, site, changes, error, about):
    """The same checks as at the authorization endpoint, and nothing is kept."""
    before = server.connection.round_trips

    refused_push(await site.push(**changes), error, about=about)

    assert server.connection.round_trips - before <= 1


@pytest.mark.clause("RFC9126-2.1-01")
async def test_a_request_uri_cannot_be_pushed(site):
    refused_push(await site.push(request_uri=await site.pushed()), "invalid_request", about="request_uri")


async def test_a_challenge_cannot_be_taken_away_from_a_pushed_request(server, registered):
    """Whatever stands beside the request_uri has no effect (RFC 9101 6.3)."""
    strict = await site_of(registered, STRICT)
    refused_push(
        await strict.push(code_challenge=None, code_challenge_method=None), "invalid_request", about="code_challenge"
    )
    request_uri = await strict.pushed()

    changes = {"code_challenge": "x" * 43, "redirect_uri": "https://evil.example/", "state": "other", "scope": "other"}
    request = await asked(server, await strict.use(request_uri, **changes))

    assert request.code_challenge == CHALLENGE["code_challenge"]
    assert (request.redirect_uri, request.state, request.scope) == (BACK, STATE, STRICT)


@pytest.mark.clause("WG1-02-8.3-04")
async def test_a_grant_id_is_only_looked_at_when_the_request_is_used(site):
    """Ambiguities F4."""
    request_uri = await site.pushed(cds_grant_id="no-such-grant")

    sent_back(await site.use(request_uri), "cds_grant_id_invalid_value")


async def test_only_posts_of_forms_are_pushed(server, site):
    auth = (site.client_id, site.client_secret)

    assert (await server.http.get("/oauth/par", auth=auth)).status_code == 405
    refused_push(await server.http.post("/oauth/par", json=site.usual, auth=auth), "invalid_request", about="form")


# How a request_uri is used


@pytest.mark.clause("RFC9126-4-01")
async def test_a_request_uri_works_once(site):
    request_uri = await site.pushed()
    page_of(await site.use(request_uri))

    shown_to_user(await site.use(request_uri), about="invalid_request_uri")


async def test_of_many_who_use_one_request_uri_at_once_only_one_gets_on(site):
    request_uri = await site.pushed()

    responses = await asyncio.gather(*(site.use(request_uri) for _ in range(100)))

    assert sorted(one.status_code for one in responses) == [303] + [400] * 99


@pytest.mark.clause("RFC9126-4-02")
async def test_a_request_uri_expires(server, site):
    early, late = await site.pushed(), await site.pushed()
    server.clock.advance(seconds=TTL_SECONDS - 1)
    page_of(await site.use(early))
    server.clock.advance(seconds=1)

    shown_to_user(await site.use(late), about="invalid_request_uri")


@pytest.mark.clause("RFC9126-2.2-02")
async def test_a_request_uri_is_for_the_client_that_pushed_it(server, registered, site, phone):
    other = await site_of(await server.register(EVERY_USER_SCOPE))

    for stranger in (phone, other):
        shown_to_user(await stranger.use(await site.pushed()), about="invalid_request_uri")
    request_uri = await site.pushed()
    shown_to_user(await other.use(request_uri), about="invalid_request_uri")
    page_of(await site.use(request_uri))


@pytest.mark.parametrize(
    "request_uri",
    [
        "https://client.example/request.jwt",
        "x",
        PREFIX,
        PREFIX + "cdspr_00zzzzzzzzzzzz_" + "x" * 43,
        "cdspr_00zzzzzzzzzzzz_" + "x" * 43,
        PREFIX + "{handle}x",
        PREFIX.upper() + "{handle}",
        "{handle}",
    ],
)
async def test_other_request_uris_are_nobodys(site, request_uri):
    """And nothing is ever fetched from one (RFC 9101 10.4)."""
    handle = (await site.pushed()).removeprefix(PREFIX)

    shown_to_user(await site.use(request_uri.format(handle=handle)), about="invalid_request_uri")


async def test_two_request_uris_are_none(site):
    pairs = [("client_id", site.client_id), ("request_uri", await site.pushed()), ("request_uri", await site.pushed())]

    shown_to_user(await site.send(pairs), about="request_uri")
    shown_to_user(await site.send([*pairs[:2], ("client_id", "other")]), about="client_id")


async def test_a_request_uri_needs_its_client_id(site):
    shown_to_user(await site.send([("request_uri", await site.pushed())]), about="client_id")


async def test_what_has_changed_since_a_request_was_pushed_counts(registered, site):
    """It is checked once more when it is used."""
    request_uri, other = await site.pushed(), await site.pushed(scope="test_costs")
    path = f"/cds-api/v1/clients/{site.client_id}"
    body = (await registered.get(path)).json()
    await registered.put(path, body | {"scope": "test_usage", "cds_default_scope": "test_usage"})

    sent_back(await site.use(other), "invalid_scope")
    body = (await registered.get(path)).json()
    await registered.put(path, body | {"redirect_uris": body["redirect_uris"][:1]})
    shown_to_user(await site.use(request_uri), about="redirect_uri")


# Floods


async def test_pushes_of_a_client_count_against_its_allowance(make_server, demo_catalog):
    server = await authorizing_server(make_server, demo_catalog, CDS_RATE_LIMIT_CLIENT="20/minute")
    site = await site_of(await server.register(EVERY_USER_SCOPE))

    responses = [await site.push() for _ in range(25)]

    assert [one.status_code for one in responses] == [201] * 20 + [429] * 5
    assert int(responses[-1].headers["retry-after"]) >= 1


async def test_pushes_without_a_secret_count_against_their_address(make_server, demo_catalog):
    """Nobody has proved anything yet."""
    server = await authorizing_server(make_server, demo_catalog, CDS_RATE_LIMIT_ANONYMOUS="20/minute")
    phone = await site_of(await server.register(EVERY_USER_SCOPE), PHONE)

    statuses = [(await phone.push()).status_code for _ in range(25)]

    assert statuses == [201] * 20 + [429] * 5


async def test_guessing_secrets_is_slowed_down(make_server, demo_catalog):
    server = await authorizing_server(make_server, demo_catalog, CDS_RATE_LIMIT_FAILED_AUTH="5/minute")
    site = await site_of(await server.register(EVERY_USER_SCOPE))
    site.client_secret = "cdscs_wrong"

    statuses = [(await site.push()).status_code for _ in range(8)]

    assert statuses == [401] * 5 + [429] * 3


async def test_no_secret_and_no_unknown_parameter_is_kept(server, site):
    """What is kept for strangers is what has a meaning, no more."""
    request_uri = await site.pushed(unknown="x" * 1000, client_assertion="secret")
    kept = await server.service.state["authorizations"].take_pushed(
        request_uri.removeprefix(PREFIX), now=server.clock.now
    )

    assert {name for name, _ in kept.parameters} == set(site.usual)
    assert VERIFIER not in str(kept)
