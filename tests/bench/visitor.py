"""A Client, and an operator if there is a key, who find their way around a server by its metadata."""

import base64
import contextlib
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from app.conformance.samples import fields_of, submission

Document = dict[str, Any]

ADMIN = "cds_client_admin"
METADATA = "/.well-known/cds-server-metadata.json"
TIMEOUT_SECONDS = 120
ATTEMPTS = 5
LONGEST_PAUSE_SECONDS = 30
CLIENT_NAME = "Load test, please ignore"


@dataclass(frozen=True)
class Client:
    """The admin Client Object of a registration."""

    client_id: str
    client_secret: str
    access_token: str

    @property
    def basic(self) -> dict[str, str]:
        """How it authenticates at the token endpoint."""
        pair = f"{self.client_id}:{self.client_secret}".encode()
        return {"Authorization": "Basic " + base64.b64encode(pair).decode()}

    @property
    def bearer(self) -> dict[str, str]:
        """How it authenticates everywhere else."""
        return {"Authorization": f"Bearer {self.access_token}"}


@dataclass(frozen=True)
class Operator:
    """Somebody with an operator key of our own implementation; other servers have no such API."""

    base: str
    key: str

    @property
    def api(self) -> str:
        """The operator API."""
        return f"{self.base}/operator/api/v1"

    @property
    def bearer(self) -> dict[str, str]:
        """How the operator API is called."""
        return {"Authorization": f"Bearer {self.key}"}

    def session(self) -> dict[str, str]:
        """Sign in to the console as a browser does; the header that its pages are then read with."""
        with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False) as browser:
            url = f"{self.base}/console/sign-in"
            hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', browser.get(url).text)
            origin = str(browser.get(url).url.copy_with(path="/", query=None)).rstrip("/")
            headers = {"Origin": origin, "Sec-Fetch-Site": "same-origin"}
            browser.post(url, data=dict(hidden) | {"key": self.key}, headers=headers)
            if not browser.get(f"{self.base}/console/registrations").is_success:
                raise SystemExit(f"The console at {url} does not let this operator key in.")
            return {"Cookie": "; ".join(f"{name}={value}" for name, value in browser.cookies.items())}


