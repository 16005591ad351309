"""Files that a catalog names: maps, GeoJSON, blank PDF forms. They stand beside the catalog or below it."""

from pathlib import Path
from typing import Any

import msgspec

from app.catalog.reader import Section

MAP_CONTENT_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".svg": "image/svg+xml",
    ".pdf": "application/pdf",
}
GEOJSON_SUFFIXES = (".geojson", ".json")
GEOJSON_TYPES = frozenset(
    {
        "Point",
        "MultiPoint",
        "LineString",
        "MultiLineString",
        "Polygon",
        "MultiPolygon",
        "GeometryCollection",
        "Feature",
        "FeatureCollection",
    }
)
LARGEST_LONGITUDE = 180
LARGEST_LATITUDE = 90
POSITION_LENGTH = 2
"""Longitude and latitude; a height may follow."""


def read_file_name(section: Section, key: str, suffixes: tuple[str, ...], directory: Path) -> str | None:
    """The name of a file that exists within `directory` and has one of the suffixes; None when there is none."""
    name = section.optional_text(key)
    if name is None:
        return None
    root = directory.resolve()
    path = (root / name).resolve()
    if Path(name).is_absolute() or not path.is_relative_to(root):
        section.problem(key, f'"{name}" is outside the directory of the catalog', "put the file beside the catalog")
    elif path.suffix.lower() not in suffixes and Path(name).suffix.lower() not in suffixes:
        section.problem(key, f'"{name}" is not of a kind that fits', f"use a file that ends in {', '.join(suffixes)}")
    elif not path.is_file():
        section.problem(key, f"there is no file {path}", "write a path that counts from the directory of the catalog")
    else:
        return name
    return None


def read_pdf(section: Section, key: str, directory: Path) -> str | None:
    """The name of a PDF file."""
    name = read_file_name(section, key, (".pdf",), directory)
    if name and not _begins_with(directory / name, b"%PDF-"):
        section.problem(key, f'"{name}" does not hold a PDF', "use a PDF file")
    return name


def _begins_with(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic


def read_geojson(section: Section, key: str, directory: Path) -> str | None:
    """The name of a GeoJSON file in WGS 84 (RFC 7946 section 4), as WG1-01 4.3 requires."""
    name = read_file_name(section, key, GEOJSON_SUFFIXES, directory)
    if name is None:
        return None
    try:
        found = msgspec.json.decode((directory / name).read_bytes())
    except (msgspec.DecodeError, RecursionError):
        section.problem(key, f'"{name}" is not JSON', "use a GeoJSON file")
        return name
    if not isinstance(found, dict) or found.get("type") not in GEOJSON_TYPES:
        section.problem(key, f'"{name}" is not GeoJSON: its type is unknown', "use a GeoJSON file (RFC 7946)")
    elif "crs" in found:
        section.problem(key, f'"{name}" names a coordinate system', "convert it to WGS 84 and remove the member crs")
    elif not is_wgs84(found):
        section.problem(key, f'"{name}" has coordinates that are not degrees', "convert it to WGS 84, longitude first")
    return name


def is_wgs84(found: dict[str, Any]) -> bool:
    """Whether every position is a longitude and a latitude in degrees."""
    waiting: list[Any] = [found]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += [value[key] for key in ("features", "geometries", "geometry", "coordinates") if value.get(key)]
        elif value and isinstance(value[0], int | float):
            if not _is_position(value):
                return False
        elif isinstance(value, list):
            waiting += value
        else:
            return False
    return True


def _is_position(value: list[Any]) -> bool:
    if len(value) < POSITION_LENGTH or not all(isinstance(number, int | float) for number in value):
        return False
    return bool(abs(value[0]) <= LARGEST_LONGITUDE and abs(value[1]) <= LARGEST_LATITUDE)
