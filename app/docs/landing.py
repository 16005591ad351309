"""The page at the root: who this is, what there is, and where (WG1-01 3.2 `website` of a utility without another)."""

from typing import Any

from app.catalog import Catalog
from app.catalog.model import CoverageEntry
from app.docs.examples import is_custom
from app.domain.coverage import COVERAGE_FILES_PATH, COVERAGE_PATH, map_name
from app.settings import Settings
from app.web.words import joined


def contents(catalog: Catalog, settings: Settings) -> dict[str, Any]:
    """The values of the template."""
    return {
        "server": catalog.server,
        "coverage": [coverage_entry(entry) for entry in catalog.coverage],
        "coverage_url": settings.public_url + COVERAGE_PATH,
        "scopes": [scope for scope in catalog.scopes.values() if is_custom(scope)],
    }


def coverage_entry(entry: CoverageEntry) -> dict[str, Any]:
    """One territory, with its map when that is an image of ours."""
    is_image = entry.map is not None and (entry.map_content_type or "").startswith("image/")
    return {
        "name": entry.name,
        "description": entry.description,
        "commodities": joined([one.replace("_", " ") for one in entry.commodity_types])
        if entry.commodity_types
        else "",
        "image": COVERAGE_FILES_PATH.format(name=map_name(entry.id, entry.map)) if is_image and entry.map else "",
        "link": entry.map_resource or entry.geojson_resource,
    }
