"""Authorization codes and refresh tokens on every kind of store: exchanged once, followed when copied, cut off."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from app.crypto.tokens import Handle, digest, next_refresh_token
from app.domain.records import Access, Change, CodeFacts, Wanted
from app.domain.tokens import ClientLogin, Inspected, Login, PublicLogin, Revocation, StandingFacts
from app.domain.user_tokens import REFRESH_GRACE_SECONDS, NewTokens, NotExchanged
from app.schemas.clients import ClientInternal
from app.schemas.grants import Grant, GrantInternal, GrantStatus
from app.store.authorizations import RedisAuthorizations
from app.store.connect import StoreConnection
from app.store.connection import Connection
from app.store.records import RedisRecords
from app.store.tokens import RedisTokens
from app.store.user_tokens import RedisUserTokens
from tests.factories import NOW, RANDOM, add_credential, make_client, make_credential, make_grant, new_registration

FACTS = StandingFacts("data", [])
HOUR = 3600
MONTH = 30 * 24 * HOUR
BACK = "https://client.example/back"


@dataclass
class Scene:
    """A Client Object with a secret, one without, and a Grant that a user gave to the first."""

    records: RedisRecords
    tokens: RedisTokens
    user_tokens: RedisUserTokens
    now: datetime = NOW
    rid: str = ""
    admin: ClientLogin = field(init=False)
    login: ClientLogin = field(init=False)
    public: PublicLogin = field(init=False)
    grant: Grant = field(init=False)
    credential_id: str = ""

    async def begin(self) -> "Scene":
        """Store them."""
        change, client, admin_credential, _ = new_registration()
        self.rid = change.registration_id
        self.admin = ClientLogin(self.rid, client.client_id, digest(str(admin_credential.client_secret)))
        for number in (1, 2):
            change.create(make_client(f"{self.rid}-{number}", scope="data"), ClientInternal())
        credential = make_credential(f"{self.rid}-1")
        add_credential(change, credential)
        self.credential_id = credential.credential_id
        self.login = ClientLogin(self.rid, f"{self.rid}-1", digest(str(credential.client_secret)))
        self.public = PublicLogin(self.rid, f"{self.rid}-2")
        self.grant = make_grant(f"{self.rid}-1", scope="data", enabled_scope="data")
        change.create(self.grant, GrantInternal())
        await self.records.apply(change)
        return self

    async def code(self, client_id: str = "", ttl_seconds: int = 60) -> str:
        """A new code for the Grant."""
        handle = RANDOM.handle(Handle.AUTHORIZATION_CODE, self.rid)
        change = Change(self.rid, self.now)
        facts = CodeFacts(
            client_id=client_id or self.login.client_id,
            grant_id=self.grant.grant_id,
            redirect_uri=BACK,
            redirect_uri_sent=True,
            code_challenge=None,
        )
        change.issue_code(handle, facts, ttl_seconds=ttl_seconds)
        await self.records.apply(change)
        return handle

    def new(self, *, refresh_token: bool = True) -> NewTokens:
        """Tokens that do not exist yet."""
        first = RANDOM.refresh_token(self.rid) if refresh_token else None
        return NewTokens(RANDOM.access_token(self.rid), HOUR, FACTS, first, MONTH)

    async def redeem(self, code: str, login: Login | None = None) -> NewTokens | NotExchanged:
        """Exchange a code as the token endpoint does."""
        login = login or self.login
        presented = await self.user_tokens.look_at_code(login, code, now=self.now)
        assert presented
        if presented.grant is None:
            return NotExchanged.GONE
        new = self.new()
        return await self.user_tokens.redeem(login, code, presented, new, now=self.now) or new

    async def refresh(self, refresh_token: str | None, login: Login | None = None) -> tuple[str, str] | NotExchanged:
        """Exchange a refresh token as the token endpoint does: the access token and the next refresh token."""
        assert refresh_token
        login = login or self.login
        presented = await self.user_tokens.look_at_refresh_token(login, refresh_token, now=self.now)
        assert presented
        if presented.grant is None:
            return NotExchanged.GONE
        new = self.new(refresh_token=False)
        outcome = await self.user_tokens.rotate(login, refresh_token, presented, new, now=self.now)
        return outcome if isinstance(outcome, NotExchanged) else (new.reference, outcome)

    async def begun(self) -> NewTokens:
        """The tokens that a new code was exchanged for."""
        tokens = await self.redeem(await self.code())
        assert isinstance(tokens, NewTokens)
        return tokens

    async def lives(self, access_token: str) -> bool:
        """Whether an access token works."""
        return isinstance(await self.tokens.inspect(self.admin, access_token, now=self.now), Inspected)

    async def can_refresh(self, refresh_token: str | None) -> bool:
        """Whether a refresh token works, without using it."""
        assert refresh_token
        seen = await self.user_tokens.look_at_refresh_token(self.login, refresh_token, now=self.now)
        return seen is not None and seen.facts is not None and not seen.is_copy

    async def cut_off(self, object_id: str) -> None:
        """End the tokens that depend on an object."""
        change = Change(self.rid, self.now)
        change.cut_off.append(object_id)
        await self.records.apply(change)


@pytest.fixture
async def scene(records: RedisRecords, tokens: RedisTokens) -> Scene:
    """One registration, ready."""
    return await Scene(records, tokens, RedisUserTokens(records, RANDOM)).begin()


def exchanged(outcome: tuple[str, str] | NotExchanged) -> tuple[str, str]:
    """The tokens of an exchange that worked."""
    assert not isinstance(outcome, NotExchanged)
    return outcome


@pytest.mark.clause("RFC6749-4.1.2-01")
async def test_a_hundred_redemptions_of_one_code_at_once_give_exactly_one_token(scene: Scene) -> None:
    code = await scene.code()
    presented = await scene.user_tokens.look_at_code(scene.login, code, now=NOW)
    assert presented

    outcomes = await asyncio.gather(
        *(scene.user_tokens.redeem(scene.login, code, presented, scene.new(), now=NOW) for _ in range(100))
    )

    assert sorted(map(str, outcomes)) == ["None"] + ["replayed"] * 99


async def test_a_code_is_exchanged_in_two_round_trips(scene: Scene) -> None:
    code = await scene.code()
    before = scene.records.connection.round_trips

    assert isinstance(await scene.redeem(code), NewTokens)

    assert scene.records.connection.round_trips == before + 2


async def test_a_second_use_of_a_code_ends_what_the_first_one_gave(scene: Scene) -> None:
    code = await scene.code()
    first = await scene.redeem(code)
    assert isinstance(first, NewTokens)
    later = exchanged(await scene.refresh(first.refresh_token))

    assert await scene.redeem(code) is NotExchanged.REPLAYED

    for access_token in (first.reference, later[0]):
        assert not await scene.lives(access_token)
    for refresh_token in (first.refresh_token, later[1]):
        assert await scene.refresh(refresh_token) is NotExchanged.GONE


async def test_what_came_of_a_copied_code_can_be_ended_and_a_fresh_code_cannot(scene: Scene) -> None:
    code, fresh = await scene.code(), await scene.code()
    first = await scene.redeem(code)
    assert isinstance(first, NewTokens)
    presented = [await scene.user_tokens.look_at_code(scene.login, one, now=NOW) for one in (code, fresh)]

    for one in (code, fresh):
        await scene.user_tokens.end_copied_code(scene.login, one, now=NOW)

    assert [one.is_copy for one in presented if one] == [True, False]
    assert not await scene.lives(first.reference)
    assert not await scene.can_refresh(first.refresh_token)
    assert isinstance(await scene.redeem(fresh), NewTokens)


async def test_a_second_use_is_recognised_long_after_the_code_would_have_expired(scene: Scene) -> None:
    code = await scene.code(ttl_seconds=5)
    first = await scene.redeem(code)
    scene.now += timedelta(seconds=10)

    assert await scene.redeem(code) is NotExchanged.REPLAYED
    assert isinstance(first, NewTokens)
    assert not await scene.lives(first.reference)


async def test_another_authorization_of_the_same_grant_survives_in_its_refresh_token(scene: Scene) -> None:
    other = await scene.begun()
    code = await scene.code()
    await scene.redeem(code)
    await scene.redeem(code)

    access_token, _ = exchanged(await scene.refresh(other.refresh_token))

    assert await scene.lives(access_token)


async def test_a_code_expires_to_the_second(scene: Scene) -> None:
    code = await scene.code(ttl_seconds=60)
    scene.now += timedelta(seconds=60)
    assert await scene.redeem(code) is NotExchanged.GONE
    scene.now -= timedelta(seconds=1)
    assert isinstance(await scene.redeem(code), NewTokens)


async def test_a_code_that_expires_between_look_and_use_is_gone(scene: Scene) -> None:
    code = await scene.code(ttl_seconds=60)
    presented = await scene.user_tokens.look_at_code(scene.login, code, now=NOW)
    assert presented

    late = NOW + timedelta(seconds=60)

    assert await scene.user_tokens.redeem(scene.login, code, presented, scene.new(), now=late) is NotExchanged.GONE


async def test_a_code_can_be_looked_at_until_it_is_used_or_expires(scene: Scene) -> None:
    authorizations = RedisAuthorizations(scene.records.connection)
    code = await scene.code(ttl_seconds=60)
    seen = await authorizations.code(code, now=NOW + timedelta(seconds=59))

    assert seen
    assert seen.grant_id == scene.grant.grant_id
    assert await authorizations.code(code, now=NOW + timedelta(seconds=60)) is None
    for unknown in (
        "",
        RANDOM.handle(Handle.AUTHORIZATION_CODE, scene.rid),
        RANDOM.handle(Handle.TRANSACTION, scene.rid),
    ):
        assert await authorizations.code(unknown, now=NOW) is None
    assert isinstance(await scene.redeem(code), NewTokens)
    assert await authorizations.code(code, now=NOW) is None


async def test_another_client_object_cannot_use_a_code_nor_spoil_it(scene: Scene) -> None:
    code = await scene.code()
    for login in (scene.admin, scene.public):
        assert await scene.redeem(code, login) is NotExchanged.GONE

    assert isinstance(await scene.redeem(code), NewTokens)
    for login in (scene.admin, scene.public):
        assert await scene.redeem(code, login) is NotExchanged.GONE


async def test_a_code_of_another_registration_is_none_here(scene: Scene) -> None:
    code = await scene.code()
    stranger = await Scene(scene.records, scene.tokens, scene.user_tokens).begin()
    for text in (code, code.replace(scene.rid, stranger.rid), "", "cdsac_"):
        seen = await scene.user_tokens.look_at_code(stranger.login, text, now=NOW)

        assert seen
        assert (seen.facts, seen.grant) == (None, None)


async def test_whoever_has_not_the_secret_is_nobody(scene: Scene) -> None:
    code, tokens = await scene.code(), await scene.begun()
    presented = await scene.user_tokens.look_at_code(scene.login, code, now=NOW)
    assert presented
    assert tokens.refresh_token
    refreshed = await scene.user_tokens.look_at_refresh_token(scene.login, tokens.refresh_token, now=NOW)
    assert refreshed
    strangers = (
        scene.login._replace(secret_digest=digest("x")),
        scene.login._replace(client_id=f"{scene.rid}-2"),
        scene.login._replace(client_id=f"{scene.rid}-9"),
    )
    for nobody in strangers:
        store, refresh_token, new = scene.user_tokens, tokens.refresh_token, scene.new()
        assert await store.look_at_code(nobody, code, now=NOW) is None
        assert await store.look_at_refresh_token(nobody, refresh_token, now=NOW) is None
        assert await store.redeem(nobody, code, presented, new, now=NOW) is NotExchanged.REFUSED
        assert await store.rotate(nobody, refresh_token, refreshed, new, now=NOW) is NotExchanged.REFUSED
        assert await store.give_back(nobody, refresh_token, now=NOW) is Revocation.REFUSED
    assert await scene.user_tokens.look_at_code(PublicLogin(scene.rid, f"{scene.rid}-9"), code, now=NOW) is None
    assert await scene.can_refresh(tokens.refresh_token)


async def test_a_client_object_without_a_secret_exchanges_its_own(scene: Scene) -> None:
    code = await scene.code(client_id=scene.public.client_id)

    tokens = await scene.redeem(code, scene.public)

    assert isinstance(tokens, NewTokens)
    seen = await scene.tokens.inspect(scene.admin, tokens.reference, now=NOW)
    assert isinstance(seen, Inspected)
    assert (seen.facts.client_id, seen.facts.credential_id) == (scene.public.client_id, "")
    exchanged(await scene.refresh(tokens.refresh_token, scene.public))


async def test_nothing_is_issued_when_the_grant_has_changed_meanwhile(scene: Scene) -> None:
    code, tokens = await scene.code(), await scene.begun()
    presented = await scene.user_tokens.look_at_code(scene.login, code, now=NOW)
    assert presented
    assert tokens.refresh_token
    refreshed = await scene.user_tokens.look_at_refresh_token(scene.login, tokens.refresh_token, now=NOW)
    assert refreshed
    (grant,) = await scene.records.load(Access(scene.rid, NOW), Wanted(Grant, scene.grant.grant_id))
    assert grant
    change = Change(scene.rid, NOW)
    change.replace(grant, replace(grant.object, status=GrantStatus.REVOKED))
    await scene.records.apply(change)

    new = scene.new()
    outcomes = (
        await scene.user_tokens.redeem(scene.login, code, presented, new, now=NOW),
        await scene.user_tokens.rotate(scene.login, tokens.refresh_token, refreshed, new, now=NOW),
    )

    assert outcomes == (NotExchanged.CHANGED, NotExchanged.CHANGED)
    assert not await scene.lives(new.reference)


async def test_each_refresh_token_is_exchanged_for_the_next_one(scene: Scene) -> None:
    tokens = await scene.begun()
    seen, refresh_token = {tokens.refresh_token}, tokens.refresh_token
    for _ in range(5):
        scene.now += timedelta(days=29)
        access_token, refresh_token = exchanged(await scene.refresh(refresh_token))
        assert await scene.lives(access_token)
        assert refresh_token not in seen
        seen.add(refresh_token)


async def test_parallel_refreshes_all_get_the_same_next_token(scene: Scene) -> None:
    tokens = await scene.begun()

    outcomes = [
        exchanged(one) for one in await asyncio.gather(*(scene.refresh(tokens.refresh_token) for _ in range(20)))
    ]

    assert len({access_token for access_token, _ in outcomes}) == 20
    assert len({refresh_token for _, refresh_token in outcomes}) == 1
    assert all([await scene.lives(access_token) for access_token, _ in outcomes])
    exchanged(await scene.refresh(outcomes[0][1]))


async def test_a_lost_answer_can_be_repeated_for_a_short_time(scene: Scene) -> None:
    tokens = await scene.begun()
    _, lost = exchanged(await scene.refresh(tokens.refresh_token))
    scene.now += timedelta(seconds=REFRESH_GRACE_SECONDS - 1)

    _, again = exchanged(await scene.refresh(tokens.refresh_token))

    assert again == lost
    assert await scene.can_refresh(lost)


@pytest.mark.parametrize("how", ["too late", "after the next one was used"])
async def test_a_copy_of_an_old_refresh_token_ends_the_family(scene: Scene, how: str) -> None:
    tokens = await scene.begun()
    access_token, newest = exchanged(await scene.refresh(tokens.refresh_token))
    if how == "too late":
        scene.now += timedelta(seconds=REFRESH_GRACE_SECONDS)
    else:
        access_token, newest = exchanged(await scene.refresh(newest))

    assert await scene.refresh(tokens.refresh_token) is NotExchanged.REPLAYED

    assert await scene.refresh(newest) is NotExchanged.GONE
    assert not await scene.lives(access_token)


async def test_a_refresh_token_that_becomes_stale_between_look_and_use_ends_the_family_too(scene: Scene) -> None:
    tokens = await scene.begun()
    assert tokens.refresh_token
    presented = await scene.user_tokens.look_at_refresh_token(scene.login, tokens.refresh_token, now=NOW)
    assert presented
    _, second = exchanged(await scene.refresh(tokens.refresh_token))
    _, third = exchanged(await scene.refresh(second))

    late = await scene.user_tokens.rotate(scene.login, tokens.refresh_token, presented, scene.new(), now=NOW)

    assert late is NotExchanged.REPLAYED
    assert not await scene.can_refresh(third)


async def test_looking_ends_nothing(scene: Scene) -> None:
    tokens = await scene.begun()
    _, second = exchanged(await scene.refresh(tokens.refresh_token))
    scene.now += timedelta(minutes=5)

    assert not await scene.can_refresh(tokens.refresh_token)
    assert await scene.can_refresh(second)


async def test_another_client_object_cannot_use_a_refresh_token_nor_end_its_family(scene: Scene) -> None:
    tokens = await scene.begun()
    assert tokens.refresh_token
    for login in (scene.admin, scene.public):
        assert await scene.refresh(tokens.refresh_token, login) is NotExchanged.GONE
    _, newest = exchanged(await scene.refresh(tokens.refresh_token))
    scene.now += timedelta(minutes=5)
    for login in (scene.admin, scene.public):
        assert await scene.refresh(tokens.refresh_token, login) is NotExchanged.GONE

    assert await scene.can_refresh(newest)


async def test_a_made_up_token_of_a_known_family_is_taken_for_a_copy(scene: Scene) -> None:
    tokens = await scene.begun()
    assert tokens.refresh_token
    forged = next_refresh_token(tokens.refresh_token, "guess")

    assert await scene.refresh(forged) is NotExchanged.REPLAYED
    assert not await scene.can_refresh(tokens.refresh_token)


async def test_a_refresh_token_expires_when_it_is_not_used(scene: Scene) -> None:
    tokens = await scene.begun()
    scene.now += timedelta(seconds=MONTH)
    assert await scene.refresh(tokens.refresh_token) is NotExchanged.GONE
    scene.now -= timedelta(seconds=1)
    _, newest = exchanged(await scene.refresh(tokens.refresh_token))
    scene.now += timedelta(seconds=MONTH - 1)
    assert await scene.can_refresh(newest)


@pytest.mark.clause("WG1-02-7.6-09")
@pytest.mark.parametrize("what", ["client", "credential", "registration"])
async def test_codes_and_refresh_tokens_end_with_what_they_depend_on(scene: Scene, what: str) -> None:
    code, tokens = await scene.code(), await scene.begun()
    await scene.cut_off({"client": scene.login.client_id, "credential": scene.credential_id}.get(what, scene.rid))

    assert not await scene.lives(tokens.reference)
    assert await scene.refresh(tokens.refresh_token) is NotExchanged.GONE
    if what != "credential":
        assert await scene.redeem(code) is NotExchanged.GONE
    assert await scene.can_refresh((await scene.begun()).refresh_token)


async def test_a_refresh_token_belongs_to_the_credential_that_it_was_issued_to_last(scene: Scene) -> None:
    tokens = await scene.begun()
    change = Change(scene.rid, NOW)
    second = make_credential(scene.login.client_id)
    add_credential(change, second)
    await scene.records.apply(change)
    new_login = ClientLogin(scene.rid, scene.login.client_id, digest(str(second.client_secret)))
    _, moved = exchanged(await scene.refresh(tokens.refresh_token, new_login))

    await scene.cut_off(scene.credential_id)
    assert await scene.can_refresh(moved)
    await scene.cut_off(second.credential_id)
    assert not await scene.can_refresh(moved)


async def test_cutting_off_a_grant_ends_access_tokens_and_leaves_the_rest_to_its_status(scene: Scene) -> None:
    tokens = await scene.begun()
    await scene.cut_off(scene.grant.grant_id)

    access_token, _ = exchanged(await scene.refresh(tokens.refresh_token))

    assert not await scene.lives(tokens.reference)
    assert await scene.lives(access_token)


async def test_giving_a_refresh_token_back_ends_its_family_and_the_access_tokens(scene: Scene) -> None:
    tokens = await scene.begun()
    assert tokens.refresh_token
    _, newest = exchanged(await scene.refresh(tokens.refresh_token))
    give_back = scene.user_tokens.give_back

    assert await give_back(scene.admin, newest, now=NOW) is Revocation.FOREIGN
    assert await scene.can_refresh(newest)
    assert await give_back(scene.login, newest, now=NOW) is Revocation.DELETED
    assert not await scene.can_refresh(newest)
    assert not await scene.lives(tokens.reference)
    for gone in (newest, tokens.refresh_token, "", RANDOM.refresh_token("00" + "a" * 12)):
        assert await give_back(scene.login, gone, now=NOW) is Revocation.INACTIVE


async def test_a_call_that_a_broken_connection_sends_twice_is_no_second_use(
    scene: Scene, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = await scene.code()
    once = connection.run

    async def twice(*call: object) -> object:
        await once(*call)  # type: ignore[arg-type]
        return await once(*call)  # type: ignore[arg-type]

    monkeypatch.setattr(connection, "run", twice)
    tokens = await scene.redeem(code)

    assert isinstance(tokens, NewTokens)
    assert await scene.lives(tokens.reference)
    access_token, newest = exchanged(await scene.refresh(tokens.refresh_token))
    assert await scene.lives(access_token)
    assert await scene.can_refresh(newest)


async def test_the_store_has_no_code_and_no_refresh_token_in_clear(scene: Scene, store: StoreConnection) -> None:
    code = await scene.code()
    tokens = await scene.redeem(code)
    assert isinstance(tokens, NewTokens)
    access_token, newest = exchanged(await scene.refresh(tokens.refresh_token))
    stored = {name: await store.client.get(name) async for name in store.client.scan_iter(f"*{scene.rid[2:]}:[cft]:*")}

    assert len(stored) == 4
    for secret in (code, tokens.reference, tokens.refresh_token, access_token, newest):
        assert secret
        ending = secret.rpartition(f"{scene.rid}_")[2][-43:].encode()
        assert not [True for name, value in stored.items() if ending in name + (value or b"")]
