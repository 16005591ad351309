"""Authorization requests that are under way, for tests of the pages that users see."""

from collections.abc import AsyncIterator
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from app.crypto.tokens import Handle
from app.domain import production
from app.domain.authorization_details import validate
from app.domain.authorization_store import AuthorizationRequest, AuthorizationStore, Transaction, UserStore
from app.domain.grant_creation import create
from app.domain.grant_terms import Terms
from app.domain.records import Access, Change, Wanted
from app.schemas.clients import Client
from app.schemas.grants import Grant
from tests.conftest import Registered, Server
from tests.html_pages import UserBrowser, View

SCOPE = "cds_client_admin ple_customer_data"
MARA = {"username": "mara.lind@customers.example", "password": "winter-wheat"}
SCHOOL = {"username": "facilities@lakeside-school.example", "password": "chalk-and-slate"}
MARA_ID = "test:mara.lind@customers.example"
BACK = "https://meadow.example/back"


def authorizations(server: Server) -> AuthorizationStore:
    """The store of transactions."""
    assert server.service.state
    return server.service.state["authorizations"]


def users(server: Server) -> UserStore:
    """The store of sessions and of what users authorized."""
    assert server.service.state
    return server.service.state["users"]


async def stored_client(registered: Registered, client_id: str) -> Client:
    """A Client Object as it is kept."""
    (client,) = await registered.server.context.records.load(registered.access, Wanted(Client, client_id))
    assert client
    found: Client = client.object
    return found


async def begin(
    registered: Registered,
    client_id: str = "",
    *,
    details: list[dict[str, Any]] | None = None,
    authenticated_after: int = 0,
    browser_digest: str = "",
    ttl_seconds: int = 600,
    **request: Any,
) -> str:
    """The path of the page of a new authorization request, of the sandbox Client Object unless another is named."""
    server = registered.server
    client = await stored_client(registered, client_id or f"{registered.registration_id}-1")
    values: dict[str, Any] = {
        "client_id": client.client_id,
        "redirect_uri": server.context.links.receipt,
        "redirect_uri_sent": False,
        "response_type": "code",
        "state": "s-1",
        "scope": "ple_customer_data",
        "authorization_details": validate(
            details or [{"type": "ple_customer_data"}],
            scopes=server.context.catalog.scopes,
            allowed_types=client.authorization_details_types,
            now=server.clock.now,
            timezone=ZoneInfo(server.context.catalog.server.timezone),
        ),
        "code_challenge": None,
        "prompt_login": bool(authenticated_after),
        "cds_grant_id": None,
    }
    handle = server.context.randomness.handle(Handle.TRANSACTION, registered.registration_id)
    transaction = Transaction(
        request=AuthorizationRequest(**(values | request)),
        browser_digest=browser_digest,
        created_at=int(server.clock.now.timestamp()),
        authenticated_after=authenticated_after,
    )
    await authorizations(server).begin(handle, transaction, now=server.clock.now, ttl_seconds=ttl_seconds)
    return f"/oauth/authorize/{handle}"


async def consent_page(browser: UserBrowser, path: str, account: dict[str, str] | None = None) -> View:
    """Open an authorization request and sign in."""
    return await browser.press(await browser.open(path), "Sign in", **(account or MARA))


async def production_client(registered: Registered) -> Client:
    """The production twin of the sandbox Client Object."""
    return await production.approve(
        registered.server.context, registered.access, f"{registered.registration_id}-1", "Welcome."
    )


async def authorized(registered: Registered, user_id: str = MARA_ID, **terms: Any) -> Grant:
    """A Grant that a user has authorized, made without the pages."""
    server = registered.server
    access = Access(registered.registration_id, server.clock.now)
    grant = await create(
        server.context,
        access,
        f"{registered.registration_id}-1",
        Terms(scope="ple_customer_data", authorization_details=[{"type": "ple_customer_data"}], **terms),
    )
    (stored,) = await server.context.records.load(access, Wanted(Grant, grant.grant_id))
    assert stored
    change = Change(registered.registration_id, server.clock.now)
    code = server.context.randomness.receipt_confirmation()
    receipted = msgspec.structs.replace(stored.object, receipt_confirmations=[code])
    change.replace(stored, receipted, msgspec.structs.replace(stored.internal, user_id=user_id))
    await server.context.records.apply(change)
    await users(server).note_user_grant(user_id, grant.grant_id, created=server.clock.now)
    return receipted


@pytest.fixture
async def registered(server: Server) -> Registered:
    """A Client that may ask users for customer data."""
    return await server.register(SCOPE, client_name="Meadow Home")


@pytest.fixture
async def browser(server: Server) -> AsyncIterator[UserBrowser]:
    """A user's browser."""
    async with UserBrowser(server) as one:
        yield one


@pytest.fixture
async def other_browser(server: Server) -> AsyncIterator[UserBrowser]:
    """Somebody else's."""
    async with UserBrowser(server) as one:
        yield one
