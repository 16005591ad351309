"""The coverage listing: where, for whom and for what this server is there (WG1-01 section 4).

The catalog does not change while the server runs, so every entry is encoded once and pages are spliced together.
"""

import base64
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from app.catalog.model import Catalog, CoverageEntry
from app.errors import InvalidRequest
from app.schemas.encoding import encode
from app.settings import Settings

COVERAGE_PATH = "/cds-api/v1/coverage"
COVERAGE_FILES_PATH = "/cds-api/v1/coverage/files/{name}"
PAGE_SIZE = 100
"""Entries per page (ambiguities I7)."""

GEOJSON_CONTENT_TYPE = "application/geo+json"
_LARGEST_CURSOR = 256


class CoverageFile(NamedTuple):
    """A map or GeoJSON file of the catalog, and the name under which it is published."""

    name: str
    path: Path
    content_type: str


def coverage_files(catalog: Catalog) -> list[CoverageFile]:
    """The files that we serve ourselves. Their names follow from the entry's id, so they say nothing of our disk."""
    files = []
    for entry in catalog.coverage:
        if entry.map and entry.map_content_type:
            files.append(CoverageFile(map_name(entry.id, entry.map), catalog.path(entry.map), entry.map_content_type))
        if entry.geojson:
            files.append(CoverageFile(geojson_name(entry.id), catalog.path(entry.geojson), GEOJSON_CONTENT_TYPE))
    return files


def map_name(entry_id: str, file: str) -> str:
    """The published name of an entry's map."""
    return entry_id + Path(file).suffix.lower()


def geojson_name(entry_id: str) -> str:
    """The published name of an entry's GeoJSON file."""
    return f"{entry_id}.geojson"


def coverage_entry(entry: CoverageEntry, settings: Settings) -> dict[str, Any]:
    """The coverage entry object of 4.3, with the extension fields of the catalog."""
    document: dict[str, Any] = {
        "id": entry.id,
        "created": entry.created,
        "updated": entry.updated,
        "entity_name": entry.entity_name,
        "entity_abbreviation": entry.entity_abbreviation,
        "country": entry.country,
        "name": entry.name,
    }
    if entry.description:
        document["description"] = entry.description
    document |= {
        "type": entry.type,
        "role": entry.role,
        "infrastructure_types": entry.infrastructure_types,
        "commodity_types": entry.commodity_types,
        "capabilities": entry.capabilities,
    }
    if map_resource := entry.map_resource or (entry.map and file_url(map_name(entry.id, entry.map), settings)):
        document |= {"map_resource": map_resource, "map_content_type": entry.map_content_type}
    if geojson := entry.geojson_resource or (entry.geojson and file_url(geojson_name(entry.id), settings)):
        document["geojson_resource"] = geojson
    return document | entry.extra


def file_url(name: str, settings: Settings) -> str:
    """Where a coverage file is published."""
    return settings.public_url + COVERAGE_FILES_PATH.format(name=name)


class Place(NamedTuple):
    """Where an entry stands in the listing: most recently updated first, equal ones by id."""

    age: int
    """Seconds since 1970 of `updated`, negative, so that the listing is in ascending order."""
    id: str


class Cursor(NamedTuple):
    """A page of the listing: the one after the place, or the one that ends before it."""

    place: Place
    backwards: bool


@dataclass(frozen=True, slots=True)
class CoverageListing:
    """All entries in order, each with its JSON."""

    url: str
    places: tuple[Place, ...]
    documents: tuple[bytes, ...]

    @classmethod
    def of(cls, catalog: Catalog, settings: Settings) -> "CoverageListing":
        """The listing of a catalog."""
        entries = sorted((Place(-int(entry.updated.timestamp()), entry.id), entry) for entry in catalog.coverage)
        return cls(
            url=settings.public_url + COVERAGE_PATH,
            places=tuple(place for place, _ in entries),
            documents=tuple(encode(coverage_entry(entry, settings)) for _, entry in entries),
        )

    def page(self, ids: Iterable[str] = (), cursor: str | None = None) -> bytes:
        """The listing object of 4.1.

        Args:
            ids: Only these entries; none given means all (J3). Unknown ones have no effect.
            cursor: From a `next` or `previous` link.

        Raises:
            InvalidRequest: The cursor is not one of ours.
        """
        wanted = dict.fromkeys(ids)
        chosen = [index for index, place in enumerate(self.places) if not wanted or place.id in wanted]
        places = [self.places[index] for index in chosen]
        start, end = bounds(places, require_cursor(cursor) if cursor else None)
        after = Cursor(places[end - 1], backwards=False) if 0 < end < len(places) else None
        # Past the last entry there is no place to end before, so the last one itself has to do.
        before = Cursor(places[min(start, len(places) - 1)], backwards=True) if start else None
        return encode_page(
            [self.documents[index] for index in chosen[start:end]],
            next_url=self._link(wanted, after),
            previous_url=self._link(wanted, before),
        )

    def _link(self, ids: Iterable[str], cursor: Cursor | None) -> str | None:
        if cursor is None:
            return None
        query = {"ids": " ".join(ids), "cursor": write_cursor(cursor)}
        return f"{self.url}?{urlencode({name: value for name, value in query.items() if value}, quote_via=quote)}"


def bounds(places: list[Place], cursor: Cursor | None) -> tuple[int, int]:
    """Where the page of a cursor starts and ends (exclusive)."""
    if cursor is None:
        return 0, min(PAGE_SIZE, len(places))
    if cursor.backwards:
        end = bisect_left(places, cursor.place)
        return max(0, end - PAGE_SIZE), end
    start = bisect_right(places, cursor.place)
    return start, min(start + PAGE_SIZE, len(places))


def encode_page(documents: list[bytes], *, next_url: str | None, previous_url: str | None) -> bytes:
    """The listing object around entries that are encoded already."""
    links = b',"next":' + encode(next_url) + b',"previous":' + encode(previous_url)
    return b'{"coverage_entries":[' + b",".join(documents) + b"]" + links + b"}"


def write_cursor(cursor: Cursor) -> str:
    """The opaque text of a cursor."""
    text = f"{'p' if cursor.backwards else 'n'}{cursor.place.age}.{cursor.place.id}"
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def read_cursor(text: str) -> Cursor | None:
    """The cursor of which `write_cursor` makes this text; None when there is none."""
    try:
        padded = text[:_LARGEST_CURSOR].encode("ascii") + b"=" * (-len(text) % 4)
        position, _, entry_id = base64.urlsafe_b64decode(padded).decode("ascii").partition(".")
        cursor = Cursor(Place(int(position[1:]), entry_id), backwards=position[0] == "p")
    except (ValueError, IndexError):
        return None
    return cursor if write_cursor(cursor) == text else None


def require_cursor(text: str) -> Cursor:
    """The cursor of a link that we gave.

    Raises:
        InvalidRequest: We gave no such link.
    """
    cursor = read_cursor(text)
    if cursor is None:
        raise InvalidRequest("This is not a page of the listing; follow next or previous.", field="cursor")
    return cursor
