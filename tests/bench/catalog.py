"""The catalog that our own server is measured with: the demo utility, with many more scopes."""

import shutil
from importlib.resources import files
from pathlib import Path

SCOPES = 100
"""More client_credentials scopes, for registrations with many Client Objects."""


def write_catalog(directory: Path) -> Path:
    """A catalog file in a directory that is there."""
    demo = Path(str(files("app.catalog") / "demo"))
    shutil.copytree(demo, directory, dirs_exist_ok=True)
    catalog = directory / "catalog.yaml"
    scopes = "".join(
        f"  bench_{number}:\n    type: bench\n    name: Bench {number}\n    description: One of many.\n"
        "    grant_types_supported: [client_credentials]\n"
        for number in range(SCOPES)
    )
    catalog.write_text(catalog.read_text().replace("\nscopes:\n", "\nscopes:\n" + scopes, 1))
    return catalog
