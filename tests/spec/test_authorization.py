"""The authorization endpoint (RFC 6749 3.1 and 4.1, 7636, 8252, 9207, 9396; CDS-WG1-02 3.4, 5.1; ambiguities F1-F7)."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.catalog import Catalog
from app.domain.authorization_requests import MAX_LENGTH, MAX_STATE_LENGTH
from tests.authorizing import (
    CHALLENGE,
    DATED,
    EVERY_USER_SCOPE,
    NEEDY,
    PARTS,
    SLOW,
    STATE,
    STRICT,
    Site,
    answer,
    asked,
    authorizing_server,
    page_of,
    sent_back,
    shown_to_user,
    site_of,
)
from tests.conftest import MakeServer, Registered, Server
from tests.grant_objects import suspend
from tests.html_pages import UserBrowser
from tests.user_grants import BACK, DAILY, DATA, HALF, PHONE, VERIFIER, answered

RECEIPT = "https://utility.example/oauth/receipt"


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


# The way of a request


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_good_request_leads_to_the_page_on_which_its_user_decides(server, site, method):
    """RFC 6749 3.1: GET has to be supported, POST may be."""
    request = await asked(server, await site.authorize(method, scope="test_usage", authorization_details=[HALF]))

    assert (request.client_id, request.redirect_uri, request.redirect_uri_sent) == (site.client_id, BACK, True)
    assert (request.response_type, request.state) == ("code", STATE)
    assert (request.scope, request.authorization_details) == ("test_usage", [HALF])
    assert request.code_challenge == CHALLENGE["code_challenge"]
    assert (request.prompt_login, request.cds_grant_id) == (False, None)


async def test_a_request_costs_two_round_trips(server, site):
    before = server.connection.round_trips

    page_of(await site.authorize())

    assert server.connection.round_trips - before == 2


@pytest.mark.clause("RFC6749-4.1.1-01", "WG1-02-8.3-12")
async def test_an_approval_brings_a_code_that_gives_tokens_and_the_grant_is_there_before(site, browser):
    found = await site.approved(browser, scope="test_usage")

    assert set(found) == {"code"}
    grant = await site.newest()
    assert (grant["status"], grant["scope"], grant["enabled_scope"]) == ("active", "test_usage", "test_usage")
    tokens = answered(await site.exchange(found["code"]))
    assert (await site.introspect(tokens["access_token"]))["cds_grant_id"] == grant["grant_id"]
    assert (await site.newest())["modified"] == grant["modified"]


@pytest.mark.clause("RFC6749-4.1.2-03", "RFC6749-4.1.1-01")
async def test_declining_tells_the_client_and_makes_no_grant(site, browser):
    view = await site.consent(browser)

    sent_back(await browser.submit(view, "Decline"), "access_denied")

    assert await site.grants() == []


@pytest.mark.clause("RFC6749-4.1.1-01")
@pytest.mark.parametrize("state", ["x", "a b", "%25", "\N{SNOWMAN}", "a=b&code=c#d", "z" * MAX_STATE_LENGTH])
async def test_the_state_comes_back_unchanged(site, state):
    response = await site.authorize(state=state, scope="test_nothing")

    assert dict(query_of(response))["state"] == state


async def test_without_a_state_none_comes_back(site):
    assert "state" not in dict(query_of(await site.authorize(state=None, scope="test_nothing")))


def query_of(response: Any) -> list[tuple[str, str]]:
    """The parameters of a redirect."""
    found: list[tuple[str, str]] = response.next_request.url.params.multi_items()
    return found


async def test_a_request_that_is_tried_out_with_head_is_not_begun(server, site):
    """Whoever looks at links before users do would use a request_uri up."""
    request_uri = await site.pushed()

    response = await server.http.head(
        "/oauth/authorize", params={"client_id": site.client_id, "request_uri": request_uri}
    )

    assert response.status_code == 405
    page_of(await site.use(request_uri))


# Errors that go back to the Client


@pytest.mark.clause("RFC6749-4.1.2-03", "RFC9396-5-01")
@pytest.mark.parametrize(
    ("changes", "error", "about"),
    [
        ({"response_type": None}, "invalid_request", "response_type"),
        ({"response_type": ""}, "invalid_request", "response_type"),
        ({"response_type": "token"}, "unsupported_response_type", "code"),
        ({"response_type": "code token"}, "unsupported_response_type", "code"),
        ({"response_type": ["code", "code"]}, "invalid_request", "response_type"),
        ({"response_mode": "fragment"}, "invalid_request", "query"),
        ({"response_mode": "form_post"}, "invalid_request", "query"),
        ({"scope": "test_nothing"}, "invalid_scope", "test_usage, test_costs"),
        ({"scope": "test_usage test_phone"}, "invalid_scope", "test_usage, test_costs"),
        ({"scope": "cds_client_admin"}, "invalid_scope", "test_usage, test_costs"),
        ({"scope": "test_usage " * 2000}, "invalid_scope", "10000"),
        ({"scope": ["test_usage", "test_costs"]}, "invalid_request", "scope"),
        ({"authorization_details": "{}"}, "invalid_authorization_details", "array"),
        ({"authorization_details": "["}, "invalid_authorization_details", "array"),
        ({"authorization_details": "[1]"}, "invalid_authorization_details", "object"),
        ({"authorization_details": [{}]}, "invalid_authorization_details", "type"),
        ({"authorization_details": [{"type": "test_nothing"}]}, "invalid_authorization_details", "type"),
        ({"authorization_details": [{"type": "test_costs"}]}, "invalid_authorization_details", "type"),
        ({"authorization_details": [DAILY | {"more": 1}]}, "invalid_authorization_details", "more"),
        ({"authorization_details": [DAILY | {"share": 2}]}, "invalid_authorization_details", "share"),
        ({"authorization_details": [DAILY | {"share": "1"}]}, "invalid_authorization_details", "share"),
        ({"authorization_details": ["[]", "[]"]}, "invalid_authorization_details", "object"),
        ({"request": "e30.e30."}, "request_not_supported", "push"),
        ({"code_challenge": [VERIFIER, VERIFIER]}, "invalid_request", "code_challenge"),
        ({"code_challenge_method": None}, "invalid_request", "S256"),
        ({"prompt": ["login", "login"]}, "invalid_request", "prompt"),
        ({"unknown": ["1", "2"]}, "invalid_request", "more than once"),
        ({"unknown": "x" * MAX_LENGTH}, "invalid_request", "characters"),
    ],
)
async def test_what_is_wrong_is_told_to_the_client(site, changes, error, about):
    sent_back(await site.authorize(**changes), error, about=about)


async def test_an_error_begins_nothing(server, site):
    """One look at the client, and nothing is written."""
    before = server.connection.round_trips

    sent_back(await site.authorize(scope="test_nothing"), "invalid_scope")

    assert server.connection.round_trips - before == 1


@pytest.mark.parametrize(
    ("repeated", "error"),
    [("scope", "invalid_request"), ("authorization_details", "invalid_request"), ("state", None), ("client_id", None)],
)
async def test_of_a_parameter_that_comes_twice_nobody_picks_one(site, repeated, error):
    """Not even when both are the same: others on the way may see it differently."""
    values = {"scope": "test_usage", "authorization_details": "[]"} | site.usual
    pairs = [*values.items(), (repeated, values[repeated])]

    response = await site.send(pairs)

    if error:
        sent_back(response, error, about=repeated)
    else:
        shown_to_user(response, about=repeated)


async def test_parameters_without_a_value_count_as_left_out(server, site):
    """RFC 6749 3.1; also when the parameter comes once more with one."""
    pairs = [*site.pairs(scope="test_usage"), ("scope", ""), ("prompt", ""), ("unknown", "")]

    assert (await asked(server, await site.send(pairs))).scope == "test_usage"


async def test_unknown_parameters_are_ignored(server, site):
    """RFC 6749 3.1; and so are values of prompt that have no meaning here (ambiguities F13)."""
    request = await asked(
        server, await site.authorize(nonce="n", prompt="none", ui_locales="de", response_mode="query")
    )

    assert request.prompt_login is False


@pytest.mark.parametrize("prompt", ["login", "consent login"])
async def test_prompt_login_is_noted(server, site, prompt):
    assert (await asked(server, await site.authorize(prompt=prompt))).prompt_login is True


# Errors that the user sees, because there is nobody to send them to


@pytest.mark.clause("RFC6749-3.1.2-01")
@pytest.mark.parametrize(
    "redirect_uri",
    [
        "https://evil.example/",
        "https://client.example/back",
        "https://client.example/back?from=utility&more=1",
        "https://client.example/back?from=utility#",
        "https://client.example/back?from=utilit%79",
        "https://client.example/back/../back?from=utility",
        "https://client.example.evil.example/back?from=utility",
        "https://client.example@evil.example/back?from=utility",
        "https://client.example:443/back?from=utility",
        "https://CLIENT.example/back?from=utility",
        "http://client.example/back?from=utility",
        "//client.example/back?from=utility",
        "https:client.example/back?from=utility",
        "https://client.example\\@evil.example/back?from=utility",
        " https://client.example/back?from=utility",
        "https://client.example/back?from=utility\r\nSet-Cookie: a=b",
        "javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "https://utility.example/oauth/receipt/",
        "https://utility.example:8443/oauth/receipt",
        "/oauth/receipt",
    ],
)
async def test_nobody_is_sent_to_a_redirect_uri_that_is_not_registered_to_the_letter(site, redirect_uri):
    """Whatever else is wrong with the request (open redirects, RFC 9700 4.1 and 4.11)."""
    for changes in ({}, {"scope": "test_nothing"}, {"response_type": "token"}, {"cds_grant_id": "x"}):
        shown_to_user(await site.authorize(redirect_uri=redirect_uri, **changes), about="redirect_uri")


@pytest.mark.clause("RFC6749-3.1.2-01")
async def test_a_redirect_uri_of_another_client_object_is_not_this_ones(registered, site):
    """Not even of one of the same registration."""
    other = await site_of(
        registered,
        STRICT,
        redirect_uris=["https://other.example/back"],
        cds_default_redirect_uri="https://other.example/back",
    )

    shown_to_user(await site.authorize(redirect_uri="https://other.example/back"), about="redirect_uri")
    shown_to_user(await other.authorize(redirect_uri=BACK), about="redirect_uri")


async def test_two_redirect_uris_are_none(site):
    pairs = [*site.pairs(), ("redirect_uri", "https://evil.example/")]

    shown_to_user(await site.send(pairs), about="redirect_uri")
    shown_to_user(await site.send(pairs[::-1]), about="redirect_uri")


@pytest.mark.clause("RFC6749-3.1.2-01")
@pytest.mark.parametrize("client_id", [None, "", "x", "00zzzzzzzzzzzz", "00zzzzzzzzzzzz-1", "{rid}-99", "{rid}-gabc"])
async def test_an_unknown_client_leads_nowhere(site, client_id):
    named = client_id and client_id.format(rid=site.registered.registration_id)

    shown_to_user(await site.authorize(client_id=named), about="client_id")


async def test_the_id_of_another_client_object_brings_its_own_redirect_uris_only(registered, site):
    """A mix-up of two clients ends here (RFC 9700 4.4)."""
    other = await site_of(
        registered,
        STRICT,
        redirect_uris=["https://other.example/back"],
        cds_default_redirect_uri="https://other.example/back",
    )

    shown_to_user(await site.authorize(client_id=other.client_id), about="redirect_uri")


async def test_a_client_that_users_do_not_authorize_is_named_as_such(registered, site):
    grid = (await registered.clients())["ple_grid_status"]["client_id"]

    shown_to_user(await site.authorize(client_id=grid), about="unauthorized_client")
    shown_to_user(await site.authorize(client_id=registered.client_id), about="unauthorized_client")


@pytest.mark.clause("WG1-02-5.2-04")
async def test_a_disabled_client_ends_on_an_error_page(registered, site):
    """Ambiguities B14."""
    await registered.put(f"/cds-api/v1/clients/{site.client_id}", {"cds_status": "disabled", "redirect_uris": [BACK]})

    shown_to_user(await site.authorize(), about="disabled")


async def test_a_suspended_registration_ends_on_an_error_page(registered, site):
    await suspend(registered)

    shown_to_user(await site.authorize(), about="suspended")


async def test_a_state_that_could_not_be_returned_is_shown_to_the_user(site):
    """An answer without it would look like a forged one to the client."""
    shown_to_user(await site.authorize(state="x" * (MAX_STATE_LENGTH + 1)), about="state")


@pytest.mark.parametrize("query", [b"client_id=%FF", b"client_id=%00", b"a=1&" * 101])
async def test_a_query_that_cannot_be_read_is_refused(server, query):
    response = await server.http.get(url_with(query))

    shown_to_user(response, about="parameters" if b"%00" not in query else "NUL")


def url_with(query: bytes) -> Any:
    """The authorization endpoint with a query just as it is."""
    return httpx.URL("https://utility.example/oauth/authorize", query=query)


async def test_a_post_has_to_be_a_form(server, site):
    shown_to_user(await server.http.post("/oauth/authorize", json=site.usual), about="content type")


# Redirect URIs of native apps


@pytest.fixture
async def native(registered: Registered) -> Site:
    """A sandbox Client Object that listens on its user's machine."""
    uris = ["http://127.0.0.1/cb", "http://[::1]:1/cb", "http://localhost:8080/cb?a=1"]
    site = await site_of(registered, STRICT, redirect_uris=uris, cds_default_redirect_uri=uris[0])
    site.usual["redirect_uri"] = "http://127.0.0.1/cb"
    return site


