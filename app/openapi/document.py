"""The whole document: every route that is served, as OpenAPI 3.1 says it."""

from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import Any, Final

from app.catalog import CLIENT_ADMIN, GRANT_ADMIN, SERVER_PROVIDED_FILES, Catalog
from app.domain import documentation
from app.domain.as_metadata import PUBLIC
from app.openapi.described import (
    BYTES,
    HTML,
    MULTIPART,
    TEXT,
    Answer,
    Body,
    Operation,
    Parameter,
    Who,
)
from app.openapi.examples import example_of
from app.openapi.operations import OPERATIONS, TAGS
from app.openapi.pages import is_alias, is_page
from app.openapi.registration import registration_example, with_catalog
from app.openapi.responses import HEADERS, error_responses, headers_of, refusals_of
from app.openapi.schemas import Schema, reference, schemas_of
from app.openapi.shapes.apis import RegistrationRequest
from app.openapi.shapes.public import OAuthError, Problem
from app.settings import Settings
from app.web.routing import ErrorStyle, Route

Shape = dict[str, Any]
Described = tuple[str, Route, Operation]

DISTRIBUTION: Final = "cds-registration-server"
_NOT_JSON: Final = {BYTES: {"type": "string", "format": "binary"}, HTML: {"type": "string"}, TEXT: {"type": "string"}}
_ABOUT: Final = """\
Everything here can be found from the server metadata, and should be: paths may differ between servers.

- All bodies are JSON in UTF-8 unless it says otherwise. Times are RFC 3339 in UTC, in whole seconds.
- `GET` also serves `HEAD`, and every path answers `OPTIONS`. Any other method is a 405.
- Listings are most recently modified first unless it says otherwise. `next` and `previous` are whole URLs to follow.
- Errors have `error` and `error_description`, as OAuth has them, everywhere; the APIs add problem details (RFC 9457).
- Every answer has an `X-Request-Id`. Whoever sends a good one gets it back.
- Members that are not named here may be added to answers; clients ignore what they do not know.
"""


def openapi_document(routes: Iterable[Route], catalog: Catalog, settings: Settings) -> Shape:
    """The document for these routes.

    Args:
        routes: All that are served; pages for people are passed over.
        catalog: Adds its scopes and registration fields.
        settings: Say where the server is.
    """
    described = list(_described(routes))
    schemas = schemas_of(_types(operation for _, _, operation in described))
    with_catalog(schemas, catalog)
    writer = _Writer(schemas, catalog, {operation.id for _, _, operation in described})
    paths: dict[str, Shape] = {}
    for method, route, operation in described:
        paths.setdefault(route.path, {})[method.lower()] = writer.operation(operation, route)
    tags = {operation.tag for _, _, operation in described}
    return {
        "openapi": "3.1.0",
        "info": _info(catalog, settings),
        "servers": [{"url": settings.public_url, "description": catalog.server.name}],
        "externalDocs": {"url": documentation.server_documentation(catalog, settings)},
        "tags": [{"name": name, "description": text} for name, text in TAGS.items() if name in tags],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": dict(sorted(writer.responses.items())),
            "headers": HEADERS,
            "securitySchemes": _security_schemes(catalog, settings),
        },
    }


def undescribed(routes: Iterable[Route]) -> list[str]:
    """Methods and paths that are served and neither described nor pages."""
    return [
        f"{method} {route.path}"
        for route in routes
        if not (is_page(route) or is_alias(route))
        for method in route.endpoints or ("GET",)
        if (method, route.path) not in OPERATIONS
    ]


def _described(routes: Iterable[Route]) -> Iterator[Described]:
    for route in routes:
        for method in route.endpoints or ("GET",):
            operation = OPERATIONS.get((method, route.path))
            if operation:
                yield method, route, operation


def _types(operations: Iterable[Operation]) -> list[type]:
    """The types that operations name, each once."""
    found: dict[type, None] = {Problem: None, OAuthError: None}
    for operation in operations:
        kinds = [answer.kind for answer in operation.answers]
        kinds.append(operation.body.kind if operation.body else None)
        found |= dict.fromkeys(kind for kind in kinds if kind not in {None, dict} and kind is not None)
    return list(found)


def _info(catalog: Catalog, settings: Settings) -> Shape:
    return {
        "title": f"{catalog.server.name}: client registration",
        "summary": "Connected Data Specifications CDS-WG1-01 (server metadata) and CDS-WG1-02 (client registration)",
        "description": _ABOUT,
        "termsOfService": documentation.terms(catalog, settings),
        "contact": {"name": "Support", "url": documentation.support(catalog, settings)},
        "version": version(DISTRIBUTION),
    }


