"""What `cds-server check` says: every problem of the settings and of the catalog, together."""

from collections.abc import Mapping
from pathlib import Path

from app.catalog.loader import load_catalog
from app.errors import ConfigurationError
from app.settings import Settings


def problems(environ: Mapping[str, str], catalog_path: Path | None) -> list[str]:
    """Everything that keeps the server from starting, as complete sentences; empty when nothing does.

    Args:
        environ: Where the `CDS_*` settings are.
        catalog_path: The catalog to look at instead of the one that the settings name.
    """
    found: list[str] = []
    try:
        Settings.from_environment(environ)
    except ConfigurationError as error:
        found += error.problems
    named = environ.get("CDS_CATALOG", "").strip()
    try:
        load_catalog(catalog_path or (Path(named) if named else None))
    except ConfigurationError as error:
        found += error.problems
    return found
