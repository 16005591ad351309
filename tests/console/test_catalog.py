"""The catalog in the console."""

import shutil
from pathlib import Path

import pytest

import app.catalog
from app.catalog import load_catalog
from tests.conftest import Server
from tests.console.desk import Desk

PATH = "/console/catalog"


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalog of one's own, and a directory without .env."""
    shutil.copytree(Path(app.catalog.__file__).parent / "demo", tmp_path / "utility")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "utility" / "catalog.yaml"


def edit(path: Path, old: str, new: str) -> None:
    """Change a file by hand."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


async def desk_of(server: Server, desk: Desk) -> Desk:
    return await desk.sign_in(server, "viewer")


async def test_it_shows_what_clients_see(viewer: Desk, server: Server) -> None:
    page = await viewer.open(PATH)

    for scope in server.context.catalog.scopes.values():
        assert scope.name in page.text
        assert scope.id in page.text
    for field in server.context.catalog.registration_fields.values():
        assert field.description in page.text
    for entry in server.context.catalog.coverage:
        assert entry.name in page.text
    assert "Customers authorize it" in page.text
    assert "an operator decides" in page.text
    assert "250.00 USD" in page.text
    assert "cds_company_name, client_name, logo_uri" in page.text


async def test_its_links_lead_to_what_is_published(viewer: Desk, server: Server) -> None:
    page = await viewer.open(PATH)
    anchors = {value for name, value in page.attributes if name == "id"}

    for link in page.links.values():
        href = link["href"].removeprefix(server.settings.public_url)
        if href.startswith("#"):
            assert href[1:] in anchors, href
        else:
            assert (await viewer.send("GET", href)).status_code == 200, href


async def test_a_catalog_that_would_stop_the_next_start_is_told(make_server, own: Path) -> None:
    server = await make_server(load_catalog(own), CDS_CATALOG=str(own))
    async with Desk(server) as desk:
        await desk_of(server, desk)
        assert "Settings, keys and catalog are fine" in (await desk.open(PATH)).text
        edit(own, "timezone: America/Chicago", "timezone: <b>Nowhere</b>")
        edit(own, "registration_optional: [use_case, newsletter]", "registration_optional: [use_cas]")
        page = await desk.open(PATH)

    assert "would keep the server from starting again" in page.text
    assert "timezone" in page.text
    assert "use_case" in page.text
    assert "b" not in page.tags
    assert "Customer data" in page.text, "the page still shows what is served"


async def test_a_change_that_is_not_served_yet_is_told(make_server, own: Path) -> None:
    server = await make_server(load_catalog(own), CDS_CATALOG=str(own))
    async with Desk(server) as desk:
        await desk_of(server, desk)
        edit(own, "name: Grid status", "name: State of the grid")
        page = await desk.open(PATH)

    assert "The catalog file has changed since the server read it." in page.text
    assert "Grid status" in page.text


async def test_settings_that_would_stop_the_next_start_are_told(make_server, own: Path, monkeypatch) -> None:
    server = await make_server()
    async with Desk(server) as desk:
        await desk_of(server, desk)
        monkeypatch.setenv("CDS_PUBLIK_URL", "https://x.example")
        page = await desk.open(PATH)

    assert "1 problem would keep the server from starting again" in page.text
    assert "CDS_PUBLIC_URL" in page.text


async def test_a_file_that_is_gone_is_told(make_server, own: Path) -> None:
    server = await make_server(load_catalog(own), CDS_CATALOG=str(own))
    shutil.rmtree(own.parent)
    async with Desk(server) as desk:
        page = await (await desk_of(server, desk)).open(PATH)

    assert "would keep the server from starting again" in page.text
