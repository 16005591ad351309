"""Server-Provided Files on every kind of store: the library, and what a token opens."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from app.crypto.tokens import digest
from app.domain.records import Access, Change, Cursor, Page, Wanted
from app.domain.tokens import ClientLogin, Issued, StandingFacts
from app.errors import Conflict, InsufficientScope, InvalidToken, NotFound
from app.schemas.clients import Client
from app.schemas.files import FileInternal, ServerProvidedFile
from app.schemas.grants import Grant, GrantStatus
from app.store.connection import Connection
from app.store.documents import Documents
from app.store.files import RedisFileLibrary, RedisOpenedFiles
from app.store.records import RedisRecords
from app.store.tokens import RedisTokens
from tests.factories import BASE, NOW, RANDOM, make_grant, new_registration

SCOPES = {"files": "opener"}
FACTS = StandingFacts("opener", [])


def make_file(**fields: Any) -> ServerProvidedFile:
    """A file."""
    file_id = RANDOM.file_id()
    uri = f"{BASE}/cds-api/v1/server-provided-files/{file_id}"
    values: dict[str, Any] = {
        "file_id": file_id,
        "uri": uri,
        "created": NOW,
        "modified": NOW,
        "mime_type": "text/plain",
        "size": 3,
        "name": "Zähler.txt",
        "description": "",
        "download_uri": f"{uri}/download",
    }
    return ServerProvidedFile(**(values | fields))


@pytest.fixture
def library(connection: Connection) -> RedisFileLibrary:
    return RedisFileLibrary(connection, Documents(BASE))


def shown(page: Page) -> list[str]:
    """The file_ids of a page."""
    return [msgspec.json.decode(document)["file_id"] for document in page.documents]


async def test_a_file_is_found_as_it_was_put(library: RedisFileLibrary) -> None:
    file, internal = make_file(), FileInternal(key="files/a/b")
    await library.create(file, internal, now=NOW)

    stored = await library.get(file.file_id)

    assert stored
    assert (stored.object, stored.internal) == (file, internal)
    assert await library.get("f000") is None
    with pytest.raises(Conflict):
        await library.create(replace(file, name="other"), internal, now=NOW)


async def test_only_the_version_that_was_read_is_replaced(library: RedisFileLibrary) -> None:
    file = make_file()
    await library.create(file, FileInternal(key="a"), now=NOW)
    old = await library.get(file.file_id)
    assert old
    new = replace(file, name="new.txt", modified=NOW + timedelta(seconds=1))

    await library.replace(old, new, FileInternal(key="b"), now=NOW)

    with pytest.raises(Conflict):
        await library.replace(old, file, old.internal, now=NOW)
    stored = await library.get(file.file_id)
    assert stored
    assert (stored.object, stored.internal.key) == (new, "b")


async def test_the_library_is_listed_in_pages_newest_first(library: RedisFileLibrary) -> None:
    ids = []
    for number in range(230):
        file = make_file(modified=NOW + timedelta(seconds=number // 7))
        await library.create(file, FileInternal(), now=NOW)
        ids.insert(0, file.file_id)

    first = await library.page()
    second = await library.page(first.next)
    third = await library.page(second.next)

    assert shown(first) + shown(second) + shown(third) == ids
    assert first.previous is None
    assert third.next is None
    assert shown(await library.page(third.previous)) == shown(second)


async def test_sharing_is_noted_for_all_files_or_for_none(library: RedisFileLibrary) -> None:
    one, two = make_file(), make_file()
    for file in (one, two):
        await library.create(file, FileInternal(key=file.file_id), now=NOW)

    with pytest.raises(NotFound):
        await library.share([one.file_id, "f000"], "x-g1", now=NOW)
    assert await library.shares(one.file_id) == []
    noted = await library.share([two.file_id, one.file_id], "x-g1", now=NOW)
    await library.share([one.file_id], "x-g2", now=NOW + timedelta(seconds=1))
    await library.share([one.file_id], "x-g1", now=NOW + timedelta(seconds=2))

    assert [(stored.object, stored.internal.key) for stored in noted] == [(two, two.file_id), (one, one.file_id)]
    assert await library.shares(one.file_id) == ["x-g1", "x-g2"]


async def test_a_retired_file_is_not_shared_any_more(library: RedisFileLibrary) -> None:
    file = make_file()
    await library.create(file, FileInternal(key="a"), now=NOW)
    stored = await library.get(file.file_id)
    assert stored
    await library.replace(stored, file, FileInternal(key="a", retired=True), now=NOW)

    with pytest.raises(NotFound):
        await library.share([file.file_id], "x-g1", now=NOW)


async def test_a_deleted_file_leaves_nothing(library: RedisFileLibrary) -> None:
    file = make_file()
    await library.create(file, FileInternal(key="a"), now=NOW)
    await library.share([file.file_id], "x-g1", now=NOW)

    await library.delete(file.file_id, now=NOW)
    await library.delete(file.file_id, now=NOW)

    assert await library.get(file.file_id) is None
    assert await library.shares(file.file_id) == []
    assert shown(await library.page()) == []


class Scene:
    """A registration with files, a Grant that shares some of them, and a token that opens it."""

    def __init__(self, records: RedisRecords, tokens: RedisTokens) -> None:
        self.records, self.tokens = records, tokens
        self.opened = RedisOpenedFiles(records)
        self.change, self.client, self.credential, self.standing = new_registration()
        self.rid = self.change.registration_id
        self.files = [make_file(modified=NOW + timedelta(seconds=number // 3)) for number in range(240)]
        self.grant = self.grant_of([{"type": "files", "file_id": file.file_id} for file in self.files[:230]])
        self.token = ""

    def grant_of(self, entries: list[dict[str, Any]], **fields: Any) -> Grant:
        """A Grant of files."""
        details = {"authorization_details": entries, "enabled_authorization_details": entries}
        return make_grant(self.rid, **({"scope": "files", "enabled_scope": "files"} | details | fields))

    async def begin(self) -> "Scene":
        """Store everything and get a token."""
        for file in self.files:
            self.change.create(file, FileInternal(key=f"files/{file.file_id}"))
        self.change.create(self.grant)
        await self.records.apply(self.change)
        self.token = await self.token_for(self.grant)
        return self

    async def token_for(self, target: Grant | None, facts: StandingFacts = FACTS) -> str:
        """A token whose standing Grant opens `target`."""
        client, standing, stored = await self.records.load(
            Access(self.rid, NOW),
            Wanted(Client, self.rid),
            Wanted(Grant, self.standing.grant_id),
            Wanted(Grant, target.grant_id if target else ""),
        )
        assert client
        assert standing
        assert await self.tokens.stand(client, [""], standing, stored, facts)
        token = RANDOM.access_token(self.rid)
        login = ClientLogin(self.rid, self.rid, digest(str(self.credential.client_secret)))
        assert isinstance(await self.tokens.issue(login, "", token, now=NOW, ttl_seconds=60), Issued)
        return token

    async def page(self, cursor: Cursor | None = None, ids: tuple[str, ...] | None = None) -> Page:
        """A page of what the token opens."""
        return await self.opened.page(self.access, SCOPES, ids=ids, cursor=cursor)

    async def edit(self, **fields: Any) -> None:
        """Change the Grant."""
        (stored,) = await self.records.load(Access(self.rid, NOW), Wanted(Grant, self.grant.grant_id))
        assert stored
        change = Change(self.rid, NOW)
        change.replace(stored, replace(stored.object, **fields))
        await self.records.apply(change)

    @property
    def access(self) -> Access:
        """What a request with the token has."""
        return Access(self.rid, NOW, digest(self.token))


@pytest.fixture
async def scene(records: RedisRecords, tokens: RedisTokens) -> Scene:
    return await Scene(records, tokens).begin()


async def test_a_token_opens_the_files_of_its_grant_in_pages(scene: Scene) -> None:
    before = scene.records.connection.round_trips
    first = await scene.page()
    assert scene.records.connection.round_trips == before + 1

    second = await scene.page(first.next)
    third = await scene.page(second.next)

    assert [len(page.documents) for page in (first, second, third)] == [100, 100, 30]
    every = shown(first) + shown(second) + shown(third)
    assert every == [file.file_id for file in reversed(scene.files[:230])]
    assert (first.previous, third.next) == (None, None)
    assert await scene.page(third.previous) == second
    assert await scene.page(second.previous) == first


async def test_ids_choose_among_the_opened_files(scene: Scene) -> None:
    inside, outside = scene.files[5].file_id, scene.files[235].file_id

    page = await scene.page(ids=(outside, inside, inside, "f!", f"{inside}!"))

    assert shown(page) == [inside]
    assert shown(await scene.page(ids=())) == []
    stored = await scene.opened.one(scene.access, SCOPES, inside)
    assert stored
    assert stored.object == scene.files[5]
    assert stored.internal.key == f"files/{inside}"
    assert await scene.opened.one(scene.access, SCOPES, outside) is None


async def test_pages_stay_in_place_while_files_are_revised(scene: Scene) -> None:
    """Keyset cursors: nothing is lost or shown twice but what moved to the front."""
    first = await scene.page()
    moved = scene.files[10]
    (stored,) = await scene.records.load(Access(scene.rid, NOW), Wanted(ServerProvidedFile, moved.file_id))
    assert stored
    change = Change(scene.rid, NOW)
    change.replace(stored, replace(moved, modified=NOW + timedelta(hours=1)))
    await scene.records.apply(change)

    second = await scene.page(first.next)
    third = await scene.page(second.next)

    rest = shown(second) + shown(third)
    assert rest == [file.file_id for file in reversed(scene.files[:130]) if file is not moved]
    assert shown(await scene.page())[0] == moved.file_id


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "opener"},
        {"type": "other"},
        {"type": "files", "file_id": None},
        {"type": "files", "file_id": 7},
        {"type": "files", "file_id": "m1"},
        {"type": "files", "file_id": "0"},
        {"type": "files", "file_id": "r"},
        {"type": "files", "file_id": "f'; redis.call('FLUSHALL')"},
        {"type": "files", "file_id": "f\x01\x00"},
    ],
)
async def test_an_entry_opens_only_a_file(scene: Scene, entry: dict[str, Any]) -> None:
    entry = {"file_id": scene.files[0].file_id} | entry
    await scene.edit(enabled_authorization_details=[entry], enabled_scope="files other")

    assert shown(await scene.page()) == []


async def test_an_entry_of_a_scope_that_is_not_enabled_opens_nothing(scene: Scene) -> None:
    await scene.edit(enabled_scope="other")

    assert shown(await scene.page()) == []


async def test_a_grant_without_access_refuses_its_tokens(scene: Scene) -> None:
    await scene.edit(status=GrantStatus.SUSPENDED, enabled_scope="", enabled_authorization_details=[])

    with pytest.raises(InvalidToken):
        await scene.page()


Break = Callable[[Scene], Awaitable[None]]


async def another_kind(scene: Scene) -> None:
    await scene.edit(scope="other", enabled_scope="other")


async def another_opener(scene: Scene) -> None:
    scene.token = await scene.token_for(scene.grant, StandingFacts("somebody", []))


async def no_target(scene: Scene) -> None:
    scene.token = await scene.token_for(None)


@pytest.mark.parametrize("change", [another_kind, another_opener, no_target])
async def test_a_token_that_opens_no_files_lacks_scope(scene: Scene, change: Break) -> None:
    await change(scene)

    with pytest.raises(InsufficientScope) as refusal:
        await scene.page()
    assert refusal.value.scope == "opener"


async def test_an_unknown_token_is_refused(scene: Scene) -> None:
    scene.token = RANDOM.access_token(scene.rid)

    with pytest.raises(InvalidToken):
        await scene.page()


async def test_a_grant_that_is_due_is_settled_first(scene: Scene) -> None:
    """What time takes away is not shown, even when nobody has looked since."""
    change = Change(scene.rid, NOW)
    change.due[scene.grant.grant_id] = NOW
    await scene.records.apply(change)
    settled = []

    async def settle(registration_id: str, _now: object) -> None:
        settled.append(registration_id)
        scene.records.settle_due = None
        await scene.edit(status=GrantStatus.EXPIRED, enabled_scope="", enabled_authorization_details=[])

    scene.records.settle_due = settle
    with pytest.raises(InvalidToken):
        await scene.page()

    assert settled == [scene.rid]


async def test_a_copy_that_was_taken_away_is_not_shown(scene: Scene) -> None:
    (stored,) = await scene.records.load(Access(scene.rid, NOW), Wanted(ServerProvidedFile, scene.files[0].file_id))
    assert stored
    change = Change(scene.rid, NOW)
    change.remove(stored)
    await scene.records.apply(change)

    assert shown(await scene.page(ids=(stored.object.file_id,))) == []
    with pytest.raises(Conflict):
        await scene.records.apply(change)
