"""Sign-in with an identity provider that errs, lies or is not there (OpenID Connect Core 3.1.2, 3.1.3.7; RFC 9207).

Whatever it does, nobody is signed in who should not be, the user gets a page that helps, and the authorization request
that waits for the user can be tried again.
"""

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc.jwk import ECKey

from app.domain.oidc import SIGN_IN_SECONDS
from app.identity.provider import MAX_ANSWER_BYTES
from tests.authorization_pages import SCOPE, begin, production_client, users
from tests.conftest import Clock, MakeServer, Server
from tests.forged_provider import (
    CALLBACK,
    CLIENT_ID,
    ISSUER,
    SUBJECT,
    Endless,
    ForgedProvider,
    json_response,
    signed_by_a_stranger,
    signed_with_the_client_secret,
    unsigned,
)
from tests.html_pages import UserBrowser, View
from tests.ports import free_port

ADA_ID = f"oidc:{ISSUER}#{SUBJECT}"
BUTTON = "Sign in with Prairie & Lake Energy"
LIES: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "https://evil.example"},
    "another audience": {"aud": "somebody-else"},
    "no audience": {"aud": None},
    "several audiences and no azp": {"aud": [CLIENT_ID, "somebody-else"]},
    "another azp": {"azp": "somebody-else"},
    "expired": {"exp": 0},
    "no expiry": {"exp": None},
    "an expiry that is a text": {"exp": "9999999999"},
    "issued in the future": {"iat": 9_999_999_999},
    "not valid yet": {"nbf": 9_999_999_999},
    "another nonce": {"nonce": "n" * 43},
    "no nonce": {"nonce": None},
    "a nonce that is no text": {"nonce": 7},
    "no subject": {"sub": None},
    "an empty subject": {"sub": ""},
    "an endless subject": {"sub": "x" * 256},
    "a subject that is no text": {"sub": 4711},
}


@pytest.fixture
def provider(clock: Clock) -> ForgedProvider:
    return ForgedProvider(clock)


@pytest.fixture
async def server(make_server: MakeServer, provider: ForgedProvider) -> Server:
    """A service that lets customers sign in with the provider."""
    return await make_server(identity_provider=provider.as_seen_by_the_server())


@pytest.fixture
async def path(server: Server) -> str:
    """The page of an authorization request of a production Client Object."""
    registered = await server.register(SCOPE, client_name="Meadow Home")
    return await begin(registered, (await production_client(registered)).client_id)


@pytest.fixture
async def browser(server: Server) -> AsyncIterator[UserBrowser]:
    async with UserBrowser(server) as one:
        yield one


@pytest.fixture
async def other_browser(server: Server) -> AsyncIterator[UserBrowser]:
    async with UserBrowser(server) as one:
        yield one


async def to_provider(browser: UserBrowser, path: str) -> str:
    """Go to the sign-in page and press the button: where that leads."""
    view = await browser.open(path)
    answer = await browser.send("GET", view.links[BUTTON]["href"])
    assert answer.status_code == 303, answer.text
    location: str = answer.headers["location"]
    return location


async def come_back(browser: UserBrowser, url: str) -> View:
    """The page on which the way back ends."""
    return await browser.open(url)


async def sign_in(browser: UserBrowser, provider: ForgedProvider, path: str, **instead: str | None) -> View:
    return await come_back(browser, provider.authorize(await to_provider(browser, path), **instead))


async def still_works(browser: UserBrowser, provider: ForgedProvider, path: str) -> None:
    """The same authorization request, with a provider that has come to its senses."""
    provider.claims.clear()
    provider.header.clear()
    provider.answers.clear()
    provider.sign = provider.honestly
    assert "Meadow Home asks for access" in (await sign_in(browser, provider, path)).text


def is_nobody(browser: UserBrowser) -> bool:
    return "__Host-cds-user" not in browser.http.cookies


