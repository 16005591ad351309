"""The page at the root: who this is, what there is, and a map of where (CDS-WG1-01 3.2 `website`, 4.3)."""

import itertools
import json
import math
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from app.catalog import Catalog
from app.docs.coverage_map import MOST_POINTS, WIDTH, Map, draw
from app.docs.geometry import MARGIN, MAX_HEIGHT, simplified
from tests.catalogs import a_catalog, load
from tests.conftest import PUBLIC_URL, MakeServer, Server
from tests.html_pages import View

SQUARE = [[-90, 40], [-89, 40], [-89, 41], [-90, 41], [-90, 40]]


async def landing(server: Server) -> View:
    """The page."""
    answer = await server.http.get(server.settings.public_url + "/")
    assert answer.status_code == 200
    return View(answer)


def with_geojson(catalog: Catalog, directory: Path, *documents: dict[str, Any]) -> Catalog:
    """The demo utility with territories of these shapes."""
    entries = []
    for number, document in enumerate(documents, start=1):
        (directory / f"{number}.geojson").write_text(json.dumps(document), encoding="utf-8")
        entry = replace(catalog.coverage[0], id=f"t{number}", name=f"Territory {number}", map=None)
        entries.append(replace(entry, geojson=f"{number}.geojson"))
    return replace(catalog, coverage=tuple(entries), directory=directory)


def polygon(*rings: list[list[float]]) -> dict[str, Any]:
    """A shape."""
    return {"type": "Polygon", "coordinates": list(rings)}


def drawn(catalog: Catalog, directory: Path, *documents: dict[str, Any]) -> Map:
    """The map of these shapes."""
    found = draw(with_geojson(catalog, directory, *documents))
    assert found
    return found


def places(path: str) -> list[tuple[float, float]]:
    """The positions of a path."""
    steps = path.replace("M", "L").replace("Z", "").split("L")
    return [(float(step.split()[0]), float(step.split()[1])) for step in steps if step]


# The page


async def test_a_newcomer_learns_what_this_is_and_where_to_go(server: Server) -> None:
    view = await landing(server)
    links = [value for name, value in view.attributes if name == "href"]

    for said in ("Prairie & Lake Energy", "Customer data", "Grid status", "Electric service territory", "How it goes"):
        assert said in view.text
    assert {"/register", f"{PUBLIC_URL}/docs", "/console"} <= set(links)
    assert "Staff of Prairie & Lake Energy" in view.text


async def test_the_map_is_part_of_the_page(server: Server) -> None:
    """Drawn here, with a name and a description for those who do not see it; nothing is loaded for it."""
    view = await landing(server)

    assert "svg" in view.tags
    assert view.images == []
    assert view.policy["default-src"] == ["'none'"]
    assert ("role", "img") in view.attributes
    assert "Where Prairie & Lake Energy is" in view.text
    assert "Electric service territory (Prairie division, Lake division)." in view.text
    assert "From 42.50° N to 43.25° N and from 91.05° W to 88.12° W." in view.text
    assert all(name != "style" for name, _ in view.attributes), "the policy would take it away"


async def test_territories_without_geojson_have_their_picture_or_their_link(
    make_server: MakeServer, demo_catalog: Catalog
) -> None:
    electric, gas = demo_catalog.coverage
    picture = replace(electric, geojson=None)
    away = replace(gas, geojson_resource="https://maps.example/gas.geojson")
    view = await landing(await make_server(replace(demo_catalog, coverage=(picture, away))))

    assert "svg" not in view.tags
    assert [image["alt"] for image in view.images] == ["Map: Electric service territory"]
    assert ("href", "https://maps.example/gas.geojson") in view.attributes


async def test_the_smallest_catalog_has_a_landing_page(make_server: MakeServer, tmp_path: Path) -> None:
    view = await landing(await make_server(load(a_catalog(), tmp_path)))

    assert "svg" not in view.tags
    assert "Customers" not in view.text


async def test_names_on_the_map_are_text(make_server: MakeServer, demo_catalog: Catalog, tmp_path: Path) -> None:
    named = {"type": "Feature", "properties": {"name": "<script>alert(1)</script>"}, "geometry": polygon(SQUARE)}
    view = await landing(await make_server(with_geojson(demo_catalog, tmp_path, named)))

    assert "script" not in view.tags
    assert "<script>alert(1)</script>" in view.text


# The map


def test_territories_keep_their_proportions(demo_catalog: Catalog, tmp_path: Path) -> None:
    """A degree of longitude is shorter than one of latitude, the more so the further north."""
    found = drawn(demo_catalog, tmp_path, polygon(SQUARE))
    corners = places(found.territories[0].areas[0].d)
    wide = max(x for x, _ in corners) - min(x for x, _ in corners)
    tall = max(y for _, y in corners) - min(y for _, y in corners)

    assert wide / tall == pytest.approx(math.cos(math.radians(40.5)), abs=0.01)
    assert tall == pytest.approx(MAX_HEIGHT - 2 * MARGIN, abs=1)
    assert all(0 <= x <= WIDTH and 0 <= y <= found.height for x, y in corners)
    assert corners[0][1] > corners[2][1], "north is up"


