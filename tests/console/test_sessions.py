"""How long a session in the console lasts, and what ends it."""

import pytest

from app.domain import operator_sessions, operators
from app.domain.operator_sessions import Newcomer, OperatorSession
from app.domain.operators import Role
from app.schemas.encoding import encode
from app.store import keys
from app.store.operator_sessions import RedisOperatorSessions
from tests.conftest import Server
from tests.console.desk import Desk
from tests.operators import ROOT, operator_of

HOME = "/console/mails"


async def is_in(desk: Desk) -> bool:
    """Whether pages still open."""
    return (await desk.send("GET", HOME)).status_code == 200


async def test_it_ends_an_hour_after_its_last_use(admin: Desk, server: Server) -> None:
    for _ in range(3):
        server.clock.advance(minutes=58)
        assert await is_in(admin)
    server.clock.advance(minutes=60)

    assert not await is_in(admin)


async def test_it_ends_after_twelve_hours_whatever_happens(admin: Desk, server: Server) -> None:
    for _ in range(23):
        server.clock.advance(minutes=30)
        assert await is_in(admin)
    server.clock.advance(minutes=30)

    assert not await is_in(admin)


async def test_the_store_forgets_it_by_itself(admin: Desk, server: Server) -> None:
    (key,) = [one for one in await server.connection.command("KEYS", "*session*") if await is_of(server, one, admin)]
    first = await server.connection.command("TTL", key)
    server.clock.advance(minutes=11 * 60 + 30)
    session = OperatorSession(
        shown=admin.name, role=Role.ADMIN, started_at=int(server.clock.now.timestamp()) - 41400, seen_at=0
    )
    await RedisOperatorSessions(server.connection).replace("x", session, ttl_seconds=5)

    assert 3500 < first <= operator_sessions.IDLE_SECONDS
    assert await server.connection.command("EXISTS", keys.operator_session("x")) == 0


async def is_of(server: Server, key: bytes, desk: Desk) -> bool:
    """Whether it is the session of this desk."""
    return desk.name.encode() in await server.connection.command("GET", key)


async def test_a_revoked_key_ends_its_sessions_within_five_seconds(admin: Desk, server: Server) -> None:
    assert server.service.state
    store = server.service.state["operators"].store
    assert await is_in(admin)
    await operators.revoke(store, ROOT, admin.name, now=server.clock.now)
    server.clock.advance(seconds=operators.CHECK_SECONDS)

    assert not await is_in(admin)
    token = await server.http.get("/console/sign-in")
    assert token.status_code == 200


@pytest.mark.parametrize("ended", ["sign-out", "expiry"])
async def test_noting_its_use_does_not_bring_an_ended_session_back(admin: Desk, server: Server, ended: str) -> None:
    """Two requests race: one signs out, the other one notes that the session was used."""
    store = RedisOperatorSessions(server.connection)
    handle = admin.http.cookies["__Host-cds-operator"]
    session = await store.get(handle)
    assert session
    await store.end(handle)
    await store.replace(handle, session, ttl_seconds=60)

    assert await store.get(handle) is None
    assert not await is_in(admin)


async def test_only_one_use_a_minute_is_noted(admin: Desk, server: Server) -> None:
    handle = admin.http.cookies["__Host-cds-operator"]
    store = RedisOperatorSessions(server.connection)
    before = await store.get(handle)
    server.clock.advance(seconds=59)
    await is_in(admin)
    same = await store.get(handle)
    server.clock.advance(seconds=1)
    await is_in(admin)
    noted = await store.get(handle)

    assert same == before
    assert noted
    assert noted.seen_at == int(server.clock.now.timestamp())


async def test_a_page_costs_one_question_about_the_session(admin: Desk, server: Server) -> None:
    """The key was looked up moments ago, so it is the session and what the page shows."""
    await is_in(admin)
    asked = server.connection.round_trips
    await is_in(admin)

    assert server.connection.round_trips - asked == 2


async def test_sessions_of_an_operator_end_one_by_one(server: Server) -> None:
    mara = await operator_of(server, "admin", "mara")
    async with Desk(server) as office, Desk(server) as home:
        for desk in (office, home):
            page = await desk.open(f"/console/sign-in?next={HOME}")
            await desk.press(page, "Sign in", key=mara.key)
        await office.submit(await office.open(HOME), "Sign out")
        assert not await is_in(office)
        assert await is_in(home)


def test_names_from_elsewhere_never_pass_for_names_of_keys() -> None:
    session = OperatorSession(**Newcomer("mara", Role.ADMIN, subject="4711")._asdict(), started_at=0, seen_at=0)

    assert session.name == "mara [4711]"
    assert not operators.is_name(session.name)
    assert session.log_name == "oidc:4711"
    assert b"key_digest" in encode(session)