async def test_a_customer_signs_in_and_sees_what_is_asked(server, browser, provider, path):
    """PKCE, nonce and state are new each time, and nothing of the transaction goes to the provider."""
    first, second = [parse_qs(urlsplit(await to_provider(browser, path)).query) for _ in range(2)]
    view = await sign_in(browser, provider, path)

    assert "Meadow Home asks for access" in view.text
    assert "Signed in as Ada Kunde" in view.text
    assert "Sandbox" not in view.text
    assert first["scope"] == ["openid profile email"]
    assert first["response_type"] == ["code"]
    assert first["redirect_uri"] == [CALLBACK]
    assert first["code_challenge_method"] == ["S256"]
    assert {"prompt", "max_age"}.isdisjoint(first)
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]
        assert path.split("_", 2)[2] not in first[name][0]
    session = await users(server).session(browser.http.cookies["__Host-cds-user"], now=server.clock.now)
    assert (session.user_id, session.sandbox) == (ADA_ID, False)


async def test_what_a_customer_authorizes_is_found_again_under_the_name_that_the_provider_knows(
    server, browser, other_browser, provider, path
):
    """Issuer and subject are the user, whatever the name is called today."""
    view = await sign_in(browser, provider, path)
    await browser.press(view, "Approve")
    provider.userinfo["name"] = "Ada Married"
    grants = await users(server).grants_of_user(ADA_ID)

    view = await sign_in(other_browser, provider, f"/oauth/sign-in?grant_id={grants[0].grant_id}")

    assert view.response.url.path == "/oauth/receipt"
    assert "Signed in as Ada Married" in view.text
    assert "Meadow Home" in (await other_browser.open("/oauth/authorizations")).text


@pytest.mark.parametrize(
    ("claims", "userinfo", "name"),
    [
        ({"name": "Ada \u0007 Kunde"}, {}, "Ada Kunde"),
        ({"preferred_username": "ada"}, {}, "ada"),
        ({"name": " ", "email": "ada@example.com"}, {}, "ada@example.com"),
        ({}, {"sub": SUBJECT, "email": "ada@example.com"}, "ada@example.com"),
        ({"name": "<b>Ada</b>"}, {}, "<b>Ada</b>"),
        ({"name": "A" * 500}, {}, "A" * 99 + "…"),
        ({"name": ["Ada"]}, {}, "a customer"),
        ({}, {"sub": "somebody-else", "name": "Eve"}, "a customer"),
        ({}, {"name": "Eve"}, "a customer"),
    ],
)
async def test_users_are_called_by_what_the_provider_tells_of_them(browser, provider, path, claims, userinfo, name):
    provider.claims, provider.userinfo = claims, userinfo

    view = await sign_in(browser, provider, path)

    assert f"Signed in as {name} " in view.text
    assert "b" not in view.tags


async def test_nobody_is_turned_away_because_the_name_cannot_be_asked_for(browser, provider, path):
    provider.answers["/userinfo"] = lambda: httpx.Response(500)

    assert "Signed in as a customer" in (await sign_in(browser, provider, path)).text


@pytest.mark.parametrize("claims", LIES.values(), ids=LIES.keys())
async def test_an_id_token_about_something_else_signs_nobody_in(browser, provider, path, claims):
    provider.claims = claims

    view = await sign_in(browser, provider, path)

    assert view.response.status_code == 502
    assert "You are not signed in" in view.text
    assert view.links["Back to the sign-in page"]["href"] == path
    assert is_nobody(browser)
    await still_works(browser, provider, path)


@pytest.mark.parametrize("sign", [unsigned, signed_with_the_client_secret, signed_by_a_stranger])
async def test_an_id_token_that_the_provider_did_not_sign_signs_nobody_in(browser, provider, path, sign):
    """Although its metadata offer `none` and HS256."""
    provider.sign = sign

    view = await sign_in(browser, provider, path)

    assert view.response.status_code == 502
    assert is_nobody(browser)
    await still_works(browser, provider, path)


@pytest.mark.parametrize(
    "id_token", ["", "x", "a.b.c", "e30.e30.", "..", "eyJhbGciOiJFUzI1NiJ9.e30.AAAA", "x" * 100_000, None, 7, {}]
)
async def test_an_id_token_that_is_none_signs_nobody_in(browser, provider, path, id_token):
    provider.answers["/token"] = lambda: json_response({"access_token": "a", "id_token": id_token})

    view = await sign_in(browser, provider, path)

    assert view.response.status_code == 502
    assert is_nobody(browser)


