"""Whom files are shared with, and who may see them (CDS-WG1-02 3.3.3, 9 and 11.2)."""

from typing import Any

import msgspec
import pytest

from app.catalog import SERVER_PROVIDED_FILES, Catalog
from app.catalog.builtin import files_scope, grant_admin_scope
from app.domain import files
from app.domain.records import Change, Wanted
from app.errors import Conflict, InvalidRequest, NotFound
from app.schemas.clients import Client, ClientStatus
from app.schemas.grants import Grant
from tests.conftest import MakeServer, Server
from tests.server_files import GRANT_ADMIN, PATH, SCOPE, Opening, Party, join, party, put

__all__ = ["party"]


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
