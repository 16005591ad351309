"""Every change of the operator API is in the audit log, under a name that stays the same."""

from typing import Any

from tests.conftest import Server
from tests.message_objects import EVERYTHING, PRIVATE, SUPPORT, created
from tests.operator.decided import decide
from tests.operators import operator_of


async def test_every_change_is_in_the_audit_log_under_its_name(server: Server) -> None:
    client = await server.register(EVERYTHING)
    admin = await operator_of(server, name="ada")
    clients = await client.clients()
    grid, files = clients["ple_grid_status"]["client_id"], clients["cds_server_provided_files_ple"]["client_id"]
    question, request = await created(client, PRIVATE), await created(client, SUPPORT)
    rid = client.registration_id

    async def done(answer: Any) -> dict[str, Any]:
        response = await answer
        assert response.status_code in {200, 201, 204}, response.text
        return response.json() if response.content else {}

    await done(admin.patch(f"/registrations/{rid}", {"notes": "A note."}))
    await done(admin.patch(f"/registrations/{rid}", {"status": "suspended"}))
    await done(admin.patch(f"/registrations/{rid}", {"status": "active"}))
    await done(
        admin.post(f"/registrations/{rid}/messages", {"type": "notification", "name": "News", "description": "Old."})
    )
    await done(decide(admin, question, "complete"))
    await done(decide(admin, request, "complete"))
    await done(admin.patch(f"/clients/{grid}", {"client_name": "Grid"}))
    await done(admin.post(f"/clients/{clients['ple_interconnection']['client_id']}/approve"))
    credential = await done(admin.post(f"/clients/{grid}/credentials"))
    await done(admin.post(f"/credentials/{credential['credential_id']}/expire"))
    grant = await done(admin.post("/grants", {"client_id": grid, "scope": "ple_grid_status"}))
    await done(admin.patch(f"/grants/{grant['grant_id']}", {"status": "suspended"}))
    file = await done(admin.post("/files", files={"file": ("a.csv", b"a", "text/csv")}))
    await done(admin.patch(f"/files/{file['file_id']}", {"name": "b.csv"}))
    share = await done(admin.post(f"/files/{file['file_id']}/shares", {"client_id": files}))
    await done(admin.delete(f"/shares/{share['grant_id']}"))
    await done(admin.delete(f"/files/{file['file_id']}"))

    records = (await admin.get("/audit")).json()["audit"]
    by_ada = [one for one in records if one["actor"]["name"] == "ada"]
    found = {one["action"]: one for one in by_ada}
    assert set(found) == {
        "registrations.note", "registrations.suspend", "registrations.activate", "messages.post", "messages.note",
        "messages.decide", "clients.modify", "clients.approve", "credentials.create", "credentials.expire",
        "grants.create", "grants.modify", "files.create", "files.modify", "files.share", "files.unshare",
        "files.delete",
    }  # fmt: skip
    assert all(one["actor"] == {"name": "ada", "role": "admin", "via": "api"} for one in by_ada)
    in_registration = {action for action, one in found.items() if one["registration_id"] == rid}
    assert {"registrations.suspend", "messages.decide", "grants.create", "files.share"} <= in_registration
    (note,) = found["registrations.note"]["changes"]
    assert (note["before"], note["after"]) == ({"notes": ""}, {"notes": "A note."})
    assert "cdscs_" not in str(records)


async def test_what_is_refused_leaves_no_entry(server: Server) -> None:
    client = await server.register(EVERYTHING)
    admin = await operator_of(server, name="ada")
    viewer = await operator_of(server, "viewer", name="vic")

    await admin.patch(f"/registrations/{client.registration_id}", {"status": "closed"})
    await admin.post("/grants", {"client_id": client.client_id, "scope": "nonsense"})
    await viewer.patch(f"/registrations/{client.registration_id}", {"status": "suspended"})

    records = (await admin.get("/audit")).json()["audit"]
    assert not [one for one in records if one["actor"]["name"] in {"ada", "vic"}]
