"""Authorization codes at the token endpoint (RFC 6749 4.1.3, RFC 7636 4.5, RFC 9396 6; ambiguities E6, F1, A21)."""

import asyncio
import base64
import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.catalog import Catalog
from app.domain import grant_decisions
from app.domain.grant_decisions import Decision
from app.schemas.grants import GrantStatus
from tests.client_objects import operator_disables
from tests.conftest import MakeServer, Registered, Server
from tests.grant_objects import patch, shown, suspend
from tests.user_grants import (
    BACK,
    DAILY,
    DATA,
    HALF,
    PHONE,
    USER_SCOPES,
    VERIFIER,
    App,
    admin_of,
    answered,
    app_of,
    challenge_of,
    refused,
    text_of,
    user_server,
)


@pytest.fixture
async def server(make_server: MakeServer, demo_catalog: Catalog) -> Server:
    """A service with scopes that users authorize."""
    return await user_server(make_server, demo_catalog)


@pytest.fixture
async def registered(server: Server) -> Registered:
    return await server.register(USER_SCOPES)


@pytest.fixture
async def app(registered: Registered) -> App:
    """A Client Object with a secret."""
    return await app_of(registered)


@pytest.fixture
async def phone(registered: Registered) -> App:
    """A Client Object without one."""
    return await app_of(registered, PHONE)


@pytest.mark.clause("RFC6749-5.1-01", "RFC6749-5.1-02")
async def test_a_code_gives_an_access_token_and_a_refresh_token(app):
    grant = await app.grant()

    response = await app.exchange(await app.code(grant))

    body = answered(response)
    assert set(body) == {"access_token", "token_type", "expires_in", "scope", "refresh_token"}
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("bearer", 3600, DATA)
    assert (response.headers["cache-control"], response.headers["pragma"]) == ("no-store", "no-cache")
    described = await app.introspect(body["access_token"])
    assert described["active"]
    assert (described["scope"], described["client_id"], described["cds_grant_id"]) == (
        DATA,
        app.client_id,
        grant.grant_id,
    )


@pytest.mark.clause("RFC9396-7-01")
async def test_the_response_has_the_authorization_details_of_the_grant(app):
    grant = await app.grant("test_usage", [HALF])

    body = await app.tokens(grant)

    assert (body["scope"], body["authorization_details"]) == ("test_usage", [HALF])
    assert (await app.introspect(body["access_token"]))["authorization_details"] == [HALF]


async def test_a_code_costs_two_round_trips(server, app):
    code = await app.code()
    before = server.connection.round_trips

    answered(await app.exchange(code))

    assert server.connection.round_trips - before == 2


@pytest.mark.clause("RFC6749-4.1.2-01")
async def test_a_second_use_is_refused_and_ends_what_the_first_one_gave(app):
    code = await app.code()
    first = answered(await app.exchange(code))
    later = answered(await app.refresh(first))

    refused(await app.exchange(code), "invalid_grant")

    for tokens in (first, later):
        assert not await app.is_active(tokens["access_token"])
        assert not await app.is_active(tokens["refresh_token"])
    refused(await app.refresh(later), "invalid_grant")


@pytest.mark.clause("RFC6749-4.1.2-01")
async def test_an_expired_code_is_refused(make_server, demo_catalog):
    server = await user_server(make_server, demo_catalog, CDS_CODE_TTL="20")
    app = await app_of(await server.register(USER_SCOPES))
    code, late = await app.code(), await app.code()

    server.clock.advance(seconds=19)
    in_time = await app.exchange(code)
    server.clock.advance(seconds=1)

    answered(in_time)
    refused(await app.exchange(late), "invalid_grant")


async def test_a_hundred_redemptions_at_once_give_exactly_one_token(app):
    code = await app.code()

    responses = await asyncio.gather(*(app.exchange(code) for _ in range(100)))

    assert sorted(response.status_code for response in responses) == [200] + [400] * 99
    assert {one.json()["error"] for one in responses if one.status_code == 400} == {"invalid_grant"}


@pytest.mark.clause("RFC6749-4.1.2-02")
async def test_a_code_of_another_client_object_is_refused_and_stays_good(server, registered, app, phone):
    code = await app.code()
    other = await app_of(await server.register(USER_SCOPES))
    for thief in (other, phone, await app_of(registered, "test_once")):
        refused(await thief.exchange(code), "invalid_grant")

    answered(await app.exchange(code))


