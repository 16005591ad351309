"""Access tokens that are JSON Web Tokens (RFC 9068): what they say, and that they end as opaque ones do."""

import base64
import json
from functools import partial
from typing import Any

import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey

from app.catalog import Catalog
from app.crypto.signing_keys import keys_document, new_key
from app.crypto.tokens import registration_of_jti
from app.domain import grant_decisions
from app.domain.grant_decisions import Decision
from app.domain.records import Change
from app.schemas.grants import GrantStatus
from app.settings import Settings
from app.store.connect import StoreConnection, memory_client
from tests.conftest import PUBLIC_URL, MakeServer, Registered, Server
from tests.grant_objects import EVERYTHING, Holder, admin, holder_of, load, make_grant, opening, patch, suspend, utility
from tests.user_grants import DAILY, USER_SCOPES, App, answered, app_of, user_server

CLIENTS = "/cds-api/v1/clients"


@pytest.fixture
async def server(make_server: MakeServer, demo_catalog: Catalog) -> Server:
    """A service whose access tokens are JWTs."""
    return await make_server(utility(demo_catalog), CDS_ACCESS_TOKEN_FORMAT="jwt")


@pytest.fixture
async def registered(server: Server) -> Registered:
    """A registration with every kind of Client Object."""
    return await server.register(EVERYTHING)


@pytest.fixture
async def data(registered: Registered) -> Holder:
    """The Client Object of a group of two scopes."""
    return await holder_of(registered, "test_meters test_prices")


async def verified(server: Server, token: str) -> jwt.Token:
    """The token as a resource server reads it that knows only the metadata."""
    metadata = (await server.http.get("/.well-known/oauth-authorization-server")).json()
    document = (await server.http.get(metadata["jwks_uri"])).json()
    return jwt.decode(token, KeySet.import_key_set(document), algorithms=["ES256", "RS256"])


def encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def part_of(token: str, place: int) -> dict[str, Any]:
    text = token.split(".")[place]
    part: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return part


async def call(server: Server, token: str) -> int:
    """The status of a call of an API with that token."""
    return (await server.http.get(CLIENTS, headers={"Authorization": f"Bearer {token}"})).status_code


async def test_a_token_says_what_rfc_9068_wants_to_know(server, data):
    issued = (await data.ask()).json()
    token = await verified(server, issued["access_token"])

    (grant,) = await data.grants()
    now = int(server.clock.now.timestamp())
    assert token.header["typ"] == "at+jwt"
    assert token.header["alg"] == "ES256"
    assert registration_of_jti(token.claims["jti"]) == data.registered.registration_id
    assert token.claims == {
        "iss": PUBLIC_URL,
        "aud": PUBLIC_URL,
        "sub": data.client_id,
        "client_id": data.client_id,
        "iat": now,
        "exp": now + 3600,
        "jti": token.claims["jti"],
        "scope": "test_meters test_prices",
        "cds_grant_id": grant["grant_id"],
    }
    assert issued["token_type"] == "bearer"
    assert issued["expires_in"] == 3600


async def test_no_two_tokens_are_the_same(data):
    first, second = await data.token(), await data.token()

    assert part_of(first, 1)["jti"] != part_of(second, 1)["jti"]


async def test_details_are_in_the_token_with_the_dates_in_effect(server, data):
    details = [{"type": "test_meters", "until": "P6M", "share": 0.25}]
    await data.token(details)
    server.clock.advance(days=40)
    issued = (await data.ask(details)).json()

    claims = (await verified(server, issued["access_token"])).claims
    described = await data.introspect(issued["access_token"])
    assert issued["authorization_details"][0]["until"] == "P6M"
    assert claims["authorization_details"] == described["authorization_details"]
    assert claims["authorization_details"][0]["until"] == "2026-12-01"
    assert claims["authorization_details"][0]["share"] == 0.25


