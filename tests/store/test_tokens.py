"""Access tokens on every kind of store: issued, found, cut off."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from app.crypto.tokens import digest
from app.domain.records import Access, Change, Stored, Wanted
from app.domain.tokens import ClientLogin, Inspected, Issued, NotIssued, Revocation, StandingFacts
from app.errors import InsufficientScope, InvalidToken
from app.schemas.clients import Client
from app.schemas.credentials import Credential
from app.schemas.grants import Grant, GrantStatus
from app.schemas.registrations import Registration, RegistrationStatus
from app.store.records import RedisRecords
from app.store.tokens import RedisTokens
from tests.factories import NOW, RANDOM, new_registration

FACTS = StandingFacts("cds_client_admin", [])
HOUR = 3600


class Scene:
    """A registration with a standing Grant for its admin Client Object."""

    def __init__(self, records: RedisRecords, tokens: RedisTokens) -> None:
        self.records, self.tokens = records, tokens
        self.change, self.client, self.credential, self.grant = new_registration()
        self.rid = self.change.registration_id
        self.login = ClientLogin(self.rid, self.rid, digest(str(self.credential.client_secret)))

    async def begin(self) -> "Scene":
        """Store it and make the Grant stand."""
        await self.records.apply(self.change)
        client, grant = await self.records.load(
            Access(self.rid, NOW), Wanted(Client, self.rid), Wanted(Grant, self.grant.grant_id)
        )
        assert client
        assert grant
        assert await self.tokens.stand(client, ["", "cds_client_admin"], grant, None, FACTS)
        return self

    async def stored(self, kind: type, object_id: str) -> Stored[object]:
        """One object as it is now."""
        (found,) = await self.records.load(Access(self.rid, NOW), Wanted(kind, object_id))
        assert found
        return found

    async def issue(self, *, after: timedelta = timedelta(), asked: str = "") -> str | NotIssued:
        """A new token, or why not."""
        access_token = RANDOM.access_token(self.rid)
        outcome = await self.tokens.issue(self.login, asked, access_token, now=NOW + after, ttl_seconds=HOUR)
        return access_token if isinstance(outcome, Issued) else outcome

    async def reads(self, access_token: str | NotIssued, *, after: timedelta = timedelta()) -> bool:
        """Whether the token opens a read."""
        assert isinstance(access_token, str)
        access = Access(self.rid, NOW + after, digest(access_token), "cds_client_admin")
        try:
            await self.records.document(access, Wanted(Client, self.rid))
        except InvalidToken:
            return False
        return True


@pytest.fixture
async def scene(records: RedisRecords, tokens: RedisTokens) -> Scene:
    """One registration, ready."""
    return await Scene(records, tokens).begin()


async def test_a_token_is_issued_in_one_round_trip(scene: Scene) -> None:
    """Authentication, the Grant and the token in one script."""
    before = scene.records.connection.round_trips

    access_token = await scene.issue()

    assert scene.records.connection.round_trips == before + 1
    assert await scene.reads(access_token)


async def test_a_wrong_secret_or_client_is_refused(scene: Scene) -> None:
    """The secret has to be that of the Client Object that is named."""
    good = scene.login
    for login in (good._replace(secret_digest=digest("x")), good._replace(client_id=f"{scene.rid}-1")):
        scene.login = login
        assert await scene.issue() is NotIssued.REFUSED


async def test_what_nobody_looked_at_yet_is_not_issued(scene: Scene) -> None:
    """A request without a standing Grant goes the long way."""
    assert await scene.issue(asked="something else") is NotIssued.NO_STANDING_GRANT


async def test_a_token_ends_with_its_lifetime(scene: Scene) -> None:
    """To the second."""
    access_token = await scene.issue()

    assert await scene.reads(access_token, after=timedelta(seconds=HOUR - 1))
    assert not await scene.reads(access_token, after=timedelta(seconds=HOUR))


async def test_a_token_does_not_outlive_the_grant(records: RedisRecords, tokens: RedisTokens) -> None:
    """The end of the standing Grant bounds the token, and after it nothing is issued."""
    scene = Scene(records, tokens)
    ends = NOW + timedelta(minutes=10)
    scene.change.puts[-1] = scene.change.puts[-1]._replace(object=replace(scene.grant, expires=ends, not_after=ends))
    await scene.begin()

    outcome = await tokens.issue(scene.login, "", RANDOM.access_token(scene.rid), now=NOW, ttl_seconds=HOUR)

    assert isinstance(outcome, Issued)
    assert outcome.expires_in_seconds == 600
    assert await scene.issue(after=timedelta(minutes=10)) is NotIssued.NO_STANDING_GRANT


@pytest.mark.parametrize("what", ["client", "credential", "grant", "registration"])
async def test_cutting_off_what_a_token_depends_on_ends_it_but_not_its_successors(scene: Scene, what: str) -> None:
    """Tokens from before die, tokens from after live."""
    ids = {
        "client": scene.rid,
        "credential": scene.credential.credential_id,
        "grant": scene.grant.grant_id,
        "registration": scene.rid,
    }
    old = await scene.issue()
    change = Change(scene.rid, NOW)
    change.cut_off.append(ids[what])
    await scene.records.apply(change)

    assert not await scene.reads(old)
    assert await scene.reads(await scene.issue())


async def test_an_expired_secret_gets_nothing_but_its_tokens_live_on(scene: Scene) -> None:
    """Natural expiry: ambiguities D5."""
    access_token = await scene.issue()
    old = await scene.stored(Credential, scene.credential.credential_id)
    change = Change(scene.rid, NOW)
    assert isinstance(old.object, Credential)
    change.replace(old, replace(old.object, client_secret_expires_at=int(NOW.timestamp()) + 60))
    await scene.records.apply(change)

    assert await scene.reads(await scene.issue(after=timedelta(seconds=59)))
    assert await scene.issue(after=timedelta(seconds=60)) is NotIssued.REFUSED
    assert await scene.reads(access_token, after=timedelta(seconds=60))


async def test_a_suspended_registration_gets_nothing(scene: Scene) -> None:
    """Until it is active again."""
    for status, refused in ((RegistrationStatus.SUSPENDED, True), (RegistrationStatus.ACTIVE, False)):
        old = await scene.stored(Registration, scene.rid)
        assert isinstance(old.object, Registration)
        change = Change(scene.rid, NOW)
        change.replace(old, replace(old.object, status=status))
        await scene.records.apply(change)

        assert (await scene.issue() is NotIssued.REFUSED) is refused


async def test_standing_is_not_remembered_for_what_changed_meanwhile(scene: Scene) -> None:
    """Between reading the Grant and making it stand somebody closed it."""
    client = await scene.stored(Client, scene.rid)
    grant = await scene.stored(Grant, scene.grant.grant_id)
    assert isinstance(grant.object, Grant)
    change = Change(scene.rid, NOW)
    change.replace(grant, replace(grant.object, status=GrantStatus.CLOSED))
    change.forget_standing.append(scene.rid)
    await scene.records.apply(change)

    assert not await scene.tokens.stand(client, [""], grant, None, FACTS)  # type: ignore[arg-type]  # checked by the script
    assert await scene.issue() is NotIssued.NO_STANDING_GRANT


async def test_a_token_without_the_scope_is_refused_as_such(scene: Scene) -> None:
    """Good, but not for this."""
    access_token = await scene.issue()
    access = Access(scene.rid, NOW, digest(str(access_token)), "cds_grant_admin")

    with pytest.raises(InsufficientScope):
        await scene.records.document(access, Wanted(Client, scene.rid))


async def test_inspection_shows_the_token_and_its_grant(scene: Scene) -> None:
    """In one round trip, and nothing of tokens that are not ours."""
    access_token = await scene.issue()
    before = scene.records.connection.round_trips

    seen = await scene.tokens.inspect(scene.login, str(access_token), now=NOW)

    assert scene.records.connection.round_trips == before + 1
    assert isinstance(seen, Inspected)
    assert seen.facts.client_id == scene.rid
    assert seen.grant
    assert seen.grant.grant.grant_id == scene.grant.grant_id
    assert await scene.tokens.inspect(scene.login, RANDOM.access_token(scene.rid), now=NOW) is None
    assert await scene.tokens.inspect(scene.login, RANDOM.access_token("00000000000000"), now=NOW) is None
    wrong = scene.login._replace(secret_digest=digest("x"))
    assert await scene.tokens.inspect(wrong, str(access_token), now=NOW) is NotIssued.REFUSED


async def test_revocation_forgets_a_token(scene: Scene) -> None:
    """Once; afterwards it is unknown like any other."""
    access_token = str(await scene.issue())

    assert await scene.tokens.revoke(scene.login, access_token, now=NOW) is Revocation.DELETED
    assert not await scene.reads(access_token)
    assert await scene.tokens.revoke(scene.login, access_token, now=NOW) is Revocation.INACTIVE
