"""What may happen once happens once, on every kind of store (RFC 6749 4.1.2, RFC 9126 4)."""

import asyncio
from dataclasses import replace

import pytest

from app.catalog import Catalog
from app.domain.approval import approve, decline
from app.domain.authorization_store import UserSession
from app.errors import Refusal
from app.store.connect import StoreConnection
from tests.authorization_pages import MARA_ID, users
from tests.authorizing import EVERY_USER_SCOPE, Site, authorizing_utility, question_of, site_of
from tests.conftest import MakeServer
from tests.user_grants import answered


@pytest.fixture
async def site(make_server: MakeServer, demo_catalog: Catalog, store: StoreConnection) -> Site:
    """A Client Object of a server on that store."""
    server = await make_server(authorizing_utility(demo_catalog), store=store)
    return await site_of(await server.register(EVERY_USER_SCOPE))


async def test_a_hundred_approvals_make_one_grant_with_one_code(site):
    question = await question_of(site)

    urls = await asyncio.gather(*(approve(question) for _ in range(100)), return_exceptions=True)

    codes = {url for url in urls if isinstance(url, str)}
    assert len(codes) == 1
    assert all(isinstance(url, str | Refusal) for url in urls), urls
    (grant,) = await site.grants()
    assert grant["grant_id"] in [one.grant_id for one in await users(site.server).grants_of_user(MARA_ID)]
    code = codes.pop().partition("code=")[2].partition("&")[0]
    assert (await site.introspect(answered(await site.exchange(code))["access_token"]))["cds_grant_id"] == grant[
        "grant_id"
    ]


async def test_of_fifty_users_and_fifty_refusals_one_is_heard(site):
    question = await question_of(site)
    moment = question.user.authenticated_at

    async def approved(number: int) -> str:
        user = UserSession(user_id=f"test:{number}", name="", sandbox=True, authenticated_at=moment)
        return await approve(replace(question, user=user))

    answers = [approved(number) for number in range(50)]
    answers += [
        decline(question.context, question.authorizations, question.handle, now=question.now) for _ in range(50)
    ]
    found = await asyncio.gather(*answers, return_exceptions=True)

    assert all(isinstance(one, str | Refusal) for one in found), found
    urls = {one for one in found if isinstance(one, str)}
    assert len(urls) == 1
    assert len(await site.grants()) == (1 if "code=" in urls.pop() else 0)


async def test_a_request_uri_is_used_once_by_a_hundred(site):
    request_uri = await site.pushed()

    responses = await asyncio.gather(*(site.use(request_uri) for _ in range(100)))

    assert sorted(one.status_code for one in responses) == [303] + [400] * 99
