"""CDS-WG1-01 section 4: the coverage listing, its pages and filters, and the maps it links to."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from app.catalog import codes
from app.catalog.files import is_wgs84
from tests import catalogs
from tests.catalogs import ENTRY, a_catalog
from tests.conftest import PUBLIC_URL, MakeServer, Server

COVERAGE = "/cds-api/v1/coverage"
REQUIRED = {
    "id",
    "created",
    "updated",
    "entity_name",
    "entity_abbreviation",
    "country",
    "name",
    "type",
    "role",
    "infrastructure_types",
    "commodity_types",
    "capabilities",
}
START = datetime(2025, 1, 1, tzinfo=UTC)


def many_entries(count: int) -> list[dict[str, Any]]:
    """Entries of which always three were updated in the same second."""
    return [
        ENTRY | {"id": f"area-{number}", "updated": (START + timedelta(hours=number // 3)).isoformat()}
        for number in range(count)
    ]


@pytest.fixture
async def large(make_server: MakeServer, tmp_path) -> Server:
    """A server with 250 coverage entries."""
    return await make_server(catalogs.load(a_catalog(coverage=many_entries(250)), tmp_path))


@pytest.fixture
async def entries(server) -> list[dict[str, Any]]:
    return (await server.http.get(COVERAGE)).json()["coverage_entries"]


async def pages(server: Server, url: str, link: str = "next") -> list[dict[str, Any]]:
    """The listing at `url` and all that `link` leads to."""
    found = [(await server.http.get(url)).json()]
    while found[-1][link]:
        found.append((await server.http.get(found[-1][link])).json())
    return found


def ids(*listings: dict[str, Any]) -> list[str]:
    return [entry["id"] for listing in listings for entry in listing["coverage_entries"]]


@pytest.mark.clause("WG1-01-4-02", "WG1-01-4.1-01")
async def test_the_listing_is_public_json_with_its_three_fields(server):
    response = await server.http.get(COVERAGE)

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert set(response.json()) == {"coverage_entries", "next", "previous"}
    assert (response.json()["next"], response.json()["previous"]) == (None, None)


@pytest.mark.clause("WG1-01-4.3-01", "WG1-01-4.3-04", "WG1-01-4.3-07")
async def test_every_entry_has_the_required_fields(entries):
    assert len(entries) == 2
    for entry in entries:
        assert set(entry) >= REQUIRED
        assert isinstance(entry["entity_abbreviation"], str | None)
        assert all(isinstance(entry[name], list) for name in ("infrastructure_types", "commodity_types"))


@pytest.mark.clause("WG1-01-2-01", "WG1-01-2-02")
async def test_datetimes_countries_urls_and_media_types_are_well_formed(entries):
    for entry in entries:
        assert all(datetime.fromisoformat(entry[name]).tzinfo for name in ("created", "updated"))
        assert entry["country"] in codes.COUNTRIES
        for name in ("map_resource", "geojson_resource"):
            assert urlsplit(entry.get(name, PUBLIC_URL)).scheme == "https"
        assert re.fullmatch(r"[a-z]+/[a-z0-9.+-]+", entry.get("map_content_type", "image/png"))


@pytest.mark.clause("WG1-01-4.4-03", "WG1-01-4.5-01", "WG1-01-4.6-01", "WG1-01-4.7-01", "WG1-01-4.3-07")
async def test_types_roles_and_categories_come_from_the_lists_of_the_specification(entries):
    for entry in entries:
        assert entry["type"] in {"geographic", "logical"}
        assert entry["role"] in {"authoritative", "official", "aggregator"}
        assert set(entry["infrastructure_types"]) <= set(codes.INFRASTRUCTURE_TYPES)
        assert set(entry["commodity_types"]) <= set(codes.COMMODITY_TYPES)


@pytest.mark.clause("WG1-01-4.3-08")
async def test_an_entry_never_has_the_capability_coverage_and_has_oauth_where_a_scope_covers_it(entries):
    assert [entry["capabilities"] for entry in entries] == [["oauth"], ["oauth"]]


@pytest.mark.clause("WG1-01-4.3-07", "WG1-01-4.3-04", "WG1-01-4.3-06")
async def test_lists_are_empty_and_the_abbreviation_null_when_there_is_nothing_to_say(make_server, tmp_path):
    server = await make_server(catalogs.load(catalogs.with_entry(), tmp_path))

    [entry] = (await server.http.get(COVERAGE)).json()["coverage_entries"]

    assert (entry["infrastructure_types"], entry["commodity_types"], entry["capabilities"]) == ([], [], [])
    assert entry["entity_abbreviation"] is None
    assert "description" not in entry


@pytest.mark.clause("WG1-01-4.3-03")
async def test_an_entry_may_be_about_another_entity_than_the_server(server, entries):
    metadata = (await server.http.get("/.well-known/cds-server-metadata.json")).json()

    assert entries[1]["entity_name"] != metadata["name"]


@pytest.mark.clause("WG1-01-4.3-05")
async def test_an_area_of_two_countries_is_two_entries(make_server, tmp_path):
    both = [ENTRY | {"id": f"border-{country}", "country": country} for country in ("US", "CA")]
    server = await make_server(catalogs.load(a_catalog(coverage=both), tmp_path))

    found = (await server.http.get(COVERAGE)).json()["coverage_entries"]

    assert sorted(entry["country"] for entry in found) == ["CA", "US"]


async def test_extension_fields_of_an_entry_are_published_as_they_stand(make_server, tmp_path):
    server = await make_server(catalogs.load(catalogs.with_entry(example_zones=["a", 1]), tmp_path))

    assert (await server.http.get(COVERAGE)).json()["coverage_entries"][0]["example_zones"] == ["a", 1]


# Maps


@pytest.mark.clause("WG1-01-4.3-12")
async def test_a_geographic_entry_has_a_map(entries):
    geographic = [entry for entry in entries if entry["type"] == "geographic"]

    assert geographic
    assert all("map_resource" in entry or "geojson_resource" in entry for entry in geographic)


@pytest.mark.clause("WG1-01-4.3-09")
async def test_the_media_type_of_a_map_is_that_of_the_resource(server, entries):
    response = await server.http.get(entries[0]["map_resource"])

    assert response.status_code == 200
    assert response.headers["content-type"] == entries[0]["map_content_type"] == "image/png"
    assert response.content.startswith(b"\x89PNG")


@pytest.mark.clause("WG1-01-4.3-10")
async def test_the_geojson_is_in_wgs_84(server, entries):
    response = await server.http.get(entries[0]["geojson_resource"])

    assert response.headers["content-type"] == "application/geo+json"
    assert "crs" not in response.json()
    assert is_wgs84(response.json())


async def test_maps_can_be_cached_and_read_by_any_origin(server, entries):
    response = await server.http.get(entries[0]["geojson_resource"])

    again = await server.http.get(entries[0]["geojson_resource"], headers={"If-None-Match": response.headers["etag"]})

    assert response.headers["access-control-allow-origin"] == "*"
    assert again.status_code == 304


async def test_a_map_that_does_not_exist_is_404_and_writing_one_405(server):
    assert (await server.http.get(f"{COVERAGE}/files/catalog.yaml")).status_code == 404
    assert (await server.http.get(f"{COVERAGE}/files/..%2fcatalog.yaml")).status_code == 404
    assert (await server.http.put(f"{COVERAGE}/files/ple_electric.png")).status_code == 405


async def test_an_svg_map_cannot_run_scripts_as_this_server(make_server, tmp_path):
    (tmp_path / "north.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    server = await make_server(catalogs.load(catalogs.with_entry(map="north.svg"), tmp_path))

    response = await server.http.get(f"{COVERAGE}/files/north.svg")

    assert response.headers["content-type"] == "image/svg+xml"
    assert "sandbox" in response.headers["content-security-policy"]


async def test_maps_elsewhere_are_linked_as_they_are(make_server, tmp_path):
    links = {"map_resource": "https://maps.example/n.webp", "geojson_resource": "https://maps.example/n.geojson"}
    server = await make_server(catalogs.load(catalogs.with_entry(type="geographic", **links), tmp_path))

    [entry] = (await server.http.get(COVERAGE)).json()["coverage_entries"]

    assert entry.items() >= {**links, "map_content_type": "image/webp"}.items()


# Order and pages


@pytest.mark.clause("WG1-01-4.1-02", "WG1-01-4.3-02")
async def test_next_leads_through_every_entry_once_and_previous_back(large):
    forwards = await pages(large, COVERAGE)
    backwards = await pages(large, forwards[-2]["next"], "previous")

    assert [len(page["coverage_entries"]) for page in forwards] == [100, 100, 50]
    assert len(set(ids(*forwards))) == 250
    assert forwards[0]["previous"] is None
    assert forwards[-1]["next"] is None
    assert ids(*reversed(backwards)) == ids(*forwards)


@pytest.mark.clause("WG1-01-4.1-03")
async def test_entries_are_ordered_by_updated_newest_first(large):
    listings = await pages(large, COVERAGE)

    updated = [entry["updated"] for listing in listings for entry in listing["coverage_entries"]]

    assert updated == sorted(updated, reverse=True)


async def test_page_links_are_absolute_urls_of_this_server(large):
    assert (await large.http.get(COVERAGE)).json()["next"].startswith(f"{PUBLIC_URL}{COVERAGE}?")


@pytest.mark.clause("WG1-01-4-04")
@pytest.mark.parametrize("cursor", ["x", "bjE", "n-5.area-1", "%00", "%C3%A9", "a" * 2000, "bi01LmE="])
async def test_a_malformed_cursor_is_400(large, cursor):
    response = await large.http.get(f"{COVERAGE}?cursor={cursor}")

    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "cursor"


async def test_two_cursors_or_absurdly_many_parameters_are_400(large):
    assert (await large.http.get(f"{COVERAGE}?cursor=a&cursor=b")).status_code == 400
    assert (await large.http.get(f"{COVERAGE}?{'ids=a&' * 1001}")).status_code == 400


@pytest.mark.clause("WG1-01-4-04")
async def test_other_methods_are_405(server):
    assert (await server.http.post(COVERAGE)).status_code == 405
    assert (await server.http.delete(f"{COVERAGE}?cursor=x")).status_code == 405


# Filter


@pytest.mark.clause("WG1-01-4.2-01", "WG1-01-4.2-02")
@pytest.mark.parametrize("query", ["ids=area-3%20area-7", "ids=area-3+area-7", "ids=area-3&ids=area-7+area-3"])
async def test_ids_selects_exactly_those_entries(large, query):
    listing = (await large.http.get(f"{COVERAGE}?{query}")).json()

    assert ids(listing) == ["area-7", "area-3"]
    assert (listing["next"], listing["previous"]) == (None, None)


@pytest.mark.clause("WG1-01-4.2-02")
async def test_an_unknown_id_gives_an_empty_listing(large):
    response = await large.http.get(f"{COVERAGE}?ids=nowhere")

    assert response.status_code == 200
    assert response.json() == {"coverage_entries": [], "next": None, "previous": None}


@pytest.mark.parametrize("query", ["ids=", "ids=+", "cursor=", "unknown=1"])
async def test_empty_and_unknown_parameters_change_nothing(server, query):
    assert (await server.http.get(f"{COVERAGE}?{query}")).json() == (await server.http.get(COVERAGE)).json()


@pytest.mark.clause("WG1-01-4.1-02", "WG1-01-4.2-01")
async def test_page_links_keep_the_filter(large):
    wanted = [f"area-{number}" for number in range(0, 240, 2)]

    listings = await pages(large, f"{COVERAGE}?ids={'+'.join(wanted)}")

    assert sorted(ids(*listings)) == sorted(wanted)
    assert [len(listing["coverage_entries"]) for listing in listings] == [100, 20]
    assert parse_qs(urlsplit(listings[0]["next"]).query)["ids"] == [" ".join(wanted)]


# Caching


@pytest.mark.clause("WG1-01-4-03")
@pytest.mark.parametrize("query", ["", "?ids=area-1"])
async def test_who_has_the_page_gets_304(large, query):
    tag = (await large.http.get(COVERAGE + query)).headers["etag"]

    response = await large.http.get(COVERAGE + query, headers={"If-None-Match": tag})

    assert (response.status_code, response.content) == (304, b"")


async def test_pages_and_filters_have_tags_of_their_own(large):
    first = await large.http.get(COVERAGE)
    second = await large.http.get(first.json()["next"])

    assert first.headers["etag"] != second.headers["etag"]
    assert json.loads(first.content) != json.loads(second.content)
