"""Our service with one deliberate violation of the specifications: an ASGI application around the real one.

@plant("WG1-02-5.3-02")
def the_listing_of_client_objects_lacks_next(seen: Seen) -> None:
    if seen.document.get("clients") is not None:
        del seen.document["next"]

A fault gets every request once before our service sees it (`before=True`) or once it has been answered, and changes
what it likes. `Faulty(service, fault)` plants it.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.types import ASGIApp, Message, Receive, Scope, Send

API = "/cds-api/v1"


@dataclass
class Seen:
    """A request on its way to our service, or back from it."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    """Of the request, in lower case."""
    body: bytes
    memory: dict[str, Any]
    """What a fault keeps from one request to the next."""
    status: int = 0
    """0 on the way to our service."""
    answered: list[tuple[str, str]] = field(default_factory=list)
    """Headers of the answer."""
    content: bytes = b""
    _document: Any = None

    @property
    def sent(self) -> dict[str, Any]:
        """The JSON object of the request, or an empty one."""
        return _object(self.body)

    @property
    def form(self) -> dict[str, str]:
        """The form of the request."""
        return dict(parse_qsl(self.body.decode(errors="replace"), keep_blank_values=True))

    @property
    def document(self) -> dict[str, Any]:
        """The JSON object of the answer, to be changed in place; an empty one where there is none."""
        if self._document is None:
            self._document = _object(self.content)
        found: dict[str, Any] = self._document
        return found

    def is_at(self, path: str, *methods: str) -> bool:
        """Whether it is a request to that path, by one of these methods (GET by default)."""
        return self.path == path and self.method in (methods or ("GET",))

    def is_below(self, path: str, *methods: str) -> bool:
        """Likewise below the path."""
        return self.path.startswith(f"{path}/") and self.method in (methods or ("GET",))

    def every(self, kind: str) -> Iterator[dict[str, Any]]:
        """The objects of a kind (client, credential, grant, message) in an answer, listed or alone."""
        document = self.document
        if not API_ID[kind] & document.keys():
            for name in API_LISTS[kind]:
                yield from document.get(name) or ()
        elif self.path.startswith((f"{API}/{kind}s", "/oauth/register")):
            yield document

    def answer(self, status: int, document: Any = None, **headers: str) -> None:
        """Answer something else."""
        self.status, self.content, self._document = status, b"" if document is None else _encoded(document), None
        self.answered = [("content-type", "application/json"), *headers.items()]

    def without_header(self, *names: str) -> None:
        """Take headers out of the answer."""
        self.answered = [(name, value) for name, value in self.answered if name.lower() not in names]

    def without_query(self, *names: str) -> None:
        """Take parameters out of the request."""
        self.query = [(name, value) for name, value in self.query if name not in names]

    @property
    def final(self) -> bytes:
        """The body of the answer as it is sent."""
        if self._document is None or self._document == _object(self.content):
            return self.content
        return _encoded(self._document)


API_ID = {
    "client": {"client_id", "error"},
    "credential": {"credential_id", "error"},
    "grant": {"grant_id", "error"},
    "message": {"message_id", "error"},
}
API_LISTS = {
    "client": ("clients",),
    "credential": ("credentials",),
    "grant": ("grants",),
    "message": ("outstanding", "unread", "read"),
}

Change = Callable[[Seen], None]


@dataclass(frozen=True)
class Fault:
    """A violation, and the clause that it violates."""

    name: str
    clause: str
    change: Change
    before: bool = False
    """Whether it changes requests, not answers."""
    staffed: bool = False
    """Whether only a run with an operator can find it."""


FAULTS: dict[str, Fault] = {}


def plant(clause: str, *, before: bool = False, staffed: bool = False) -> Callable[[Change], Change]:
    """Make a function a fault."""

    def register(change: Change) -> Change:
        name = change.__name__
        assert name not in FAULTS, f"there are two faults called {name}"
        FAULTS[name] = Fault(name, clause, change, before, staffed)
        return change

    return register


class Faulty:
    """The application with a fault; without one it passes everything on."""

    def __init__(self, app: ASGIApp, fault: Fault | None = None) -> None:
        self.app = app
        self.fault = fault
        self.memory: dict[str, Any] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http" or self.fault is None:
            await self.app(scope, receive, send)
            return
        seen = Seen(
            scope["method"],
            scope["path"],
            parse_qsl(scope["query_string"].decode(), keep_blank_values=True),
            {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]},
            await _read(receive),
            self.memory,
        )
        if self.fault.before:
            self.fault.change(seen)
        if not seen.status:
            await self._ask(scope, seen)
        if not self.fault.before:
            self.fault.change(seen)
        await _send(seen, send)

    async def _ask(self, scope: Scope, seen: Seen) -> None:
        headers = [(name.encode(), value.encode("latin-1")) for name, value in seen.headers.items()]
        headers = [(name, value) for name, value in headers if name != b"content-length"]
        if seen.body:
            headers.append((b"content-length", str(len(seen.body)).encode()))
        asked = {
            **scope,
            "method": seen.method,
            "path": seen.path,
            "raw_path": seen.path.encode(),
            "query_string": urlencode(seen.query).encode(),
            "headers": headers,
        }
        parts = [{"type": "http.request", "body": seen.body, "more_body": False}]

        async def receive() -> Message:
            return parts.pop() if parts else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
                seen.answered = [(name.decode(), value.decode("latin-1")) for name, value in message["headers"]]
            elif message["type"] == "http.response.body":
                seen.content += message.get("body", b"")

        await self.app(asked, receive, send)


async def _read(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _send(seen: Seen, send: Send) -> None:
    content = seen.final
    kept = [(name, value) for name, value in seen.answered if name.lower() != "content-length"]
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in kept]
    headers.append((b"content-length", str(len(content)).encode()))
    await send({"type": "http.response.start", "status": seen.status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _object(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _encoded(document: Any) -> bytes:
    return json.dumps(document).encode()
