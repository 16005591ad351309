"""CDS-WG1-01 sections 3, 5 and 8, and CDS-WG1-02 3.1: what anybody learns from the well-known URL."""

from datetime import datetime
from urllib.parse import urlsplit

import pytest

from tests import catalogs
from tests.catalogs import ENTRY, SCOPE, a_catalog
from tests.conftest import PUBLIC_URL

WELL_KNOWN = "/.well-known/cds-server-metadata.json"
REQUIRED = {
    "cds_metadata_version": str,
    "cds_metadata_url": str,
    "created": str,
    "updated": str,
    "name": str,
    "description": str,
    "website": str,
    "documentation": str,
    "support": str,
    "capabilities": list,
}


def is_url(value: str) -> bool:
    parts = urlsplit(value)
    return parts.scheme == "https" and bool(parts.hostname)


@pytest.fixture
async def metadata(server):
    return (await server.http.get(WELL_KNOWN)).json()


@pytest.mark.clause("WG1-01-3-01", "WG1-01-3-02", "WG1-01-3.1-01", "WG1-01-8.1-02")
async def test_the_metadata_is_public_json_at_the_well_known_path(server):
    response = await server.http.get(WELL_KNOWN)

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert is_url(response.json()["cds_metadata_url"])


@pytest.mark.clause("WG1-01-8.1-02")
async def test_a_bogus_authorization_header_does_not_matter(server):
    response = await server.http.get(WELL_KNOWN, headers={"Authorization": "Bearer nonsense"})

    assert response.status_code == 200


@pytest.mark.clause("WG1-01-3.2-01", "WG1-01-3.2-06")
async def test_all_required_fields_are_there_with_their_types(metadata):
    for name, kind in REQUIRED.items():
        assert isinstance(metadata[name], kind), name


@pytest.mark.clause("WG1-01-3.2-02")
async def test_the_version_is_v1(metadata):
    assert metadata["cds_metadata_version"] == "v1"


@pytest.mark.clause("WG1-01-3.2-03")
async def test_the_canonical_url_leads_to_the_same_document(server, metadata):
    assert (await server.http.get(metadata["cds_metadata_url"])).json() == metadata


@pytest.mark.clause("WG1-01-2-01", "WG1-01-3.2-04")
async def test_created_and_updated_are_datetimes_in_order(server, metadata):
    created, updated = (datetime.fromisoformat(metadata[name]) for name in ("created", "updated"))

    assert created.tzinfo is not None
    assert created <= updated
    assert metadata["created"] == "2025-03-01T00:00:00Z"


@pytest.mark.clause("WG1-01-2-02")
async def test_every_url_is_absolute_also_when_the_catalog_names_a_page_of_this_server(metadata):
    urls = [metadata[name] for name in ("website", "documentation", "support", "coverage", "oauth_metadata")]

    assert all(is_url(url) for url in urls)
    assert metadata["support"] == f"{PUBLIC_URL}/docs/support"


@pytest.mark.clause("WG1-01-3.2-07", "WG1-01-3.4-01", "WG1-02-3.1-03")
async def test_capabilities_are_coverage_oauth_and_those_of_the_entries(make_server, tmp_path):
    catalog = a_catalog(
        coverage=[ENTRY | {"capabilities": ["customer_data"]}, ENTRY | {"id": "south", "capabilities": ["oauth"]}],
        extensions={"server_metadata": {"capabilities": ["events"]}},
    )
    server = await make_server(catalogs.load(catalog, tmp_path))

    metadata = (await server.http.get(WELL_KNOWN)).json()

    assert metadata["capabilities"] == ["coverage", "oauth", "customer_data", "events"]


@pytest.mark.clause("WG1-01-3.2-08", "WG1-01-3.4-02", "WG1-01-4-01")
async def test_the_coverage_url_is_there_with_the_capability_and_works(server, metadata):
    assert "coverage" in metadata["capabilities"]
    assert (await server.http.get(metadata["coverage"])).status_code == 200


@pytest.mark.clause("WG1-01-3.2-06", "WG1-01-3.2-08")
async def test_without_coverage_there_is_neither_the_capability_nor_the_url(make_server, tmp_path):
    server = await make_server(catalogs.load(a_catalog(), tmp_path))

    metadata = (await server.http.get(WELL_KNOWN)).json()

    assert metadata["capabilities"] == ["oauth"]
    assert "coverage" not in metadata


@pytest.mark.clause("WG1-02-3.1-04")
async def test_oauth_metadata_leads_to_the_authorization_server_metadata(server, metadata):
    response = await server.http.get(metadata["oauth_metadata"])

    assert response.status_code == 200
    assert response.json()["issuer"] == PUBLIC_URL