async def test_a_grant_admin_token_names_the_grant_that_it_opens(server, registered, data):
    opener = await holder_of(registered, "cds_grant_admin")
    target = await make_grant(registered, data.client_id, "test_prices")

    claims = (await verified(server, await opener.token(opening(target)))).claims

    assert claims["scope"] == "cds_grant_admin"
    assert claims["authorization_details"] == opening(target)


async def test_a_token_says_how_long_it_lives(make_server, demo_catalog):
    server = await make_server(demo_catalog, CDS_ACCESS_TOKEN_FORMAT="jwt", CDS_ACCESS_TOKEN_TTL="120")
    registered = await server.register()
    claims = (await verified(server, await admin(registered).token())).claims

    assert claims["exp"] - claims["iat"] == 120


async def test_rsa_keys_sign_too(make_server, tmp_path):
    path = tmp_path / "keys.json"
    path.write_bytes(keys_document([new_key("RS256")]))
    server = await make_server(CDS_ACCESS_TOKEN_FORMAT="jwt", CDS_SIGNING_KEYS=str(path))
    registered = await server.register()
    token = await admin(registered).token()

    assert (await verified(server, token)).header["alg"] == "RS256"
    assert await call(server, token) == 200


class TestForgeries:
    """Nothing but our own signature opens anything: neither an API, nor introspection, nor revocation."""

    async def refused(self, server: Server, holder: Holder, token: str) -> None:
        good = await holder.token()
        headers = {"Authorization": f"Bearer {token}"}
        answer = await server.http.get(CLIENTS, headers=headers)
        assert answer.status_code == 401, token
        assert answer.json()["error"] == "invalid_token"
        assert await holder.introspect(token) == {"active": False}
        assert (await holder.post("/oauth/revoke", token=token)).status_code == 200
        assert (await holder.introspect(good))["active"] is True

    async def test_what_was_changed_after_signing(self, server, registered):
        own = admin(registered)
        token = await own.token()
        head, _, signature = token.split(".")
        wider = encoded(part_of(token, 1) | {"scope": "cds_client_admin ple_customer_data"})

        await self.refused(server, own, f"{head}.{wider}.{signature}")
        await self.refused(server, own, f"{encoded(part_of(token, 0) | {'x': 1})}.{token.partition('.')[2]}")
        assert await call(server, token) == 200

    async def test_a_jti_that_somebody_has_read_in_a_log(self, server, registered):
        own = admin(registered)
        token = await own.token()
        claims = part_of(token, 1)
        thief = ECKey.generate_key("P-256")

        await self.refused(server, own, claims["jti"])
        await self.refused(server, own, f"cdsat_{claims['jti']}")
        for kid in (part_of(token, 0)["kid"], "another"):
            await self.refused(server, own, jwt.encode({"alg": "ES256", "typ": "at+jwt", "kid": kid}, claims, thief))

    async def test_another_algorithm_than_that_of_the_key(self, server, registered):
        own = admin(registered)
        token = await own.token()
        header, claims = part_of(token, 0), part_of(token, 1)
        public = (await server.http.get("/.well-known/jwks.json")).content

        await self.refused(server, own, f"{encoded(header | {'alg': 'none'})}.{encoded(claims)}.")
        mac = jwt.encode(header | {"alg": "HS256"}, claims, OctKey.import_key(public))
        await self.refused(server, own, mac)

    async def test_something_else_that_was_signed_with_our_key(self, server, registered):
        """An ID token or a logout token is no access token (RFC 8725 3.11)."""
        own = admin(registered)
        token = await own.token()
        signer = server.context.access_tokens.signer
        now = int(server.clock.now.timestamp())

        await self.refused(server, own, signer.sign(part_of(token, 1), kind="JWT", now=now))
        await self.refused(server, own, signer.sign({"jti": "nonsense"}, kind="at+jwt", now=now))
        await self.refused(server, own, signer.sign({"sub": own.client_id}, kind="at+jwt", now=now))
        await self.refused(server, own, signer.sign(part_of(token, 1) | {"jti": 5}, kind="at+jwt", now=now))

    @pytest.mark.parametrize(
        "token", ["..", "a.b.c", "e30.e30.e30", "é.é.é", "x" * 60_000 + ".x.x", "[].[].[]", "W10.W10.W10"]
    )
    async def test_garbage(self, registered, token):
        assert await admin(registered).introspect(token) == {"active": False}


