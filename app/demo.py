"""`cds-server demo`: a Client's whole life against a running server, every request and answer shown.

It knows nothing but the metadata URL and follows what it finds there, as any Client would. It registers a throw-away Client
and leaves it behind.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx
from rich.console import Console
from rich.json import JSON
from rich.panel import Panel
from rich.text import Text

from app.schemas.encoding import encode

METADATA_PATH = "/.well-known/cds-server-metadata.json"
ADMIN = "cds_client_admin"
TIMEOUT_SECONDS = 15.0
_SHORTENED = ("client_secret", "access_token")
_SHOWN_CHARACTERS = 2400

Json = dict[str, Any]


class Unexpected(Exception):
    """The server answered something that a Client cannot go on with."""


class Narrator:
    """Makes requests and shows them.

    Args:
        http: Where they go.
        console: Where they are shown; secrets are shortened.
    """

    def __init__(self, http: httpx.Client, console: Console) -> None:
        self._http = http
        self._console = console
        self._steps = 0

    def step(self, title: str) -> None:
        """Begin a chapter."""
        self._steps += 1
        self._console.print()
        self._console.rule(Text(f" {self._steps}. {title} ", style="bold"), align="left")

    def say(self, text: str) -> None:
        """Explain."""
        self._console.print(Text(text, style="italic"))

    def ask(self, method: str, url: str, *, expect: int = 200, **kwargs: Any) -> Json:
        """One request; its answer has to be a JSON object with the expected status.

        Raises:
            Unexpected: Another status, or no JSON object.
        """
        request = self._http.build_request(method, url, **{key: value for key, value in kwargs.items() if key != "auth"})
        self._console.print(Text(f"{method} {url}", style="bold cyan"))
        sent = kwargs.get("json") or kwargs.get("data")
        if sent:
            self._show(sent)
        answer = self._http.send(request, auth=kwargs.get("auth", httpx.USE_CLIENT_DEFAULT))
        self._console.print(Text(f"{answer.status_code} {answer.reason_phrase}", style=_color(answer)))
        body = _object_of(answer)
        if body:
            self._show(body)
        if answer.status_code != expect:
            raise Unexpected(f"{method} {url} answered {answer.status_code} where {expect} was expected.")
        return body

    def _show(self, value: Mapping[str, Any]) -> None:
        text = encode(_without_secrets(value)).decode()
        if len(text) <= _SHOWN_CHARACTERS:
            self._console.print(Panel(JSON(text), border_style="dim"))
        else:
            self._console.print(Panel(Text(text[:_SHOWN_CHARACTERS] + " ..."), border_style="dim"))


def play(url: str, console: Console) -> None:
    """Play it all.

    Args:
        url: The server's base URL, or that of its metadata document.

    Raises:
        Unexpected: The server did not answer as the specifications say.
        httpx.HTTPError: It did not answer at all.
    """
    with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False, follow_redirects=True) as http:
        narrator = Narrator(http, console)
        metadata = discover(narrator, url)
        registered = register(narrator, metadata)
        admin = token(narrator, metadata, registered["client_id"], registered["client_secret"])
        clients = look_around(narrator, metadata, admin)
        use_scope(narrator, metadata, admin, clients)
        change_client(narrator, admin, clients)
        rotate_secret(narrator, metadata, admin, clients)
        write_message(narrator, metadata, admin)
        close_grant(narrator, metadata, admin, clients)
        narrator.step("The end")
        narrator.say("The Client stays registered; its Messages tell the whole story.")


def discover(narrator: Narrator, url: str) -> Json:
    """Find the authorization server metadata from the metadata URL."""
    narrator.step("Discovery")
    start = url if url.endswith(".json") else url.rstrip("/") + METADATA_PATH
    server = narrator.ask("GET", start)
    return narrator.ask("GET", server["oauth_metadata"])


def register(narrator: Narrator, metadata: Json) -> Json:
    """Register for everything that can be had without files, with plausible values."""
    narrator.step("Registration")
    scopes = [ADMIN, *(name for name, scope in metadata["cds_scope_descriptions"].items() if name != ADMIN)]
    fields = metadata["cds_registration_fields"]
    required = {
        name
        for scope in scopes
        for name in metadata["cds_scope_descriptions"][scope]["registration_requirements"]
        if fields[name]["type"] == "registration_field"
    }
    values = {fields[name]["field_name"]: _plausible(fields[name]["format"]) for name in sorted(required)}
    body = {"scope": " ".join(scopes), "client_name": "Demo client", "contacts": ["demo@client.example"], **values}
    return narrator.ask("POST", metadata["registration_endpoint"], expect=201, json=body)


def token(narrator: Narrator, metadata: Json, client_id: str, client_secret: str, **form: str) -> dict[str, str]:
    """An access token with which to call the APIs, as a header."""
    narrator.step("An access token")
    data = {"grant_type": "client_credentials", **form}
    answer = narrator.ask("POST", metadata["token_endpoint"], data=data, auth=(client_id, client_secret))
    return {"Authorization": f"Bearer {answer['access_token']}"}


def look_around(narrator: Narrator, metadata: Json, admin: dict[str, str]) -> dict[str, Json]:
    """The Client Objects by scope, and the Messages that wait."""
    narrator.step("What the registration created")
    listing = narrator.ask("GET", metadata["cds_clients_api"], headers=admin)
    narrator.say("And what is left to do before production:")
    narrator.ask("GET", metadata["cds_messages_api"], headers=admin)
    return {client["scope"]: client for client in listing["clients"]}


def use_scope(narrator: Narrator, metadata: Json, admin: dict[str, str], clients: dict[str, Json]) -> None:
    """A token for a scope that needs no user, inspected and revoked."""
    client = _first(clients, lambda one: one["grant_types"] == ["client_credentials"] and one["scope"] not in _BUILT_IN)
    if client is None:
        return
    secret = _secret_of(narrator, metadata, admin, client)
    header = token(narrator, metadata, client["client_id"], secret, scope=client["scope"])
    access_token = header["Authorization"].removeprefix("Bearer ")
    auth = (client["client_id"], secret)
    narrator.step("What the token is good for, and its end")
    narrator.ask("POST", metadata["introspection_endpoint"], data={"token": access_token}, auth=auth)
    narrator.ask("POST", metadata["revocation_endpoint"], data={"token": access_token}, auth=auth)
    narrator.ask("POST", metadata["introspection_endpoint"], data={"token": access_token}, auth=auth)


def change_client(narrator: Narrator, admin: dict[str, str], clients: dict[str, Json]) -> None:
    """A redirect URI of our own, by sending the whole object back."""
    client = _first(clients, lambda one: bool(one["response_types"]))
    if client is None:
        return
    narrator.step("A redirect URI of our own")
    uris = [*client["redirect_uris"], "https://client.example/callback"]
    body = {name: value for name, value in client.items() if name != "cds_modified"} | {"redirect_uris": uris}
    narrator.ask("PUT", client["cds_client_uri"], json=body, headers=admin)


def rotate_secret(narrator: Narrator, metadata: Json, admin: dict[str, str], clients: dict[str, Json]) -> None:
    """A second secret first, then the end of the old one: no moment without a valid secret."""
    client = _first(clients, lambda one: one["token_endpoint_auth_method"] is not None and one["scope"] != ADMIN)
    if client is None:
        return
    narrator.step("Secret rotation with overlap")
    ids = {"client_ids": client["client_id"]}
    old = narrator.ask("GET", metadata["cds_credentials_api"], params=ids, headers=admin)["credentials"][0]
    new = narrator.ask(
        "POST", metadata["cds_credentials_api"], expect=201, json={"client_id": client["client_id"]}, headers=admin
    )
    narrator.say(f"Both work until the old one ends; {new['credential_id']} stays.")
    narrator.ask("PATCH", old["uri"], json={"client_secret_expires_at": int(time.time())}, headers=admin)


def write_message(narrator: Narrator, metadata: Json, admin: dict[str, str]) -> None:
    """A question to the utility, and a Message marked as read."""
    narrator.step("A question to the utility")
    body = {
        "type": "support_request",
        "previous_uri": None,
        "name": "Sandbox data",
        "description": "Is there a sandbox account with quarter-hourly readings?",
    }
    narrator.ask("POST", metadata["cds_messages_api"], expect=201, json=body, headers=admin)
    unread = narrator.ask("GET", metadata["cds_messages_api"], headers=admin)["unread"]
    if unread:
        narrator.ask("PATCH", unread[0]["uri"], json={"read": True}, headers=admin)


def close_grant(narrator: Narrator, metadata: Json, admin: dict[str, str], clients: dict[str, Json]) -> None:
    """The Grants, and the end of one of them."""
    narrator.step("Grants")
    grants = narrator.ask("GET", metadata["cds_grants_api"], headers=admin)["grants"]
    own = clients[ADMIN]["client_id"]
    for grant in grants:
        if grant["client_id"] != own and grant["status"] == "active":
            narrator.ask("PATCH", grant["uri"], json={"status": "closed"}, headers=admin)
            return


_BUILT_IN = frozenset({ADMIN, "cds_grant_admin"})


def _secret_of(narrator: Narrator, metadata: Json, admin: dict[str, str], client: Json) -> str:
    ids = {"client_ids": client["client_id"]}
    listing = narrator.ask("GET", metadata["cds_credentials_api"], params=ids, headers=admin)
    secret: str = listing["credentials"][0]["client_secret"]
    return secret


def _first(clients: dict[str, Json], fits: Callable[[Json], bool]) -> Json | None:
    return next((client for client in clients.values() if fits(client)), None)


def _plausible(format_: str) -> object:
    """A value that a registration field of this format takes."""
    values = {
        "string": "Demo Company",
        "url": "https://client.example/privacy",
        "email": "demo@client.example",
        "boolean": True,
        "image": _PNG,
        "pdf": _PDF,
    }
    return values.get(format_.removesuffix("_or_null"))


_PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
_PDF = "JVBERi0xLjQKMSAwIG9iajw8L1R5cGUvQ2F0YWxvZz4+ZW5kb2JqCnRyYWlsZXI8PC9Sb290IDEgMCBSPj4KJSVFT0YK"


def _object_of(answer: httpx.Response) -> Json:
    """The JSON object of an answer; empty when it has no body."""
    if not answer.content:
        return {}
    try:
        body = answer.json()
    except ValueError as error:
        raise Unexpected(f"{answer.url} answered something that is not JSON.") from error
    return body if isinstance(body, dict) else {}


def _without_secrets(value: Any) -> Any:  # noqa: ANN401 -- JSON
    """The same with secrets shortened to what tells them apart."""
    if isinstance(value, Mapping):
        return {
            name: f"{item[:12]}..." if name in _SHORTENED and isinstance(item, str) else _without_secrets(item)
            for name, item in value.items()
        }
    return [_without_secrets(item) for item in value] if isinstance(value, list) else value


def _color(answer: httpx.Response) -> str:
    return "green" if answer.is_success else "bold red"