def _security_schemes(catalog: Catalog, settings: Settings) -> Shape:
    scopes = {scope.id: scope.name for scope in catalog.scopes.values()}
    return {
        "clientBasic": {
            "type": "http",
            "scheme": "basic",
            "description": "`client_id` and `client_secret` of a Client Object (RFC 6749 2.3.1).",
        },
        "clientToken": {
            "type": "oauth2",
            "description": "An access token as `Authorization: Bearer` (RFC 6750 2.1).",
            "flows": {"clientCredentials": {"tokenUrl": f"{settings.public_url}/oauth/token", "scopes": scopes}},
        },
        "operatorKey": {
            "type": "http",
            "scheme": "bearer",
            "description": "An operator key, which `cds-server operator add` makes.",
        },
        "gatewayKey": {
            "type": "apiKey",
            "in": "header",
            "name": "Proxy-Authorization",
            "description": "`Bearer`, then an operator key of the role `introspector`; Authorization is the Client's.",
        },
        "callSignature": {
            "type": "apiKey",
            "in": "header",
            "name": "webhook-signature",
            "description": "A signature over the body (Standard Webhooks).",
        },
    }


class _Writer:
    """Writes operations; keeps the error responses that they share."""

    def __init__(self, schemas: dict[str, Schema], catalog: Catalog, served: set[str]) -> None:
        self.responses: dict[str, Shape] = {}
        self._schemas = schemas
        self._catalog = catalog
        self._served = served

    def operation(self, operation: Operation, route: Route) -> Shape:
        """One operation."""
        written: Shape = {
            "operationId": operation.id,
            "summary": operation.summary,
            "description": _description(operation),
            "tags": [operation.tag],
            "security": self._security(operation.who),
        }
        if operation.parameters:
            written["parameters"] = [_parameter(one) for one in operation.parameters]
        if operation.body:
            written["requestBody"] = self._body(operation.body)
        good = {str(answer.status): self._answer(answer, operation) for answer in operation.answers}
        written["responses"] = self._errors(operation, route) | good
        return written

    def _security(self, who: Who) -> list[Shape]:
        match who:
            case Who.CLIENT:
                has_public = any(
                    PUBLIC in one.token_endpoint_auth_methods_supported for one in self._catalog.scopes.values()
                )
                return [{"clientBasic": []}, *([{}] if has_public else [])]
            case Who.INTROSPECTOR:
                return [{"clientBasic": []}, {"operatorKey": []}]
            case Who.GATEWAY:
                return [{"gatewayKey": []}]
            case Who.TOKEN:
                return [{"clientToken": [CLIENT_ADMIN]}]
            case Who.FILES_TOKEN:
                openers = {SERVER_PROVIDED_FILES, GRANT_ADMIN}
                return [{"clientToken": [one.id]} for one in self._catalog.scopes.values() if one.type in openers]
            case Who.OPERATOR:
                return [{"operatorKey": []}]
            case Who.SIGNED:
                return [{"callSignature": []}]
            case _:
                return []

    def _body(self, body: Body) -> Shape:
        content: Shape = {"schema": reference(body.kind)}
        example = registration_example(self._catalog) if body.kind is RegistrationRequest else body.example
        if body.content_type != MULTIPART:
            shown = example_of(content["schema"], self._schemas) if example is None else example
            content["examples"] = {"example": {"value": shown}}
        return {"required": body.required, "content": {body.content_type: content}}

    def _answer(self, answer: Answer, operation: Operation) -> Shape:
        written: Shape = {"description": answer.text, "headers": headers_of(["X-Request-Id", *answer.headers])}
        if answer.content_type in _NOT_JSON:
            written["content"] = {answer.content_type: {"schema": _NOT_JSON[answer.content_type]}}
        elif answer.content_type:
            written["content"] = {answer.content_type: self._json(answer)}
        links = [one for one in operation.links if one.status == answer.status and one.operation in self._served]
        if links:
            written["links"] = {
                one.operation: {"operationId": one.operation, "parameters": one.parameters} for one in links
            }
        return written

    def _json(self, answer: Answer) -> Shape:
        if answer.kind in {None, dict} or answer.kind is None:
            return {"schema": {"type": "object"}}
        schema = reference(answer.kind)
        example = {**example_of(schema, self._schemas), **answer.example}
        return {"schema": schema, "examples": {"example": {"value": example}}}

    def _errors(self, operation: Operation, route: Route) -> Shape:
        """References to the error responses, each of which is written once."""
        references = {}
        good = {str(answer.status) for answer in operation.answers}
        for status, response in error_responses(refusals_of(operation, route), route.errors).items():
            if status not in good:
                name = f"{_STYLES[route.errors]}{status}.{'.'.join(response['x-error-codes'])}"
                self.responses[name] = response
                references[status] = {"$ref": f"#/components/responses/{name}"}
        return references


_STYLES: Final = {ErrorStyle.PROBLEM: "Problem", ErrorStyle.OAUTH: "OAuth", ErrorStyle.PAGE: "Page"}


def _description(operation: Operation) -> str:
    roles = f"For operators of the role {' or '.join(sorted(operation.roles))}." if operation.roles else ""
    source = f"Source: {operation.source}."
    return "\n\n".join(part for part in (operation.text, roles, source) if part)


def _parameter(parameter: Parameter) -> Shape:
    written: Shape = {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.text,
        "required": parameter.required,
        "schema": parameter.schema,
    }
    if parameter.is_list:
        written |= {"style": "spaceDelimited", "explode": False}
    if parameter.example is not None:
        written["example"] = parameter.example
    return written
