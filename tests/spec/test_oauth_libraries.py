"""Generic OAuth libraries of two languages, as they come, get through discovery, registration and tokens.

The catalog says `registration.rfc7591_compatible: true`, as the documentation advises for such libraries (ambiguities
A2); the server is a process of its own.
"""

import json
import subprocess
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest
from authlib.deprecate import AuthlibDeprecationWarning
from authlib.oauth2.rfc6750.errors import InvalidTokenError
from authlib.oauth2.rfc7591 import ClientMetadataClaims
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from joserfc.jwk import KeySet

from tests.live_server import edited_demo, live_server
from tests.node import TESTS, require_node

with warnings.catch_warnings():
    # Authlib would rather have httpx2 and says so on import; it works with httpx, which this project uses anyway.
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    from authlib.integrations.base_client import OAuthError
    from authlib.integrations.httpx_client import AsyncOAuth2Client

NODE_PROJECT = TESTS / "oauth4webapi"
SCOPE = "ple_grid_status"
NODE_SECONDS = 300


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("server")
    catalog = edited_demo(directory, {"rfc7591_compatible: false": "rfc7591_compatible: true"})
    with live_server(directory, catalog=catalog) as url:
        yield url


def metadata_of(issuer: str) -> AuthorizationServerMetadata:
    """What Authlib finds at the place that it derives from the issuer."""
    document = httpx.get(get_well_known_url(issuer, external=True)).raise_for_status().json()
    return AuthorizationServerMetadata(document)


def session(client_id: str = "", client_secret: str = "", **more: Any) -> AsyncOAuth2Client:
    return AsyncOAuth2Client(client_id, client_secret, **more)


class TestAuthlib:
    @pytest.mark.clause("RFC8414-3.3-01", "WG1-02-3-02", "WG1-02-3.1-05")
    def test_discovery(self, issuer):
        metadata = metadata_of(issuer)

        metadata.validate()
        assert metadata["issuer"] == issuer

    @pytest.mark.clause("WG1-02-4-01", "RFC7591-3.2.1-01", "RFC7662-2.2-01", "WG1-02-3.2-05", "WG1-02-3.2-06")
    async def test_registration_token_introspection_and_revocation(self, issuer):
        metadata = metadata_of(issuer)
        registered = await self.register(metadata["registration_endpoint"])
        async with session(registered["client_id"], registered["client_secret"], scope="cds_client_admin") as admin:
            token = await admin.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
            clients = (await admin.get(metadata["cds_clients_api"])).raise_for_status().json()["clients"]
            active = await admin.introspect_token(metadata["introspection_endpoint"], token=token["access_token"])
            revoked = await admin.revoke_token(metadata["revocation_endpoint"], token=token["access_token"])
            inactive = await admin.introspect_token(metadata["introspection_endpoint"], token=token["access_token"])
            used = await admin.get(metadata["cds_clients_api"])

        assert token["token_type"] == "bearer"
        assert {client["scope"] for client in clients} == {"cds_client_admin", SCOPE}
        assert active.json().items() >= {"active": True, "client_id": registered["client_id"]}.items()
        assert revoked.status_code == 200
        assert inactive.json() == {"active": False}
        assert used.status_code == 401

    @pytest.mark.clause("RFC6749-5.2-01")
    async def test_refusals_are_errors_that_the_library_understands(self, issuer):
        metadata = metadata_of(issuer)
        registered = await self.register(metadata["registration_endpoint"])

        async with session(registered["client_id"], "wrong") as stranger:
            with pytest.raises(OAuthError, match="invalid_client"):
                await stranger.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
        async with session(registered["client_id"], registered["client_secret"], scope=SCOPE) as admin:
            with pytest.raises(OAuthError, match="invalid_scope"):
                await admin.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")

    async def register(self, registration_endpoint: str) -> dict[str, Any]:
        """Authlib has no client side of RFC 7591, only the rules for what it exchanges; those check the answer."""
        request = {
            "client_name": "Household Energy Apps",
            "client_uri": "https://apps.example/",
            "contacts": ["ops@apps.example"],
            "scope": f"cds_client_admin {SCOPE}",
            "token_endpoint_auth_method": "client_secret_basic",
            "grant_types": ["client_credentials"],
        }
        async with session() as anonymous:
            answer = await anonymous.request("POST", registration_endpoint, json=request, withhold_token=True)
        assert answer.status_code == 201
        assert answer.headers["content-type"] == "application/json"
        registered: dict[str, Any] = answer.json()
        ClientMetadataClaims(registered, {}).validate()
        return registered


