"""The page at the root: who this is, what there is, and where (WG1-01 3.2 `website` of a utility without another)."""

from typing import Any

from app.catalog import Catalog
from app.catalog.model import CoverageEntry
from app.docs import coverage_map
from app.docs.examples import authorized_scope, is_custom, service_scope
from app.domain.coverage import COVERAGE_FILES_PATH, COVERAGE_PATH, geojson_name, map_name
from app.settings import Settings
from app.web.words import joined


def contents(catalog: Catalog, settings: Settings) -> dict[str, Any]:
    """The values of the template."""
    drawn = coverage_map.draw(catalog)
    colours = {territory.entry_id: territory.colour for territory in drawn.territories} if drawn else {}
    return {
        "server": catalog.server,
        "map": drawn,
        "coverage": [coverage_entry(entry, colours.get(entry.id, 0)) for entry in catalog.coverage],
        "coverage_url": settings.public_url + COVERAGE_PATH,
        "scopes": [scope for scope in catalog.scopes.values() if is_custom(scope)],
        "has_users": authorized_scope(catalog) is not None,
        "service": service_scope(catalog),
        "has_test_accounts": bool(catalog.test_accounts),
    }


def coverage_entry(entry: CoverageEntry, colour: int) -> dict[str, Any]:
    """One territory, with the colour that it has on the map, or an image of ours when it is not on it."""
    is_image = entry.map is not None and (entry.map_content_type or "").startswith("image/")
    has_picture = is_image and entry.map and not colour
    return {
        "id": entry.id,
        "name": entry.name,
        "description": entry.description,
        "commodities": joined([one.replace("_", " ") for one in entry.commodity_types])
        if entry.commodity_types
        else "",
        "colour": colour,
        "image": COVERAGE_FILES_PATH.format(name=map_name(entry.id, entry.map)) if has_picture and entry.map else "",
        "geojson": COVERAGE_FILES_PATH.format(name=geojson_name(entry.id)) if entry.geojson else "",
        "link": entry.map_resource or entry.geojson_resource,
    }
