"""The configurations of the documentation for gateways that do not run in tests: at least they can be read."""

import pytest
import yaml

from app.catalog import Catalog
from app.docs.gateways import FILES, contents
from app.settings import Settings
from tests.conftest import changed
from tests.stores import spare_store

URL = "https://data.example/energy"


@pytest.fixture
def shown(demo_catalog: Catalog) -> dict[str, str]:
    """What the page shows, by name."""
    files: dict[str, str] = contents(demo_catalog, Settings.from_environment({"CDS_PUBLIC_URL": URL}))["file"]
    return files


@pytest.mark.parametrize("name", [name for name, path in FILES.items() if path.endswith(".yaml")])
def test_configurations_are_yaml_for_this_server(shown, name):
    assert yaml.safe_load(shown[name])
    assert "cds.utility.example" not in shown[name]


def test_envoy_verifies_tokens_of_this_server(shown):
    jwt, rbac, router = yaml.safe_load(shown["envoy_jwt"])["http_filters"]
    provider = jwt["typed_config"]["providers"]["cds"]

    assert (provider["issuer"], provider["audiences"]) == (URL, [URL])
    assert provider["remote_jwks"]["http_uri"]["uri"] == f"{URL}/.well-known/jwks.json"
    assert "ple_grid_status" in str(rbac)
    assert router["name"] == "envoy.filters.http.router"


async def test_the_program_for_kong_is_lua(shown):
    """Valkey reads the same language."""
    (service,) = yaml.safe_load(shown["kong"])["services"]
    (program,) = service["plugins"][0]["config"]["access"]
    store = await spare_store()
    try:
        assert await store.client.script_load(program)
    finally:
        await store.close()


def test_a_catalog_without_data_of_its_own_has_configurations_too(demo_catalog):
    built_in = {one.id: one for one in demo_catalog.scopes.values() if one.type.startswith("cds_")}
    users = {"ple_customer_data": demo_catalog.scopes["ple_customer_data"]}
    settings = Settings.from_environment({"CDS_PUBLIC_URL": URL})

    for scopes, scope in ((built_in, "ple_grid_status"), (built_in | users, "ple_customer_data")):
        shown = contents(changed(demo_catalog, scopes=scopes), settings)["file"]
        assert f'set $required_scope "{scope}";' in shown["data_api"]
