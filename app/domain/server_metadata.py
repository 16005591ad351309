"""The CDS server metadata: who we are and what we can do (WG1-01 section 3, WG1-02 3.1)."""

from typing import Any

from app.catalog.model import Catalog
from app.domain import documentation
from app.domain.coverage import COVERAGE_PATH
from app.domain.extensions import extended, union
from app.settings import Settings

SERVER_METADATA_PATH = "/.well-known/cds-server-metadata.json"
AS_METADATA_PATH = "/.well-known/oauth-authorization-server"
VERSION = "v1"


def capabilities(catalog: Catalog) -> list[str]:
    """What this server can do: coverage if there is any, OAuth, and all that its coverage entries name."""
    of_entries = [entry.capabilities for entry in catalog.coverage]
    return union(["coverage"] if catalog.coverage else [], ["oauth"], *of_entries)


def server_metadata(catalog: Catalog, settings: Settings) -> dict[str, Any]:
    """The metadata object of WG1-01 3.2 with the fields of WG1-02 3.1 and of the catalog's extensions."""
    server = catalog.server
    document: dict[str, Any] = {
        "cds_metadata_version": VERSION,
        "cds_metadata_url": settings.public_url + SERVER_METADATA_PATH,
        "created": server.created,
        "updated": server.updated,
        "name": server.name,
        "description": server.description,
        "website": documentation.resolve(server.website, settings),
        "documentation": documentation.server_documentation(catalog, settings),
        "support": documentation.support(catalog, settings),
        "capabilities": capabilities(catalog),
        "oauth_metadata": settings.public_url + AS_METADATA_PATH,
    }
    if catalog.coverage:
        document["coverage"] = settings.public_url + COVERAGE_PATH
    if server.related_metadata:
        document["related_metadata"] = list(server.related_metadata)
    return extended(document, catalog.extensions.server_metadata)
