"""Authorization requests on their way, and user sessions, on every kind of store."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest

from app.crypto.tokens import Handle, code_of_transaction, digest, registration_of_handle
from app.domain.authorization_store import (
    Answered,
    AuthorizationRequest,
    CodeFacts,
    PushedRequest,
    SignInAttempt,
    Transaction,
    UserSession,
)
from app.domain.records import Change
from app.errors import Conflict
from app.store import keys
from app.store.authorizations import RedisAuthorizations
from app.store.connection import Connection
from app.store.records import RedisRecords
from app.store.users import RedisUsers
from tests.factories import NOW, RANDOM, make_message, new_registration

RID = RANDOM.registration_id()
LATER = NOW + timedelta(seconds=60)
PUSHED = PushedRequest(
    client_id=f"{RID}-1", parameters=[("scope", "a b"), ("cds_grant_id", ""), ("state", "ü\u0001&=")]
)
TRANSACTION = Transaction(
    request=AuthorizationRequest(
        client_id=f"{RID}-1",
        redirect_uri="https://client.example/back",
        redirect_uri_sent=True,
        response_type="code",
        state=None,
        scope="a",
        authorization_details=[{"type": "a", "share": Decimal("0.10")}],
        code_challenge="c" * 43,
        prompt_login=False,
        cds_grant_id=None,
    ),
    browser_digest="",
    created_at=int(NOW.timestamp()),
    authenticated_after=0,
)
SESSION = UserSession(user_id="test:mira", name="Mira", sandbox=True, authenticated_at=int(NOW.timestamp()))


@pytest.fixture
def authorizations(connection: Connection) -> RedisAuthorizations:
    return RedisAuthorizations(connection)


@pytest.fixture
def users(connection: Connection) -> RedisUsers:
    return RedisUsers(connection)


async def test_a_pushed_request_is_handed_out_once(authorizations: RedisAuthorizations) -> None:
    handle = RANDOM.handle(Handle.PUSHED_REQUEST, RID)
    await authorizations.push(handle, PUSHED, now=NOW, ttl_seconds=60)

    taken = await asyncio.gather(*(authorizations.take_pushed(handle, now=NOW) for _ in range(100)))

    assert [one for one in taken if one] == [PUSHED]


async def test_a_pushed_request_is_gone_when_its_time_has_passed(authorizations: RedisAuthorizations) -> None:
    handle = RANDOM.handle(Handle.PUSHED_REQUEST, RID)
    await authorizations.push(handle, PUSHED, now=NOW, ttl_seconds=60)

    assert await authorizations.take_pushed(handle, now=LATER) is None
    assert await authorizations.take_pushed(handle, now=LATER - timedelta(seconds=1)) == PUSHED


async def test_a_call_that_a_broken_connection_sends_twice_takes_it_all_the_same(
    authorizations: RedisAuthorizations, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = RANDOM.handle(Handle.PUSHED_REQUEST, RID)
    await authorizations.push(handle, PUSHED, now=NOW, ttl_seconds=60)
    once = connection.run

    async def twice(*call: object) -> object:
        await once(*call)  # type: ignore[arg-type]
        return await once(*call)  # type: ignore[arg-type]

    monkeypatch.setattr(connection, "run", twice)

    assert await authorizations.take_pushed(handle, now=NOW) == PUSHED
    assert await authorizations.take_pushed(handle, now=NOW) is None


@pytest.mark.parametrize(
    "handle",
    [
        "",
        "cdspr",
        RANDOM.handle(Handle.PUSHED_REQUEST, RID),
        RANDOM.handle(Handle.AUTHORIZATION_CODE, RID),
        RANDOM.handle(Handle.TRANSACTION, RID) + "a",
        f"cdsax_{'z' * 14}_{'a' * 43}",
        f"cdsax_{RID}_{'}' * 43}",
    ],
    ids=lambda handle: handle[:5],  # the rest is random, and workers of pytest-xdist have to agree
)
async def test_nothing_is_found_with_what_is_no_handle(authorizations: RedisAuthorizations, handle: str) -> None:
    assert await authorizations.take_pushed(handle, now=NOW) is None
    assert await authorizations.transaction(handle, now=NOW) is None
    assert await authorizations.take_transaction(handle, now=NOW) is None
    assert not await authorizations.update_transaction(handle, TRANSACTION, now=NOW)


async def test_the_handle_of_a_pushed_request_is_not_that_of_a_transaction(authorizations: RedisAuthorizations) -> None:
    pushed = RANDOM.handle(Handle.PUSHED_REQUEST, RID)
    await authorizations.push(pushed, PUSHED, now=NOW, ttl_seconds=60)
    other = pushed.replace("cdspr_", "cdsax_")

    assert await authorizations.transaction(other, now=NOW) is None
    with pytest.raises(ValueError, match="not a handle"):
        await authorizations.begin(pushed, TRANSACTION, now=NOW, ttl_seconds=60)


async def test_the_store_has_no_handle_in_clear(authorizations: RedisAuthorizations, connection: Connection) -> None:
    handle = RANDOM.handle(Handle.TRANSACTION, RID)
    await authorizations.begin(handle, TRANSACTION, now=NOW, ttl_seconds=60)

    key = keys.transaction(RID, digest(handle))
    value = await connection.command("GET", key)

    assert handle not in key
    assert handle.encode() not in value
    assert 0 < await connection.command("TTL", key) <= 60


async def test_a_transaction_can_be_looked_at_and_replaced_until_it_ends(authorizations: RedisAuthorizations) -> None:
    handle = RANDOM.handle(Handle.TRANSACTION, RID)
    await authorizations.begin(handle, TRANSACTION, now=NOW, ttl_seconds=60)
    bound = Transaction(
        request=TRANSACTION.request,
        browser_digest=digest("cookie"),
        created_at=TRANSACTION.created_at,
        authenticated_after=5,
    )

    assert await authorizations.transaction(handle, now=NOW) == TRANSACTION
    assert await authorizations.update_transaction(handle, bound, now=NOW)
    assert await authorizations.transaction(handle, now=LATER - timedelta(seconds=1)) == bound
    assert not await authorizations.update_transaction(handle, TRANSACTION, now=LATER)
    assert await authorizations.transaction(handle, now=LATER) is None
    assert await authorizations.take_transaction(handle, now=LATER) is None


async def test_a_transaction_that_was_taken_does_not_come_back(authorizations: RedisAuthorizations) -> None:
    handle = RANDOM.handle(Handle.TRANSACTION, RID)
    await authorizations.begin(handle, TRANSACTION, now=NOW, ttl_seconds=60)

    assert await authorizations.take_transaction(handle, now=NOW) == TRANSACTION
    assert not await authorizations.update_transaction(handle, TRANSACTION, now=NOW)
    assert await authorizations.transaction(handle, now=NOW) is None


async def test_of_approving_and_declining_only_one_happens(
    records: RedisRecords, authorizations: RedisAuthorizations
) -> None:
    change, *_ = new_registration()
    rid = change.registration_id
    await records.apply(change)
    for _ in range(10):
        handle = RANDOM.handle(Handle.TRANSACTION, rid)
        await authorizations.begin(handle, TRANSACTION, now=NOW, ttl_seconds=60)

        outcomes = await asyncio.gather(
            approve(records, rid, handle),
            authorizations.take_transaction(handle, now=NOW),
            approve(records, rid, handle),
            authorizations.take_transaction(handle, now=NOW),
        )

        assert len([one for one in outcomes if one]) == 1


async def approve(records: RedisRecords, registration_id: str, handle: str) -> bool:
    """Write something that goes with the end of a transaction; whether it was written."""
    change = Change(registration_id, NOW)
    change.create(make_message(registration_id))
    change.spend(handle)
    try:
        await records.apply(change)
    except Conflict:
        return False
    return True


async def test_an_answer_is_remembered_for_a_minute_and_what_it_was(
    records: RedisRecords, authorizations: RedisAuthorizations
) -> None:
    change, *_ = new_registration()
    rid = change.registration_id
    await records.apply(change)
    approved, declined, waiting = (RANDOM.handle(Handle.TRANSACTION, rid) for _ in range(3))
    for handle in (approved, declined, waiting):
        await authorizations.begin(handle, TRANSACTION, now=NOW, ttl_seconds=600)
    await approve(records, rid, approved)
    await authorizations.take_transaction(declined, now=NOW)

    assert await authorizations.answered(approved, now=NOW) == Answered(approved=True, transaction=TRANSACTION)
    assert await authorizations.answered(declined, now=NOW) == Answered(approved=False, transaction=TRANSACTION)
    assert await authorizations.answered(waiting, now=NOW) is None
    assert await authorizations.answered("nonsense", now=NOW) is None
    assert await authorizations.answered(approved, now=LATER) is None
    assert await authorizations.transaction(approved, now=NOW) is None
    assert await authorizations.take_transaction(approved, now=NOW) is None


async def test_a_code_can_be_looked_at_until_its_time_has_passed(
    records: RedisRecords, authorizations: RedisAuthorizations
) -> None:
    change, client, _, grant = new_registration()
    rid = change.registration_id
    handle = code_of_transaction(RANDOM.handle(Handle.TRANSACTION, rid))
    facts = CodeFacts(
        client_id=client.client_id,
        grant_id=grant.grant_id,
        redirect_uri="https://client.example/back",
        redirect_uri_sent=False,
        code_challenge=None,
    )
    change.issue_code(handle, facts, ttl_seconds=60)
    await records.apply(change)

    assert await authorizations.code(handle, now=NOW) == facts
    assert await authorizations.code(handle, now=LATER) is None
    assert await authorizations.code(RANDOM.handle(Handle.AUTHORIZATION_CODE, rid), now=NOW) is None
    assert await authorizations.code("nonsense", now=NOW) is None


async def test_a_transaction_leads_to_one_code_that_says_nothing_about_it() -> None:
    one, other = (RANDOM.handle(Handle.TRANSACTION, RID) for _ in range(2))

    assert code_of_transaction(one) == code_of_transaction(one) != code_of_transaction(other)
    assert registration_of_handle(Handle.AUTHORIZATION_CODE, code_of_transaction(one)) == RID
    assert one[-20:] not in code_of_transaction(one)
    with pytest.raises(ValueError, match="not the handle of a transaction"):
        code_of_transaction(RANDOM.handle(Handle.PUSHED_REQUEST, RID))


async def test_what_is_over_cannot_be_approved(records: RedisRecords, authorizations: RedisAuthorizations) -> None:
    change, *_ = new_registration()
    rid = change.registration_id
    await records.apply(change)
    handle = RANDOM.handle(Handle.TRANSACTION, rid)
    await authorizations.begin(handle, TRANSACTION, now=NOW - timedelta(seconds=60), ttl_seconds=60)

    assert not await approve(records, rid, handle)
    assert not await approve(records, rid, RANDOM.handle(Handle.TRANSACTION, rid))


async def test_a_session_lives_until_it_ends(users: RedisUsers) -> None:
    handle, other = RANDOM.session(), RANDOM.session()
    await users.create_session(handle, SESSION, now=NOW, ttl_seconds=60)
    await users.create_session(other, SESSION, now=NOW, ttl_seconds=60)

    assert await users.session(handle, now=LATER - timedelta(seconds=1)) == SESSION
    assert await users.session(handle, now=LATER) is None
    await users.end_session(handle)
    assert await users.session(handle, now=NOW) is None
    assert await users.session(other, now=NOW) == SESSION


@pytest.mark.parametrize(
    "handle",
    ["", "cdsus_zz_" + "a" * 43, "cdsus_3f_", RANDOM.handle(Handle.TRANSACTION, RID)],
    ids=lambda handle: handle[:5],
)
async def test_what_is_no_session_is_none(users: RedisUsers, handle: str) -> None:
    await users.end_session(handle)

    assert await users.session(handle, now=NOW) is None


ATTEMPT = SignInAttempt(
    browser_digest="d" * 43, transaction="", grant_id="", again=True, started_at=int(NOW.timestamp())
)


async def test_a_sign_in_that_was_begun_is_taken_once(users: RedisUsers) -> None:
    """Of a hundred that come back with one `state` one goes on."""
    handle = RANDOM.sign_in()
    await users.begin_sign_in(handle, ATTEMPT, now=NOW, ttl_seconds=60)

    taken = await asyncio.gather(*(users.take_sign_in(handle, now=NOW) for _ in range(100)))

    assert [one for one in taken if one] == [ATTEMPT]


@pytest.mark.parametrize(
    "handle",
    ["", "cdssi_zz_" + "a" * 43, "cdssi_3f_" + "a" * 43, RANDOM.session()],
    ids=lambda handle: handle[:5],
)
async def test_what_is_no_sign_in_that_was_begun_is_none(users: RedisUsers, handle: str) -> None:
    late = RANDOM.sign_in()
    await users.begin_sign_in(late, ATTEMPT, now=NOW, ttl_seconds=60)

    assert await users.take_sign_in(handle, now=NOW) is None
    assert await users.take_sign_in(late, now=LATER) is None


async def test_what_a_user_authorized_is_listed_newest_first_page_by_page(users: RedisUsers) -> None:
    grants = [RANDOM.object_id(RANDOM.registration_id(), "g") for _ in range(25)]
    for number, grant_id in enumerate(grants):
        await users.note_user_grant("test:mira", grant_id, created=NOW + timedelta(seconds=number // 10))
    await users.note_user_grant("test:mira", grants[0], created=NOW + timedelta(days=1))
    await users.note_user_grant("test:other", RANDOM.object_id(RID, "g"), created=NOW)

    found, before = [], None
    while page := await users.grants_of_user("test:mira", before=before, limit=7):
        found += page
        before = page[-1].position

    listed = [one.grant_id for one in found]
    assert sorted(listed) == sorted(grants)
    assert [set(listed[:5]), set(listed[5:15]), set(listed[15:])] == [
        set(grants[20:]),
        set(grants[10:20]),
        set(grants[:10]),
    ]
    assert await users.grants_of_user("nobody") == []
