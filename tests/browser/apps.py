"""A Client of the utility with the steps that it goes through over HTTP, for tests in which a browser does the rest."""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx

SCOPE = "ple_customer_data"
ADMIN = "cds_client_admin"
REQUIRED_FIELDS = {
    "cds_company_name": "Meadow Software GmbH",
    "cds_privacy_policy": "https://meadow.example/privacy",
    "cds_security_contact": "security@meadow.example",
}


@dataclass
class App:
    """A registered Client.

    Args:
        admin: The admin Client Object, as client_id and client_secret.
        own: Likewise, the sandbox one whose access users authorize.
        token: An admin access token.
        verifier: The code_verifier of its requests.
        status: The `cds_status` of that Client Object.
    """

    http: httpx.AsyncClient
    metadata: dict[str, Any]
    admin: tuple[str, str] = ("", "")
    own: tuple[str, str] = ("", "")
    token: str = ""
    redirect_uri: str = ""
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    status: str = "sandbox"

    @classmethod
    async def register(
        cls, http: httpx.AsyncClient, redirect_uri: str = "", status: str = "sandbox", **metadata: Any
    ) -> "App":
        """Register, find the Client Object, and set its redirect URI unless answers go to the receipt page."""
        document = (await http.get("/.well-known/oauth-authorization-server")).raise_for_status().json()
        app = cls(http, document, status=status)
        body = {"client_name": "Meadow Home", "scope": f"{ADMIN} {SCOPE}"} | REQUIRED_FIELDS | metadata
        answer = await http.post(document["registration_endpoint"], json=body)
        assert answer.status_code == 201, answer.text
        app.admin = answer.json()["client_id"], answer.json()["client_secret"]
        app.token = (await app.exchange(app.admin, grant_type="client_credentials", scope=ADMIN))["access_token"]
        client = await app.client()
        credentials = await app.api("GET", f"{document['cds_credentials_api']}?client_ids={client['client_id']}")
        app.own = client["client_id"], credentials["credentials"][0]["client_secret"]
        if redirect_uri:
            await app.change(redirect_uris=[*client["redirect_uris"], redirect_uri])
            app.redirect_uri = redirect_uri
        return app

    async def api(self, method: str, url: str, body: Any = None) -> dict[str, Any]:
        """A call of the CDS APIs with the admin access token."""
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = await self.http.request(method, url, json=body, headers=headers)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def client(self) -> dict[str, Any]:
        """The Client Object."""
        listing = (await self.api("GET", self.metadata["cds_clients_api"]))["clients"]
        return next(one for one in listing if one["scope"] == SCOPE and one["cds_status"] == self.status)

    async def change(self, **values: Any) -> dict[str, Any]:
        """PUT the Client Object with some values changed."""
        client = await self.client()
        return await self.api("PUT", client["cds_client_uri"], client | values)

    async def grants(self) -> list[dict[str, Any]]:
        """The Grants of the Client Object."""
        found: list[dict[str, Any]] = (await self.api("GET", self.metadata["cds_grants_api"]))["grants"]
        return [one for one in found if one["client_id"] == self.own[0]]

    def parameters(self, **more: Any) -> dict[str, str]:
        """An authorization request; a value of None leaves a parameter out."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        values = {
            "client_id": self.own[0],
            "response_type": "code",
            "redirect_uri": self.redirect_uri or None,
            "scope": SCOPE,
            "state": "s-1",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in more.items() if value}
        return {name: value for name, value in (values | dict.fromkeys(more) | texts).items() if value}

    def authorize(self, **more: Any) -> str:
        """The URL at which a browser begins."""
        return f"{self.metadata['authorization_endpoint']}?{urlencode(self.parameters(**more))}"

    async def push(self, **more: Any) -> str:
        """The same for a request that was pushed."""
        answer = await self.post("pushed_authorization_request", self.own, **self.parameters(**more))
        assert answer.status_code == 201, answer.text
        pushed = {"client_id": self.own[0], "request_uri": answer.json()["request_uri"]}
        return f"{self.metadata['authorization_endpoint']}?{urlencode(pushed)}"

    def code_of(self, url: str, state: str = "s-1") -> str:
        """The code in the answer at the redirect URI, which has all that it has to have."""
        answer = answer_of(url)
        assert (set(answer), answer["state"], answer["iss"]) == (
            {"code", "state", "iss"},
            state,
            self.metadata["issuer"],
        )
        return answer["code"]

    async def redeem(self, code: str, **more: str) -> dict[str, Any]:
        """The tokens for a code."""
        bound = {"code": code, "redirect_uri": self.redirect_uri, "code_verifier": self.verifier}
        return await self.exchange(self.own, grant_type="authorization_code", **(bound | more))

    async def refresh(self, tokens: dict[str, Any]) -> dict[str, Any]:
        """The next tokens."""
        return await self.exchange(self.own, grant_type="refresh_token", refresh_token=tokens["refresh_token"])

    async def post(self, endpoint: str, login: tuple[str, str], **form: str) -> httpx.Response:
        """A form sent to an endpoint, by its name in the metadata without `_endpoint`."""
        return await self.http.post(self.metadata[f"{endpoint}_endpoint"], data=form, auth=login)

    async def exchange(self, login: tuple[str, str], **form: str) -> dict[str, Any]:
        """The answer to a token request."""
        answer = await self.post("token", login, **form)
        assert answer.status_code == 200, answer.text
        tokens: dict[str, Any] = answer.json()
        return tokens

    async def is_active(self, token: str) -> bool:
        """What introspection says to the Client Object that the token was given to."""
        answer = await self.post("introspection", self.own, token=token)
        return bool(answer.raise_for_status().json()["active"])


def answer_of(url: str) -> dict[str, str]:
    """The parameters of a redirect, each of them once."""
    parameters = parse_qs(urlsplit(url).query, keep_blank_values=True, strict_parsing=True)
    assert all(len(values) == 1 for values in parameters.values()), url
    return {name: values[0] for name, values in parameters.items()}