@pytest.mark.parametrize(
    "uri", ["http://127.0.0.1:61023/cb", "http://127.0.0.1/cb", "http://[::1]/cb", "http://localhost:1/cb?a=1"]
)
async def test_the_port_of_a_loopback_redirect_uri_may_be_any(native, uri):
    """RFC 8252 7.3: the app takes one that is free."""
    sent_back(await native.authorize(redirect_uri=uri, scope="test_nothing"), "invalid_scope", redirect_uri=uri)


@pytest.mark.parametrize(
    "uri",
    [
        "https://127.0.0.1:61023/cb",
        "http://127.0.0.1:61023/other",
        "http://127.0.0.1:61023/cb?a=1",
        "http://127.0.0.1:61023/cb#",
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:99999/cb",
        "http://127.0.0.1:/cb",
        "http://127.0.0.2:61023/cb",
        "http://localhost:61023/cb",
        "http://127.0.0.1:80@evil.example/cb",
        "http://127.0.0.1.evil.example:61023/cb",
        "http://evil.example:61023/cb",
        "http://127.0.0.1:61023\\cb",
    ],
)
async def test_everything_else_of_a_loopback_redirect_uri_stays(native, uri):
    shown_to_user(await native.authorize(redirect_uri=uri), about="redirect_uri")


