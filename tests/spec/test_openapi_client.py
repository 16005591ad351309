"""A client that a public generator makes of /openapi.json works, although nobody has looked at it."""

import base64
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Server
from tests.live_server import live_server

PACKAGE = "generated_cds_client"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A live server."""
    settings = {"CDS_STORE_URL": "memory:", "CDS_FILES_URL": "memory:"}
    with live_server(tmp_path_factory.mktemp("server"), **settings) as url:
        yield url


@pytest.fixture(scope="module")
def client(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The generated modules by their name: `client("api.clients.list_clients")`."""
    directory = tmp_path_factory.mktemp("generated")
    executables = Path(sys.executable).parent  # the generator formats its output with the ruff that is there
    subprocess.run(
        [
            *(executables / "openapi-python-client", "generate", "--url", f"{url}/openapi.json"),
            *("--meta", "none", "--output-path", directory / PACKAGE),
        ],
        env=os.environ | {"PATH": f"{executables}{os.pathsep}{os.environ['PATH']}"},
        check=True,
        capture_output=True,
        timeout=300,
    )
    sys.path.insert(0, str(directory))
    try:
        yield lambda name: importlib.import_module(f"{PACKAGE}.{name}" if name else PACKAGE)
    finally:
        sys.path.remove(str(directory))


def test_it_registers_gets_a_token_and_lists_its_client_objects(url: str, client: Any) -> None:
    package, models = client(""), client("models")
    oauth, clients = "api.registration_and_o_auth", "api.clients"

    with package.Client(base_url=url) as nobody:
        registered = client(f"{oauth}.register").sync(
            client=nobody,
            body=models.RegistrationRequest(scope="cds_client_admin ple_grid_status", client_name="Generated"),
        )
    assert isinstance(registered, models.RegistrationResponse)
    login = base64.b64encode(f"{registered.client_id}:{registered.client_secret}".encode()).decode()
    with package.AuthenticatedClient(base_url=url, token=login, prefix="Basic") as itself:
        token = client(f"{oauth}.get_token").sync(
            client=itself, body=models.TokenRequest.from_dict({"grant_type": "client_credentials"})
        )
    with package.AuthenticatedClient(base_url=url, token=token.access_token) as caller:
        listing = client(f"{clients}.list_clients").sync(client=caller)
        one = client(f"{clients}.get_client").sync(registered.client_id, client=caller)
        filtered = client(f"{clients}.list_clients").sync(
            client=caller, client_ids=[found.client_id for found in listing.clients]
        )

    assert {found.scope for found in listing.clients} == {"cds_client_admin", "ple_grid_status"}
    assert len(filtered.clients) == len(listing.clients) == 2
    assert one.client_name == "Generated"
    assert one.cds_created.tzinfo is not None
    assert listing.next_ is None


def test_it_tells_what_is_wrong(url: str, client: Any) -> None:
    models = client("models")
    with client("").Client(base_url=url) as nobody:
        answer = client("api.registration_and_o_auth.register").sync_detailed(
            client=nobody, body=models.RegistrationRequest(scope="ple_grid_status")
        )

    assert answer.status_code == 400
    assert answer.parsed.error == "invalid_client_metadata"


async def test_it_is_made_for_every_operation(server: Server, client: Any) -> None:
    document = json.loads((await server.http.get("/openapi.json")).content)
    made = list(Path(client("").__file__).parent.glob("api/*/*.py"))
    operations = sum(len(methods) for methods in document["paths"].values())

    assert len([one for one in made if one.name != "__init__.py"]) == operations
