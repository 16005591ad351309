"""Server-Provided Files (CDS-WG1-02 section 9 and 3.3.3; ambiguities G1 to G13)."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
import pytest
from structlog.testing import capture_logs

from app.catalog import SERVER_PROVIDED_FILES, Catalog
from app.catalog.builtin import files_scope, grant_admin_scope
from app.domain import files
from app.domain.records import Access, Change, Wanted
from app.errors import Conflict, InvalidRequest, NotFound, StoreUnavailable
from app.schemas.clients import Client, ClientStatus
from app.schemas.encoding import encode
from app.schemas.files import ServerProvidedFile
from app.schemas.grants import Grant, GrantStatus
from tests.conftest import PUBLIC_URL, MakeServer, Registered, Server

SCOPE = "cds_server_provided_files_ple"
GRANT_ADMIN = "cds_grant_admin"
PATH = "/cds-api/v1/server-provided-files"
CONTENT = bytes(range(256)) * 40


@dataclass
class Party:
    """A Client that files are shared with."""

    server: Server
    registered: Registered
    client_id: str
    grant_admin: str
    grant_admin_secret: str
    grant_admin_scope: str = GRANT_ADMIN

    @property
    def access(self) -> Access:
        """The operators' access to its registration."""
        return self.registered.access

    async def share(self, *file_ids: str, **fields: Any) -> Grant:
        """What an operator does."""
        return await files.share(self.server.context, self.access, self.client_id, file_ids, **fields)

    async def token(self, grant: Grant) -> str:
        """A grant admin access token for a Grant, as example 12.19 asks for it."""
        entry = {"type": self.grant_admin_scope, "client_id": grant.client_id, "grant_id": grant.grant_id}
        return await self.server.access_token(
            self.grant_admin,
            self.grant_admin_secret,
            scope=self.grant_admin_scope,
            authorization_details=encode([entry]).decode(),
        )

    async def opening(self, *file_ids: str) -> "Opening":
        """Files, shared, and a token for them."""
        grant = await self.share(*file_ids)
        return Opening(self.server, grant, await self.token(grant))

    async def grant(self, grant_id: str) -> Grant:
        """A Grant as it is now."""
        (stored,) = await self.server.context.records.load(self.access, Wanted(Grant, grant_id))
        assert stored
        return stored.object


@dataclass
class Opening:
    """A Grant of files and a token that opens it."""

    server: Server
    grant: Grant
    token: str

    async def get(self, path: str = PATH, method: str = "GET", **kwargs: Any) -> httpx.Response:
        """A request with the token."""
        headers = {"Authorization": f"Bearer {self.token}"} | kwargs.pop("headers", {})
        return await self.server.http.request(method, path, headers=headers, **kwargs)

    async def ids(self, **params: str) -> list[str]:
        """The file_ids of a listing."""
        response = await self.get(params=params)
        assert response.status_code == 200, response.text
        return [one["file_id"] for one in response.json()["files"]]


async def join(server: Server, scope: str = SCOPE, grant_admin_scope: str = GRANT_ADMIN) -> Party:
    """Register for files, and perhaps for more."""
    registered = await server.register(f"cds_client_admin {scope}")
    clients = await registered.clients()
    grant_admin = clients[grant_admin_scope]["client_id"]
    credential = await registered.credential_of(grant_admin)
    files_client = clients[scope.split(maxsplit=1)[0]]["client_id"]
    return Party(server, registered, files_client, grant_admin, credential["client_secret"], grant_admin_scope)


@pytest.fixture
async def party(server: Server) -> Party:
    return await join(server)


async def put(server: Server, content: bytes = CONTENT, **fields: Any) -> ServerProvidedFile:
    """Put a file into the library."""
    fields = {"name": "tariffs.pdf", "mime_type": "application/pdf", "data": content} | fields
    return await files.create(server.context, Access("", server.clock.now), **fields)


def operator(server: Server) -> Access:
    """An operator who has no particular registration in mind."""
    return Access("", server.clock.now)


def schema_problems(file: dict[str, Any]) -> list[str]:
    """What is wrong with a file object (9.1)."""
    types = dict.fromkeys(
        ("file_id", "uri", "created", "modified", "mime_type", "name", "description", "download_uri"), str
    )
    wrong = [name for name, type_ in (types | {"size": int}).items() if type(file.get(name)) is not type_]
    return wrong + [name for name in ("uri", "download_uri") if not file[name].startswith(PUBLIC_URL)]


# --- sharing (3.3.3) ---