class TestEndings:
    """The essential cases in which a token ends at once, although it says that it lives on."""

    async def test_a_revoked_token(self, server, registered):
        own = admin(registered)
        token, other = await own.token(), await own.token()
        assert await call(server, token) == 200
        await own.post("/oauth/revoke", token=token)

        assert await call(server, token) == 401
        assert await own.introspect(token) == {"active": False}
        assert await call(server, other) == 200

    async def test_a_token_of_somebody_else_is_not_revoked(self, server, registered, data):
        token = await admin(registered).token()

        answer = await data.post("/oauth/revoke", token=token)

        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        assert await call(server, token) == 200

    async def test_an_expired_token(self, server, registered):
        token = await admin(registered).token()
        server.clock.advance(seconds=3600)

        assert await call(server, token) == 401
        assert await admin(registered).introspect(token) == {"active": False}

    @pytest.mark.parametrize("status", ["disabled", "suspended", "revoked", "expired"])
    async def test_a_token_under_a_grant_without_access(self, server, data, status):
        token = await data.token()
        (grant,) = await data.grants()
        decision = Decision(status=GrantStatus(status))
        await grant_decisions.modify_by_operator(server.context, data.registered.access, grant["grant_id"], decision)

        assert await data.introspect(token) == {"active": False}

    async def test_a_token_under_a_closed_grant(self, data):
        token = await data.token()
        (grant,) = await data.grants()
        assert (await patch(data.registered, grant["grant_id"], {"status": "closed"})).status_code == 200

        assert await data.introspect(token) == {"active": False}

    async def test_a_token_of_a_credential_that_was_expired(self, server, registered):
        token = await admin(registered).token()
        new = (await registered.post("/cds-api/v1/credentials", {"client_id": registered.client_id})).json()
        for credential in (await registered.get("/cds-api/v1/credentials")).json()["credentials"]:
            if credential["client_id"] == registered.client_id and credential["uri"] != new["uri"]:
                now = int(server.clock.now.timestamp())
                answer = await registered.patch(credential["uri"], {"client_secret_expires_at": now})
                assert answer.status_code == 200, answer.text

        assert await call(server, token) == 401

    async def test_the_tokens_of_a_disabled_client_object(self, registered, data):
        token = await data.token()
        path = f"{CLIENTS}/{data.client_id}"
        client = (await registered.get(path)).json()
        assert (await registered.put(path, client | {"cds_status": "disabled"})).status_code == 200

        assert await admin(registered).introspect(token) == {"active": False}

    async def test_the_tokens_of_a_suspended_registration(self, server, registered):
        token = await admin(registered).token()
        await suspend(registered)

        assert await call(server, token) == 401

    async def test_what_a_grant_enables_no_more_is_not_in_the_introspection(self, data):
        token = await data.token()
        (grant,) = await data.grants()
        await patch(data.registered, grant["grant_id"], {"scope": "test_prices"})

        assert (await data.introspect(token)).get("scope", "") in {"test_prices", ""}
        assert "test_meters" in part_of(token, 1)["scope"]


class TestScopesAndRegistrations:
    """A JWT opens what an opaque token would."""

    async def test_another_scope_is_refused(self, server, data):
        assert await call(server, await data.token()) == 403

    async def test_another_registration_is_not_seen(self, server, registered):
        other = await server.register()
        token = await admin(registered).token()

        assert await admin(other).introspect(token) == {"active": False}
        assert (await admin(other).post("/oauth/revoke", token=token)).status_code == 200
        listing = await server.http.get(CLIENTS, headers={"Authorization": f"Bearer {token}"})
        assert other.client_id not in listing.text


async def test_issuing_reading_and_introspecting_cost_one_round_trip_each(server, registered):
    own = admin(registered)
    token = await own.token()
    for act in (own.token, partial(own.introspect, token), partial(call, server, token)):
        before = server.connection.round_trips
        await act()
        assert server.connection.round_trips - before == 1


