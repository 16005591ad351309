"""What YAML and text have in store for a catalog."""

from decimal import Decimal
from pathlib import Path
from zoneinfo import TZPATH

import pytest
import tzdata

from app.catalog import codes, load_catalog, values
from app.catalog.source import read_yaml
from app.errors import ConfigurationError
from tests import catalogs

# What YAML has in store


def write_text(directory: Path, text: str) -> Path:
    path = directory / "catalog.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_norway_is_a_country(tmp_path):
    path = catalogs.write(catalogs.with_entry(country="NO"), tmp_path)
    path.write_text(path.read_text().replace("country: 'NO'", "country: NO"))

    assert load_catalog(path).coverage[0].country == "NO"


def test_scalars_are_those_of_json(tmp_path):
    path = write_text(tmp_path, "a: yes\nb: 2025-01-01\nc: 1.10\nd: 010\ne: 1_000\nf: 12:30\ng: true\nh: ~\ni: -7\n")

    found = read_yaml(path)

    assert found == {
        "a": "yes", "b": "2025-01-01", "c": Decimal("1.10"), "d": "010", "e": "1_000", "f": "12:30", "g": True,
        "h": None, "i": -7,
    }  # fmt: skip


def test_every_key_that_stands_twice_is_named_with_its_line(tmp_path):
    path = write_text(tmp_path, "server: {name: a, name: b}\nscopes: {}\nserver: {}\n")

    with pytest.raises(ConfigurationError) as refused:
        load_catalog(path)

    assert refused.value.problems == [
        f'{path} line 3: the key "server" stands twice here; keep one.',
        f'{path} line 1: the key "name" stands twice here; keep one.',
    ]


def test_merge_keys_may_be_overridden(tmp_path):
    path = write_text(tmp_path, "a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  x: 3\n")

    assert read_yaml(path)["b"] == {"x": 3, "y": 2}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("server: [", r"line \d, column \d+ is not YAML"),
        ("a: !!python/object/apply:os.system [ls]", "is not YAML"),
        ("", "is not a catalog"),
        ("- a", "is not a catalog"),
        ("a: *b", "is not YAML"),
        ("? [a, b]\n: c", "the keys of a mapping are text"),
        ("{{a}}: b", "the keys of a mapping are text"),
        ("\x00", "is not YAML"),
    ],
)
def test_text_that_is_no_yaml_is_refused_with_its_place(tmp_path, text, said):
    with pytest.raises(ConfigurationError, match=said):
        load_catalog(write_text(tmp_path, text))


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "latin.yaml").write_bytes(b"server: {name: \xe9}")

    with pytest.raises(ConfigurationError, match=r"missing.yaml does not exist; write the path of a catalog"):
        load_catalog(tmp_path / "missing.yaml")
    with pytest.raises(ConfigurationError, match=r"cannot be read"):
        load_catalog(tmp_path)
    with pytest.raises(ConfigurationError, match=r"is not UTF-8 text"):
        load_catalog(tmp_path / "latin.yaml")


# Values


def test_country_codes_are_those_of_the_time_zone_database():
    table = (Path(tzdata.__file__).parent / "zoneinfo" / "iso3166.tab").read_text(encoding="utf-8")

    assert {line[:2] for line in table.splitlines() if line and not line.startswith("#")} == codes.COUNTRIES
    assert isinstance(TZPATH, tuple)


@pytest.mark.parametrize("text", ["P1Y", "P1Y2M", "P1Y2M3D", "P3M", "P4W", "P0D", "infinite", "2025-02-28"])
def test_relative_or_absolute_dates(text):
    assert values.is_relative_or_absolute_date(text)
    assert not values.is_relative_or_absolute_date(text + "T1H")


@pytest.mark.parametrize(
    "text", ["P", "PT", "P1DT", "1Y", "P1H", "P1D2M", "P-1D", "P1.5D", "p1d ", "", "2025-02-30", "PT1H"]
)
@pytest.mark.clause("WG1-02-2-02")
def test_what_is_no_relative_or_absolute_date(text):
    assert not values.is_relative_or_absolute_date(text)


@pytest.mark.parametrize(
    "text", ["PT1H", "P30DT2H", "PT1M30S", "P0S", "PT0S", "P2W", "2025-01-01T00:00:00Z", "infinite"]
)
def test_relative_or_absolute_datetimes(text):
    assert values.is_relative_or_absolute_datetime(text)


@pytest.mark.parametrize(
    "text", ["P1DT", "PT1H30S", "P1S", "2025-01-01", "2025-01-01T00:00:00", "2025-13-01T00:00:00Z"]
)
def test_what_is_no_relative_or_absolute_datetime(text):
    assert not values.is_relative_or_absolute_datetime(text)