async def test_no_port_varies_for_hosts_elsewhere(site):
    shown_to_user(
        await site.authorize(redirect_uri="https://client.example:444/back?from=utility"), about="redirect_uri"
    )


async def test_the_port_of_our_own_receipt_page_does_not_vary(make_server, demo_catalog):
    """On a machine without TLS it is http to a loopback host as well."""
    server = await authorizing_server(make_server, demo_catalog, CDS_PUBLIC_URL="http://127.0.0.1:8000")
    registered = await server.register(EVERY_USER_SCOPE)
    site = await site_of(registered)

    response = await site.authorize(redirect_uri="http://127.0.0.1:8001/oauth/receipt")

    shown_to_user(response, about="redirect_uri")
    page_of(await site.authorize(redirect_uri="http://127.0.0.1:8000/oauth/receipt"))


# PKCE


@pytest.mark.clause("RFC7636-4.3-01", "WG1-02-3.4-13")
@pytest.mark.parametrize(
    ("changes", "about"),
    [
        ({"code_challenge_method": "plain"}, "S256"),
        ({"code_challenge_method": None}, "plain"),
        ({"code_challenge_method": "s256"}, "S256"),
        ({"code_challenge": "x" * 42}, "43"),
        ({"code_challenge": "x" * 44}, "43"),
        ({"code_challenge": "x" * 42 + "="}, "43"),
        ({"code_challenge": "x" * 42 + "\n"}, "43"),
        ({"code_challenge": None}, "code_challenge_method"),
    ],
)
async def test_a_challenge_is_never_weaker_than_s256(site, phone, changes, about):
    sent_back(await site.authorize(**changes), "invalid_request", about=about)
    sent_back(await phone.authorize(**changes), "invalid_request", about="code_challenge")