async def test_a_used_code_in_other_hands_ends_nothing(registered, app, phone):
    code = await app.code()
    tokens = answered(await app.exchange(code))

    for thief in (phone, await app_of(registered, "test_once")):
        refused(await thief.exchange(code), "invalid_grant")
    refused(await app.exchange(code, code_verifier="x" * 43), "invalid_grant")

    assert await app.is_active(tokens["access_token"])
    answered(await app.refresh(tokens))


@pytest.mark.clause("RFC6749-4.1.2-02")
@pytest.mark.parametrize(
    "other",
    [
        "https://client.example/back",
        "https://client.example/back?from=utility&x=1",
        "https://client.example/back?from=utility#",
        "https://CLIENT.example/back?from=utility",
        "https://evil.example/",
        "",
    ],
)
async def test_a_code_needs_the_redirect_uri_of_its_request(app, other):
    code = await app.code()

    refused(await app.exchange(code, redirect_uri=other), "invalid_grant", about="redirect_uri")

    answered(await app.exchange(code))


async def test_a_redirect_uri_that_was_left_out_is_not_needed_and_may_not_differ(app):
    left_out, sent, wrong = [await app.code(redirect_uri_sent=False) for _ in range(3)]

    answered(await app.exchange(left_out, without=("redirect_uri",)))
    answered(await app.exchange(sent, redirect_uri=BACK))
    refused(await app.exchange(wrong, redirect_uri="https://evil.example/"), "invalid_grant", about="redirect_uri")


@pytest.mark.clause("RFC7636-4.6-01")
@pytest.mark.parametrize(
    "verifier",
    [
        "",
        VERIFIER + "x",
        VERIFIER.upper(),
        "x" * 43,
        VERIFIER[:42],
        challenge_of(VERIFIER),
        "ü" * 43,
        "v" * 129,
    ],
)
async def test_a_wrong_or_missing_verifier_is_refused(app, phone, verifier):
    for one in (app, phone):
        code = await one.code()

        refused(await one.exchange(code, code_verifier=verifier), "invalid_grant", about="code_verifier")

        answered(await one.exchange(code))


@pytest.mark.parametrize("verifier", ["a-b.c_d~" + "Z" * 35, "0" * 128])
async def test_a_verifier_has_43_to_128_characters(app, verifier):
    code = await app.code(code_challenge=challenge_of(verifier))

    answered(await app.exchange(code, code_verifier=verifier))


async def test_a_verifier_for_a_request_without_challenge_is_refused(app):
    code = await app.code(code_challenge=None)

    refused(await app.exchange(code), "invalid_grant", about="code_challenge")

    answered(await app.exchange(code, without=("code_verifier",)))


@pytest.mark.clause("WG1-02-3.4-11")
async def test_a_public_client_exchanges_its_code_without_a_secret(phone):
    tokens = await phone.tokens()

    assert tokens["scope"] == PHONE
    described = await admin_of(phone).introspect(tokens["access_token"])
    assert (described["client_id"], described["scope"]) == (phone.client_id, PHONE)


async def test_a_public_client_needs_a_challenge(phone):
    code = await phone.code(code_challenge=None)

    refused(await phone.exchange(code, without=("code_verifier",)), "invalid_grant", about="code_challenge")


async def test_a_public_client_may_use_its_credential(phone):
    phone.is_public = False

    tokens = await phone.tokens(await phone.grant(PHONE))

    answered(await phone.refresh(tokens))


@pytest.mark.clause("WG1-02-3.4-11")
async def test_a_client_object_with_a_secret_has_to_show_it(app):
    code = await app.code()
    app.is_public = True
    for form in ({}, {"client_secret": app.client_secret}):
        refused(await app.exchange(code, **form), "invalid_client", status=401)

    app.is_public = False
    answered(await app.exchange(code))


async def test_the_header_and_the_form_must_not_name_two_callers(app, phone):
    code = await app.code()

    refused(await app.exchange(code, client_id=phone.client_id), "invalid_request", about="client_id")
    answered(await app.exchange(code, client_id=app.client_id))


@pytest.mark.parametrize(
    "client_id", ["", "nobody", "00000000000000-1", "{0}-99", "{0}-c123", "{0}-", "{0}-1 ", "{0}-1\n", "{0}"]
)
async def test_nobody_gets_in_with_an_id_alone(server, registered, client_id):
    form = {"grant_type": "authorization_code", "code": "x", "client_id": client_id.format(registered.registration_id)}
    for path in ("/oauth/token", "/oauth/revoke"):
        response = await server.http.post(path, data=form | {"token": "x"})

        refused(response, "invalid_client", status=401)