async def test_several_keys_need_a_kid_and_one_does_not(browser, other_browser, provider, path):
    """Core 10.1."""
    provider.header = {"kid": None}
    assert "Signed in as Ada Kunde" in (await sign_in(browser, provider, path)).text

    provider.keys.append(ECKey.generate_key("P-256", {"kid": "k2"}))
    provider.clock.advance(hours=1)
    assert (await sign_in(other_browser, provider, "/oauth/sign-in")).response.status_code == 502


async def test_a_key_that_the_provider_has_changed_meanwhile_is_looked_up(browser, other_browser, provider, path):
    """And keys are remembered as long as they do."""
    await sign_in(browser, provider, path)
    await sign_in(other_browser, provider, "/oauth/sign-in")
    assert provider.asked.count("/jwks") == 1

    provider.signing_key = ECKey.generate_key("P-256", {"kid": "k2", "alg": "ES256", "use": "sig"})
    provider.keys = [provider.signing_key]
    other_browser.http.cookies.clear()
    view = await sign_in(other_browser, provider, "/oauth/sign-in")

    assert "Signed in as Ada Kunde" in view.text
    assert provider.asked.count("/jwks") == 2
    assert provider.asked.count("/.well-known/openid-configuration") == 1


async def test_a_key_that_the_provider_does_not_publish_signs_nobody_in(browser, provider, path):
    provider.signing_key = ECKey.generate_key("P-256", {"kid": "k9"})

    assert (await sign_in(browser, provider, path)).response.status_code == 502
    assert provider.asked.count("/jwks") == 2


async def test_odd_keys_beside_the_good_one_do_no_harm(browser, provider, path):
    odd: list[Any] = [
        None,
        7,
        {"kty": "AKP", "alg": "ML-DSA-44"},
        {"kty": "oct", "k": "AAAA", "kid": "k1"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "k1"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "k1"},
        {"kty": "EC", "use": "enc", "kid": "k1"},
        {"kty": "EC", "key_ops": 7},
    ]
    good = [key.as_dict(private=False) for key in provider.keys]
    provider.answers["/jwks"] = lambda: json_response({"keys": [*odd, *good]})

    assert "Signed in as Ada Kunde" in (await sign_in(browser, provider, path)).text


async def test_prompt_login_asks_for_a_new_sign_in_and_checks_that_there_was_one(server, browser, provider, path):
    """Core 3.1.2.1 and 15: with max_age the ID token has to say when."""
    registered = await server.register(SCOPE, client_name="Meadow Home")
    client_id = (await production_client(registered)).client_id
    strict = await begin(registered, client_id, authenticated_after=int(server.clock.now.timestamp()))
    asked = parse_qs(urlsplit(await to_provider(browser, strict)).query)
    assert (asked["prompt"], asked["max_age"]) == (["login"], ["0"])

    for stale in (None, int(server.clock.now.timestamp()) - 300, "now"):
        provider.claims = {"auth_time": stale}
        assert (await sign_in(browser, provider, strict)).response.status_code == 502
        assert is_nobody(browser)
    provider.claims = {}
    assert "Meadow Home asks for access" in (await sign_in(browser, provider, strict)).text


@pytest.mark.parametrize("error", ["access_denied", "login_required", "interaction_required"])
async def test_a_user_who_stops_at_the_provider_is_back_on_the_sign_in_page(browser, provider, path, error):
    view = await sign_in(browser, provider, path, code=None, error=error)

    assert view.response.url.path == path
    assert "You have not been signed in" in view.text
    assert BUTTON in view.links
    assert is_nobody(browser)
    await still_works(browser, provider, path)


async def test_a_request_whose_browser_has_no_cookie_yet_begins_on_its_own_page(browser, provider, path):
    """Else it would be bound to a cookie that never arrives when the provider is down."""
    provider.is_down = True
    assert BUTTON in (await browser.open(f"{path}/oidc")).links
    assert provider.asked == []

    provider.is_down = False
    assert "Meadow Home asks for access" in (await sign_in(browser, provider, path)).text