@pytest.mark.parametrize("scope", [PHONE, STRICT])
async def test_public_clients_and_strict_scopes_need_a_challenge(registered, scope):
    """Ambiguities F1. Nothing that is left out or sent along takes it away."""
    strict = await site_of(registered, scope)
    none = {"code_challenge": None, "code_challenge_method": None}

    for changes in ({}, {"scope": None}, {"scope": scope}, {"cds_grant_id": "x"}, {"code_challenge": ""}):
        sent_back(await strict.authorize(**none | changes), "invalid_request", about="code_challenge is required")
    page_of(await strict.authorize())


async def test_a_client_with_a_secret_may_do_without(server, site):
    request = await asked(server, await site.authorize(code_challenge=None, code_challenge_method=None))

    assert request.code_challenge is None


@pytest.mark.clause("RFC7636-4.6-01", "RFC6749-4.1.2-02")
async def test_a_code_is_bound_to_challenge_redirect_uri_and_client(registered, site, browser):
    other = await site_of(registered, STRICT)

    for changes in (
        {"code_verifier": "other-" + VERIFIER},
        {"without": ["code_verifier"]},
        {"redirect_uri": RECEIPT},
        {"without": ["redirect_uri"]},
    ):
        code = (await site.approved(browser))["code"]
        response = await site.exchange(code, **changes)
        assert (response.status_code, response.json()["error"]) == (400, "invalid_grant"), changes
    code = (await site.approved(browser))["code"]
    assert (await other.exchange(code)).json()["error"] == "invalid_grant"
    answered(await site.exchange(code))