@pytest.mark.clause("WG1-02-3.3.3-01", "WG1-02-3.3.2-01")
async def test_a_shared_file_is_a_grant_with_one_entry_per_file(server: Server, party: Party) -> None:
    one, two = await put(server), await put(server)

    grant = await party.share(one.file_id, two.file_id)

    listing = (await party.registered.get("/cds-api/v1/grants", params={"scopes": SCOPE})).json()["grants"]
    assert [shown["grant_id"] for shown in listing] == [grant.grant_id]
    entries = [{"type": SCOPE, "file_id": one.file_id}, {"type": SCOPE, "file_id": two.file_id}]
    assert listing[0]["authorization_details"] == listing[0]["enabled_authorization_details"] == entries
    assert listing[0]["scope"] == listing[0]["enabled_scope"] == SCOPE
    assert listing[0]["status"] == "active"
    assert listing[0]["client_id"] == party.client_id


@pytest.mark.clause("WG1-02-6-01")
async def test_a_message_tells_that_files_are_shared_and_that_they_are_no_longer(server: Server, party: Party) -> None:
    grant = await party.share((await put(server)).file_id)
    await files.unshare(server.context, party.access, grant.grant_id)

    told = [one for one in await party.registered.messages("private_message") if one.get("related_uri") == grant.uri]

    assert [one["related_type"] for one in told] == ["grant", "grant"]
    assert "shares 1 file" in told[1]["description"]
    assert "disabled" in told[0]["description"]


@pytest.mark.clause("WG1-02-3.3.3-06", "WG1-02-9.2-06")
async def test_a_token_opens_the_files_of_its_grant_only(server: Server, party: Party) -> None:
    one, two = await put(server), await put(server)
    first, second = await party.opening(one.file_id), await party.opening(two.file_id)

    assert await first.ids() == [one.file_id]
    assert await second.ids() == [two.file_id]
    assert (await first.get(f"{PATH}/{two.file_id}")).status_code == 404
    assert (await first.get(f"{PATH}/{two.file_id}/download")).status_code == 404


@pytest.mark.clause("WG1-02-3.3.3-08")
async def test_the_client_object_for_files_gets_no_token_of_its_own(server: Server, party: Party) -> None:
    response = await server.token_response(party.client_id, party.grant_admin_secret, scope=SCOPE)

    assert response.status_code in {400, 401}
    assert response.json()["error"] in {"invalid_client", "unauthorized_client"}


async def test_a_file_may_be_shared_again_and_with_others(server: Server, party: Party) -> None:
    file = await put(server)
    other = await join(server)

    openings = [await party.opening(file.file_id), await party.opening(file.file_id), await other.opening(file.file_id)]

    for opening in openings:
        assert await opening.ids() == [file.file_id]


async def test_a_repeated_file_id_counts_once(server: Server, party: Party) -> None:
    file = await put(server)

    grant = await party.share(file.file_id, file.file_id)

    assert len(grant.authorization_details) == 1


async def test_what_cannot_be_shared_is_refused_and_leaves_nothing_behind(server: Server, party: Party) -> None:
    file = await put(server)
    context = server.context

    with pytest.raises(NotFound):
        await party.share("f0000000000000000")
    with pytest.raises(NotFound):
        await party.share(f"{file.file_id}!")
    with pytest.raises(InvalidRequest):
        await party.share()
    with pytest.raises(InvalidRequest):
        await party.share(*(f"f{number}" for number in range(files.MAX_FILES + 1)))
    with pytest.raises(InvalidRequest):
        await party.share(file.file_id, scope="ple_grid_status")
    with pytest.raises(InvalidRequest):
        await files.share(context, party.access, party.grant_admin, [file.file_id])
    with pytest.raises(NotFound):
        await files.share(context, party.access, (await join(server)).client_id, [file.file_id])

    assert (await party.registered.get("/cds-api/v1/grants", params={"scopes": SCOPE})).json()["grants"] == []


async def test_nothing_is_shared_with_a_disabled_client_object(server: Server, party: Party) -> None:
    file = await put(server)
    (stored,) = await server.context.records.load(party.access, Wanted(Client, party.client_id))
    assert stored
    change = Change(party.access.registration_id, party.access.now)
    change.replace(stored, msgspec.structs.replace(stored.object, cds_status=ClientStatus.DISABLED))
    await server.context.records.apply(change)

    with pytest.raises(Conflict):
        await party.share(file.file_id)


# --- who may (9, 11.2) ---


@pytest.mark.clause("WG1-02-9-02", "WG1-02-9.1-05", "WG1-02-9.2-01", "WG1-02-11.2-04")
@pytest.mark.parametrize("suffix", ["", "/{}", "/{}/download"])
async def test_only_a_grant_admin_token_for_a_grant_of_files_opens_the_api(
    server: Server, party: Party, suffix: str
) -> None:
    file = await put(server)
    opening = await party.opening(file.file_id)
    path = PATH + suffix.format(file.file_id)

    assert (await opening.get(path)).status_code == 200
    nobody = await server.http.get(path)
    assert nobody.status_code == 401
    assert nobody.headers["www-authenticate"] == 'Bearer realm="cds"'
    admin = await party.registered.get(path)
    assert admin.status_code == 403
    assert admin.json()["error"] == "insufficient_scope"
    assert 'scope="cds_grant_admin"' in admin.headers["www-authenticate"]
    assert (await server.http.get(path, params={"access_token": opening.token})).status_code == 401


