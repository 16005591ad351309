"""Holds every answer of a service against its own description.

A `Recorder` stands before a service: whatever that answers has to be in its /openapi.json: the operation, the status,
the media type, the headers, every member of the body, the code of an error. What is not is in `mismatches`.

With CDS_TEST_OPENAPI=1 in the environment the `server` fixture of all tests is wrapped, and a test whose service says
anything that is not described fails.
"""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from starlette.types import Message, Receive, Scope, Send

from app.main import Service
from app.openapi.pages import is_alias, is_page
from app.schemas.encoding import encode

EXTENDED = {
    "AuthorizationDetail",
    "AuthorizationDetailsField",
    "AuthorizationServerMetadata",
    "CoverageEntry",
    "RegistrationField",
    "ScopeDescription",
    "ServerMetadata",
}
"""Schemas of objects that catalogs may extend; all others have to name every member that is served."""

ANY_METHOD = "/oauth/forward-auth"
"""Asked with whatever method a request has that a gateway has got."""

BASE = "urn:openapi"
_JSON = re.compile(r"application/(?:[a-z-]+\+)?json")


@dataclass(frozen=True)
class Description:
    """A description, ready to hold answers against it."""

    document: dict[str, Any]

    @cached_property
    def registry(self) -> Registry[Any]:
        """The document with every object closed that does not have to be open."""
        closed = deepcopy(self.document)
        schemas = closed["components"]["schemas"]
        for name, schema in schemas.items():
            if name not in EXTENDED:
                close(schema)
        resource = Resource.from_contents(closed, default_specification=DRAFT202012)
        return Registry().with_resource(BASE, resource)

    def operation(self, method: str, path: str) -> dict[str, Any] | None:
        """What is said about a request; None when nothing is."""
        template = self.template(path)
        method = "get" if method == "HEAD" or path == ANY_METHOD else method.lower()
        found: dict[str, Any] | None = self.document["paths"].get(template, {}).get(method)
        return found

    def template(self, path: str) -> str:
        """The path of the document that a request matches, "" when none does; texts before parameters."""
        for one, pattern in self._templates:
            if pattern.fullmatch(path):
                return one
        return ""

    @cached_property
    def _templates(self) -> list[tuple[str, re.Pattern[str]]]:
        paths = sorted(self.document["paths"], key=lambda one: one.count("{"))
        return [(one, re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(one)))) for one in paths]

    def resolved(self, part: dict[str, Any]) -> dict[str, Any]:
        """A part of the document, behind its reference."""
        if "$ref" not in part:
            return part
        found: Any = self.document
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        return dict(found)

    def errors(self, schema: dict[str, Any], body: object) -> Iterator[str]:
        """What is wrong with a body."""
        absolute = json.loads(json.dumps(schema).replace('"#/', f'"{BASE}#/'))
        for error in validator(json.dumps(absolute), self).iter_errors(body):
            yield f"{'/'.join(map(str, error.absolute_path)) or 'body'}: {error.message[:300]}"

    def __hash__(self) -> int:
        return id(self)


@lru_cache(maxsize=1000)
def validator(schema: str, description: Description) -> Validator:
    """A validator; making one takes longer than using it."""
    cls = validator_for({}, default=Draft202012Validator)
    return cls(json.loads(schema), registry=description.registry, format_checker=cls.FORMAT_CHECKER)


@lru_cache(maxsize=20)
def described(document: bytes) -> Description:
    """Services of the same catalog and settings have the same description."""
    return Description(json.loads(document))


def close(schema: Any) -> None:
    """Let an object, and the objects in it, have no members but those that are named."""
    if isinstance(schema, dict):
        if "properties" in schema and schema.get("type") == "object":
            schema["additionalProperties"] = False
        for one in schema.values():
            close(one)
    elif isinstance(schema, list):
        for one in schema:
            close(one)


@dataclass
class Recorder:
    """An ASGI application around another one."""

    app: Service
    mismatches: list[str] = field(default_factory=list)
    seen: set[tuple[str, str, str]] = field(default_factory=set)
    """operationId, method and status of everything that came by."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on and look at it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start: dict[str, Any] = {}
        body = bytearray()

        async def record(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                body.extend(message.get("body", b""))
            await send(message)

        await self.app(scope, receive, record)
        if start:
            self._judge(scope, start, bytes(body))

    @cached_property
    def description(self) -> Description:
        """What the application says about itself."""
        return described(encode(self.app.openapi()))

    def require_described(self) -> None:
        """Fail when something was not described."""
        assert not self.mismatches, "\n".join(["not as /openapi.json says:", *self.mismatches])

    def _judge(self, scope: Scope, start: dict[str, Any], body: bytes) -> None:
        method, path, status = scope["method"], self._path(scope["path"]), str(start["status"])
        if method == "OPTIONS" or status in {"405", "301"} or self._is_page(path):
            return
        operation = self.description.operation(method, path)
        what = f"{method} {path} {status}"
        if operation is None:
            if status not in {"404", "405"}:
                self.mismatches.append(f"{what}: there is no such operation")
            return
        self.seen.add((operation["operationId"], method, status))
        response = operation["responses"].get(status)
        if response is None:
            self.mismatches.append(f"{what}: {operation['operationId']} has no such status: {body[:200]!r}")
            return
        found = mismatches(self.description, self.description.resolved(response), start, body, is_head=method == "HEAD")
        self.mismatches += [f"{what}: {one}" for one in found]

    def _path(self, path: str) -> str:
        """Without the prefix of the public URL."""
        prefix = urlsplit(self.app.settings.public_url).path
        return path.removeprefix(prefix) or "/"

    def _is_page(self, path: str) -> bool:
        edge = self.app._edge  # noqa: SLF001 -- the table of routes has no other door
        found = edge.table.find(path) if edge else None
        return found is not None and (is_page(found[0]) or is_alias(found[0]))


def mismatches(
    description: Description, response: dict[str, Any], start: dict[str, Any], body: bytes, *, is_head: bool
) -> Iterator[str]:
    """What of an answer is not in the description of its status."""
    headers = {name.decode().lower(): value.decode("latin-1") for name, value in start["headers"]}
    for name, header in response.get("headers", {}).items():
        if description.resolved(header).get("required") and name.lower() not in headers:
            yield f"the header {name} is missing"
    media_type = headers.get("content-type", "").partition(";")[0]
    content = response.get("content", {})
    if body and not content:
        yield f"no body is described: {body[:200]!r}"
        return
    if not content or is_head:
        return
    described = content.get(media_type) or content.get("*/*")
    if described is None:
        yield f"{media_type} is not described"
    elif _JSON.fullmatch(media_type) and "*/*" not in content:
        value = json.loads(body)
        yield from description.errors(described["schema"], value)
        codes = response.get("x-error-codes")
        if codes and value.get("error") not in codes:
            yield f"the error {value.get('error')} is not described"
