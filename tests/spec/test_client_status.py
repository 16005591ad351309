"""Client Objects that are disabled and enabled again (CDS-WG1-02 5.2, 7.1; ambiguities B2, B14, B15, D12)."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from app.catalog import Catalog
from app.domain import client_status, grant_creation, grant_withholding
from app.domain.client_decisions import modify
from app.domain.grant_terms import Terms
from app.domain.records import Access, Change, Wanted
from app.errors import InvalidRequest, NotFound, StoreUnavailable
from app.schemas.clients import Client
from app.schemas.grants import GrantStatus
from tests.client_objects import operator_disables, operator_enables
from tests.conftest import MakeServer, Registered, Server, changed

SCOPES = "cds_client_admin ple_customer_data ple_grid_status ple_interconnection cds_server_provided_files_ple"
CREDENTIALS = "/cds-api/v1/credentials"
GRANTS = "/cds-api/v1/grants"


@pytest.fixture
async def server(make_server: MakeServer, demo_catalog: Catalog) -> Server:
    """A service without reviews."""
    return await make_server(changed(demo_catalog, policies={"field_review": frozenset()}))


@pytest.fixture
async def registered(server: Server) -> Registered:
    """A registration with every kind of Client Object."""
    return await server.register(SCOPES)


@pytest.fixture
async def grid(registered: Registered) -> dict[str, Any]:
    """An object with client_credentials."""
    return (await registered.clients())["ple_grid_status"]


@pytest.fixture
async def code(registered: Registered) -> dict[str, Any]:
    """The sandbox object with which users are asked."""
    return (await registered.clients())["ple_customer_data"]


async def switch(registered: Registered, client: dict[str, Any], status: str) -> dict[str, Any]:
    """PUT another `cds_status`; nothing else changes."""
    answer = await registered.put(client["cds_client_uri"], client | {"cds_status": status})
    assert answer.status_code == 200, answer.text
    new: dict[str, Any] = answer.json()
    assert new | {"cds_modified": ""} == client | {"cds_modified": "", "cds_status": status}
    return new


async def credentials_of(registered: Registered, client: dict[str, Any]) -> list[dict[str, Any]]:
    listing = await registered.get(CREDENTIALS, params={"client_ids": client["client_id"]})
    found: list[dict[str, Any]] = listing.json()["credentials"]
    return found


async def grants_of(registered: Registered, client: dict[str, Any]) -> list[dict[str, Any]]:
    listing = await registered.get(GRANTS, params={"client_ids": client["client_id"]})
    found: list[dict[str, Any]] = listing.json()["grants"]
    return found


async def introspected(server: Server, caller: Registered, token: str) -> bool:
    """Whether a token is active."""
    answer = await server.http.post(
        "/oauth/introspect", data={"token": token}, auth=(caller.client_id, caller.client_secret)
    )
    active: bool = answer.json()["active"]
    return active


def present(server: Server) -> int:
    return int(server.clock.now.timestamp())


@pytest.mark.clause("WG1-02-5.1-11", "WG1-02-5.2-04")
async def test_each_status_on_offer_can_be_set_and_no_other(
    registered: Registered, grid: dict[str, Any], code: dict[str, Any]
) -> None:
    """`production` for a sandbox object and the other way round are 400, for words that mean nothing too."""
    for client in (grid, code):
        disabled = await switch(registered, client, "disabled")
        assert (await registered.get(client["cds_client_uri"])).json()["cds_status"] == "disabled"
        await switch(registered, disabled, client["cds_status"])
        for other in {"production", "sandbox", "bogus"} - {client["cds_status"]}:
            answer = await registered.put(client["cds_client_uri"], client | {"cds_status": other})
            assert answer.status_code == 400
            assert answer.json()["errors"][0]["field"] == "cds_status"


@pytest.mark.clause("WG1-02-5.1-12")
async def test_the_admin_object_cannot_be_disabled(registered: Registered) -> None:
    """Neither by its Client nor by an operator, who can suspend the registration."""
    admin = (await registered.clients())["cds_client_admin"]

    answer = await registered.put(admin["cds_client_uri"], admin | {"cds_status": "disabled"})

    assert answer.status_code == 400
    with pytest.raises(InvalidRequest):
        await operator_disables(registered, registered.client_id, "Fraud.")
    assert (await registered.get(admin["cds_client_uri"])).json() == admin


@pytest.mark.clause("WG1-02-5.2-04")
async def test_a_disabled_object_gets_no_token_and_its_tokens_end(
    server: Server, registered: Registered, grid: dict[str, Any]
) -> None:
    """401 invalid_client at the token endpoint; introspection says inactive."""
    secret = (await registered.credential_of(grid["client_id"]))["client_secret"]
    token = await server.access_token(grid["client_id"], secret)
    assert await introspected(server, registered, token)

    await switch(registered, grid, "disabled")

    answer = await server.token_response(grid["client_id"], secret)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert not await introspected(server, registered, token)
    caller = await server.http.post("/oauth/introspect", data={"token": token}, auth=(grid["client_id"], secret))
    assert caller.status_code == 401


@pytest.mark.clause("WG1-02-7.1-05", "WG1-02-7.6-11")
async def test_all_credentials_of_a_disabled_object_expire_at_that_moment(
    server: Server, registered: Registered, grid: dict[str, Any]
) -> None:
    """Also those that had expired before (ambiguities D12). Secrets stay as they were, other objects are left alone."""
    (first,) = await credentials_of(registered, grid)
    second = (await registered.post(CREDENTIALS, {"client_id": grid["client_id"]})).json()
    await registered.patch(second["uri"], {"client_secret_expires_at": present(server)})
    others = {one["credential_id"] for one in (await registered.get(CREDENTIALS)).json()["credentials"]}
    server.clock.advance(hours=1)

    await switch(registered, grid, "disabled")

    expired = await credentials_of(registered, grid)
    assert {one["credential_id"] for one in expired} == {first["credential_id"], second["credential_id"]}
    for one in expired:
        assert one["client_secret_expires_at"] == present(server)
        assert one["modified"] == "2026-06-01T13:00:00Z"
    secrets = {one["credential_id"]: one["client_secret"] for one in expired}
    assert secrets == {one["credential_id"]: one["client_secret"] for one in (first, second)}
    everything = (await registered.get(CREDENTIALS)).json()["credentials"]
    late = {one["credential_id"] for one in everything if one["client_secret_expires_at"] > present(server)}
    assert late == others - set(secrets)


@pytest.mark.clause("WG1-02-5.3-09", "WG1-02-7.3-12")
async def test_disabling_and_enabling_is_in_the_changelog(
    server: Server, registered: Registered, grid: dict[str, Any]
) -> None:
    """One Message for the Client Object, and one for each Credential that changed or was added."""
    (first,) = await credentials_of(registered, grid)
    second = (await registered.post(CREDENTIALS, {"client_id": grid["client_id"]})).json()
    before = {one["message_id"] for one in await registered.messages()}

    await switch(registered, grid, "disabled")

    about = [one for one in await registered.messages() if one["message_id"] not in before]
    assert sorted((one["related_type"], one["related_uri"]) for one in about) == sorted(
        [("client", grid["cds_client_uri"]), ("credential", first["uri"]), ("credential", second["uri"])]
    )
    before |= {one["message_id"] for one in about}
    await switch(registered, grid | {"cds_status": "disabled"}, grid["cds_status"])
    third = (await credentials_of(registered, grid))[0]
    about = [one for one in await registered.messages() if one["message_id"] not in before]
    assert sorted((one["related_type"], one["related_uri"]) for one in about) == sorted(
        [("client", grid["cds_client_uri"]), ("credential", third["uri"])]
    )
    texts = " ".join(one["description"] for one in await registered.messages())
    assert not any(one["client_secret"] in texts for one in (first, second, third))


async def test_an_enabled_object_gets_a_new_credential_and_old_ones_stay_expired(
    server: Server, registered: Registered, grid: dict[str, Any]
) -> None:
    """The newest is first, as the public overview expects (ambiguities B15)."""
    (old,) = await credentials_of(registered, grid)
    disabled = await switch(registered, grid, "disabled")
    server.clock.advance(minutes=1)

    await switch(registered, disabled, grid["cds_status"])

    new, same = await credentials_of(registered, grid)
    assert same["credential_id"] == old["credential_id"]
    assert same["client_secret_expires_at"] == present(server) - 60
    assert new["client_secret"] != old["client_secret"]
    assert new["client_secret_expires_at"] > present(server)
    assert (await server.token_response(grid["client_id"], old["client_secret"])).status_code == 401
    assert await server.access_token(grid["client_id"], new["client_secret"])


async def test_an_object_without_an_auth_method_gets_no_credential(registered: Registered) -> None:
    """The files object has none before and after."""
    files = (await registered.clients())["cds_server_provided_files_ple"]

    await switch(registered, await switch(registered, files, "disabled"), files["cds_status"])

    assert await credentials_of(registered, files) == []


async def test_grants_of_a_disabled_object_are_suspended_and_come_back(
    server: Server, registered: Registered, code: dict[str, Any], grid: dict[str, Any]
) -> None:
    """As they were; those that had ended stay ended (ambiguities B14)."""
    await server.access_token(grid["client_id"], (await registered.credential_of(grid["client_id"]))["client_secret"])
    for status in (GrantStatus.ACTIVE, GrantStatus.PENDING, GrantStatus.NEEDS_AUTHORIZATION):
        terms = Terms(scope="ple_customer_data", status=status)
        await grant_creation.create(server.context, registered.access, code["client_id"], terms)
    ended = Terms(scope="ple_customer_data")
    closed = await grant_creation.create(server.context, registered.access, code["client_id"], ended)
    await registered.patch(closed.uri, {"status": "closed"})
    before = {client["client_id"]: await grants_of(registered, client) for client in (code, grid)}

    for client in (code, grid):
        disabled = await switch(registered, client, "disabled")
        for grant in await grants_of(registered, client):
            assert grant["status"] == ("closed" if grant["grant_id"] == closed.grant_id else "suspended")
            assert (grant["enabled_scope"], grant["enabled_authorization_details"]) == ("", [])
        await switch(registered, disabled, client["cds_status"])

    def plain(grants: list[dict[str, Any]]) -> dict[str, Any]:
        return {one["grant_id"]: one | {"modified": ""} for one in grants}

    for client in (code, grid):
        assert plain(await grants_of(registered, client)) == plain(before[client["client_id"]])


async def test_a_grant_that_expires_meanwhile_stays_expired(
    server: Server, registered: Registered, code: dict[str, Any]
) -> None:
    """Time goes on for a suspended Grant."""
    terms = Terms(scope="ple_customer_data", expires=server.clock.now + timedelta(hours=1))
    await grant_creation.create(server.context, registered.access, code["client_id"], terms)
    disabled = await switch(registered, code, "disabled")
    server.clock.advance(hours=2)
    registered.token = ""

    await switch(registered, disabled, code["cds_status"])

    (grant,) = await grants_of(registered, code)
    assert (grant["status"], grant["enabled_scope"]) == ("expired", "")


async def test_a_grant_admin_token_ends_with_the_object_whose_grant_it_opens(
    server: Server, registered: Registered, code: dict[str, Any]
) -> None:
    """And no new one is issued while it is disabled (ambiguities B14)."""
    terms = Terms(scope="ple_customer_data")
    grant = await grant_creation.create(server.context, registered.access, code["client_id"], terms)
    admin = (await registered.clients())["cds_grant_admin"]
    secret = (await registered.credential_of(admin["client_id"]))["client_secret"]
    entry = f'[{{"type":"cds_grant_admin","client_id":"{code["client_id"]}","grant_id":"{grant.grant_id}"}}]'
    token = await server.access_token(admin["client_id"], secret, authorization_details=entry)
    assert await introspected(server, registered, token)

    disabled = await switch(registered, code, "disabled")

    assert not await introspected(server, registered, token)
    assert (await server.token_response(admin["client_id"], secret, authorization_details=entry)).status_code == 400
    await switch(registered, disabled, code["cds_status"])
    assert not await introspected(server, registered, token)
    assert await server.access_token(admin["client_id"], secret, authorization_details=entry)


async def test_other_fields_change_in_the_same_put(registered: Registered, grid: dict[str, Any]) -> None:
    """With one Message for both."""
    answer = await registered.put(grid["cds_client_uri"], grid | {"cds_status": "disabled", "client_name": "Old"})

    assert (answer.json()["cds_status"], answer.json()["client_name"]) == ("disabled", "Old")
    about = [one for one in await registered.messages("private_message") if one["related_type"] == "client"]
    assert len(about) == 1
    assert "client_name" in about[0]["description"]
    assert "disabled" in about[0]["description"]


async def test_what_an_operator_disables_only_an_operator_enables(
    server: Server, registered: Registered, grid: dict[str, Any]
) -> None:
    """The Client sees it in the options and is told why (ambiguities B2)."""
    await operator_disables(registered, grid["client_id"], "Unpaid fees.")

    shown = (await registered.get(grid["cds_client_uri"])).json()
    assert (shown["cds_status"], shown["cds_status_options"]) == ("disabled", ["disabled"])
    assert any("Unpaid fees." in one["description"] for one in await registered.messages("private_message"))
    answer = await registered.put(grid["cds_client_uri"], shown | {"cds_status": grid["cds_status"]})
    assert answer.status_code == 400
    assert (await registered.put(grid["cds_client_uri"], shown | {"client_name": "X"})).status_code == 200
    await operator_disables(registered, grid["client_id"], "Again.")
    assert not any("Again." in one["description"] for one in await registered.messages("private_message"))

    enabled = await operator_enables(registered, grid["client_id"], "Paid.")

    assert enabled.cds_status == grid["cds_status"]
    assert enabled.cds_status_options == grid["cds_status_options"]
    assert await server.access_token(grid["client_id"], (await credentials_of(registered, grid))[0]["client_secret"])
    assert await operator_enables(registered, grid["client_id"]) == enabled


async def test_an_operator_can_disable_what_the_client_has_disabled(
    server: Server, registered: Registered, code: dict[str, Any]
) -> None:
    """The moment of the disabling and the sandbox are remembered."""
    disabled = await switch(registered, code, "disabled")
    (credential,) = await credentials_of(registered, code)
    server.clock.advance(days=1)
    registered.token = ""

    await operator_disables(registered, code["client_id"], "Fraud.")

    assert await credentials_of(registered, code) == [credential]
    local = {"redirect_uris": ["http://localhost/"], "cds_default_redirect_uri": None}
    held = disabled | {"cds_status_options": ["disabled"]}
    assert (await registered.put(code["cds_client_uri"], held | local)).status_code == 200
    enabled = await operator_enables(registered, code["client_id"])
    assert enabled.cds_status == "sandbox"


@pytest.mark.parametrize("status", ["disabled", "production"])
async def test_operators_cannot_switch_what_is_not_there(server: Server, registered: Registered, status: str) -> None:
    """Neither unknown objects nor those of another registration."""
    other = await server.register()

    for client_id in (f"{registered.client_id}-99", "nobody", other.client_id):
        with pytest.raises(NotFound):
            await modify(server.context, registered.access, client_id, {"cds_status": status})


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> int:
    """Batches of three, so that a few objects are many."""
    monkeypatch.setattr(client_status, "BATCH", 3)
    monkeypatch.setattr(grant_withholding, "BATCH", 3)
    return 3


async def give_much(server: Server, registered: Registered, client: dict[str, Any], count: int) -> None:
    """More Credentials and Grants than a batch takes."""
    for _ in range(count):
        await registered.post(CREDENTIALS, {"client_id": client["client_id"]})
        terms = Terms(scope="ple_customer_data")
        await grant_creation.create(server.context, registered.access, client["client_id"], terms)


async def is_unfinished(server: Server, access: Access, client_id: str) -> bool:
    (stored,) = await server.context.records.load(access, Wanted(Client, client_id))
    assert stored
    unfinished: bool = stored.internal.unfinished
    return unfinished


async def test_very_many_credentials_and_grants_follow_in_batches(
    server: Server, registered: Registered, code: dict[str, Any], small_batches: int
) -> None:
    """By the time of the answer all have followed."""
    await give_much(server, registered, code, 4 * small_batches)
    server.clock.advance(seconds=5)

    disabled = await switch(registered, code, "disabled")

    assert {one["client_secret_expires_at"] for one in await credentials_of(registered, code)} == {present(server)}
    assert {one["status"] for one in await grants_of(registered, code)} == {"suspended"}
    assert not await is_unfinished(server, registered.access, code["client_id"])
    await switch(registered, disabled, "sandbox")
    assert {one["status"] for one in await grants_of(registered, code)} == {"active"}
    assert not await is_unfinished(server, registered.access, code["client_id"])


async def test_what_a_crash_interrupts_is_finished_by_the_next_operation(
    server: Server, registered: Registered, code: dict[str, Any], small_batches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same PUT again changes nothing else."""
    await give_much(server, registered, code, 4 * small_batches)
    apply, left = server.context.records.apply, [2]

    async def crash_after_two(change: Change) -> None:
        if not left[0]:
            raise StoreUnavailable("The store does not answer.")
        left[0] -= 1
        await apply(change)

    monkeypatch.setattr(server.context.records, "apply", crash_after_two)
    answer = await registered.put(code["cds_client_uri"], code | {"cds_status": "disabled"})
    assert answer.status_code == 503
    monkeypatch.undo()
    assert await is_unfinished(server, registered.access, code["client_id"])
    assert "active" in {one["status"] for one in await grants_of(registered, code)}
    server.clock.advance(minutes=1)

    again = await registered.put(code["cds_client_uri"], code | {"cds_status": "disabled"})

    assert again.status_code == 200
    assert {one["client_secret_expires_at"] for one in await credentials_of(registered, code)} == {present(server) - 60}
    assert {one["status"] for one in await grants_of(registered, code)} == {"suspended"}
    assert not await is_unfinished(server, registered.access, code["client_id"])


