"""Generic OAuth libraries of two languages, as they come, with a user in a real browser in between."""

import asyncio
import contextlib
import json
import warnings
from collections.abc import AsyncIterator
from typing import Any

import pytest
from authlib.common.security import generate_token
from authlib.deprecate import AuthlibDeprecationWarning
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url

from tests.browser.apps import REQUIRED_FIELDS, SCOPE, App, answer_of
from tests.browser.sites import Site
from tests.browser.users import MARA, User
from tests.node import TESTS, require_node
from tests.patience import SECONDS

with warnings.catch_warnings():
    # Authlib would rather have httpx2 and says so on import; it works with httpx, which this project uses anyway.
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    from authlib.integrations.base_client import OAuthError
    from authlib.integrations.httpx_client import AsyncOAuth2Client

pytestmark = pytest.mark.asyncio(loop_scope="session")

NODE_PROJECT = TESTS / "oauth4webapi"
DETAILS = {
    "type": SCOPE,
    "interval": "monthly",
    "account_numbers": [],
    "include_bills": True,
    "encryption_key": None,
}
"""What the libraries ask for, beside the dates."""


class Node:
    """A program in node that talks in lines of JSON."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @classmethod
    @contextlib.asynccontextmanager
    async def run(cls, *arguments: str) -> AsyncIterator["Node"]:
        """Run a program of the project; what it says on standard error is that of the test."""
        pipe = asyncio.subprocess.PIPE
        node = require_node(NODE_PROJECT)
        process = await asyncio.create_subprocess_exec(node, *arguments, cwd=NODE_PROJECT, stdin=pipe, stdout=pipe)
        try:
            yield cls(process)
            assert await asyncio.wait_for(process.wait(), SECONDS) == 0
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def hear(self) -> dict[str, Any]:
        """The next thing that it says."""
        assert self.process.stdout
        line = await asyncio.wait_for(self.process.stdout.readline(), SECONDS)
        assert line, "it has ended; the reason is on standard error"
        said: dict[str, Any] = json.loads(line)
        return said

    async def say(self, **message: str) -> None:
        """Tell it something."""
        assert self.process.stdin
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        await self.process.stdin.drain()


@pytest.mark.clause("RFC6749-4.1.2-01", "RFC6749-5.1-01", "RFC6749-5.1-02", "RFC7009-2.1-02", "RFC7009-2.2-01")
@pytest.mark.clause("RFC7662-2.2-01", "RFC9126-2.2-01", "WG1-02-4.2-16", "RFC9396-7-01")
async def test_oauth4webapi_gets_to_a_users_data(issuer: str, site: Site, user: User) -> None:
    back = f"{site.url}/back"
    async with Node.run("authorization.mjs", issuer, back, json.dumps(REQUIRED_FIELDS)) as application:
        await application.say(callback=await user.authorize((await application.hear())["authorize"]))
        await user.go((await application.hear())["authorize"])
        await user.press("Approve")  # still signed in
        await application.say(callback=user.page.url)
        report = (await application.hear())["report"]

    tokens, refreshed = report["tokens"], report["refreshed"]
    assert tokens["token_type"] == "bearer"
    assert tokens["scope"] == SCOPE
    assert tokens["authorization_details"][0].items() >= DETAILS.items()
    assert refreshed["refresh_token"] != tokens["refresh_token"]
    assert refreshed["authorization_details"] == tokens["authorization_details"]
    assert report["introspected"].items() >= {"active": True, "scope": SCOPE, "token_type": "bearer"}.items()
    assert report["introspectedRefreshToken"]["active"] is True
    assert report["codeTwice"] == {"refused": True, "status": 400, "error": "invalid_grant"}
    assert report["introspectedAfterReplay"] == {"active": False}
    assert report["introspectedRevoked"] == {"active": False}
    assert report["refreshRevoked"] == {"refused": True, "status": 400, "error": "invalid_grant"}


@pytest.mark.clause("RFC6749-5.1-01", "RFC6749-5.1-02", "RFC7009-2.1-02", "RFC7662-2.2-01")
async def test_authlib_gets_to_a_users_data(app: App, issuer: str, user: User) -> None:
    document = (await app.http.get(get_well_known_url(issuer, external=True))).raise_for_status().json()
    metadata = AuthorizationServerMetadata(document)
    metadata.validate()
    async with AsyncOAuth2Client(
        *app.own, scope=SCOPE, redirect_uri=app.redirect_uri, code_challenge_method="S256", trust_env=False
    ) as session:
        verifier = generate_token(48)
        details = json.dumps([{"type": SCOPE, "interval": "monthly"}])
        url, state = session.create_authorization_url(
            metadata["authorization_endpoint"], code_verifier=verifier, authorization_details=details
        )
        answer = await user.authorize(url, MARA)
        token = await session.fetch_token(
            metadata["token_endpoint"], authorization_response=answer, state=state, code_verifier=verifier
        )
        first = dict(token)
        second = await session.refresh_token(metadata["token_endpoint"])
        endpoint = metadata["introspection_endpoint"]
        active = (await session.introspect_token(endpoint, token=second["access_token"])).json()
        await session.revoke_token(metadata["revocation_endpoint"], token=second["refresh_token"])
        inactive = (await session.introspect_token(endpoint, token=second["access_token"])).json()
        with pytest.raises(OAuthError, match="invalid_grant"):
            await session.refresh_token(metadata["token_endpoint"], refresh_token=second["refresh_token"])

    assert answer_of(answer)["iss"] == issuer
    assert first["authorization_details"][0].items() >= DETAILS.items()
    assert second["refresh_token"] != first["refresh_token"]
    assert active.items() >= {"active": True, "client_id": app.own[0], "scope": SCOPE}.items()
    assert inactive == {"active": False}
