"""Somebody who acts for the server, by the operator API of cds-registration-server; and how others bring their own.

cds-server conformance https://utility.example --operator-url https://utility.example --operator-key KEY
cds-server conformance https://utility.example --operator our_hooks:Staff --operator-key KEY

The second is for servers with other doors: `Staff` is any class with the methods of `app.conformance.operator.Operator`
(it need not inherit from it), found on PYTHONPATH and made with `Staff(url, key)`: what `--operator-url` and
`--operator-key` say, or the URL under test and an empty string. A method that cannot do what it is asked for raises
`app.conformance.Skipped` with the reason, and the checks that need it are skipped with that reason; so a few methods
are a beginning. Ids and URIs are those that the Client sees in the APIs of CDS-WG1-02.
"""

import asyncio
import importlib
from collections.abc import Callable, Mapping
from functools import partial
from html.parser import HTMLParser
from typing import Any, Final
from urllib.parse import parse_qs, quote, urljoin, urlsplit

import httpx

from app.conformance.checks import Skipped
from app.conformance.operator import Document, Operator

API: Final = "/operator/api/v1"
SECONDS: Final = 30.0
MAX_PAGES: Final = 12
"""How many pages an authorization may lead through."""

DECISIONS: Final = {True: "approve", False: "decline"}
POLLS: Final = 50
POLL_SECONDS: Final = 0.1


class OperatorApi:
    """Acts with an operator key of role admin, and for users with a test account."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        user: tuple[str, str] | None = None,
        verify: Any = True,  # noqa: ANN401 -- as httpx has it
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Without I/O.

        Args:
            url: The public URL of the server.
            key: Of an operator with the role admin.
            user: Name and password of a test account; without one nothing is authorized.
            verify: Certificates to trust.
            transport: Instead of the network.
        """
        self._base = url.rstrip("/")
        self._user = user
        self._statuses: dict[str, Mapping[str, Any]] = {}
        self._open = partial(httpx.AsyncClient, verify=verify, transport=transport, timeout=SECONDS, trust_env=False)
        self._http = self._open()
        self._http.headers["Authorization"] = f"Bearer {key}"

    async def approve_production(self, client_id: str) -> None:
        """Approve it whatever is outstanding."""
        await self._call("POST", f"/clients/{_part(client_id)}/approve", {})

    async def decide(self, message_uri: str, status: str, description: str = "") -> None:
        """Decide a Message."""
        body = {"status": status, "description": description}
        await self._call("POST", f"/messages/{_last(message_uri)}/decision", body)

    async def send_message(self, client_id: str, message: Document) -> str:
        """Send a Message to the registration of a Client Object."""
        registration_id = (await self._client(client_id))["registration_id"]
        sent = await self._call("POST", f"/registrations/{_part(registration_id)}/messages", dict(message))
        return str(sent["uri"])

    async def broadcast(self, message: Document) -> None:
        """Send a notification to all, and wait until it is under way."""
        body = {
            name: message[name] for name in ("name", "description", "related_uri", "related_type") if name in message
        }
        broadcast = await self._call("POST", "/broadcasts", body)
        path = f"/broadcasts/{_part(str(broadcast['broadcast_id']))}"
        for _ in range(POLLS):
            if (await self._call("GET", path)).get("status") == "complete":
                return
            await asyncio.sleep(POLL_SECONDS)

    async def suspend(self, client_id: str) -> None:
        """Disable a Client Object for its Client."""
        self._statuses[client_id] = await self._client(client_id)
        await self.change_client(client_id, {"cds_status": "disabled", "cds_status_options": ["disabled"]})

    async def reinstate(self, client_id: str) -> None:
        """Give it back the status from before."""
        before = self._statuses.get(client_id)
        if before is None:
            raise Skipped("only what was suspended in this run can be reinstated")
        await self.change_client(client_id, {name: before[name] for name in ("cds_status", "cds_status_options")})

    async def change_client(self, client_id: str, changes: Document) -> None:
        """Change members of a Client Object."""
        await self._call("PATCH", f"/clients/{_part(client_id)}", dict(changes))

    async def expire_credential(self, credential_id: str) -> None:
        """End a Credential at once."""
        await self._call("POST", f"/credentials/{_part(credential_id)}/expire", {})

    async def make_grant(self, client_id: str, grant: Document) -> str:
        """Make a Grant."""
        made = await self._call("POST", "/grants", {"client_id": client_id, **grant})
        return str(made["grant_id"])

    async def change_grant(self, grant_id: str, changes: Document) -> None:
        """Change a Grant."""
        await self._call("PATCH", f"/grants/{_part(grant_id)}", dict(changes))

    async def share_file(self, client_id: str, name: str, content: bytes, mime_type: str) -> str:
        """Bring in a file and share it."""
        request = self._http.build_request(
            "POST", self._base + API + "/files", files={"file": (name, content, mime_type)}
        )
        file = await self._send(request)
        shared = await self._call("POST", f"/files/{_part(str(file['file_id']))}/shares", {"client_id": client_id})
        return str(shared["grant_id"])

    async def authorize(self, url: str, *, approve: bool = True) -> str:
        """Sign in as the test user and decide; where that leads is not opened."""
        if self._user is None:
            raise Skipped("needs a test user (--operator-user NAME:PASSWORD)")
        async with self._open() as browser:
            return await self._browse(browser, url, approve=approve)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _browse(self, browser: httpx.AsyncClient, url: str, *, approve: bool) -> str:
        answer = await browser.get(url)
        for _ in range(MAX_PAGES):
            if answer.is_redirect:
                following = urljoin(str(answer.url), answer.headers["location"])
                if not self._is_own(following) or _is_way_back(following):
                    return following
                answer = await browser.get(following)
                continue
            page = Page(answer.text)
            form = page.with_field("password") or page.with_value("decision", DECISIONS[approve])
            if form is None:
                return str(answer.url)
            values = dict(form.values)
            if "password" in values and self._user:
                values["username"], values["password"] = self._user
            origin = {"Origin": "{0.scheme}://{0.netloc}".format(urlsplit(self._base)), "Sec-Fetch-Site": "same-origin"}
            answer = await browser.post(urljoin(str(answer.url), form.action), data=values, headers=origin)
        raise Skipped("an authorization leads through too many pages")

    def _is_own(self, url: str) -> bool:
        own, other = urlsplit(self._base), urlsplit(url)
        return (own.scheme, own.netloc) == (other.scheme, other.netloc)

    async def _client(self, client_id: str) -> Mapping[str, Any]:
        return await self._call("GET", f"/clients/{_part(client_id)}")

    async def _call(self, method: str, path: str, body: object = None) -> Mapping[str, Any]:
        return await self._send(self._http.build_request(method, self._base + API + path, json=body))

    async def _send(self, request: httpx.Request) -> Mapping[str, Any]:
        """Raises: Skipped: The operator API refused it, or did not answer."""
        where = f"{request.method} {request.url.path}"
        try:
            answer = await self._http.send(request)
        except httpx.HTTPError as error:
            raise Skipped(f"the operator API did not answer to {where}: {type(error).__name__}") from None
        if not answer.is_success:
            raise Skipped(f"the operator API answers {answer.status_code} to {where}: {answer.text[:200]}")
        found = answer.json() if answer.content else {}
        return found if isinstance(found, Mapping) else {}


