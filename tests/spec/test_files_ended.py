"""The end of the access to files, and of files themselves (CDS-WG1-02 8.2; ambiguity G8)."""

from typing import Any

import msgspec
import pytest

from app.domain import files
from app.domain.records import Change, Wanted
from app.errors import NotFound, StoreUnavailable
from app.schemas.files import ServerProvidedFile
from app.schemas.grants import Grant, GrantStatus
from tests.conftest import Server
from tests.server_files import CONTENT, PATH, SCOPE, Opening, Party, join, operator, party, put

__all__ = ["party"]


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