async def test_a_user_who_stops_on_the_way_to_a_receipt_finds_back_to_it(browser, provider, server):
    registered = await server.register()
    start = f"/oauth/sign-in?grant_id={registered.registration_id}-gabc"

    view = await sign_in(browser, provider, start, code=None, error="access_denied")

    assert "You have not been signed in" in view.text
    assert view.links[BUTTON]["href"] == f"/oauth/sign-in/oidc?grant_id={registered.registration_id}-gabc"


@pytest.mark.parametrize(("error", "status"), [("temporarily_unavailable", 503), ("invalid_scope", 502), ("<b>x", 502)])
async def test_errors_of_the_provider_become_pages_without_its_texts(browser, provider, path, error, status):
    view = await sign_in(browser, provider, path, code=None, error=error, error_description="Call 555-EVIL")

    assert view.response.status_code == status
    assert "EVIL" not in view.text
    assert "b" not in view.tags
    assert view.links["Back to the sign-in page"]["href"] == path


@pytest.mark.parametrize(
    "instead",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"code": None},
        {"code": ""},
        {"code": "a\nb"},
        {"code": "c" * 5000},
        {"code": "somebody-elses"},
    ],
    ids=str,
)
async def test_an_answer_that_is_not_this_providers_signs_nobody_in(browser, provider, path, instead):
    """RFC 9207, RFC 9700 4.4 (mix-up) and 4.5 (injected codes)."""
    view = await sign_in(browser, provider, path, **instead)

    assert view.response.status_code == 502
    assert is_nobody(browser)
    await still_works(browser, provider, path)


async def test_a_code_of_another_sign_in_is_good_for_nothing(browser, other_browser, provider, path):
    """RFC 9700 4.5: PKCE and nonce bind a code to the sign-in, and that to the browser."""
    stolen = parse_qs(urlsplit(provider.authorize(await to_provider(other_browser, "/oauth/sign-in"))).query)["code"][0]

    view = await sign_in(browser, provider, path, code=stolen)

    assert view.response.status_code == 502
    assert is_nobody(browser)


@pytest.mark.parametrize("state", ["", "nonsense", "cdssi_00_" + "x" * 43, None])
async def test_a_state_that_is_none_of_ours_leads_nowhere(browser, provider, path, state):
    view = await sign_in(browser, provider, path, state=state)

    assert view.response.status_code == 410
    assert is_nobody(browser)


async def test_a_parameter_that_is_there_twice_leads_nowhere(browser, provider, path):
    url = provider.authorize(await to_provider(browser, path))

    for name in ("state", "code", "iss", "error"):
        view = await come_back(browser, f"{url}&{name}=a&{name}=b")
        assert view.response.status_code == 400
        assert is_nobody(browser)
    assert "Meadow Home asks for access" in (await come_back(browser, url)).text


async def test_a_sign_in_can_be_used_once(browser, provider, path):
    """Not even by the same browser; and looking at the address does not use it up."""
    url = provider.authorize(await to_provider(browser, path))
    assert (await browser.send("HEAD", url)).status_code == 405
    assert "Meadow Home asks for access" in (await come_back(browser, url)).text

    assert (await come_back(browser, url)).response.status_code == 410
    assert "Meadow Home asks for access" in (await browser.open(path)).text
    assert provider.asked.count("/token") == 1


@pytest.mark.parametrize("has_cookie", [True, False])
async def test_a_sign_in_of_one_browser_signs_nobody_in_with_another(
    browser, other_browser, provider, path, has_cookie
):
    """RFC 9700 4.7: nobody is lured into the session of somebody else."""
    url = provider.authorize(await to_provider(other_browser, "/oauth/sign-in"))
    if has_cookie:
        await browser.open(path)

    view = await come_back(browser, url)

    assert view.response.status_code == 400
    assert "We need a cookie here" in view.text
    assert is_nobody(browser)
    assert "/token" not in provider.asked


async def test_a_sign_in_waits_for_a_while_only(browser, provider):
    url = provider.authorize(await to_provider(browser, "/oauth/sign-in"))
    provider.clock.advance(seconds=SIGN_IN_SECONDS)

    assert (await come_back(browser, url)).response.status_code == 410


