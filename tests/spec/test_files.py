"""Server-Provided Files: the objects and their listing (CDS-WG1-02 9.1 to 9.3; ambiguities G1 to G13)."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from app.domain import files
from app.errors import Conflict, InvalidRequest, NotFound
from tests.conftest import PUBLIC_URL, Server
from tests.server_files import PATH, Party, join, operator, party, put

__all__ = ["party"]


def schema_problems(file: dict[str, Any]) -> list[str]:
    """What is wrong with a file object (9.1)."""
    types = dict.fromkeys(
        ("file_id", "uri", "created", "modified", "mime_type", "name", "description", "download_uri"), str
    )
    wrong = [name for name, type_ in (types | {"size": int}).items() if type(file.get(name)) is not type_]
    return wrong + [name for name in ("uri", "download_uri") if not file[name].startswith(PUBLIC_URL)]


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