@pytest.mark.clause("WG1-02-9-02")
async def test_a_grant_admin_token_for_a_grant_of_another_kind_is_403(server: Server) -> None:
    """The scope of the other Grant allows grant admin access too, but it is none of files."""
    party = await join(server, f"{SCOPE} ple_customer_data")
    file = await put(server)
    shared = await party.share(file.file_id)
    client_id = (await party.registered.clients())["ple_customer_data"]["client_id"]
    other = await foreign_grant(party, client_id, shared, "ple_customer_data")
    opening = Opening(server, other, await party.token(other))

    for path in (PATH, f"{PATH}/{file.file_id}", f"{PATH}/{file.file_id}/download"):
        response = await opening.get(path)
        assert response.status_code == 403
        assert response.json()["error"] == "insufficient_scope"


async def foreign_grant(party: Party, client_id: str, like: Grant, scope: str, **fields: Any) -> Grant:
    """A Grant that an operator made by hand, whatever its entries say."""
    grant_id = party.server.context.randomness.object_id(party.access.registration_id, "g")
    grant = msgspec.structs.replace(
        like,
        grant_id=grant_id,
        uri=party.server.context.links.grant(grant_id),
        client_id=client_id,
        scope=scope,
        enabled_scope=scope,
        **fields,
    )
    change = Change(party.access.registration_id, party.access.now)
    change.create(grant)
    await party.server.context.records.apply(change)
    return grant


async def test_entries_open_files_only_when_they_are_enabled_and_of_an_enabled_files_scope(
    server: Server, party: Party
) -> None:
    """Entries of another type, of a scope that is not enabled, or with senseless ids open nothing."""
    file = await put(server)
    shared = await party.share(file.file_id)
    entries: list[dict[str, Any]] = [
        {"type": "ple_customer_data", "file_id": file.file_id},
        {"type": GRANT_ADMIN, "file_id": file.file_id},
        {"type": SCOPE, "file_id": f"{file.file_id}!"},
        {"type": SCOPE, "file_id": party.client_id},
        {"type": SCOPE, "file_id": "r"},
        {"type": SCOPE, "file_id": "0"},
        {"type": SCOPE, "file_id": None},
        {"type": SCOPE, "file_id": 7},
        {"type": SCOPE, "file_id": ["f"]},
        {"type": SCOPE},
    ]
    odd = await foreign_grant(party, party.client_id, shared, SCOPE, enabled_authorization_details=entries)
    opening = Opening(server, odd, await party.token(odd))

    assert await opening.ids() == []
    assert await opening.ids(file_ids=f"{file.file_id} {file.file_id}! r 0") == []
    assert (await opening.get(f"{PATH}/{file.file_id}")).status_code == 404


@pytest.mark.parametrize(
    "word", ["{}!", "{}$", "{}%21", "f", "F{}", "..", "{}%00", "{}%0A", "%F0%9F%92%A9", "x" * 5000]
)
async def test_a_senseless_file_id_is_404(server: Server, party: Party, word: str) -> None:
    file = await put(server)
    opening = await party.opening(file.file_id)

    for path in (f"{PATH}/{word.format(file.file_id)}", f"{PATH}/{word.format(file.file_id)}/download"):
        assert (await opening.get(path)).status_code == 404


async def test_files_of_another_registration_do_not_exist(server: Server, party: Party) -> None:
    mine, theirs = await put(server), await put(server)
    other = await join(server)
    opening, _ = await party.opening(mine.file_id), await other.opening(theirs.file_id)

    assert await opening.ids(file_ids=f"{mine.file_id} {theirs.file_id}") == [mine.file_id]
    assert (await opening.get(f"{PATH}/{theirs.file_id}")).status_code == 404
    assert (await opening.get(f"{PATH}/{theirs.file_id}/download")).status_code == 404


@pytest.mark.clause("WG1-02-3.3.2-12", "WG1-02-3.3.3-09")
async def test_two_kinds_of_files_each_have_their_own_grant_admin_scope(
    make_server: MakeServer, demo_catalog: Catalog
) -> None:
    two, admin_two = "cds_server_provided_files_two", "cds_grant_admin_two"
    scopes = demo_catalog.scopes | {
        admin_two: grant_admin_scope(admin_two),
        two: files_scope(two, "Server-Provided Files: Two", "Others.", admin_two),
    }
    server = await make_server(catalog=msgspec.structs.replace(demo_catalog, scopes=scopes))
    party = await join(server, f"{two} {SCOPE}", admin_two)
    file, other = await put(server), await put(server)
    grant = await party.share(file.file_id)
    both = {"enabled_scope": f"{two} {SCOPE}", "scope": f"{two} {SCOPE}"}
    entries = [{"type": two, "file_id": file.file_id}, {"type": SCOPE, "file_id": other.file_id}]
    opening = Opening(server, grant, await party.token(grant))
    await party.share(other.file_id)
    (stored,) = await server.context.records.load(party.access, Wanted(Grant, grant.grant_id))
    assert stored
    change = Change(party.access.registration_id, party.access.now)
    change.replace(stored, msgspec.structs.replace(grant, enabled_authorization_details=entries, **both))
    await server.context.records.apply(change)

    assert grant.scope == two
    assert await opening.ids() == [file.file_id]
    assert (await opening.get(f"{PATH}/{other.file_id}")).status_code == 404