async def test_every_sign_in_begins_a_new_session(browser, provider, path):
    await sign_in(browser, provider, path)
    first = browser.http.cookies["__Host-cds-user"]
    await come_back(browser, provider.authorize((await browser.send("GET", f"{path}/oidc")).headers["location"]))

    assert browser.http.cookies["__Host-cds-user"] != first


async def test_made_up_customers_of_the_sandbox_have_no_way_to_the_provider(server, browser, provider):
    """Ambiguities F8."""
    path = await begin(await server.register(SCOPE))

    assert BUTTON not in (await browser.open(path)).links
    assert (await browser.send("GET", f"{path}/oidc")).status_code == 400
    assert provider.asked == []


async def test_without_a_provider_there_is_no_way_to_it(make_server):
    server = await make_server()
    async with UserBrowser(server) as browser:
        for path in ("/oauth/sign-in/oidc", "/oauth/oidc/callback?code=a&state=b", "/oauth/authorize/x/oidc"):
            assert (await browser.send("GET", path)).status_code == 404
        assert BUTTON not in (await browser.open("/oauth/sign-in")).links


# When it does not answer


def down(provider: ForgedProvider) -> None:
    provider.is_down = True


def slow(provider: ForgedProvider) -> None:
    provider.fall_silent()


@pytest.mark.parametrize("trouble", [down, slow])
async def test_a_provider_that_does_not_answer_is_a_page_that_says_so(browser, provider, path, trouble):
    """At the start and on the way back; nothing is lost."""
    await browser.open(path)
    trouble(provider)
    view = View(await browser.send("GET", f"{path}/oidc"))
    assert view.response.status_code == 503
    assert "You cannot sign in right now" in view.text
    assert int(view.response.headers["retry-after"]) > 0
    assert view.links["Back to the sign-in page"]["href"] == path

    provider.recover()
    url = provider.authorize(await to_provider(browser, path))
    trouble(provider)
    view = await come_back(browser, url)
    assert view.response.status_code == 503
    assert is_nobody(browser)

    provider.recover()
    assert "Meadow Home asks for access" in (await sign_in(browser, provider, path)).text


async def test_a_provider_that_nobody_runs_is_a_page_that_says_so(make_server):
    """Over the network, with the settings of an operator."""
    server = await make_server(
        CDS_USER_OIDC_ISSUER=f"http://127.0.0.1:{free_port()}",
        CDS_USER_OIDC_CLIENT_ID="a",
        CDS_USER_OIDC_CLIENT_SECRET="b",
    )
    async with UserBrowser(server) as browser:
        view = View(await browser.send("GET", "/oauth/sign-in/oidc"))

    assert view.response.status_code == 503
    assert view.links["Back to the sign-in page"]["href"] == "/oauth/sign-in"


@pytest.mark.parametrize("part", ["/.well-known/openid-configuration", "/jwks", "/token"])
@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (lambda: httpx.Response(500), 503),
        (lambda: httpx.Response(429), 503),
        (lambda: httpx.Response(404), 502),
        (lambda: httpx.Response(302, headers={"location": "http://169.254.169.254/"}), 502),
        (lambda: httpx.Response(204), 502),
        (lambda: httpx.Response(200, content=b"<html>maintenance</html>"), 502),
        (lambda: httpx.Response(200, content=b"[" * 100_000), 502),
        (lambda: httpx.Response(200, content=b"[]"), 502),
        (lambda: httpx.Response(200, content=b'"\xff"'), 502),
        (lambda: httpx.Response(200, content=b"{}", headers={"content-encoding": "gzip"}), 502),
        (lambda: json_response({"error": ["<script>"]}, status=400), 502),
    ],
)
async def test_nonsense_from_the_provider_is_a_page_that_helps(browser, provider, path, part, answer, status):
    await browser.open(path)
    provider.answers[part] = answer

    start = await browser.send("GET", f"{path}/oidc")
    if start.status_code == 303:
        start = await browser.send("GET", provider.authorize(start.headers["location"]))

    view = View(start)
    assert view.response.status_code == status
    assert view.links["Back to the sign-in page"]["href"] == path
    assert is_nobody(browser)
    await still_works(browser, provider, path)


