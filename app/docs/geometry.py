"""The plane of a map: how degrees become units of a picture, and how lines lose what nobody could see in it."""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

WIDTH: Final = 720
MAX_HEIGHT: Final = 520
MIN_HEIGHT: Final = 200
MARGIN: Final = 34
"""Units of the picture around the territories, in which the degrees stand."""

_FLATTEST: Final = 0.05
"""The least that a degree of longitude counts: near the poles it would be nothing."""

Position = tuple[float, float]


class Plane(NamedTuple):
    """How degrees become units of the picture."""

    west: float
    south: float
    east: float
    north: float
    flattening: float
    scale: float
    height: int

    @classmethod
    def around(cls, places: Sequence[Position]) -> "Plane":
        """The largest picture that these positions fit in."""
        west, east = min(x for x, _ in places), max(x for x, _ in places)
        south, north = min(y for _, y in places), max(y for _, y in places)
        flattening = max(math.cos(math.radians((south + north) / 2)), _FLATTEST)
        wide, tall = max((east - west) * flattening, 1e-3), max(north - south, 1e-3)
        scale = min((WIDTH - 2 * MARGIN) / wide, (MAX_HEIGHT - 2 * MARGIN) / tall)
        height = max(MIN_HEIGHT, math.ceil(tall * scale) + 2 * MARGIN)
        return cls(west, south, east, north, flattening, scale, height)

    def place(self, position: Position) -> Position:
        """Where a position is in the picture, whose middle is that of the territories."""
        x = WIDTH / 2 + (position[0] - (self.west + self.east) / 2) * self.flattening * self.scale
        y = self.height / 2 - (position[1] - (self.south + self.north) / 2) * self.scale
        return x, y

    @property
    def shown(self) -> tuple[float, float, float, float]:
        """West, south, east and north of the whole picture."""
        across, along = WIDTH / 2 / self.scale / self.flattening, self.height / 2 / self.scale
        middle, level = (self.west + self.east) / 2, (self.south + self.north) / 2
        return middle - across, level - along, middle + across, level + along


def simplified(path: Sequence[Position], tolerance: float) -> list[Position]:
    """A line with fewer points that is nowhere further off than the tolerance (Ramer, Douglas and Peucker)."""
    points = _without_crowds(path, tolerance / 2)
    keep = {0, len(points) - 1}
    waiting = [(0, len(points) - 1)]
    while waiting:
        start, end = waiting.pop()
        furthest, distance = start, tolerance
        for number in range(start + 1, end):
            off = _distance(points[number], points[start], points[end])
            if off > distance:
                furthest, distance = number, off
        if furthest != start:
            keep.add(furthest)
            waiting += [(start, furthest), (furthest, end)]
    return [points[number] for number in sorted(keep)]


def _without_crowds(path: Sequence[Position], least: float) -> list[Position]:
    """A line without points that are next to the one before, which is quick and leaves little for the thorough way."""
    kept = [path[0]]
    for point in path[1:-1]:
        if math.dist(kept[-1], point) >= least:
            kept.append(point)
    return [*kept, path[-1]] if len(path) > 1 else kept


def _distance(point: Position, start: Position, end: Position) -> float:
    """From a point to the line between two others."""
    across, along = end[0] - start[0], end[1] - start[1]
    length = math.hypot(across, along)
    if not length:
        return math.dist(point, start)
    share = ((point[0] - start[0]) * across + (point[1] - start[1]) * along) / length**2
    share = min(max(share, 0.0), 1.0)
    return math.dist(point, (start[0] + share * across, start[1] + share * along))


def area(ring: Sequence[Position]) -> float:
    """What a ring encloses, in square units; the sign says which way round it goes."""
    pairs = zip(ring, [*ring[1:], ring[0]], strict=True)
    return sum(x * next_y - next_x * y for (x, y), (next_x, next_y) in pairs) / 2


def middle(ring: Sequence[Position]) -> Position:
    """The centre of gravity, or the middle of what has no area."""
    size = area(ring)
    if abs(size) < 1e-6:  # noqa: PLR2004 -- nothing, but for rounding
        return sum(x for x, _ in ring) / len(ring), sum(y for _, y in ring) / len(ring)
    pairs = list(zip(ring, [*ring[1:], ring[0]], strict=True))
    across = sum((x + other_x) * (x * other_y - other_x * y) for (x, y), (other_x, other_y) in pairs)
    along = sum((y + other_y) * (x * other_y - other_x * y) for (x, y), (other_x, other_y) in pairs)
    return across / 6 / size, along / 6 / size