@pytest.fixture(scope="module")
def node() -> str:
    return require_node(NODE_PROJECT)


@pytest.mark.clause("RFC6749-2.3.1-01", "RFC6749-5.1-01", "RFC6749-5.2-02", "RFC6750-3.1-01", "RFC7009-2.2-01")
@pytest.mark.clause("RFC7591-3.2.1-01", "RFC7662-2.2-01", "RFC8414-3.2-01", "RFC8414-3.3-01")
def test_oauth4webapi_accepts_every_answer(issuer, node):
    run = subprocess.run(
        [node, "client.mjs", issuer, SCOPE],
        cwd=NODE_PROJECT,
        capture_output=True,
        text=True,
        timeout=NODE_SECONDS,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)

    assert report["issuer"] == issuer
    assert report["registered"]["scope"] == "cds_client_admin"
    assert report["adminToken"]["token_type"] == "bearer"
    assert report["otherToken"]["expires_in"] == 3600
    assert report["introspected"].items() >= {"active": True, "client_id": report["clientId"], "scope": SCOPE}.items()
    assert report["introspectedWithHint"]["active"] is True
    assert report["introspectedNonsense"] == {"active": False}
    assert report["introspectedRevoked"] == {"active": False}
    assert report["wrongSecret"]["status"] == 401
    assert report["wrongSecret"]["challenges"][0]["scheme"] == "basic"
    assert report["wrongScope"] == {"refused": True, "status": 400, "error": "invalid_scope"}
    assert report["usedRevoked"]["status"] == 401
    assert report["usedRevoked"]["challenges"][0]["parameters"]["error"] == "invalid_token"


class SignedTokens(NamedTuple):
    """A server whose access tokens are JWTs, one of these, and the Client Object that got it."""

    issuer: str
    token: str
    client_id: str

    @property
    def forged(self) -> str:
        """The same token with another signature."""
        head, _, signature = self.token.rpartition(".")
        return f"{head}.{signature[::-1]}"


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SignedTokens]:
    with live_server(tmp_path_factory.mktemp("signing"), CDS_ACCESS_TOKEN_FORMAT="jwt") as url:
        registered = httpx.post(f"{url}/oauth/register", json={"scope": "cds_client_admin"}).json()
        login = (registered["client_id"], registered["client_secret"])
        answer = httpx.post(f"{url}/oauth/token", data={"grant_type": "client_credentials"}, auth=login)
        yield SignedTokens(url, answer.json()["access_token"], login[0])


def test_authlib_verifies_access_tokens_that_are_jwts(signed):
    class Validator(JWTBearerTokenValidator):
        def get_jwks(self) -> Any:
            return KeySet.import_key_set(httpx.get(metadata_of(signed.issuer)["jwks_uri"]).json())

    validator = Validator(issuer=signed.issuer, resource_server=signed.issuer)
    claims = validator.authenticate_token(signed.token)

    validator.validate_token(claims, ["cds_client_admin"], None)
    assert claims["client_id"] == signed.client_id
    with pytest.raises(InvalidTokenError):
        validator.authenticate_token(signed.forged)


def test_oauth4webapi_verifies_access_tokens_that_are_jwts(signed, node):
    run = subprocess.run(
        [node, "verifier.mjs", signed.issuer, signed.token, signed.forged],
        cwd=NODE_PROJECT,
        capture_output=True,
        text=True,
        timeout=NODE_SECONDS,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    claims, forged = json.loads(run.stdout)

    assert (claims["client_id"], claims["scope"]) == (signed.client_id, "cds_client_admin")
    assert forged["refused"].startswith("OAUTH_")