@pytest.mark.clause("WG1-02-9-01")
async def test_without_a_files_scope_there_is_no_files_api(make_server: MakeServer, demo_catalog: Catalog) -> None:
    scopes = {name: scope for name, scope in demo_catalog.scopes.items() if scope.type != SERVER_PROVIDED_FILES}
    server = await make_server(catalog=msgspec.structs.replace(demo_catalog, scopes=scopes))

    metadata = (await server.http.get("/.well-known/oauth-authorization-server")).json()

    assert "cds_server_provided_files_api" not in metadata
    assert (await server.http.get(PATH)).status_code == 404


# --- the end of access (8.2, G8) ---


@pytest.mark.clause("WG1-02-9.3-01")
async def test_a_token_dies_with_the_sharing_at_once(server: Server, party: Party) -> None:
    file = await put(server)
    opening, other = await party.opening(file.file_id), await party.opening(file.file_id)

    await files.unshare(server.context, party.access, opening.grant.grant_id)

    for path in (PATH, f"{PATH}/{file.file_id}", f"{PATH}/{file.file_id}/download"):
        refused = await opening.get(path)
        assert refused.status_code == 401
        assert 'error="invalid_token"' in refused.headers["www-authenticate"]
    assert await other.ids() == [file.file_id]
    disabled = await party.grant(opening.grant.grant_id)
    assert (disabled.status, disabled.enabled_scope) == (GrantStatus.DISABLED, "")
    assert disabled.enabled_authorization_details == []


@pytest.mark.clause("WG1-02-9.3-01")
async def test_a_token_dies_when_the_client_closes_the_grant(server: Server, party: Party) -> None:
    file = await put(server)
    opening = await party.opening(file.file_id)

    closed = await party.registered.patch(f"/cds-api/v1/grants/{opening.grant.grant_id}", {"status": "closed"})

    assert closed.status_code == 200
    assert (await opening.get()).status_code == 401
    assert (await opening.get(f"{PATH}/{file.file_id}/download")).status_code == 401


async def test_a_grant_without_access_is_401_even_if_nobody_cut_its_tokens_off(server: Server, party: Party) -> None:
    """G8: the Grant is looked at with every request."""
    opening = await party.opening((await put(server)).file_id)
    (stored,) = await server.context.records.load(party.access, Wanted(Grant, opening.grant.grant_id))
    assert stored
    change = Change(party.access.registration_id, party.access.now)
    without = {"enabled_scope": "", "enabled_authorization_details": []}
    change.replace(stored, msgspec.structs.replace(stored.object, status=GrantStatus.SUSPENDED, **without))
    await server.context.records.apply(change)

    assert (await opening.get()).status_code == 401


async def test_a_client_may_give_files_up_but_not_take_others(server: Server, party: Party) -> None:
    """Ambiguities E11."""
    one, two, three = await put(server), await put(server), await put(server)
    opening = await party.opening(one.file_id, two.file_id)
    await party.share(three.file_id)
    uri = f"/cds-api/v1/grants/{opening.grant.grant_id}"
    entries = opening.grant.authorization_details

    wider = await party.registered.patch(
        uri, {"authorization_details": [*entries, {"type": SCOPE, "file_id": three.file_id}]}
    )
    assert wider.status_code == 400
    assert set(await opening.ids()) == {one.file_id, two.file_id}
    fewer = await party.registered.patch(uri, {"authorization_details": entries[:1]})
    assert fewer.status_code == 200
    assert await opening.ids() == [one.file_id]
    again = await party.registered.patch(uri, {"authorization_details": entries})
    assert again.status_code == 400


async def test_unsharing_twice_is_no_change(server: Server, party: Party) -> None:
    grant = await party.share((await put(server)).file_id)
    await files.unshare(server.context, party.access, grant.grant_id)
    before = await party.grant(grant.grant_id)
    server.clock.advance(hours=1)

    await files.unshare(server.context, party.access, grant.grant_id)

    assert await party.grant(grant.grant_id) == before


async def test_only_grants_of_files_can_be_unshared(server: Server, party: Party) -> None:
    grants = (await party.registered.get("/cds-api/v1/grants")).json()["grants"]
    for grant_id in (grants[0]["grant_id"], f"{party.access.registration_id}-g0000000000", "x"):
        with pytest.raises(NotFound):
            await files.unshare(server.context, party.access, grant_id)