@pytest.mark.clause("WG1-01-3.2-09", "WG1-01-3.3-01")
async def test_related_servers_are_listed(make_server, tmp_path):
    related = ["https://north.example/.well-known/cds-server-metadata.json"]
    server = await make_server(catalogs.load(a_catalog(server={"related_metadata": related}), tmp_path))

    assert (await server.http.get(WELL_KNOWN)).json()["related_metadata"] == related


async def test_without_related_servers_the_field_is_left_out(metadata):
    assert "related_metadata" not in metadata


async def test_extension_fields_of_the_catalog_are_published_as_they_stand(make_server, tmp_path):
    extension = {"example_outages": {"url": "https://outages.example", "languages": ["en"]}}
    server = await make_server(catalogs.load(a_catalog(extensions={"server_metadata": extension}), tmp_path))

    assert (await server.http.get(WELL_KNOWN)).json()["example_outages"] == extension["example_outages"]


@pytest.mark.clause("WG1-01-3-04")
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_other_methods_are_405_and_say_what_is_allowed(server, method):
    response = await server.http.request(method, WELL_KNOWN)

    assert response.status_code == 405
    assert response.headers["allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.clause("WG1-01-3-04")
async def test_a_path_beside_it_is_404(server):
    assert (await server.http.get("/.well-known/cds-server-metadata.xml")).status_code == 404


@pytest.mark.clause("WG1-01-3-03")
async def test_who_has_the_document_gets_304_without_a_body(server):
    tag = (await server.http.get(WELL_KNOWN)).headers["etag"]

    response = await server.http.get(WELL_KNOWN, headers={"If-None-Match": tag})

    assert (response.status_code, response.content, response.headers["etag"]) == (304, b"", tag)


@pytest.mark.clause("WG1-01-5-01", "WG1-01-5-04")
async def test_after_a_migration_the_old_url_answers_301_with_the_new_one(make_server, tmp_path):
    new_url = "https://merged.example/.well-known/cds-server-metadata.json"
    server = await make_server(catalogs.load(a_catalog(server={"moved_to": new_url}), tmp_path))

    for headers in ({}, {"Authorization": "Bearer nonsense"}):
        response = await server.http.get(WELL_KNOWN, headers=headers)

        assert response.status_code == 301
        assert response.headers["location"] == new_url
    assert (await server.http.post(WELL_KNOWN)).status_code == 405


@pytest.mark.clause("WG1-01-5-02", "WG1-01-3.2-04")
async def test_a_changed_catalog_shows_at_the_same_url_with_a_new_tag(make_server, tmp_path):
    before = await make_server(catalogs.load(a_catalog(), tmp_path))
    changes = {"name": "Merged Electric", "updated": "2025-06-01T00:00:00Z"}
    after = await make_server(catalogs.load(a_catalog(server=changes), tmp_path))

    old, new = [await one.http.get(WELL_KNOWN) for one in (before, after)]

    assert new.json()["name"] == "Merged Electric"
    assert new.json()["updated"] > old.json()["updated"]
    assert new.json()["created"] == old.json()["created"]
    assert new.headers["etag"] != old.headers["etag"]


@pytest.mark.clause("WG1-01-8.2-01")
async def test_a_flood_from_one_address_is_429_and_a_single_request_later_works(make_server, clock):
    server = await make_server(CDS_RATE_LIMIT_ANONYMOUS="3/minute")

    statuses = [(await server.http.get(WELL_KNOWN)).status_code for _ in range(4)]
    clock.advance(minutes=1)

    assert statuses == [200, 200, 200, 429]
    assert (await server.http.get(WELL_KNOWN)).status_code == 200


@pytest.mark.clause("WG1-01-8.1-03")
async def test_nothing_that_the_public_documents_link_to_asks_for_credentials(server, metadata):
    [entry, _] = (await server.http.get(metadata["coverage"])).json()["coverage_entries"]
    documents = [metadata["coverage"], metadata["oauth_metadata"], entry["map_resource"], entry["geojson_resource"]]
    pages = [metadata["website"], metadata["documentation"], metadata["support"]]

    statuses = {url: (await server.http.get(url)).status_code for url in (*documents, *pages)}

    assert all(statuses[url] == 200 for url in documents)
    assert not {401, 403} & set(statuses.values())


async def test_below_a_path_prefix_the_document_is_found_stripped_and_unstripped(make_server, tmp_path):
    server = await make_server(
        catalogs.load(a_catalog(scopes={"usage": SCOPE}), tmp_path), CDS_PUBLIC_URL="https://utility.example/energy"
    )

    stripped, unstripped = [
        await server.http.get(f"https://utility.example{prefix}{WELL_KNOWN}") for prefix in ("", "/energy")
    ]

    assert stripped.json() == unstripped.json()
    assert stripped.json()["cds_metadata_url"] == f"https://utility.example/energy{WELL_KNOWN}"
