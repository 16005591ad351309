"""Server-Provided Files in the operator API: uploaded, shared, revised, taken back (CDS-WG1-02 3.3.3, 9)."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.conftest import Registered, Server
from tests.grant_objects import opening, shown
from tests.message_objects import EVERYTHING
from tests.operators import OperatorClient, operator_of

FILES = "/cds-api/v1/server-provided-files"
SCOPE = "cds_server_provided_files_ple"
CSV = ("rates.csv", b"hour,price\n0,12\n", "text/csv")


@pytest.fixture
async def client(server: Server) -> Registered:
    """A registration with everything that the demo utility offers."""
    return await server.register(EVERYTHING)


@pytest.fixture
async def admin(server: Server) -> OperatorClient:
    """An operator who may change things."""
    return await operator_of(server)


async def uploaded(admin: OperatorClient, file: Any = CSV, **fields: str) -> dict[str, Any]:
    """A file that an operator uploads."""
    answer = await admin.post("/files", files={"file": file}, data=fields)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    assert answer.headers["location"].endswith(f"/files/{body['file_id']}")
    return body


async def holder(client: Registered) -> str:
    """The Client Object that may have files."""
    client_id: str = (await client.clients())[SCOPE]["client_id"]
    return client_id


async def shared(admin: OperatorClient, client: Registered, file: dict[str, Any]) -> dict[str, Any]:
    """The Grant with which a file is shared."""
    answer = await admin.post(f"/files/{file['file_id']}/shares", {"client_id": await holder(client)})
    assert answer.status_code == 201, answer.text
    grant: dict[str, Any] = answer.json()
    assert answer.headers["location"].endswith(f"/grants/{grant['grant_id']}")
    return grant


async def as_client(client: Registered, grant: dict[str, Any], path: str) -> httpx.Response:
    """What a Client gets with a grant admin token for a Grant of files."""
    from app.schemas.encoding import encode  # noqa: PLC0415 -- only here

    opener = (await client.clients())["cds_grant_admin"]["client_id"]
    secret = (await client.credential_of(opener))["client_secret"]
    details = encode(opening(grant)).decode()
    token = await client.server.access_token(opener, secret, authorization_details=details)
    return await client.server.http.get(path, headers={"Authorization": f"Bearer {token}"})


async def test_a_file_has_the_name_and_the_type_of_its_form(admin: OperatorClient) -> None:
    file = await uploaded(admin)

    assert (file["name"], file["mime_type"], file["size"]) == ("rates.csv", "text/csv", len(CSV[1]))
    assert file["description"] == ""
    download = await admin.get(file["download_uri"])
    assert download.content == CSV[1]
    assert download.headers["content-type"] == "text/csv"
    assert download.headers["content-disposition"] == 'attachment; filename="rates.csv"'
    assert (await admin.get(file["download_uri"], headers={"Range": "bytes=0-3"})).content == b"hour"


async def test_fields_of_the_form_say_more(admin: OperatorClient) -> None:
    file = await uploaded(
        admin, name="Tariff.csv", mime_type="text/csv; charset=utf-8", description="Prices of an hour."
    )

    assert (file["name"], file["mime_type"]) == ("Tariff.csv", "text/csv; charset=utf-8")
    assert file["description"] == "Prices of an hour."


async def test_fields_may_come_after_the_file(admin: OperatorClient) -> None:
    """As `curl -F file=@rates.csv -F name=…` sends them."""
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="C:\\dir\\a.bin"\r\n\r\n\x00\r\n--\x01\r\n'
        b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nsp\xc3\xa4t.bin\r\n'
        b'--b\r\nContent-Disposition: form-data; name="description"\r\n\r\nZwei\r\nZeilen\r\n--b--\r\n'
    )

    answer = await admin.post("/files", content=body, headers={"Content-Type": "multipart/form-data; boundary=b"})

    assert answer.status_code == 201, answer.text
    file = answer.json()
    assert (file["name"], file["description"], file["size"]) == ("spät.bin", "Zwei\r\nZeilen", 6)
    assert file["mime_type"] == "application/octet-stream"
    assert (await admin.get(file["download_uri"])).content == b"\x00\r\n--\x01"


async def test_a_file_of_any_size_goes_through(admin: OperatorClient) -> None:
    """Far over CDS_MAX_BODY, and in pieces that cut through the boundary."""
    piece = bytes(range(256)) * 257
    count = 300

    async def body() -> AsyncIterator[bytes]:
        yield b'--frontier\r\nContent-Disposition: form-data; name="file"; filename="big.bin"\r\n\r\n'
        for _ in range(count):
            yield piece
        for byte in b"\r\n--frontier--\r\n":
            yield bytes([byte])

    headers = {"Content-Type": "multipart/form-data; boundary=frontier"}
    answer = await admin.post("/files", content=body(), headers=headers)

    assert answer.status_code == 201, answer.text
    assert answer.json()["size"] == len(piece) * count
    tail = await admin.get(answer.json()["download_uri"], headers={"Range": "bytes=-300"})
    assert tail.content == (piece * 2)[-300:]


async def test_an_empty_file_is_a_file(admin: OperatorClient) -> None:
    file = await uploaded(admin, ("empty.txt", b"", "text/plain"))

    assert file["size"] == 0
    assert (await admin.get(file["download_uri"])).content == b""


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"data": {"name": "x"}}, "file"),
        ({"files": {"document": CSV}}, "document"),
        ({"files": [("file", CSV), ("file", CSV)]}, "file"),
        ({"files": {"file": ("", b"x", "text/plain")}}, "file"),
        ({"files": {"file": CSV}, "data": {"mime_type": "text"}}, "mime_type"),
        ({"files": {"file": CSV}, "data": {"description": "\x00"}}, "description"),
        ({"files": {"file": CSV}, "data": {"title": "x"}}, "title"),
    ],
)
async def test_a_form_that_makes_no_sense_is_refused_by_its_name_and_keeps_nothing(
    server: Server, admin: OperatorClient, form: dict[str, Any], field: str
) -> None:
    if "files" not in form:
        form = {"files": {"name": (None, "x")}}

    answer = await admin.post("/files", **form)

    assert answer.status_code == 400, answer.text
    assert answer.json()["errors"][0]["field"] == field
    assert (await admin.get("/files")).json() == {"files": [], "next": None, "previous": None}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"--b--"),
        ("multipart/form-data; boundary=b", b""),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx',
        ),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--\r\n"),
        ("multipart/form-data; boundary=b", b"--b\r\n" + b"x" * 20_000),
    ],
)
async def test_a_broken_form_is_refused(server: Server, admin: OperatorClient, content_type: str, body: bytes) -> None:
    answer = await admin.post("/files", content=body, headers={"Content-Type": content_type})

    assert answer.status_code == 400
    assert (await admin.get("/files")).json()["files"] == []


@pytest.mark.clause("WG1-02-3.3.3-01", "WG1-02-9-02", "WG1-02-9.1-01", "WG1-02-9.4-01")
async def test_a_shared_file_is_there_for_its_client(client: Registered, admin: OperatorClient) -> None:
    file = await uploaded(admin)

    grant = await shared(admin, client, file)

    assert grant["authorization_details"] == [{"type": SCOPE, "file_id": file["file_id"]}]
    seen = await shown(client, grant["grant_id"])
    assert (seen["status"], seen["enabled_scope"]) == ("active", SCOPE)
    listing = (await as_client(client, grant, FILES)).json()
    assert [one["file_id"] for one in listing["files"]] == [file["file_id"]]
    assert (await as_client(client, grant, listing["files"][0]["download_uri"])).content == CSV[1]
    assert (await admin.get(f"/files/{file['file_id']}")).json()["shares"] == [grant]
    dossier = (await admin.get(f"/registrations/{client.registration_id}")).json()
    assert [one["file_id"] for one in dossier["files"]] == [file["file_id"]]


async def test_several_files_are_shared_with_one_grant(client: Registered, admin: OperatorClient) -> None:
    one, two = await uploaded(admin), await uploaded(admin, ("b.csv", b"b", "text/csv"))
    body = {"client_id": await holder(client), "file_ids": [one["file_id"], two["file_id"]]}

    grant = (await admin.post("/shares", body)).json()

    listing = (await as_client(client, grant, FILES)).json()
    assert {each["file_id"] for each in listing["files"]} == {one["file_id"], two["file_id"]}


@pytest.mark.clause("WG1-02-8.2-16")
async def test_what_is_unshared_is_closed_at_once(client: Registered, admin: OperatorClient) -> None:
    file = await uploaded(admin)
    grant = await shared(admin, client, file)
    assert (await as_client(client, grant, FILES)).status_code == 200

    answer = await admin.delete(f"/shares/{grant['grant_id']}")

    assert (answer.status_code, answer.content) == (204, b"")
    assert (await shown(client, grant["grant_id"]))["status"] == "disabled"
    assert (await admin.get(f"/files/{file['file_id']}")).json()["shares"][0]["status"] == "disabled"
    assert (await admin.delete(f"/shares/{grant['grant_id']}")).status_code == 204


@pytest.mark.clause("WG1-02-9.1-02")
async def test_a_file_is_described_anew_for_everybody(client: Registered, admin: OperatorClient) -> None:
    file = await uploaded(admin)
    grant = await shared(admin, client, file)
    client.server.clock.advance(seconds=5)

    answer = await admin.patch(f"/files/{file['file_id']}", {"name": "new.csv", "description": "Corrected."})

    assert answer.status_code == 200
    (seen,) = (await as_client(client, grant, FILES)).json()["files"]
    assert (seen["name"], seen["description"], seen["mime_type"]) == ("new.csv", "Corrected.", "text/csv")
    assert seen["modified"] > seen["created"]
    for fields, field in (({"name": ""}, "name"), ({"size": 1}, "size"), ({"description": 1}, "description")):
        refused = await admin.patch(f"/files/{file['file_id']}", fields)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, field)


async def test_a_deleted_file_is_gone_for_everybody(client: Registered, admin: OperatorClient) -> None:
    file = await uploaded(admin)
    grant = await shared(admin, client, file)

    answer = await admin.delete(f"/files/{file['file_id']}")

    assert (answer.status_code, answer.content) == (204, b"")
    assert (await shown(client, grant["grant_id"]))["status"] == "disabled"
    path = f"/files/{file['file_id']}"
    for gone in (await admin.get(path), await admin.delete(path), await admin.get(f"{path}/download")):
        assert gone.status_code == 404
    assert (await admin.post(f"{path}/shares", {"client_id": await holder(client)})).status_code == 404


async def test_files_are_listed_newest_first_in_pages(server: Server, admin: OperatorClient) -> None:
    ids = []
    for _ in range(103):
        ids.append((await uploaded(admin))["file_id"])
        server.clock.advance(seconds=1)

    first = (await admin.get("/files")).json()
    second = (await admin.get(first["next"])).json()

    assert [one["file_id"] for page in (first, second) for one in page["files"]] == ids[::-1]
    assert len(first["files"]) == 100
    assert (await admin.get(second["previous"])).json()["files"] == first["files"]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 400, "client_id"),
        ({"client_id": "nonsense"}, 404, "client_id"),
        ({"client_id": "00zzzzzzzzzzzz-1"}, 404, "client_id"),
        ({"client_id": "admin"}, 400, "client_id"),
        ({"client_id": "holder", "scope": "other"}, 400, "scope"),
        ({"client_id": "holder", "file_ids": []}, 400, "file_ids"),
    ],
)
async def test_a_share_that_makes_no_sense_is_refused_by_its_name(
    client: Registered, admin: OperatorClient, body: dict[str, Any], status: int, field: str
) -> None:
    file = await uploaded(admin)
    names = {"admin": client.client_id, "holder": await holder(client)}
    if body.get("client_id") in names:
        body = body | {"client_id": names[body["client_id"]]}

    answer = await admin.post(f"/files/{file['file_id']}/shares", body)

    assert answer.status_code == status, answer.text
    assert answer.json()["errors"][0]["field"] == field
    assert (await admin.get(f"/files/{file['file_id']}")).json()["shares"] == []


async def test_what_is_no_share_cannot_be_taken_back(client: Registered, admin: OperatorClient) -> None:
    (grant,) = (await client.get("/cds-api/v1/grants")).json()["grants"]

    for grant_id in ("nonsense", f"{client.registration_id}-gzzzzzzzzzz", grant["grant_id"]):
        assert (await admin.delete(f"/shares/{grant_id}")).status_code == 404