async def test_a_deleted_file_is_gone_for_everybody(server: Server, party: Party) -> None:
    file, rest = await put(server), await put(server)
    alone, together = await party.opening(file.file_id), await party.opening(file.file_id, rest.file_id)
    other = await (await join(server)).opening(file.file_id)

    await files.delete(server.context, operator(server), file.file_id)

    assert (await alone.get()).status_code == 401
    assert (await other.get(f"{PATH}/{file.file_id}")).status_code == 401
    assert await together.ids() == [rest.file_id]
    assert (await together.get(f"{PATH}/{file.file_id}/download")).status_code == 404
    limited = await party.grant(together.grant.grant_id)
    assert limited.status == GrantStatus.PARTIAL
    assert limited.enabled_authorization_details == [{"type": SCOPE, "file_id": rest.file_id}]
    assert limited.authorization_details == together.grant.authorization_details
    (copy,) = await server.context.records.load(party.access, Wanted(ServerProvidedFile, file.file_id))
    assert copy is None
    with pytest.raises(NotFound):
        await files.delete(server.context, operator(server), file.file_id)
    with pytest.raises(NotFound):
        await party.share(file.file_id)
    page = await server.context.library.page()
    assert [msgspec.json.decode(document)["file_id"] for document in page.documents] == [rest.file_id]


async def test_a_file_deleted_while_its_grants_are_suspended_does_not_come_back(server: Server, party: Party) -> None:
    """The Client Object is disabled meanwhile, and enabled again afterwards (ambiguities B14)."""
    file, rest = await put(server), await put(server)
    alone, together = await party.share(file.file_id), await party.share(file.file_id, rest.file_id)
    uri = f"/cds-api/v1/clients/{party.client_id}"
    client = (await party.registered.get(uri)).json()
    assert (await party.registered.put(uri, client | {"cds_status": "disabled"})).status_code == 200
    assert (await party.grant(together.grant_id)).status == GrantStatus.SUSPENDED

    await files.delete(server.context, operator(server), file.file_id)

    assert (await party.registered.put(uri, client)).status_code == 200
    assert (await party.grant(alone.grant_id)).status == GrantStatus.DISABLED
    limited = await party.grant(together.grant_id)
    assert limited.status == GrantStatus.PARTIAL
    assert limited.enabled_authorization_details == [{"type": SCOPE, "file_id": rest.file_id}]
    opening = Opening(server, limited, await party.token(limited))
    assert await opening.ids() == [rest.file_id]


async def test_deleting_a_file_removes_its_bytes(server: Server, party: Party) -> None:
    file = await put(server)
    stored = await server.context.library.get(file.file_id)
    assert stored
    assert await server.context.files.get(stored.internal.key) == CONTENT

    await files.delete(server.context, operator(server), file.file_id)

    with pytest.raises(NotFound):
        await server.context.files.get(stored.internal.key)