# Defaults


@pytest.mark.clause("WG1-02-5.1-18")
async def test_without_a_scope_it_is_the_default_one(server, registered, site):
    assert (await asked(server, await site.authorize())).scope == DATA
    narrow = await site_of(registered, cds_default_scope="test_costs")

    assert (await asked(server, await narrow.authorize())).scope == "test_costs"
    assert (await asked(server, await narrow.authorize(scope=DATA))).scope == DATA


@pytest.mark.clause("WG1-02-5.1-20", "WG1-02-5.1-21")
async def test_without_a_redirect_uri_the_answer_goes_to_the_default_one(server, registered, site, browser):
    """Also with several registered (ambiguities F2): the receipt at first, then what the client has set."""
    response = await site.authorize(redirect_uri=None)
    request = await asked(server, response)

    assert (request.redirect_uri, request.redirect_uri_sent) == (RECEIPT, False)
    sent_back(await site.authorize(redirect_uri=None, scope="test_nothing"), "invalid_scope", redirect_uri=RECEIPT)
    changed = await site_of(registered, cds_default_redirect_uri=BACK)
    found = await changed.approved(browser, redirect_uri=None)
    answered(await changed.exchange(found["code"], without=["redirect_uri"]))


@pytest.mark.clause("WG1-02-5.1-22", "WG1-02-8.1-10")
async def test_without_authorization_details_they_are_the_default_ones(server, registered, browser):
    site = await site_of(registered, cds_default_authorization_details=[HALF])

    await site.approved(browser)
    grant = await site.newest()
    assert (grant["scope"], grant["authorization_details"]) == (DATA, [HALF])

    for sent, expected in ((None, [HALF]), ("[]", []), ([DAILY], [DAILY])):
        request = await asked(server, await site.authorize(authorization_details=sent, scope=DATA))
        assert request.authorization_details == expected


async def test_default_details_do_not_widen_a_scope_that_was_asked_for(server, registered):
    """Least privilege: an entry would bring its scope along (ambiguities E9)."""
    site = await site_of(registered, cds_default_authorization_details=[HALF])

    request = await asked(server, await site.authorize(scope="test_costs"))

    assert (request.scope, request.authorization_details) == ("test_costs", [])


async def test_details_alone_ask_for_the_scope_of_their_types(server, site):
    """Ambiguities F3; and with a scope their types come on top (E9)."""
    request = await asked(server, await site.authorize(authorization_details=[HALF]))
    assert (request.scope, request.authorization_details) == ("test_usage", [HALF])

    request = await asked(server, await site.authorize(authorization_details=[HALF], scope="test_costs"))
    assert request.scope == DATA


@pytest.mark.clause("WG1-02-3.8-06", "WG1-02-3.8-02")
async def test_what_an_entry_leaves_out_gets_its_default(site, browser):
    await site.approved(browser, authorization_details=[{"type": "test_usage", "share": 0.5}])

    assert (await site.newest())["authorization_details"] == [HALF]


@pytest.mark.clause("WG1-02-3.8-05")
async def test_a_required_field_has_to_be_given(registered, browser):
    needy = await site_of(registered, NEEDY)

    for changes in ({}, {"scope": NEEDY}, {"authorization_details": [{"type": NEEDY}]}):
        sent_back(await needy.authorize(**changes), "invalid_authorization_details", about="account")
    await needy.approved(browser, authorization_details=[{"type": NEEDY, "account": "7"}])
    assert (await needy.newest())["authorization_details"] == [{"type": NEEDY, "account": "7"}]