class Visitor:
    """What a server offers, and how to get it."""

    def __init__(self, http: httpx.Client, base: str, metadata: Document, *, operator_key: str = "") -> None:
        self._http = http
        self.base = base
        self.metadata_url = base + METADATA
        self.registration_url = str(metadata["registration_endpoint"])
        self.token_url = str(metadata["token_endpoint"])
        self.introspection_url = str(metadata.get("introspection_endpoint", ""))
        self.clients_api = str(metadata["cds_clients_api"])
        self.credentials_api = str(metadata["cds_credentials_api"])
        self.messages_api = str(metadata["cds_messages_api"])
        self.grants_api = str(metadata["cds_grants_api"])
        self.scopes: dict[str, Document] = metadata["cds_scope_descriptions"]
        self.fields: dict[str, Document] = metadata["cds_registration_fields"]
        self.operator = Operator(base, operator_key) if operator_key else None

    def many(self, count: int) -> list[str]:
        """The admin scope and others that programs use by themselves, those that ask for the least first."""
        usable = [
            name
            for name, scope in self.scopes.items()
            if name != ADMIN and scope["grant_types_supported"] == ["client_credentials"] and "_admin" not in name
        ]
        usable.sort(key=lambda name: len(self.scopes[name]["registration_requirements"]))
        return [ADMIN, *usable[: count - 1]]

    def registration(self, scopes: Sequence[str], own: Mapping[str, Any]) -> Document:
        """The body of a registration request with whatever these scopes ask for."""
        ids = fields_of(self.scopes, scopes, "registration_requirements")
        return {"client_name": CLIENT_NAME, "scope": " ".join(scopes), **submission(self.fields, ids, own)}

    def registered(self, scopes: Sequence[str], own: Mapping[str, Any]) -> tuple[str, str]:
        """Make a registration: client_id and client_secret of its admin Client Object."""
        made = self._ask("POST", self.registration_url, json=self.registration(scopes, own)).json()
        return made["client_id"], made["client_secret"]

    def admitted(self, client_id: str, client_secret: str) -> Client:
        """The admin Client Object with those, and an access token."""
        form = {"grant_type": "client_credentials", "scope": ADMIN}
        token = self._ask("POST", self.token_url, data=form, auth=(client_id, client_secret)).json()["access_token"]
        return Client(client_id, client_secret, token)

    def register(self, scopes: Sequence[str], own: Mapping[str, Any]) -> Client:
        """Make a registration and get an access token of its admin Client Object."""
        return self.admitted(*self.registered(scopes, own))

    def clients(self, client: Client) -> list[Document]:
        """The first page of its Client Objects."""
        return self._page(self.clients_api, client, "clients")

    def grants(self, client: Client) -> list[Document]:
        """The first page of its Grants."""
        return self._page(self.grants_api, client, "grants")

    def objects(self, client: Client) -> dict[str, int]:
        """How many of each kind its registration has, as far as first pages tell."""
        counted = {
            "Client Objects": (self.clients_api, ("clients",)),
            "Credentials": (self.credentials_api, ("credentials",)),
            "Messages": (self.messages_api, ("outstanding", "unread", "read")),
            "Grants": (self.grants_api, ("grants",)),
        }
        return {name: len(self._page(url, client, *parts)) for name, (url, parts) in counted.items()}

    def _page(self, url: str, client: Client, *parts: str) -> list[Document]:
        """What is in parts of a page; a Message that is in two of them counts once."""
        page = self._ask("GET", url, headers=client.bearer).json()
        return list({str(one): one for part in parts for one in page[part]}.values())

    def grant(self, client_id: str, count: int = 1) -> None:
        """Let an operator, if there is one, give so many Grants to a registration, for a scope that needs no details.

        Args:
            client_id: Of its admin Client Object.
            count: How many; none where it has no such scope.
        """
        if self.operator is None:
            return
        url, headers = f"{self.operator.api}/registrations/{client_id}", self.operator.bearer
        scopes = {one["scope"]: one["client_id"] for one in self._ask("GET", url, headers=headers).json()["clients"]}
        plain = [scope for scope in scopes if self._is_plain(scope)]
        for _ in range(count if plain else 0):
            body = {"client_id": scopes[plain[0]], "scope": plain[0]}
            self._ask("POST", f"{self.operator.api}/grants", json=body, headers=headers)

    def _is_plain(self, scope: str) -> bool:
        description = self.scopes.get(scope, {})
        return "_admin" not in scope and not description.get("authorization_details_fields_supported", [True])

    def etag(self, url: str) -> str:
        """The entity tag of a public document, if it has one."""
        return self._ask("GET", url).headers.get("etag", "")

    def _ask(self, method: str, url: str, **request: Any) -> httpx.Response:
        """A request that has to succeed; where rate limits ask for patience they get some."""
        for attempt in range(ATTEMPTS):
            answer = self._http.request(method, url, **request)
            if answer.status_code != httpx.codes.TOO_MANY_REQUESTS or attempt == ATTEMPTS - 1:
                break
            wait = answer.headers.get("retry-after", "1")
            time.sleep(min(int(wait) if wait.isdecimal() else 1, LONGEST_PAUSE_SECONDS))
        if not answer.is_success:
            raise SystemExit(f"{method} {url} was answered with {answer.status_code}: {answer.text[:500]}")
        return answer


@contextlib.contextmanager
def visit(base: str, *, operator_key: str = "") -> Iterator[Visitor]:
    """Find out what the server with that public URL offers.

    Raises:
        SystemExit: There is no such server, with a sentence that says so.
    """
    base = base.rstrip("/").removesuffix(METADATA)
    with httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=True) as http:
        try:
            server = http.get(base + METADATA).raise_for_status().json()
            metadata = http.get(server["oauth_metadata"]).raise_for_status().json()
            visitor = Visitor(http, base, metadata, operator_key=operator_key)
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise SystemExit(f"{base} does not look like a CDS server: {error!r}") from error
        yield visitor