@pytest.mark.parametrize("part", ["/.well-known/openid-configuration", "/jwks", "/token", "/userinfo"])
async def test_an_answer_without_end_is_not_read_to_its_end(browser, provider, path, part):
    endless = Endless()
    provider.answers[part] = lambda: httpx.Response(200, stream=endless)
    await browser.open(path)

    start = await browser.send("GET", f"{path}/oidc")
    if start.status_code == 303:
        await come_back(browser, provider.authorize(start.headers["location"]))

    assert 0 < endless.sent <= MAX_ANSWER_BYTES + 16384
    assert is_nobody(browser) == (part != "/userinfo")


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"issuer": f"{ISSUER}/"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "http://login.example/authorize"},
        {"token_endpoint": "http://127.0.0.1/token"},
        {"token_endpoint": None},
        {"jwks_uri": "file:///etc/passwd"},
        {"userinfo_endpoint": 7},
        {"id_token_signing_alg_values_supported": ["none", "HS256"]},
        {"id_token_signing_alg_values_supported": "ES256"},
        {"code_challenge_methods_supported": ["plain"]},
        {"token_endpoint_auth_methods_supported": 7},
    ],
    ids=str,
)
async def test_metadata_that_cannot_be_relied_on_stop_the_sign_in_at_its_start(browser, provider, path, metadata):
    """Discovery 4.3: the document of another issuer, or one that leads to places without encryption."""
    await browser.open(path)
    provider.metadata = metadata

    view = View(await browser.send("GET", f"{path}/oidc"))

    assert view.response.status_code == 502
    provider.metadata = {}
    await still_works(browser, provider, path)


async def test_a_provider_that_takes_the_secret_in_the_form_only_gets_it_there(browser, provider, path):
    """RFC 6749 2.3.1; HTTP Basic is what all others get."""
    provider.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}

    assert "Signed in as Ada Kunde" in (await sign_in(browser, provider, path)).text


async def test_what_the_address_of_the_provider_asks_for_stays_in_it(browser, provider, path):
    """RFC 6749 3.1: some tell their tenants apart by a query."""
    provider.metadata = {"authorization_endpoint": f"{ISSUER}/authorize?tenant=a+b&x="}

    assert parse_qs(urlsplit(await to_provider(browser, path)).query)["tenant"] == ["a b"]
    assert "Signed in as Ada Kunde" in (await sign_in(browser, provider, path)).text


async def test_many_who_come_at_once_ask_the_provider_once(server, provider):
    """What it says of itself is remembered, and asked for again after a while."""
    browsers = [UserBrowser(server) for _ in range(20)]
    await asyncio.gather(*[one.send("GET", "/oauth/sign-in/oidc") for one in browsers])
    assert provider.asked == ["/.well-known/openid-configuration"]

    provider.clock.advance(hours=2)
    await browsers[0].send("GET", "/oauth/sign-in/oidc")
    assert len(provider.asked) == 2


async def test_nothing_of_a_sign_in_reaches_a_log_line(
    json_log: io.BytesIO, browser: UserBrowser, provider: ForgedProvider, path: str
) -> None:
    """Neither a name nor a subject nor anything secret; a failure names its cause."""
    location = await to_provider(browser, path)
    url = provider.authorize(location)
    await come_back(browser, url)
    seen = [value[0] for query in (location, url) for value in parse_qs(urlsplit(query).query).values()]
    provider.claims = {"aud": "somebody-else", "name": "Ada Kunde"}
    await sign_in(browser, provider, "/oauth/sign-in")
    provider.claims = {}
    await sign_in(browser, provider, "/oauth/sign-in", code=None, error="x-evil", error_description="x-words")
    # Debug lines of httpx are those of the browser in this test.
    lines = "".join(line for line in json_log.getvalue().decode().splitlines() if '"logger":"httpx"' not in line)

    assert "ID token: wrong aud" in lines
    harmless = {"code", "S256", CLIENT_ID, CALLBACK, ISSUER, "openid profile email"}
    for secret in {*seen, "Ada Kunde", SUBJECT, "access-1", "x-evil", "x-words"} - harmless:
        assert secret not in lines, secret