async def test_a_deletion_that_broke_off_can_be_repeated(
    server: Server, party: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = await put(server)
    opening = await party.opening(file.file_id)
    down = broken_file_store()
    with monkeypatch.context() as patch:
        patch.setattr(type(server.context.files), "delete", down)
        with pytest.raises(StoreUnavailable):
            await files.delete(server.context, operator(server), file.file_id)

    with pytest.raises(NotFound):
        await party.share(file.file_id)
    with pytest.raises(NotFound):
        await files.revise(server.context, operator(server), file.file_id, name="x.pdf")
    assert (await opening.get()).status_code == 401
    await files.delete(server.context, operator(server), file.file_id)
    assert await server.context.library.get(file.file_id) is None


def broken_file_store() -> Any:
    """A method of a file store that is down."""

    async def fail(*_: object) -> None:
        raise StoreUnavailable("The file store does not answer at the moment; please try again.")

    return fail


async def test_a_file_that_is_deleted_while_it_is_shared_is_not_shared(
    server: Server, party: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever deletes looked for Grants before there was this one; whoever shares looks again."""
    file = await put(server)
    library = type(server.context.library)
    share, calls = library.share, []

    async def share_slowly(self: Any, file_ids: list[str], grant_id: str, **times: Any) -> Any:
        calls.append(grant_id)
        if len(calls) == 2:
            await files.delete(server.context, operator(server), file.file_id)
        return await share(self, file_ids, grant_id, **times)

    monkeypatch.setattr(library, "share", share_slowly)
    # The deletion sees the Grant by then, so hide it as it would be hidden before it was written.
    monkeypatch.setattr(library, "shares", lambda *_: no_shares())
    with pytest.raises(NotFound):
        await party.share(file.file_id)

    assert (await party.grant(calls[0])).status == GrantStatus.DISABLED
    (copy,) = await server.context.records.load(party.access, Wanted(ServerProvidedFile, file.file_id))
    assert copy is None


async def no_shares() -> list[str]:
    return []


# --- the objects (9.1) and the listing (9.2, 9.3) ---


@pytest.mark.clause("WG1-02-9.1-01", "WG1-02-9.1-02", "WG1-02-9.1-04", "WG1-02-9.3-01")
async def test_a_file_object_has_every_field(server: Server, party: Party) -> None:
    file = await put(server)
    opening = await party.opening(file.file_id)

    response = await opening.get(f"{PATH}/{file.file_id}")

    shown = response.json()
    assert schema_problems(shown) == []
    assert shown["uri"] == f"{PUBLIC_URL}{PATH}/{file.file_id}"
    assert shown["download_uri"] == f"{PUBLIC_URL}{PATH}/{file.file_id}/download"
    assert shown["created"] == shown["modified"] == "2026-06-01T12:00:00Z"
    assert shown["description"] == ""
    assert (await opening.get()).json()["files"] == [shown]
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.clause("WG1-02-9.1-02")
async def test_a_revised_file_is_modified_later_and_new_for_everybody(server: Server, party: Party) -> None:
    file = await put(server)
    openings = [await party.opening(file.file_id), await (await join(server)).opening(file.file_id)]
    first = await openings[0].get(f"{PATH}/{file.file_id}/download")
    stored = await server.context.library.get(file.file_id)
    assert stored
    now = server.clock.advance(minutes=5)

    await files.revise(
        server.context,
        operator(server),
        file.file_id,
        name="new.txt",
        mime_type="text/plain",
        data=b"new",
        description="2",
    )

    for opening in openings:
        shown = (await opening.get(f"{PATH}/{file.file_id}")).json()
        assert (shown["name"], shown["size"], shown["description"]) == ("new.txt", 3, "2")
        assert (shown["created"], shown["modified"]) == ("2026-06-01T12:00:00Z", f"{now:%Y-%m-%dT%H:%M:%SZ}")
        downloaded = await opening.get(f"{PATH}/{file.file_id}/download")
        assert downloaded.content == b"new"
        assert downloaded.headers["etag"] != first.headers["etag"]
    with pytest.raises(NotFound):
        await server.context.files.get(stored.internal.key)


async def test_a_revision_that_changes_nothing_is_none(server: Server, party: Party) -> None:
    file = await put(server)
    server.clock.advance(minutes=5)

    assert await files.revise(server.context, operator(server), file.file_id, name=file.name) == file


async def test_a_file_revised_while_it_is_shared_is_shared_as_revised(
    server: Server, party: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = await put(server)
    library = type(server.context.library)
    share, calls = library.share, []

    async def share_slowly(self: Any, file_ids: list[str], grant_id: str, **times: Any) -> Any:
        found = await share(self, file_ids, grant_id, **times)
        calls.append(grant_id)
        if len(calls) == 1:
            await files.revise(server.context, operator(server), file.file_id, data=b"new")
        return found

    monkeypatch.setattr(library, "share", share_slowly)
    opening = await party.opening(file.file_id)

    assert (await opening.get(f"{PATH}/{file.file_id}/download")).content == b"new"


async def test_a_name_stays_the_one_of_the_last_who_read_the_file(server: Server) -> None:
    """Two operators at once: the second one is told, and its bytes are not kept."""
    file = await put(server)
    stored = await server.context.library.get(file.file_id)
    assert stored
    await files.revise(server.context, operator(server), file.file_id, name="first.pdf")

    with pytest.raises(Conflict):
        await server.context.library.replace(stored, stored.object, stored.internal, now=server.clock.now)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "  "),
        ("name", "a\nb.pdf"),
        ("name", "a\x00b.pdf"),
        ("name", "x" * 256),
        ("name", "\ud800"),
        ("description", "\x1b[2J"),
        ("description", "x" * 10_001),
        ("mime_type", "pdf"),
        ("mime_type", "text/html\r\nX: y"),
        ("mime_type", ""),
    ],
)
async def test_a_file_that_could_not_be_shown_is_not_taken(server: Server, field: str, value: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        await put(server, **{field: value})

    assert refusal.value.field == field
    assert (await server.context.library.page()).documents == []


@pytest.mark.clause("WG1-02-9.2-02", "WG1-02-9.2-03", "WG1-02-9.2-07")
async def test_file_ids_filter_the_listing(server: Server, party: Party) -> None:
    one, two, three, foreign = [await put(server) for _ in range(4)]
    opening = await party.opening(one.file_id, two.file_id, three.file_id)
    await party.share(foreign.file_id)

    assert set(await opening.ids(file_ids=f"{one.file_id} {three.file_id}")) == {one.file_id, three.file_id}
    assert await opening.ids(file_ids=foreign.file_id) == []
    assert len(await opening.ids(file_ids="")) == 3
    assert await opening.ids(file_ids=f"{two.file_id} {two.file_id} nonsense \u00e4") == [two.file_id]
    repeated = await opening.get(f"{PATH}?file_ids={one.file_id}&file_ids={two.file_id}")
    assert {file["file_id"] for file in repeated.json()["files"]} == {one.file_id, two.file_id}
    empty = (await opening.get(params={"file_ids": "none"})).json()
    assert empty == {"files": [], "next": None, "previous": None}
    too_many = await opening.get(params={"file_ids": " ".join(f"f{n}" for n in range(1001))})
    assert too_many.status_code == 400


@pytest.mark.clause("WG1-02-9.2-08")
async def test_the_most_recently_modified_file_is_first(server: Server, party: Party) -> None:
    ids = []
    for _ in range(4):
        ids.append((await put(server)).file_id)
        server.clock.advance(seconds=1)
    opening = await party.opening(ids[2], ids[0], ids[3], ids[1])
    assert await opening.ids() == ids[::-1]

    await files.revise(server.context, operator(server), ids[1], description="newer")

    assert await opening.ids() == [ids[1], ids[3], ids[2], ids[0]]


@pytest.mark.clause("WG1-02-9.2-04", "WG1-02-9.2-05", "WG1-02-9.2-08")
async def test_more_than_a_hundred_files_come_in_pages(server: Server, party: Party) -> None:
    ids = []
    for number in range(230):
        ids.append((await put(server, b"x")).file_id)
        if number % 50 == 0:
            server.clock.advance(seconds=1)
    opening = await party.opening(*ids)

    pages = [(await opening.get()).json()]
    while pages[-1]["next"]:
        assert pages[-1]["next"].startswith(f"{PUBLIC_URL}{PATH}?")
        pages.append((await opening.get(pages[-1]["next"])).json())
    assert [len(page["files"]) for page in pages] == [100, 100, 30]
    shown = [file for page in pages for file in page["files"]]
    assert {file["file_id"] for file in shown} == set(ids)
    assert [file["modified"] for file in shown] == sorted((file["modified"] for file in shown), reverse=True)

    assert pages[0]["previous"] is None
    back = [pages[-1]]
    while back[-1]["previous"]:
        back.append((await opening.get(back[-1]["previous"])).json())
    assert [page["files"] for page in back] == [page["files"] for page in reversed(pages)]
    assert len(await opening.ids(file_ids=" ".join(ids[:150]))) == 100


@pytest.mark.clause("WG1-02-9.2-04")
async def test_a_hundred_files_are_one_page(server: Server, party: Party) -> None:
    ids = [(await put(server, b"x")).file_id for _ in range(100)]
    opening = await party.opening(*ids)

    listing = (await opening.get()).json()

    assert (len(listing["files"]), listing["next"], listing["previous"]) == (100, None, None)


async def test_links_keep_the_filter(server: Server, party: Party) -> None:
    ids = [(await put(server, b"x")).file_id for _ in range(120)]
    opening = await party.opening(*ids)

    listing = (await opening.get(params={"file_ids": " ".join(ids[:110])})).json()

    query = parse_qs(urlsplit(listing["next"]).query)
    assert query["file_ids"] == [" ".join(ids[:110])]
    rest = (await opening.get(listing["next"])).json()
    assert {file["file_id"] for page in (listing, rest) for file in page["files"]} == set(ids[:110])


async def test_a_cursor_of_somebodys_own_making_is_400(server: Server, party: Party) -> None:
    opening = await party.opening((await put(server)).file_id)

    for cursor in ("x", "o", "o_", "n" + "z" * 12, "\x00", "o1 "):
        refused = await opening.get(params={"cursor": cursor})
        assert refused.status_code == 400
        assert refused.json()["errors"][0]["field"] == "cursor"


# --- the bytes (9.4, G12) ---


@pytest.mark.clause("WG1-02-9.4-01", "WG1-02-9.1-03")
async def test_the_bytes_come_as_they_were_put(server: Server, party: Party) -> None:
    file = await put(server)
    opening = await party.opening(file.file_id)
    shown = (await opening.get(f"{PATH}/{file.file_id}")).json()

    response = await opening.get(shown["download_uri"])

    assert response.content == CONTENT
    assert response.headers["content-type"] == shown["mime_type"] == "application/pdf"
    assert int(response.headers["content-length"]) == shown["size"] == len(CONTENT)
    assert response.headers["content-disposition"] == 'attachment; filename="tariffs.pdf"'
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-store"


async def test_an_empty_file_is_a_file(server: Server, party: Party) -> None:
    file = await put(server, b"")
    opening = await party.opening(file.file_id)

    response = await opening.get(f"{PATH}/{file.file_id}/download")

    assert (response.status_code, response.content, response.headers["content-length"]) == (200, b"", "0")


async def test_a_range_is_206_and_one_outside_416(server: Server, party: Party) -> None:
    file = await put(server)
    opening = await party.opening(file.file_id)
    path = f"{PATH}/{file.file_id}/download"

    with capture_logs() as logs:
        part = await opening.get(path, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, CONTENT[100:200])
    assert [str(line["status"]) for line in logs if line["event"] == "request"] == ["206"]
    assert part.headers["content-range"] == f"bytes 100-199/{len(CONTENT)}"
    beyond = await opening.get(path, headers={"Range": "bytes=999999-"})
    assert beyond.status_code == 416
    assert beyond.headers["content-range"] == f"bytes */{len(CONTENT)}"
    assert beyond.headers["content-type"] == "application/problem+json"


async def test_a_known_file_is_304_and_head_has_no_body(server: Server, party: Party) -> None:
    file = await put(server)
    opening = await party.opening(file.file_id)
    path = f"{PATH}/{file.file_id}/download"

    head = await opening.get(path, method="HEAD")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(CONTENT))
    known = await opening.get(path, headers={"If-None-Match": head.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    assert (await opening.get(f"{PATH}/{file.file_id}", method="HEAD")).status_code == 200
    assert (await opening.get(method="HEAD")).content == b""


@pytest.mark.parametrize("name", ['say "hi".pdf', "Zählerstände.pdf", "報告.pdf", "a\\b.pdf", "../../etc/passwd"])
async def test_every_name_survives_and_none_breaks_a_header(server: Server, party: Party, name: str) -> None:
    file = await put(server, name=name)
    opening = await party.opening(file.file_id)

    assert (await opening.get(f"{PATH}/{file.file_id}")).json()["name"] == name
    disposition = (await opening.get(f"{PATH}/{file.file_id}/download")).headers["content-disposition"]
    assert disposition.startswith('attachment; filename="')
    assert "/" not in disposition
    assert "\n" not in disposition


async def test_a_big_file_travels_in_small_pieces(server: Server, party: Party) -> None:
    """20 MB in and out; nobody ever holds more than a piece."""
    piece, count = bytes(range(256)) * 1024, 80
    taken: list[int] = []

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(count):
            taken.append(number)
            yield piece

    file = await put(server, data=pieces())
    opening = await party.opening(file.file_id)
    sizes, digest = await received(opening, f"{PATH}/{file.file_id}/download")

    assert taken == list(range(count))
    assert file.size == sum(sizes) == len(piece) * count
    assert max(sizes) <= 1024 * 1024
    assert digest == hashlib.sha256(piece * count).hexdigest()


async def received(opening: Opening, path: str) -> tuple[list[int], str]:
    """The sizes of the pieces that the application sends, and the digest of all."""
    sizes: list[int] = []
    digest = hashlib.sha256()
    headers = [(b"authorization", f"Bearer {opening.token}".encode())]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("utility.example", 443),
    }

    async def receive() -> dict[str, Any]:
        return await asyncio.get_running_loop().create_future()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            sizes.append(len(message["body"]))
            digest.update(message["body"])

    await opening.server.service(scope, receive, send)
    return sizes, digest.hexdigest()


async def test_a_file_store_that_is_down_is_503(server: Server, party: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    file = await put(server)
    opening = await party.opening(file.file_id)

    async def fail(*_: object) -> AsyncIterator[bytes]:
        raise StoreUnavailable("The file store does not answer at the moment; please try again.")
        yield b""

    monkeypatch.setattr(type(server.context.files), "stream", fail)
    response = await opening.get(f"{PATH}/{file.file_id}/download")

    assert response.status_code == 503
    assert response.headers["retry-after"] == "2"


async def test_bytes_that_are_missing_are_503_and_not_404(server: Server, party: Party) -> None:
    """The file is shared, so a 404 would tell the Client to give up."""
    file = await put(server)
    opening = await party.opening(file.file_id)
    stored = await server.context.library.get(file.file_id)
    assert stored
    await server.context.files.delete(stored.internal.key)

    assert (await opening.get(f"{PATH}/{file.file_id}/download")).status_code == 503


async def test_each_route_asks_the_store_once(server: Server, party: Party) -> None:
    file = await put(server)
    opening = await party.opening(file.file_id)

    for path in (PATH, f"{PATH}/{file.file_id}", f"{PATH}/{file.file_id}/download"):
        before = server.connection.round_trips
        assert (await opening.get(path)).status_code == 200
        assert server.connection.round_trips == before + 1


@pytest.mark.clause("WG1-02-11.3-02")
async def test_the_rate_limit_of_the_client_object_applies(make_server: MakeServer) -> None:
    server = await make_server(CDS_RATE_LIMIT_CLIENT="20/minute")
    party = await join(server)
    opening = await party.opening((await put(server)).file_id)

    statuses = [(await opening.get()).status_code for _ in range(25)]

    assert 429 in statuses
    assert set(statuses) == {200, 429}
    assert (await party.registered.get("/cds-api/v1/credentials")).status_code == 200
