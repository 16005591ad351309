"""Refresh tokens: exchanged, narrowed, described, given back (RFC 6749 6, RFC 7009, RFC 7662, RFC 9700 4.14)."""

import asyncio
from datetime import timedelta

import pytest

from app.catalog import Catalog
from app.domain import grant_decisions
from app.domain.grant_decisions import Decision
from app.schemas.grants import GrantStatus
from tests.client_objects import operator_disables, operator_enables
from tests.conftest import MakeServer, Registered, Server
from tests.grant_objects import patch, suspend
from tests.user_grants import (
    DAILY,
    DATA,
    HALF,
    PHONE,
    USER_SCOPES,
    App,
    admin_of,
    answered,
    app_of,
    refused,
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


async def decide(app: App, grant_id: str, **decision: object) -> None:
    """An operator changes a Grant."""
    access = app.registered.access
    await grant_decisions.modify_by_operator(app.server.context, access, grant_id, Decision(**decision))


@pytest.mark.clause("RFC6749-5.1-01", "RFC6749-5.1-02")
async def test_a_refresh_token_gives_an_access_token_and_the_next_refresh_token(app, phone):
    for one, scope in ((app, DATA), (phone, PHONE)):
        first = await one.tokens()

        response = await one.refresh(first)

        body = answered(response)
        assert set(body) == {"access_token", "token_type", "expires_in", "scope", "refresh_token"}
        assert (body["scope"], body["expires_in"]) == (scope, 3600)
        assert response.headers["cache-control"] == "no-store"
        assert body["refresh_token"] != first["refresh_token"]
        assert (await admin_of(one).introspect(body["access_token"]))["scope"] == scope
        assert (await admin_of(one).introspect(first["access_token"]))["active"]


async def test_a_refresh_costs_two_round_trips(server, app):
    tokens = await app.tokens()
    before = server.connection.round_trips

    answered(await app.refresh(tokens))

    assert server.connection.round_trips - before == 2


@pytest.mark.clause("RFC6749-6-01")
async def test_a_refresh_token_works_for_its_client_object_only(server, registered, app, phone):
    tokens = await app.tokens()
    stranger = await app_of(await server.register(USER_SCOPES))
    for thief in (phone, stranger):
        refused(await thief.refresh(tokens), "invalid_grant")

    answered(await app.refresh(tokens))


@pytest.mark.clause("RFC6749-6-01")
async def test_a_refresh_never_widens_the_scope(app):
    tokens = await app.tokens(await app.grant("test_costs"))
    for scope in (DATA, "test_usage", "cds_client_admin", "unknown", "test_costs cds_grant_admin"):
        refused(await app.refresh(tokens, scope=scope), "invalid_scope")

    assert answered(await app.refresh(tokens))["scope"] == "test_costs"


async def test_a_narrower_scope_holds_for_one_access_token(app):
    tokens = await app.tokens()

    narrow = answered(await app.refresh(tokens, scope="test_costs"))
    wide = answered(await app.refresh(narrow))

    assert narrow["scope"] == "test_costs"
    assert (await app.introspect(narrow["access_token"]))["scope"] == "test_costs"
    assert wide["scope"] == DATA


async def test_narrower_details_hold_for_one_access_token(app):
    tokens = await app.tokens(await app.grant(details=[DAILY]))

    narrow = answered(await app.refresh(tokens, [HALF]))
    both = answered(await app.refresh(narrow, [HALF], scope=DATA))
    wide = answered(await app.refresh(both, scope=DATA))

    assert (narrow["scope"], narrow["authorization_details"]) == ("test_usage", [HALF])
    assert (await app.introspect(narrow["access_token"]))["authorization_details"] == [HALF]
    assert (both["scope"], both["authorization_details"]) == (DATA, [HALF])
    assert (wide["scope"], wide["authorization_details"]) == (DATA, [DAILY])


@pytest.mark.parametrize(
    "details",
    [
        "{}",
        "[",
        [DAILY],
        [HALF | {"share": 0.6}],
        [HALF | {"meters": ["1"]}],
        [HALF | {"interval": 5}],
        [{"type": "test_phone"}],
    ],
)
async def test_details_beyond_the_grant_are_refused(app, details):
    tokens = await app.tokens(await app.grant("test_usage", [HALF]))

    refused(await app.refresh(tokens, details), "invalid_authorization_details")

    answered(await app.refresh(tokens))


async def test_a_scope_without_access_at_present_is_refused_and_a_part_of_it_given(app):
    grant = await app.grant()
    tokens = await app.tokens(grant)
    await decide(app, grant.grant_id, enabled_scope="test_costs")

    refused(await app.refresh(tokens, scope="test_usage"), "invalid_scope")
    assert answered(await app.refresh(tokens, scope=DATA))["scope"] == "test_costs"


async def test_parallel_refreshes_end_with_the_same_refresh_token(app):
    tokens = await app.tokens()

    bodies = [answered(one) for one in await asyncio.gather(*(app.refresh(tokens) for _ in range(20)))]

    assert len({body["refresh_token"] for body in bodies}) == 1
    assert len({body["access_token"] for body in bodies}) == 20
    assert all([await app.is_active(body["access_token"]) for body in bodies])
    answered(await app.refresh(bodies[0]))


async def test_a_lost_answer_can_be_asked_for_again_within_half_a_minute(server, app):
    tokens = await app.tokens()
    lost = answered(await app.refresh(tokens))
    server.clock.advance(seconds=29)

    again = answered(await app.refresh(tokens))

    assert again["refresh_token"] == lost["refresh_token"]


@pytest.mark.parametrize("seconds", [30, 3600, 30 * 24 * 3600])
async def test_a_copy_of_a_used_refresh_token_ends_all_that_came_of_it(server, app, phone, seconds):
    for one in (app, phone):
        tokens = await one.tokens()
        newest = answered(await one.refresh(tokens))
        server.clock.advance(seconds=seconds)
        newest = answered(await one.refresh(newest))

        refused(await one.refresh(tokens), "invalid_grant")

        refused(await one.refresh(newest), "invalid_grant")
        assert not (await admin_of(one).introspect(newest["access_token"]))["active"]


async def test_a_copy_of_a_refresh_token_that_was_used_twice_ends_all_within_the_half_minute_too(app):
    tokens = await app.tokens()
    newest = answered(await app.refresh(answered(await app.refresh(tokens))))

    refused(await app.refresh(tokens), "invalid_grant")
    refused(await app.refresh(newest), "invalid_grant")


async def test_a_copy_is_recognised_whatever_else_is_wrong_with_the_request(server, app):
    grant = await app.grant()
    code = await app.code(grant)
    tokens = answered(await app.exchange(code))
    other = await app.tokens(grant)
    newest = answered(await app.refresh(other))
    server.clock.advance(minutes=1)
    await decide(app, grant.grant_id, status=GrantStatus.SUSPENDED)

    refused(await app.exchange(code, authorization_details='[{"type": "unknown"}]'), "invalid_grant", about="code")
    refused(await app.refresh(other, scope="unknown"), "invalid_grant", about="refresh_token")

    await decide(app, grant.grant_id, status=GrantStatus.ACTIVE)
    refused(await app.refresh(tokens), "invalid_grant")
    refused(await app.refresh(newest), "invalid_grant")


async def test_a_refresh_token_lives_as_long_as_it_is_used(make_server, demo_catalog):
    server = await user_server(make_server, demo_catalog, CDS_REFRESH_TOKEN_TTL="86400")
    app = await app_of(await server.register(USER_SCOPES))
    tokens = await app.tokens()
    for _ in range(3):
        server.clock.advance(seconds=86399)
        tokens = answered(await app.refresh(tokens))

    server.clock.advance(seconds=86400)

    refused(await app.refresh(tokens), "invalid_grant")


async def test_a_refresh_token_ends_with_its_grant(server, app):
    grant = await app.grant(expires=server.clock.now + timedelta(days=1))
    tokens = await app.tokens(grant)
    server.clock.advance(days=1, seconds=-1)
    last = answered(await app.refresh(tokens))
    server.clock.advance(seconds=1)

    assert last["expires_in"] == 1
    refused(await app.refresh(last), "invalid_grant")
    assert await app.introspect(last["refresh_token"]) == {"active": False}


@pytest.mark.clause("WG1-02-8.2-16")
@pytest.mark.parametrize("status", ["disabled", "suspended", "revoked", "expired", "closed"])
async def test_tokens_die_at_once_with_their_grant(registered, app, status):
    grant = await app.grant()
    tokens = await app.tokens(grant)
    if status == "closed":
        await patch(registered, grant.grant_id, {"status": "closed"})
    else:
        await decide(app, grant.grant_id, status=GrantStatus(status))

    refused(await app.refresh(tokens), "invalid_grant", about=f"is {status}")
    assert not await app.is_active(tokens["access_token"])
    assert not await app.is_active(tokens["refresh_token"])


@pytest.mark.parametrize("status", ["active", "stopped", "delayed"])
async def test_after_a_suspension_the_refresh_token_works_again_and_no_user_is_asked(app, status):
    grant = await app.grant()
    tokens = await app.tokens(grant)
    await decide(app, grant.grant_id, status=GrantStatus.SUSPENDED)
    refused(await app.refresh(tokens), "invalid_grant")

    await decide(app, grant.grant_id, status=GrantStatus(status))

    body = answered(await app.refresh(tokens))
    assert await app.is_active(body["access_token"])
    assert not await app.is_active(tokens["access_token"])


async def test_a_grant_that_is_to_end_sooner_keeps_its_refresh_token_until_then(server, app):
    grant = await app.grant()
    tokens = await app.tokens(grant)
    await decide(app, grant.grant_id, expires=server.clock.now + timedelta(minutes=5))

    body = answered(await app.refresh(tokens))

    assert body["expires_in"] == 300
    assert not await app.is_active(tokens["access_token"])


async def test_a_reduced_grant_gives_less_with_the_same_refresh_token(registered, app):
    grant = await app.grant()
    tokens = await app.tokens(grant)
    await patch(registered, grant.grant_id, {"scope": "test_costs"})

    assert answered(await app.refresh(tokens))["scope"] == "test_costs"


async def test_a_grant_that_waits_for_its_user_gives_what_it_gave_before(registered, app):
    grant = await app.grant("test_costs")
    tokens = await app.tokens(grant)
    widened = await patch(registered, grant.grant_id, {"scope": DATA})

    assert widened.json()["status"] == "needs_authorization"
    assert answered(await app.refresh(tokens))["scope"] == "test_costs"


async def test_a_scope_that_the_client_object_gave_up_is_given_no_more(registered, app):
    tokens = await app.tokens()
    client = (await registered.clients())[DATA]
    await registered.put(client["cds_client_uri"], client | {"scope": "test_usage", "cds_default_scope": "test_usage"})

    assert answered(await app.refresh(tokens))["scope"] == "test_usage"


@pytest.mark.clause("WG1-02-7.6-09")
async def test_expiring_a_credential_ends_the_refresh_tokens_that_it_got_and_no_others(server, registered, app):
    old_tokens = await app.tokens()
    moved_tokens = await app.tokens()
    created = (await registered.post("/cds-api/v1/credentials", {"client_id": app.client_id})).json()
    newer = App(registered, app.client_id, created["client_secret"])
    moved_tokens = answered(await newer.refresh(moved_tokens))
    new_tokens = await newer.tokens()
    old = (await registered.get("/cds-api/v1/credentials", params={"client_ids": app.client_id})).json()["credentials"]
    (old_uri,) = [one["uri"] for one in old if one["client_secret"] == app.client_secret]

    expired = await registered.patch(old_uri, {"client_secret_expires_at": int(server.clock.now.timestamp())})

    assert expired.status_code == 200
    refused(await newer.refresh(old_tokens), "invalid_grant")
    assert not await newer.is_active(old_tokens["access_token"])
    for tokens in (moved_tokens, new_tokens):
        assert await newer.is_active(tokens["access_token"])
        answered(await newer.refresh(tokens))


async def test_disabling_a_client_object_ends_its_refresh_tokens_for_good(registered, app):
    tokens = await app.tokens()
    await operator_disables(registered, app.client_id)
    await operator_enables(registered, app.client_id)
    app = await app_of(registered)

    refused(await app.refresh(tokens), "invalid_grant")
    answered(await app.exchange(await app.code()))


@pytest.mark.clause("RFC7009-2.1-02")
async def test_revoking_a_refresh_token_ends_its_access_tokens_and_successors(app, phone):
    for one in (app, phone):
        grant = await one.grant()
        tokens = await one.tokens(grant)
        newest = answered(await one.refresh(tokens))

        response = await one.post("/oauth/revoke", token=newest["refresh_token"])

        assert (response.status_code, response.content) == (200, b"")
        refused(await one.refresh(newest), "invalid_grant")
        for access_token in (tokens["access_token"], newest["access_token"]):
            assert not (await admin_of(one).introspect(access_token))["active"]
        answered(await one.exchange(await one.code(grant)))


@pytest.mark.clause("RFC7009-2.2-01")
async def test_revoking_what_is_no_refresh_token_any_more_is_answered_with_200(registered, app, phone):
    for one in (app, phone):
        tokens = await one.tokens()
        newest = answered(await one.refresh(tokens))
        shaped = f"cdsrt_{registered.registration_id}_{'a' * 65}"
        foreign = "cdsrt_" + "0" * 14 + "_" + "a" * 65
        for token in (newest["refresh_token"], newest["refresh_token"], tokens["refresh_token"], shaped, foreign):
            response = await one.post("/oauth/revoke", token=token, token_type_hint="refresh_token")

            assert response.status_code == 200


@pytest.mark.clause("RFC7009-2.1-01")
async def test_a_refresh_token_or_access_token_of_another_client_object_cannot_be_revoked(app, phone):
    for owner, thief in ((app, phone), (phone, app)):
        tokens = await owner.tokens()
        for kind in ("refresh_token", "access_token"):
            refused(await thief.post("/oauth/revoke", token=tokens[kind]), "invalid_request", about="token")

        assert (await admin_of(owner).introspect(tokens["access_token"]))["active"]
        answered(await owner.refresh(tokens))


async def test_a_public_client_revokes_its_access_token(phone):
    tokens = await phone.tokens()

    assert (await phone.post("/oauth/revoke", token=tokens["access_token"])).status_code == 200

    assert not (await admin_of(phone).introspect(tokens["access_token"]))["active"]
    answered(await phone.refresh(tokens))


async def test_nobody_revokes_with_the_id_of_a_client_object_that_has_a_secret(server, registered, app):
    tokens = await app.tokens()
    for token in (tokens["refresh_token"], tokens["access_token"], "x"):
        for client_id in (app.client_id, f"{registered.registration_id}-77"):
            response = await server.http.post("/oauth/revoke", data={"token": token, "client_id": client_id})

            refused(response, "invalid_client", status=401)

    assert await app.is_active(tokens["access_token"])
    answered(await app.refresh(tokens))


async def test_introspection_describes_a_refresh_token_to_its_holder_alone(server, registered, app):
    grant = await app.grant("test_usage", [HALF])
    tokens = await app.tokens(grant)
    token = tokens["refresh_token"]

    described = await app.introspect(token)

    assert described == {
        "active": True,
        "token_use": "refresh_token",
        "scope": "test_usage",
        "client_id": app.client_id,
        "exp": int(server.clock.now.timestamp()) + server.settings.refresh_token_ttl_seconds,
        "sub": app.client_id,
        "iss": server.settings.public_url,
        "cds_grant_id": grant.grant_id,
        "authorization_details": [HALF],
    }
    stranger = await app_of(await server.register(USER_SCOPES))
    for other in (admin_of(app), await app_of(registered, "test_once"), stranger):
        assert await other.introspect(token) == {"active": False}


@pytest.mark.clause("RFC7662-2.2-02")
async def test_used_refresh_tokens_are_inactive_and_asking_ends_nothing(server, app):
    tokens = await app.tokens()
    newest = answered(await app.refresh(tokens))
    server.clock.advance(minutes=1)

    assert await app.introspect(tokens["refresh_token"]) == {"active": False}

    answered(await app.refresh(newest))


async def test_a_refresh_token_opens_no_api(server, app):
    tokens = await app.tokens()
    bearer = {"Authorization": f"Bearer {tokens['refresh_token']}"}

    assert (await server.http.get("/cds-api/v1/grants", headers=bearer)).status_code == 401


async def test_a_refresh_ends_with_a_suspended_registration(registered, app):
    tokens = await app.tokens()
    await suspend(registered)

    refused(await app.refresh(tokens), "invalid_client", status=401)


async def test_nothing_is_issued_when_the_grant_ends_between_look_and_use(server, registered, app):
    grant = await app.grant()
    code, tokens = await app.code(grant), await app.tokens(grant)
    store = server.service.state["user_tokens"]
    for name, ask in (("redeem", lambda: app.exchange(code)), ("rotate", lambda: app.refresh(tokens))):
        real = getattr(store, name)

        async def late(*args, real=real, **kwargs):
            await decide(app, grant.grant_id, status=GrantStatus.SUSPENDED)
            return await real(*args, **kwargs)

        setattr(store, name, late)
        refused(await ask(), "invalid_grant", about="is suspended")
        setattr(store, name, real)
        await decide(app, grant.grant_id, status=GrantStatus.ACTIVE)
        answered(await ask())