async def test_a_public_client_cannot_use_client_credentials(phone):
    refused(await phone.post("/oauth/token", grant_type="client_credentials"), "invalid_client", status=401)


@pytest.mark.clause("RFC6749-5.2-01")
@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "authorization_code"}, "invalid_request"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
        ({"grant_type": "authorization_code", "code": "x"}, "invalid_grant"),
        ({"grant_type": "authorization_code", "code": "cdsac_" + "0" * 14 + "_" + "a" * 43}, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "cdsrt_" + "0" * 14 + "_" + "a" * 65}, "invalid_grant"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({}, "invalid_request"),
        (
            {"grant_type": "authorization_code", "code": "x", "authorization_details": "{"},
            "invalid_authorization_details",
        ),
        ({"grant_type": "refresh_token", "refresh_token": "x", "scope": "a " * 6000}, "invalid_scope"),
    ],
)
async def test_a_malformed_request_is_refused_as_such(app, form, error):
    refused(await app.post("/oauth/token", **form), error)


@pytest.mark.clause("RFC6749-3.2-01")
async def test_unknown_parameters_are_ignored_and_repeated_ones_refused(server, app):
    code = await app.code()
    twice = f"grant_type=authorization_code&code={code}&code={code}".encode()
    headers = {"content-type": "application/x-www-form-urlencoded"}

    repeated = await server.http.post(
        "/oauth/token", content=twice, headers=headers, auth=(app.client_id, app.client_secret)
    )

    refused(repeated, "invalid_request")
    answered(await app.exchange(code, something="else", scope="another"))


async def test_a_client_object_that_gets_no_codes_is_told_so(registered):
    grid = await app_of(registered, "ple_grid_status")

    refused(await grid.exchange("x"), "unauthorized_client")
    refused(await grid.refresh("x"), "unauthorized_client")


async def test_without_the_grant_type_refresh_token_there_is_none(registered):
    once = await app_of(registered, "test_once")

    body = await once.tokens(await once.grant("test_once"))

    assert "refresh_token" not in body
    assert await once.is_active(body["access_token"])


@pytest.mark.clause("WG1-02-8.2-04")
async def test_a_pending_grant_gives_a_token_that_opens_each_part_as_soon_as_it_is_there(server, registered, app):
    grant = await app.grant(status=GrantStatus.PENDING)
    body = await app.tokens(grant)
    seen = []
    for enabled in ("", "test_costs", DATA):
        decision = Decision(enabled_scope=enabled)
        await grant_decisions.modify_by_operator(server.context, registered.access, grant.grant_id, decision)
        seen.append((await app.introspect(body["access_token"])).get("scope"))

    assert body["scope"] == DATA
    assert seen == [None, "test_costs", DATA]
    assert (await shown(registered, grant.grant_id))["status"] == "pending"


async def test_a_jwt_says_what_is_open_at_that_moment_and_whom_it_is_about(make_server, demo_catalog):
    server = await user_server(make_server, demo_catalog, CDS_ACCESS_TOKEN_FORMAT="jwt")
    app = await app_of(await server.register(USER_SCOPES))
    grant = await app.grant(details=[DAILY], status=GrantStatus.PENDING)
    tokens = await app.tokens(grant)
    claims = []
    half = HALF | {"share": Decimal("0.5")}
    for decision in (
        Decision(enabled_scope="test_costs"),
        Decision(enabled_scope="test_usage", enabled_authorization_details=[half]),
    ):
        await grant_decisions.modify_by_operator(server.context, app.registered.access, grant.grant_id, decision)
        tokens = answered(await app.refresh(tokens))
        claims.append(claims_of(tokens["access_token"]))

    assert [one["scope"] for one in claims] == ["test_costs", "test_usage"]
    assert [one.get("authorization_details") for one in claims] == [None, [HALF]]
    assert {one["cds_grant_id"] for one in claims} == {grant.grant_id}
    assert (tokens["scope"], tokens["authorization_details"]) == (DATA, [DAILY])
    assert (await app.introspect(tokens["access_token"]))["scope"] == "test_usage"


def claims_of(access_token: str) -> dict[str, Any]:
    """What a JWT says, unverified."""
    payload = access_token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


async def test_a_limited_grant_gives_what_is_left(server, registered, app):
    grant = await app.grant()
    decision = Decision(enabled_scope="test_costs")
    await grant_decisions.modify_by_operator(server.context, registered.access, grant.grant_id, decision)

    assert (await app.tokens(grant))["scope"] == "test_costs"


