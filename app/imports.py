"""Libraries without the other libraries that they look for."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(*packages: str) -> Iterator[None]:
    """Import something as if these packages were not installed, which it can do without.

    What is there already stays, and whoever imports one of them afterwards gets it.
    """
    hidden = [package for package in packages if package not in sys.modules]
    for package in hidden:
        sys.modules[package] = None  # type: ignore[assignment]  # how the import system is told that there is none
    try:
        yield
    finally:
        for package in hidden:
            del sys.modules[package]
