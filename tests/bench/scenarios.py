"""The hot paths as requests that a load generator can repeat, against a server with a catalog of many scopes."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import httpx

SCOPES = 100
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SIX_OBJECTS = "cds_client_admin ple_customer_data ple_grid_status ple_interconnection cds_server_provided_files_ple"
REQUIRED_FIELDS = {
    "cds_company_name": "Meadow Software",
    "cds_privacy_policy": "https://meadow.example/privacy",
    "cds_security_contact": "security@meadow.example",
}


@dataclass(frozen=True)
class Scenario:
    """One request, sent again and again. `goal` is the wanted ratio to the bare route; yardsticks have none."""

    name: str
    url: str
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    goal: float | None = None

    def script(self, report: str) -> str:
        """The wrk script: the request, and the report at the end."""
        lines = [f"wrk.method = {_quoted(self.method)}", f"wrk.body = {_quoted(self.body)}"]
        lines += [f"wrk.headers[{_quoted(name)}] = {_quoted(value)}" for name, value in self.headers.items()]
        return "\n".join([*lines, report])


def write_catalog(directory: Path, demo: Path) -> Path:
    """The demo utility with a hundred more client_credentials scopes, for registrations with many Client Objects."""
    text = demo.read_text()
    scopes = "".join(
        f"  bench_{number}:\n    type: bench\n    name: Bench {number}\n    description: One of many.\n"
        "    grant_types_supported: [client_credentials]\n"
        for number in range(SCOPES)
    )
    for path in demo.parent.iterdir():
        (directory / path.name).write_bytes(path.read_bytes())
    catalog = directory / "catalog.yaml"
    catalog.write_text(text.replace("\nscopes:\n", "\nscopes:\n" + scopes, 1))
    return catalog


def hot_paths(url: str) -> Iterator[Scenario]:
    """Register what is needed and yield a scenario for each hot path."""
    with httpx.Client(base_url=url, timeout=30) as http:
        metadata = http.get("/.well-known/cds-server-metadata.json")
        yield Scenario("metadata 200", f"{url}/.well-known/cds-server-metadata.json", goal=1.1)
        headers = {"If-None-Match": metadata.headers["etag"]}
        yield Scenario("metadata 304", f"{url}/.well-known/cds-server-metadata.json", headers=headers, goal=1.3)
        fields = ",".join(f'"{name}":"{value}"' for name, value in REQUIRED_FIELDS.items())
        body = f'{{"scope":"{SIX_OBJECTS}",{fields}}}'
        yield Scenario("registration of six", f"{url}/oauth/register", "POST", JSON, body, 0.22)
        for size, goal in ((10, 0.55), (100, 0.2)):
            client_id, secret = register(http, size)
            bearer = {"Authorization": f"Bearer {access_token(http, client_id, secret)}"}
            if size == 10:
                yield Scenario("one client", f"{url}/cds-api/v1/clients/{client_id}", headers=bearer, goal=0.6)
            yield Scenario(f"list of {size}", f"{url}/cds-api/v1/clients", headers=bearer, goal=goal)
        basic = {"Authorization": _basic(client_id, secret)}
        form = urlencode({"grant_type": "client_credentials", "scope": "cds_client_admin"})
        yield Scenario("token", f"{url}/oauth/token", "POST", basic | FORM, form, 0.5)
        token = urlencode({"token": access_token(http, client_id, secret)})
        yield Scenario("introspection", f"{url}/oauth/introspect", "POST", basic | FORM, token, 0.6)


def register(http: httpx.Client, objects: int) -> tuple[str, str]:
    """A Client with that many Client Objects: its admin client_id and secret."""
    scope = " ".join(["cds_client_admin", *(f"bench_{number}" for number in range(objects - 1))])
    answer = http.post("/oauth/register", json={"scope": scope}).raise_for_status().json()
    return answer["client_id"], answer["client_secret"]


def access_token(http: httpx.Client, client_id: str, secret: str) -> str:
    """An admin access token."""
    form = {"grant_type": "client_credentials"}
    token: str = (
        http.post("/oauth/token", data=form, auth=(client_id, secret)).raise_for_status().json()["access_token"]
    )
    return token


def _basic(client_id: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


def _quoted(text: str) -> str:
    """A Lua string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