def test_every_kind_of_shape_is_drawn(demo_catalog: Catalog, tmp_path: Path) -> None:
    """RFC 7946 3.1."""
    hole = [[-89.7, 40.3], [-89.3, 40.3], [-89.3, 40.7], [-89.7, 40.7], [-89.7, 40.3]]
    far = [[x + 3, y] for x, y in SQUARE]
    found = drawn(
        demo_catalog,
        tmp_path,
        {
            "type": "FeatureCollection",
            "features": [
                {"type": "Feature", "properties": {"name": "Whole"}, "geometry": polygon(SQUARE, hole)},
                {"type": "Feature", "properties": None, "geometry": None},
                {"type": "Feature", "properties": {}, "geometry": {"type": "MultiPolygon", "coordinates": [[far], []]}},
            ],
        },
        {
            "type": "GeometryCollection",
            "geometries": [
                {"type": "LineString", "coordinates": [[-90, 40, 12], [-89, 42, 15]]},
                {"type": "MultiLineString", "coordinates": [[[-90, 40], [-89, 42]]]},
                {"type": "Point", "coordinates": [-88, 40]},
                {"type": "MultiPoint", "coordinates": [[-88, 41], [-88, 42]]},
                {"type": "Polygon", "coordinates": []},
            ],
        },
    )
    first, second = found.territories

    assert (len(first.areas), len(second.lines), len(second.points)) == (2, 2, 3)
    assert first.areas[0].d.count("M") == 2
    assert first.areas[0].name == "Whole"
    assert [first.colour, second.colour] == [1, 2]
    assert "Territory 1 (Whole); Territory 2." in found.description


def test_neighbours_across_the_antimeridian_are_side_by_side(demo_catalog: Catalog, tmp_path: Path) -> None:
    """RFC 7946 3.1.9: such a territory comes in two parts."""
    east = [[178, -19], [180, -19], [180, -16], [178, -16], [178, -19]]
    west = [[-180, -19], [-179, -19], [-179, -16], [-180, -16], [-180, -19]]
    found = drawn(demo_catalog, tmp_path, {"type": "MultiPolygon", "coordinates": [[west], [east]]})
    left, right = (places(area.d) for area in sorted(found.territories[0].areas, key=lambda one: one.x))

    assert max(x for x, _ in left) == pytest.approx(min(x for x, _ in right))
    assert "from 178.00° E to 179.00° W" in found.description
    assert {"178° E", "179° W"} & {label.text for label in found.meridians}


def test_the_whole_world_and_the_poles_fit(demo_catalog: Catalog, tmp_path: Path) -> None:
    world = [[-180, -90], [180, -90], [180, 90], [-180, 90], [-180, -90]]
    pole = [[0, 89], [90, 89], [180, 89], [0, 89]]

    for ring in (world, pole):
        found = drawn(demo_catalog, tmp_path, polygon(ring))
        assert all(-1 <= x <= WIDTH + 1 for x, _ in places(found.territories[0].areas[0].d))
        assert len(found.grid) < 20


def test_a_single_place_is_a_map_too(demo_catalog: Catalog, tmp_path: Path) -> None:
    found = drawn(demo_catalog, tmp_path, {"type": "Point", "coordinates": [0, 0]})

    assert found.territories[0].points[0].x == WIDTH / 2
    assert found.names[0].text == "Territory 1"


def test_nothing_to_draw_is_no_map(demo_catalog: Catalog, tmp_path: Path) -> None:
    empty = {"type": "FeatureCollection", "features": []}

    assert draw(with_geojson(demo_catalog, tmp_path, empty)) is None


def test_a_coast_with_every_bend_makes_a_small_page(demo_catalog: Catalog, tmp_path: Path) -> None:
    """What nobody could see is left out, and no more than that where there is room."""
    turns = [2 * math.pi * number / 50_000 for number in range(50_000)]
    coast = [
        [10 + (1 + 0.1 * math.sin(40 * turn) + 0.001 * math.sin(9000 * turn)) * math.cos(turn), 50 + math.sin(turn)]
        for turn in turns
    ]
    found = drawn(demo_catalog, tmp_path, polygon([*coast, coast[0]]))
    kept = places(found.territories[0].areas[0].d)

    assert 100 < len(kept) <= MOST_POINTS


def test_thousands_of_islands_make_a_small_page_too(demo_catalog: Catalog, tmp_path: Path) -> None:
    islands = [[[[x + 0.1, y], [x + 0.2, y], [x + 0.2, y + 0.1], [x + 0.1, y]]] for x in range(60) for y in range(40)]
    found = drawn(demo_catalog, tmp_path, {"type": "MultiPolygon", "coordinates": islands})

    assert sum(len(area.d) for area in found.territories[0].areas) < 150_000


@pytest.mark.parametrize("tolerance", [0.1, 1.0, 10.0])
def test_a_simplified_line_stays_within_its_tolerance(tolerance: float) -> None:
    line = [(x / 5, 20 * math.sin(x / 40) + 3 * math.sin(x / 3)) for x in range(2000)]
    kept = simplified(line, tolerance)

    assert (kept[0], kept[-1]) == (line[0], line[-1])
    assert len(kept) < len(line)
    for point in line[::7]:
        assert min(_off(point, start, end) for start, end in itertools.pairwise(kept)) <= 1.5 * tolerance


def _off(point: tuple[float, float], start: tuple[float, float], end: tuple[float, float]) -> float:
    length = math.dist(start, end) or 1.0
    share = ((point[0] - start[0]) * (end[0] - start[0]) + (point[1] - start[1]) * (end[1] - start[1])) / length**2
    share = min(max(share, 0), 1)
    return math.dist(point, (start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])))


def test_a_line_that_ends_where_it_begins_does_not_vanish() -> None:
    square = [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0), (0.0, 0.0)]

    assert simplified(square, 1.0) == square