class Form:
    """A form of a page, with the values that it would be sent with."""

    def __init__(self, action: str) -> None:
        self.action = action
        self.values: dict[str, str] = {}


class Page(HTMLParser):
    """The forms of a page of HTML."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take down forms and their inputs."""
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(values.get("action", "")))
        elif tag == "input" and self.forms and values.get("name"):
            self.forms[-1].values[values["name"]] = values.get("value", "")

    def with_field(self, name: str) -> Form | None:
        """The first form with such an input."""
        return next((form for form in self.forms if name in form.values), None)

    def with_value(self, name: str, value: str) -> Form | None:
        """The first form whose input has that value."""
        return next((form for form in self.forms if form.values.get(name) == value), None)


def load_operator(named: str, url: str, key: str) -> Operator:
    """Hooks of somebody else, by `module:Class`.

    Raises:
        ValueError: There are none; the message says what is wrong.
    """
    module, colon, name = named.partition(":")
    if not colon or not module or not name:
        raise ValueError(f"{named!r} is not of the form module:Class")
    try:
        make: Callable[[str, str], Operator] = getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise ValueError(f"{module} cannot be imported: {error}") from None
    except AttributeError:
        raise ValueError(f"{module} has no {name}") from None
    return make(url, key)


def _is_way_back(url: str) -> bool:
    """Whether a browser is sent back to the Client, whose redirect URI may be a page of the server itself."""
    return not {"code", "error"}.isdisjoint(parse_qs(urlsplit(url).query))


def _part(value: str) -> str:
    return quote(value, safe="")


def _last(uri: str) -> str:
    return _part(urlsplit(uri).path.rpartition("/")[2])
