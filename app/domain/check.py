"""Everything that would keep the server from starting, without starting it: `cds-server check`, and the console."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from app.catalog import Catalog, load_catalog
from app.crypto.secret_keys import generated_keys_path, load_secret_keys
from app.crypto.signing_keys import load_signing_keys
from app.errors import ConfigurationError
from app.settings import Settings

T = TypeVar("T")


class Findings(NamedTuple):
    """What a start would find: what is wrong, as sentences, and the catalog if that can be read."""

    problems: list[str]
    catalog: Catalog | None


def look(read_settings: Callable[[], Settings], catalog: Path | None) -> Findings:
    """Look at the settings, the keys and the catalog.

    Args:
        read_settings: Reads them; raises ConfigurationError when they are wrong.
        catalog: The catalog to look at instead of the one that the settings name. It is looked at even if the settings
            are wrong.
    """
    problems: list[str] = []
    settings = attempt(problems, read_settings)
    if settings is not None:
        attempt(problems, lambda: check_keys(settings))
    path = catalog or (settings.catalog if settings else None)
    found = attempt(problems, lambda: load_catalog(path)) if settings is not None or path is not None else None
    return Findings(problems, found)


def attempt(problems: list[str], action: Callable[[], T]) -> T | None:
    """What `action` returns; None, and more problems, when it finds any."""
    try:
        return action()
    except ConfigurationError as error:
        problems += error.problems
        return None


def check_keys(settings: Settings) -> None:
    """Read the keys; those that the start would make are not made here."""
    path = generated_keys_path(settings)
    if path is None or path.exists():
        load_secret_keys(settings)
    load_signing_keys(settings)
