"""The `coverage` part of the catalog (WG1-01 section 4)."""

from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from app.catalog import codes
from app.catalog.files import MAP_CONTENT_TYPES, read_file_name, read_geojson
from app.catalog.model import CoverageEntry
from app.catalog.problems import nearest
from app.catalog.reader import NEVER, Section
from app.catalog.values import is_id

KEYS = (
    "id",
    "entity_name",
    "entity_abbreviation",
    "country",
    "name",
    "description",
    "type",
    "role",
    "infrastructure_types",
    "commodity_types",
    "capabilities",
    "map",
    "geojson",
    "map_resource",
    "map_content_type",
    "geojson_resource",
    "created",
    "updated",
)


def read_coverage(sections: list[Section], directory: Path, covered: frozenset[str]) -> tuple[CoverageEntry, ...]:
    """All entries; those in `covered` (by a scope) get the capability `oauth` (H8)."""
    entries = tuple(read_entry(section, directory, covered) for section in sections)
    seen: set[str] = set()
    for entry, section in zip(entries, sections, strict=True):
        if entry.id in seen:
            section.problem("id", f'"{entry.id}" is the id of another entry too', "give every entry its own")
        seen.add(entry.id)
    return entries


def read_entry(section: Section, directory: Path, covered: frozenset[str]) -> CoverageEntry:
    """One territory or group of customers (4.3)."""
    entry_id = section.text("id")
    if entry_id:
        section.require_id("id", entry_id)
    created, updated = section.moment("created"), section.moment("updated")
    if updated is not NEVER and updated < created:
        section.problem("updated", "this is before created", "write the moment of the last change of this entry")
    capabilities = section.texts("capabilities", refuse_capability)
    if entry_id in covered and "oauth" not in capabilities:
        capabilities = (*capabilities, "oauth")
    map_name = read_file_name(section, "map", tuple(MAP_CONTENT_TYPES), directory)
    entry = CoverageEntry(
        id=entry_id,
        created=created,
        updated=updated,
        entity_name=section.text("entity_name"),
        entity_abbreviation=section.optional_text("entity_abbreviation"),
        country=read_country(section),
        name=section.text("name"),
        description=section.optional_text("description"),
        type=section.word("type", codes.COVERAGE_TYPES),
        role=section.word("role", codes.CAPABILITY_ROLES),
        infrastructure_types=section.words("infrastructure_types", codes.INFRASTRUCTURE_TYPES),
        commodity_types=section.words("commodity_types", codes.COMMODITY_TYPES),
        capabilities=capabilities,
        map=map_name,
        map_resource=section.optional_url("map_resource"),
        map_content_type=read_map_content_type(section, map_name),
        geojson=read_geojson(section, "geojson", directory),
        geojson_resource=section.optional_url("geojson_resource"),
        extra=section.extra,
    )
    refuse_contradictions(section)
    return entry


def refuse_capability(value: str) -> str | None:
    """What to write instead of a capability that an entry cannot have (4.3)."""
    if value == "coverage":
        return "remove it: coverage is a capability of the server, and is published there by itself"
    return None if is_id(value) else "use the characters A-Z, a-z, 0-9, _ and -"


def read_country(section: Section) -> str:
    """An ISO 3166-1 alpha-2 code."""
    country = section.text("country")
    if country and country not in codes.COUNTRIES:
        guess = nearest(country.upper()[:2], codes.COUNTRIES, cutoff=0.9)
        hint = f'perhaps it is "{guess}"' if guess else "write two capital letters such as US"
        section.problem("country", f'"{country}" is not a code of ISO 3166-1 alpha-2', hint)
    return country


def read_map_content_type(section: Section, map_name: str | None) -> str | None:
    """The media type of the map, from the catalog or else from the end of its name."""
    written = section.optional_text("map_content_type")
    if written is not None:
        major, _, minor = written.partition("/")
        if not is_id(major) or not minor or any(not character.isprintable() or character == " " for character in minor):
            section.problem("map_content_type", f'"{written}" is not a media type', "write one such as image/png")
        return written
    name = map_name or urlsplit(section.found.get("map_resource") or "").path
    derived = MAP_CONTENT_TYPES.get(PurePosixPath(name).suffix.lower())
    if derived is None and section.has("map_resource"):
        section.problem("map_content_type", "this is missing and map_resource does not show it", "write the media type")
    return derived


def refuse_contradictions(section: Section) -> None:
    """A geographic entry needs a map; a map cannot be at two places; a media type needs its map (4.3)."""
    for file, resource in (("map", "map_resource"), ("geojson", "geojson_resource")):
        if section.has(file) and section.has(resource):
            section.problem(resource, f"there is {file} too", f"keep {file} (a file) or {resource} (a URL elsewhere)")
    mapped = any(section.has(key) for key in ("map", "map_resource", "geojson", "geojson_resource"))
    if section.found.get("type") == "geographic" and not mapped:
        section.problem("type", "a geographic entry needs a map", "add geojson or map with a file, or write logical")
    if section.has("map_content_type") and not (section.has("map") or section.has("map_resource")):
        section.problem("map_content_type", "there is no map", "remove it")