async def test_a_signature_is_verified_once(server, registered, monkeypatch):
    token = await admin(registered).token()
    assert await call(server, token) == 200
    monkeypatch.setattr(server.context.access_tokens.signer, "verify", None)

    assert await call(server, token) == 200


async def test_the_good_signatures_that_are_remembered_are_few(server, registered, monkeypatch):
    monkeypatch.setattr("app.domain.access_tokens.REMEMBERED", 2)
    tokens = [await admin(registered).token() for _ in range(4)]

    for token in tokens + tokens:
        assert await call(server, token) == 200
    assert len(server.context.access_tokens._good) == 2  # noqa: SLF001 -- what is remembered cannot be seen otherwise


async def test_tokens_of_both_formats_work_whatever_the_setting_is(make_server, tmp_path):
    path = tmp_path / "keys.json"
    path.write_bytes(keys_document([new_key()]))
    client = memory_client()
    stores = [StoreConnection(client, is_cluster=False, wait_replicas=0) for _ in range(2)]
    before = await make_server(store=stores[0], CDS_SIGNING_KEYS=str(path))
    after = await make_server(store=stores[1], CDS_SIGNING_KEYS=str(path), CDS_ACCESS_TOKEN_FORMAT="jwt")
    registered = await before.register()
    opaque = await before.access_token(registered.client_id, registered.client_secret)
    signed = await after.access_token(registered.client_id, registered.client_secret)

    assert opaque.startswith("cdsat_")
    assert signed.count(".") == 2
    for server in (before, after):
        assert [await call(server, token) for token in (opaque, signed)] == [200, 200]


def test_signing_keys_are_no_part_of_settings_that_are_printed():
    assert "geheim" not in repr(Settings.from_environment({"CDS_SIGNING_KEYS": "geheim"}))


class TestTokensOfUsers:
    """JWTs that come of authorization codes and refresh tokens."""

    @pytest.fixture
    async def app(self, make_server, demo_catalog) -> App:
        server = await user_server(make_server, demo_catalog, CDS_ACCESS_TOKEN_FORMAT="jwt")
        return await app_of(await server.register(USER_SCOPES))

    async def test_they_are_about_the_grant_and_do_not_say_who_the_user_is(self, app):
        grant = await app.grant(details=[DAILY])
        stored = await load(app.registered, grant.grant_id)
        change = Change(app.registered.registration_id, app.server.clock.now)
        change.replace(stored, stored.object, msgspec.structs.replace(stored.internal, user_id="ada@home.example"))
        await app.server.context.records.apply(change)

        tokens = await app.tokens(grant)
        renewed = answered(await app.refresh(tokens))

        for token in (tokens["access_token"], renewed["access_token"]):
            claims = (await verified(app.server, token)).claims
            assert (claims["sub"], claims["client_id"]) == (grant.grant_id, app.client_id)
            assert claims["cds_grant_id"] == grant.grant_id
            assert claims["authorization_details"] == [DAILY]
            assert "ada" not in json.dumps(claims)
            described = await app.introspect(token)
            assert (described["sub"], described["aud"]) == (claims["sub"], claims["aud"])

    async def test_a_second_use_of_the_code_ends_what_the_first_one_gave(self, app):
        code = await app.code()
        token = answered(await app.exchange(code))["access_token"]
        assert await app.is_active(token)

        await app.exchange(code)

        assert not await app.is_active(token)

    async def test_giving_the_refresh_token_back_ends_the_access_token(self, app):
        tokens = await app.tokens()
        assert (await app.post("/oauth/revoke", token=tokens["refresh_token"])).status_code == 200

        assert not await app.is_active(tokens["access_token"])

    async def test_closing_the_grant_ends_them(self, app):
        grant = await app.grant()
        token = (await app.tokens(grant))["access_token"]
        assert (await patch(app.registered, grant.grant_id, {"status": "closed"})).status_code == 200

        assert not await app.is_active(token)