async def test_a_credential_is_never_made_for_an_object_that_is_being_disabled(
    server: Server, registered: Registered, grid: dict[str, Any]
) -> None:
    """Of a hundred requests that race with the PUT, each one comes first or is refused."""
    posts = [registered.post(CREDENTIALS, {"client_id": grid["client_id"]}) for _ in range(99)]
    put = registered.put(grid["cds_client_uri"], grid | {"cds_status": "disabled"})

    answers = await asyncio.gather(*posts[:50], put, *posts[50:])

    assert {answer.status_code for answer in answers} <= {200, 201, 400, 409}
    if answers[50].status_code == 409:
        await switch(registered, grid, "disabled")
    expiries = {one["client_secret_expires_at"] for one in await credentials_of(registered, grid)}
    assert expiries == {present(server)}


async def test_of_many_switches_at_once_the_last_one_holds(
    server: Server, registered: Registered, grid: dict[str, Any]
) -> None:
    """Credentials, Grants and status never contradict each other."""
    await server.access_token(grid["client_id"], (await registered.credential_of(grid["client_id"]))["client_secret"])
    statuses = [["disabled", grid["cds_status"]][number % 2] for number in range(100)]

    answers = await asyncio.gather(
        *(registered.put(grid["cds_client_uri"], grid | {"cds_status": status}) for status in statuses)
    )

    assert {answer.status_code for answer in answers} <= {200, 409}
    final = (await registered.get(grid["cds_client_uri"])).json()["cds_status"]
    valid = [one for one in await credentials_of(registered, grid) if one["client_secret_expires_at"] > present(server)]
    grants = {one["status"] for one in await grants_of(registered, grid)}
    assert grants == ({"suspended"} if final == "disabled" else {"active"})
    assert bool(valid) is (final != "disabled")
