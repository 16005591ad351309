"""The bill of materials: all that an image ships beside the base image, as CycloneDX JSON.

    python -m tests.supply_chain.sbom requirements-image.lock > sbom.cdx.json

Names, versions, hashes and who needs whom are those of the lock; licences, and what is linked into a package, are what
the installed packages say about themselves. The same lock with the same packages makes the same bytes.

Source: CycloneDX 1.6; PEP 770 (bills of materials inside of packages); reproducible-builds.org on SOURCE_DATE_EPOCH.
"""

import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import tomllib
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Final

from tests.supply_chain import locks
from tests.supply_chain.licences import BUNDLED, licence
from tests.supply_chain.locks import Locked

SPEC_VERSION: Final = "1.6"
PROJECT: Final = Path(__file__).parent.parent.parent / "pyproject.toml"
_NAMESPACE: Final = uuid.UUID("6f0f4f6e-6b7a-5d0e-9c55-0a4f3c6f4a1d")
_VALKEY_VERSION: Final = re.compile(r"\bv=([0-9][0-9.]*)")

Component = dict[str, Any]


class NotAsLockedError(Exception):
    """What is installed is not what the lock says."""


def bill(lock: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    """The bill of materials of a lock whose packages are installed here.

    Raises:
        NotAsLockedError: A package is missing, or there in another version.
        UnknownLicenceError: A package does not say its licence.
    """
    installed = [(one, found) for one in locks.read(lock) if (found := _installed(one))]
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    python = _component("platform", "python", platform.python_version(), "PSF-2.0", "generic")
    components = [_package(one, found) for one, found in installed]
    document: dict[str, Any] = {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPEC_VERSION}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "version": 1,
        "metadata": {
            **_timestamp(environ),
            "lifecycles": [{"phase": "build"}],
            "component": _component("application", project["name"], project["version"], project["license"], "generic"),
        },
        "components": [python, *components],
        "dependencies": _dependencies(project, python, [one for one, _ in installed]),
    }
    serial = uuid.uuid5(_NAMESPACE, json.dumps(document, sort_keys=True))
    return {**document, "serialNumber": f"urn:uuid:{serial}"}


def _installed(one: Locked) -> Distribution | None:
    """The installed package; None for one that is for other platforms."""
    try:
        found = distribution(one.name)
    except PackageNotFoundError:
        if one.is_everywhere:
            raise NotAsLockedError(f"{one.name} {one.version} is in the lock and not installed") from None
        return None
    if found.version != one.version:
        raise NotAsLockedError(f"{one.name} is {one.version} in the lock and {found.version} here")
    return found


def _component(kind: str, name: str, version: str, expression: str, purl_type: str) -> Component:
    purl = f"pkg:{purl_type}/{name}@{version}"
    return {
        "type": kind,
        "bom-ref": purl,
        "name": name,
        "version": version,
        "licenses": [{"expression": expression}],
        "purl": purl,
    }


def _package(one: Locked, found: Distribution) -> Component:
    """A package, with what is inside of it."""
    component = _component("library", one.name, one.version, licence(found), "pypi")
    component["hashes"] = _hashes(sorted(one.sha256))  # of every file that the lock lets in; one of them is installed
    inside = sorted((*_told_inside(found), *_programs(found)), key=lambda inner: (inner["name"], inner["version"]))
    if inside:
        for inner in inside:
            inner["bom-ref"] = f"{component['bom-ref']}#{inner['purl']}"
        component["components"] = list({inner["bom-ref"]: inner for inner in inside}.values())
    return component


def _hashes(values: Iterable[str]) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": value} for value in values]


def _told_inside(found: Distribution) -> Iterator[Component]:
    """What a package says is linked into it (PEP 770), without what only built it."""
    for path in found.files or ():
        if ".dist-info/sboms/" in path.as_posix() and path.name.endswith(".json"):
            told = json.loads(path.read_text())
            yield from (_inner(one) for one in told.get("components", ()) if one.get("scope") != "excluded")


def _inner(told: Mapping[str, Any]) -> Component:
    expressions = [one["expression"] for one in told.get("licenses", ()) if "expression" in one]
    expression = " ".join((expressions[0] if expressions else BUNDLED[told["name"]]).split())
    # What stands behind the `?` of a package URL is where its builder had it from.
    purl_type = told["purl"].removeprefix("pkg:").partition("/")[0]
    component = _component("library", told["name"], told["version"], expression, purl_type)
    return {**component, "hashes": told["hashes"]} if told.get("hashes") else component


def _programs(found: Distribution) -> Iterator[Component]:
    """The Valkey that serves the embedded store."""
    for path in found.files or ():
        if path.name == "valkey-server" and "_binaries" in path.parts:
            program = Path(str(path.locate()))
            told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
            version = _VALKEY_VERSION.search(told.stdout)
            if version is None:
                raise NotAsLockedError(f"{program} does not say its version")
            component = _component("application", "valkey", version[1], BUNDLED["valkey"], "generic")
            yield {**component, "hashes": _hashes([hashlib.sha256(program.read_bytes()).hexdigest()])}


def _timestamp(environ: Mapping[str, str]) -> dict[str, str]:
    """When it was built, if whoever builds reproducibly says when that counts as."""
    epoch = environ.get("SOURCE_DATE_EPOCH")
    return {"timestamp": f"{datetime.fromtimestamp(int(epoch), UTC):%Y-%m-%dT%H:%M:%SZ}"} if epoch else {}


def _dependencies(project: Mapping[str, Any], python: Component, installed: list[Locked]) -> list[dict[str, Any]]:
    """Who needs whom, as the lock says it."""
    root = f"pkg:generic/{project['name']}@{project['version']}"
    references = {project["name"]: root, **{one.name: f"pkg:pypi/{one.name}@{one.version}" for one in installed}}
    needs: dict[str, set[str]] = {one: set() for one in references.values()}
    needs[root].add(python["bom-ref"])
    for one in installed:
        for name in one.wanted_by:
            if name in references:  # and is not for other platforms
                needs[references[name]].add(references[one.name])
    return [{"ref": one, "dependsOn": sorted(others)} for one, others in sorted(needs.items())]


def main() -> None:
    """Write the bill of the lock that is named."""
    document = bill(Path(sys.argv[1]), os.environ)
    sys.stdout.write(json.dumps(document, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
