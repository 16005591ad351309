"""A map of the territories, drawn from the catalog's GeoJSON files when the server starts, as SVG in the page.

Longitudes and latitudes become a plane on which both have the right proportion in the middle of the map
(equirectangular, good for territories of any size that a utility has). What could not be seen at the size of the page
is left out, so a file with every bend of a coast makes a page of a few kilobytes. Nothing is loaded from elsewhere.

Source: RFC 7946 (3.1.1 positions, 3.1.9 territories across the antimeridian).
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from app.catalog import Catalog
from app.catalog.model import CoverageEntry
from app.docs.geometry import WIDTH, Plane, Position, area, middle, simplified

MOST_POINTS: Final = 3000
MOST_NAMES: Final = 12
COLOURS: Final = 6
"""Territories with the same remainder share a colour; their names tell them apart."""

_LETTER: Final = 14.0
"""How wide a letter of a name is on a phone, where letters are larger in proportion."""

_FREE: Final = 4
_CIRCLE: Final = 360.0
_FINEST: Final = 0.4
_STEPS: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60)
"""Degrees between two lines of the grid."""

_MOST_LINES: Final = 6


class Shape(NamedTuple):
    """One geometry, in degrees: `kind` is `area`, `line` or `point`; an area has its holes behind its outline."""

    name: str
    kind: str
    paths: tuple[tuple[Position, ...], ...]


class Drawn(NamedTuple):
    """A shape of the picture: `d` of a path, or the middle of a point."""

    name: str
    d: str
    x: float
    y: float


class Territory(NamedTuple):
    """One coverage entry."""

    entry_id: str
    name: str
    colour: int
    areas: list[Drawn]
    lines: list[Drawn]
    points: list[Drawn]


class Label(NamedTuple):
    """A text in the picture."""

    text: str
    x: float
    y: float


class Map(NamedTuple):
    """The picture.

    Args:
        description: For those who do not see it.
        grid: Paths of meridians and parallels, `degrees` their labels.
        names: Of areas.
    """

    width: int
    height: int
    description: str
    territories: list[Territory]
    grid: list[str]
    meridians: list[Label]
    parallels: list[Label]
    names: list[Label]


def draw(catalog: Catalog) -> Map | None:
    """The map of all territories that have a GeoJSON file; None when none has one with a place in it."""
    found = [(entry, list(shapes_of(catalog, entry))) for entry in catalog.coverage if entry.geojson]
    found = [(entry, shapes) for entry, shapes in found if shapes]
    if not found:
        return None
    shift = antimeridian([shape for _, shapes in found for shape in shapes])
    moved = [(entry, [shifted(shape, shift) for shape in shapes]) for entry, shapes in found]
    plane = Plane.around([position for _, shapes in moved for position in positions(shapes)])
    tolerance = fitting_tolerance(plane, [shape for _, shapes in moved for shape in shapes])
    territories = [
        territory(plane, entry, shapes, number % COLOURS + 1, tolerance) for number, (entry, shapes) in enumerate(moved)
    ]
    return Map(
        WIDTH,
        plane.height,
        description(moved, plane),
        territories,
        *grid(plane),
        names=names(plane, moved),
    )


# Reading


def shapes_of(catalog: Catalog, entry: CoverageEntry) -> Iterator[Shape]:
    """Everything that the file of an entry draws."""
    if entry.geojson:
        yield from _shapes(msgspec.json.decode(catalog.path(entry.geojson).read_bytes()), "")


def _shapes(found: dict[str, Any], name: str) -> Iterator[Shape]:
    kind, places = found["type"], found.get("coordinates") or []
    if kind == "Feature":
        named = (found.get("properties") or {}).get("name")
        if found.get("geometry"):
            yield from _shapes(found["geometry"], named if isinstance(named, str) else name)
    elif kind in {"FeatureCollection", "GeometryCollection"}:
        for one in found.get("features") or found.get("geometries") or []:
            yield from _shapes(one, name)
    elif places:
        yield from _geometry(kind, places, name)


def _geometry(kind: str, places: list[Any], name: str) -> Iterator[Shape]:
    base = kind.removeprefix("Multi")
    several = places if kind.startswith("Multi") else [places]
    for one in several:
        if base == "Point":
            yield Shape(name, "point", (_path([one]),))
        elif base == "LineString":
            yield Shape(name, "line", (_path(one),))
        elif one:
            yield Shape(name, "area", tuple(_path(ring) for ring in one))


def _path(places: Iterable[Sequence[float]]) -> tuple[Position, ...]:
    return tuple((float(place[0]), float(place[1])) for place in places)


def positions(shapes: Iterable[Shape]) -> Iterator[Position]:
    """All positions of some shapes."""
    for shape in shapes:
        for path in shape.paths:
            yield from path


# Where it is


def antimeridian(shapes: Iterable[Shape]) -> float:
    """The longitude west of which everything is moved around the world once, so that neighbours are beside each other.

    That is -180, which moves nothing, unless the widest empty stretch of longitudes lies within the map.
    """
    spans = sorted((min(longitudes), max(longitudes)) for longitudes in map(_longitudes, shapes) if longitudes)
    cut, widest = -180.0, spans[0][0] + _CIRCLE - max(end for _, end in spans)
    reached = spans[0][1]
    for start, end in spans[1:]:
        if start - reached > widest:
            cut, widest = start, start - reached
        reached = max(reached, end)
    return cut


def _longitudes(shape: Shape) -> list[float]:
    return [longitude for path in shape.paths for longitude, _ in path]


def shifted(shape: Shape, cut: float) -> Shape:
    """A shape moved around the world once, if it lies west of the cut."""
    if min(_longitudes(shape)) >= cut:
        return shape
    return Shape(shape.name, shape.kind, tuple(tuple((x + _CIRCLE, y) for x, y in path) for path in shape.paths))


# Drawing


def territory(plane: Plane, entry: CoverageEntry, shapes: Sequence[Shape], colour: int, tolerance: float) -> Territory:
    """One entry of the picture."""
    drawn = [(shape.kind, drawing(plane, shape, tolerance)) for shape in shapes]
    of_kind = {kind: [one for its, one in drawn if its == kind] for kind in ("area", "line", "point")}
    return Territory(entry.id, entry.name, colour, of_kind["area"], of_kind["line"], of_kind["point"])


def drawing(plane: Plane, shape: Shape, tolerance: float) -> Drawn:
    """One shape of it. Holes that could not be seen are left out."""
    paths = [simplified([plane.place(one) for one in path], tolerance) for path in shape.paths]
    kept = [path for number, path in enumerate(paths) if number == 0 or len(path) > 3]  # noqa: PLR2004 -- a triangle
    end = "Z" if shape.kind == "area" else ""
    x, y = plane.place(shape.paths[0][0])
    return Drawn(shape.name, "".join(f"M{_points(path)}{end}" for path in kept), round(x, 1), round(y, 1))


def _points(path: Sequence[Position]) -> str:
    return "L".join(f"{x:.1f} {y:.1f}" for x, y in path)


def fitting_tolerance(plane: Plane, shapes: Sequence[Shape]) -> float:
    """How far lines may be off, in units of the picture, so that it has no more points than `MOST_POINTS`.

    What is small already does not count, or thousands of islands would take the coast away.
    """
    paths = [[plane.place(one) for one in path] for shape in shapes for path in shape.paths]
    tolerance = _FINEST
    while sum(max(len(simplified(path, tolerance)) - _FREE, 0) for path in paths) > MOST_POINTS and tolerance < WIDTH:
        tolerance *= 2
    return tolerance


def grid(plane: Plane) -> tuple[list[str], list[Label], list[Label]]:
    """Lines of the picture, and the degrees of meridians below and of parallels on the left."""
    west, south, east, north = plane.shown
    step = _step(east - west, north - south)
    lines, meridians, parallels = [], [], []
    for longitude in _multiples(west, east, step):
        x = round(plane.place((longitude, 0))[0], 1)
        lines.append(f"M{x} 0V{plane.height}")
        meridians.append(Label(_degrees((longitude + 180) % _CIRCLE - 180, "E", "W", step), x, plane.height - 9))
    for latitude in _multiples(max(south, -90), min(north, 90), step):
        y = round(plane.place((0, latitude))[1], 1)
        lines.append(f"M0 {y}H{WIDTH}")
        parallels.append(Label(_degrees(latitude, "N", "S", step), 8, y - 4))
    margin = 24
    return (
        lines,
        [one for one in meridians if margin * 2 < one.x < WIDTH - margin],
        [one for one in parallels if margin < one.y < plane.height - margin],
    )


def _step(wide: float, tall: float) -> float:
    fitting = (step for step in _STEPS if max(wide, tall) / step <= _MOST_LINES)
    return next(fitting, _STEPS[-1])


def _multiples(start: float, end: float, step: float) -> list[float]:
    first = math.ceil(start / step)
    return [number * step for number in range(first, math.floor(end / step) + 1)]


def _degrees(value: float, positive: str, negative: str, step: float = 0.01) -> str:
    """`42.5° N`, as exact as the step."""
    digits = 0 if step >= 1 else 1 if step >= 0.1 else 2  # noqa: PLR2004 -- tenths and hundredths
    rounded = round(abs(value), digits)
    side = "" if not rounded else f" {positive if value > 0 else negative}"
    return f"{rounded:.{digits}f}°{side}"


def names(plane: Plane, found: Sequence[tuple[CoverageEntry, Sequence[Shape]]]) -> list[Label]:
    """The names of areas and points, if they are so few that they can be read: one for each, at its largest part."""
    largest: dict[str, tuple[float, Position]] = {}
    for entry, shapes in found:
        for shape in shapes:
            placed = [plane.place(one) for one in shape.paths[0]]
            size = abs(area(placed))
            name = shape.name or entry.name
            if size >= largest.get(name, (-1.0, (0.0, 0.0)))[0]:
                largest[name] = size, middle(placed)
    if len(largest) > MOST_NAMES:
        return []
    return [Label(name, round(_within(x, name), 1), round(y, 1)) for name, (_, (x, y)) in largest.items()]


def _within(x: float, name: str) -> float:
    """The middle of a name, moved so that no end of it is outside of the picture."""
    half = min(len(name) * _LETTER / 2, WIDTH / 2)
    return min(max(x, half), WIDTH - half)


def description(found: Sequence[tuple[CoverageEntry, Sequence[Shape]]], plane: Plane) -> str:
    """What there is to see, and where in the world it is."""
    texts = []
    for entry, shapes in found:
        parts = list(dict.fromkeys(shape.name for shape in shapes if shape.name))
        listed = f" ({', '.join(parts)})" if 0 < len(parts) <= MOST_NAMES else ""
        texts.append(entry.name + listed)
    return (
        f"{'; '.join(texts)}. From {_degrees(plane.south, 'N', 'S')} to {_degrees(plane.north, 'N', 'S')} and from"
        f" {_degrees((plane.west + 180) % _CIRCLE - 180, 'E', 'W')} to"
        f" {_degrees((plane.east + 180) % _CIRCLE - 180, 'E', 'W')}."
    )
