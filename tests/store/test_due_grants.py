"""Grants whose time has come, and standing Grants, on every kind of store."""

import asyncio
from datetime import timedelta

from app.crypto.tokens import digest
from app.domain.records import Access, Change, Wanted
from app.domain.tokens import ClientLogin, Issued, NotIssued, StandingFacts
from app.errors import Conflict
from app.schemas.clients import Client
from app.schemas.grants import Grant, GrantInternal
from app.store.records import RedisRecords
from app.store.tokens import RedisTokens
from tests.factories import NOW, RANDOM, make_grant, new_registration

HOUR = timedelta(hours=1)


async def test_only_grants_whose_time_has_come_are_due(records: RedisRecords):
    change, client, _, _ = new_registration()
    rid = change.registration_id
    soon, later, ended = (make_grant(client.client_id) for _ in range(3))
    for grant in (soon, later, ended):
        change.create(grant, GrantInternal(standing=grant.grant_id))
    change.due |= {soon.grant_id: NOW + HOUR, later.grant_id: NOW + 2 * HOUR, ended.grant_id: NOW}
    change.due[RANDOM.object_id(rid, "g")] = NOW  # of no Grant
    await records.apply(change)
    done = Change(rid, NOW)
    done.due[ended.grant_id] = None
    await records.apply(done)

    early = await records.due_grants(Access(rid, NOW + HOUR - timedelta(seconds=1)))
    due = await records.due_grants(Access(rid, NOW + HOUR))

    assert early == []
    assert [(one.object, one.internal) for one in due] == [(soon, GrantInternal(standing=soon.grant_id))]
    (same,) = await records.load(Access(rid, NOW), Wanted(Grant, soon.grant_id))
    assert due[0] == same


async def test_a_read_lets_due_grants_be_settled_unless_that_was_done(records: RedisRecords):
    change, client, _, grant = new_registration()
    change.due[grant.grant_id] = NOW
    await records.apply(change)
    settled = []

    async def settle(registration_id: str, _now: object) -> None:
        settled.append(registration_id)

    records.settle_due = settle
    await records.load(Access(client.client_id, NOW, settled=True), Wanted(Grant, grant.grant_id))
    await records.load(Access(client.client_id, NOW), Wanted(Client, client.client_id))
    assert settled == []

    await records.load(Access(client.client_id, NOW), Wanted(Grant, grant.grant_id))
    assert settled == [client.client_id]


async def test_of_many_that_want_to_be_the_only_one_one_is(records: RedisRecords):
    change, client, _, _ = new_registration()
    await records.apply(change)

    async def stand() -> bool:
        one = Change(change.registration_id, NOW)
        one.vacant.append((Grant, ("standing", "key")))
        one.create(make_grant(client.client_id), GrantInternal(standing="key"))
        try:
            await records.apply(one)
        except Conflict:
            return False
        return True

    assert sum(await asyncio.gather(*(stand() for _ in range(100)))) == 1


async def test_what_is_remembered_about_requests_is_bounded(records: RedisRecords, tokens: RedisTokens):
    asked = 1100
    change, _, credential, grant = new_registration()
    rid = change.registration_id
    await records.apply(change)
    stored, standing = await records.load(Access(rid, NOW), Wanted(Client, rid), Wanted(Grant, grant.grant_id))
    assert stored
    assert standing
    facts = StandingFacts("cds_client_admin", [])
    for start in range(0, asked, 100):
        keys = [str(number) for number in range(start, start + 100)]
        await asyncio.gather(*(tokens.stand(stored, [key], standing, None, facts) for key in keys))
    login = ClientLogin(rid, rid, digest(str(credential.client_secret)))

    async def ask(key: int) -> Issued | NotIssued:
        return await tokens.issue(login, str(key), RANDOM.access_token(rid), now=NOW, ttl_seconds=60)

    assert isinstance(await ask(asked - 1), Issued)
    assert await ask(0) is NotIssued.NO_STANDING_GRANT