async def test_a_client_without_a_scope_is_told_so(registered, site):
    path = f"/cds-api/v1/clients/{site.client_id}"
    body = (await registered.get(path)).json() | {"scope": "", "cds_default_scope": ""}
    assert (await registered.put(path, body)).status_code == 200

    sent_back(await site.authorize(), "invalid_scope", about="none now")


async def test_a_request_with_more_details_than_anybody_can_read_is_refused(site):
    """Their defaults count too, because they are kept."""
    details = [{"type": "test_usage", "share": place / 10**9} for place in range(500)]

    sent_back(await site.authorize(authorization_details=details), "invalid_authorization_details", about="bytes")


# The Grant that an approval makes


@pytest.mark.clause("WG1-02-8.1-11", "WG1-02-8-01")
async def test_an_approval_makes_a_grant_with_a_receipt(registered, site, browser):
    await site.approved(browser)

    grant = await site.newest()
    assert (grant["status"], grant["scope"], grant["enabled_scope"]) == ("active", DATA, DATA)
    assert len(grant["receipt_confirmations"]) == 1
    assert grant["replacing"] == grant["replaced_by"] == []
    assert (grant["not_before"], grant["not_after"], grant["expires"], grant["eta"]) == (None, None, None, None)
    assert grant["created"] == grant["modified"]
    changes = [one["description"] for one in await registered.messages() if one["name"] == "Grant changed"]
    assert any(grant["grant_id"] in text and "A user has authorized it." in text for text in changes)
    found = await registered.get(
        "/cds-api/v1/grants", params={"receipt_confirmations": grant["receipt_confirmations"][0]}
    )
    assert [one["grant_id"] for one in found.json()["grants"]] == [grant["grant_id"]]


async def test_each_approval_makes_a_grant_of_its_own(site, browser):
    """Ambiguities E14: none replaces another by itself."""
    await site.approved(browser)
    await site.approved(browser)

    first, second = await site.grants()
    assert first["grant_id"] != second["grant_id"]
    assert first["receipt_confirmations"] != second["receipt_confirmations"]
    assert {first["status"], second["status"]} == {"active"}
    assert first["replacing"] == second["replacing"] == []


@pytest.mark.clause("WG1-02-8.1-07")
async def test_a_grant_whose_data_has_to_be_gathered_first_is_pending(registered, browser):
    """As the catalog says; the code gives tokens all the same (ambiguities E5, E6)."""
    slow = await site_of(registered, SLOW)

    code = (await slow.approved(browser))["code"]

    grant = await slow.newest()
    assert (grant["status"], grant["enabled_scope"]) == ("pending", "")
    assert grant["eta"] == "2026-06-04T12:00:00Z"
    answered(await slow.exchange(code))


async def test_a_grant_that_stands_for_parts_waits_for_them(registered, browser):
    parts = await site_of(registered, PARTS)

    await parts.approved(browser)

    grant = await parts.newest()
    assert (grant["status"], grant["enabled_scope"], grant["eta"]) == ("needs_sub_grants", "", None)


@pytest.mark.clause("WG1-02-3.9-04")
async def test_relative_dates_count_from_the_day_of_the_approval(server, registered, browser):
    """In the time zone of the utility, where it is still the day before just after midnight UTC."""
    dated = await site_of(registered, DATED)
    server.clock.advance(hours=16, minutes=50)
    view = await dated.consent(browser, authorization_details=[{"type": DATED, "until": "P10D"}])
    server.clock.advance(minutes=20)

    found = answer(await browser.submit(view, "Approve"))

    tokens = answered(await dated.exchange(found["code"]))
    assert (await dated.newest())["authorization_details"] == [{"type": DATED, "until": "P10D"}]
    described = await dated.introspect(tokens["access_token"])
    assert described["authorization_details"] == [{"type": DATED, "until": "2026-06-12"}]


async def test_pages_and_answers_keep_nothing_in_caches_or_referers(site):
    for response in (await site.authorize(), await site.authorize(scope="test_nothing")):
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["referrer-policy"] == "same-origin"


async def test_requests_count_against_their_address(make_server, demo_catalog):
    server = await authorizing_server(make_server, demo_catalog, CDS_RATE_LIMIT_ANONYMOUS="20/minute")
    site = await site_of(await server.register(EVERY_USER_SCOPE))

    statuses = {(await site.authorize()).status_code for _ in range(25)}

    assert statuses == {303, 429}