@pytest.mark.clause("WG1-02-8.2-16")
@pytest.mark.parametrize("status", ["disabled", "suspended", "revoked", "expired", "closed", "future"])
async def test_a_grant_without_access_gives_no_tokens(server, registered, app, status):
    terms = {"not_before": server.clock.now + timedelta(days=1)} if status == "future" else {}
    grant = await app.grant(**terms)
    code = await app.code(grant)
    if status == "closed":
        await patch(registered, grant.grant_id, {"status": "closed"})
    elif status != "future":
        decision = Decision(status=GrantStatus(status))
        await grant_decisions.modify_by_operator(server.context, registered.access, grant.grant_id, decision)

    refused(await app.exchange(code), "invalid_grant", about=f"is {status}")


async def test_a_grant_that_begins_with_time_gives_tokens_then(make_server, demo_catalog):
    server = await user_server(make_server, demo_catalog)
    app = await app_of(await server.register(USER_SCOPES))
    code = await app.code(await app.grant(not_before=server.clock.now + timedelta(seconds=30)))
    refused(await app.exchange(code), "invalid_grant")

    server.clock.advance(seconds=30)

    answered(await app.exchange(code))


async def test_a_grant_that_ended_with_time_gives_no_tokens(server, app):
    code = await app.code(await app.grant(expires=server.clock.now + timedelta(seconds=30)))

    server.clock.advance(seconds=30)

    refused(await app.exchange(code), "invalid_grant", about="is expired")


async def test_no_token_outlives_its_grant(server, app):
    body = await app.tokens(await app.grant(expires=server.clock.now + timedelta(minutes=20)))
    described = await app.introspect(body["refresh_token"])

    assert body["expires_in"] == 1200
    assert described["exp"] == int(server.clock.now.timestamp()) + 1200


@pytest.mark.clause("WG1-02-5.2-04")
async def test_a_disabled_client_object_exchanges_nothing(registered, app, phone):
    for one in (app, phone):
        code, tokens = await one.code(), await one.tokens()
        await operator_disables(registered, one.client_id)

        refused(await one.exchange(code), "invalid_client", status=401)
        refused(await one.refresh(tokens), "invalid_client", status=401)
        assert not (await admin_of(one).introspect(tokens["access_token"]))["active"]


async def test_a_suspended_registration_exchanges_nothing(registered, app, phone):
    prepared = [(one, await one.code(), await one.tokens()) for one in (app, phone)]
    await suspend(registered)

    for one, code, tokens in prepared:
        refused(await one.exchange(code), "invalid_client", status=401)
        refused(await one.refresh(tokens), "invalid_client", status=401)


async def test_a_code_may_be_exchanged_for_less(app):
    grant = await app.grant(details=[DAILY])

    body = answered(await app.exchange(await app.code(grant), authorization_details=text_of([HALF])))

    assert (body["scope"], body["authorization_details"]) == ("test_usage", [HALF])


@pytest.mark.parametrize(
    "details",
    [
        [DAILY | {"share": 1}],
        [HALF | {"interval": "hour"}],
        [HALF, DAILY],
        [{"type": "test_costs"}],
        [{"type": "ple_grid_status"}],
        [HALF | {"unknown": 1}],
    ],
)
async def test_a_code_is_not_exchanged_for_more(app, details):
    code = await app.code(await app.grant("test_usage", [HALF]))

    refused(await app.exchange(code, authorization_details=text_of(details)), "invalid_authorization_details")

    answered(await app.exchange(code))


async def test_public_requests_count_against_their_address(make_server, demo_catalog):
    server = await user_server(make_server, demo_catalog, CDS_RATE_LIMIT_ANONYMOUS="5/minute")
    phone = await app_of(await server.register(USER_SCOPES), PHONE)

    statuses = [(await phone.exchange("x")).status_code for _ in range(6)]

    assert statuses[-1] == 429
    assert set(statuses[:-1]) <= {400, 429}


async def test_nobody_uses_up_the_allowance_of_a_public_client_with_its_id(make_server, demo_catalog):
    server = await user_server(make_server, demo_catalog, CDS_RATE_LIMIT_CLIENT="3/minute")
    phone = await app_of(await server.register(USER_SCOPES), PHONE)
    code = await phone.code()
    for _ in range(10):
        await phone.exchange("x")
        await phone.refresh("x")
        await phone.post("/oauth/revoke", token="x")

    answered(await phone.exchange(code))
