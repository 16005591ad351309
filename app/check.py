"""`cds-server check`: everything that would keep the server from starting, without starting it."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from app.catalog import load_catalog
from app.crypto.secret_keys import generated_keys_path, load_secret_keys
from app.crypto.signing_keys import load_signing_keys
from app.errors import ConfigurationError
from app.settings import Settings, read_environment

T = TypeVar("T")


def problems_of(cwd: Path, catalog: Path | None) -> list[str]:
    """What is wrong with `.env` in `cwd`, the environment, the keys and the catalog, as sentences.

    Args:
        cwd: The directory whose `.env` counts.
        catalog: The catalog to look at instead of the one that the settings name. It is looked at even if the settings
            are wrong.
    """
    problems: list[str] = []
    settings = attempt(problems, lambda: Settings.from_environment(read_environment(cwd)))
    if settings is not None:
        attempt(problems, lambda: check_keys(settings))
    path = catalog or (settings.catalog if settings else None)
    if settings is not None or path is not None:
        attempt(problems, lambda: load_catalog(path))
    return problems


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
