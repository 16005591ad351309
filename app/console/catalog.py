"""The catalog as Clients see it, and what `cds-server check` would say about the files that it was read from."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from msgspec import UNSET
from starlette.requests import Request

from app.catalog import AuthorizationDetailsField, Catalog, RegistrationField, Scope
from app.console import wording
from app.console.shell import console_page, console_route, signed_in
from app.domain import documentation
from app.domain.check import Findings, look
from app.domain.coverage import COVERAGE_PATH
from app.domain.server_metadata import AS_METADATA_PATH, SERVER_METADATA_PATH
from app.env_file import read_environment
from app.settings import Settings
from app.web.answers import Answer
from app.web.state import State

PATH: Final = "/console/catalog"

_FIELD_TYPES: Final = {**wording.STEP_TYPES, "registration_field": "Field of the registration"}
_WAYS: Final = {
    "authorization_code": "Customers authorize it",
    "client_credentials": "Clients use it by themselves",
}


async def show(request: Request[State]) -> Answer:
    """GET. The files are read again each time, beside the event loop."""
    await signed_in(request)
    state = request.state
    catalog, settings = state["context"].catalog, state["settings"]
    findings = await asyncio.to_thread(look_now, settings)
    return console_page(
        request,
        "catalog.html",
        title="Catalog",
        problems=findings.problems,
        has_changed=findings.catalog is not None and findings.catalog != catalog,
        source=str(settings.catalog) if settings.catalog else "the bundled demo utility",
        documents=[
            ("Server metadata", SERVER_METADATA_PATH),
            ("OAuth metadata", AS_METADATA_PATH),
            ("Coverage", COVERAGE_PATH),
            ("Documentation", documentation.DOCUMENTATION_PATH),
        ],
        server=catalog.server,
        scopes=[scope_shown(one, catalog, settings) for one in catalog.scopes.values()],
        fields=[field_shown(one, settings) for one in catalog.registration_fields.values()],
        coverage=catalog.coverage,
        policies=policies_shown(catalog),
        accounts=catalog.test_accounts,
    )


def look_now(settings: Settings) -> Findings:
    """What `cds-server check` finds in the directory of this process."""
    return look(lambda: Settings.from_environment(read_environment(Path.cwd())), settings.catalog)


def scope_shown(scope: Scope, catalog: Catalog, settings: Settings) -> dict[str, Any]:
    """A scope as the page has it."""
    covered = {entry.id: entry.name for entry in catalog.coverage}
    return {
        "id": scope.id,
        "type": scope.type,
        "name": scope.name,
        "description": scope.description,
        "documentation": documentation.scope_documentation(scope, settings),
        "way": ", ".join(text for grant_type, text in _WAYS.items() if grant_type in scope.grant_types_supported),
        "requirements": scope.registration_requirements,
        "optional": scope.registration_optional,
        "coverages": [covered.get(one, one) for one in scope.coverages_supported],
        "group": scope.group or "",
        "grant_admin": scope.grant_admin_scope or "",
        "details": [_details_field_shown(one) for one in scope.authorization_details_fields_supported],
    }


def field_shown(field: RegistrationField, settings: Settings) -> dict[str, Any]:
    """A registration field as the page has it."""
    fee = f"{field.amount} {field.currency}" if field.amount is not None else ""
    return {
        "id": field.id,
        "type": _FIELD_TYPES[field.type],
        "description": field.description,
        "documentation": documentation.registration_field_documentation(field, settings),
        "name": field.field_name or "",
        "form": " ".join(filter(None, (field.format or "", fee))),
        "optional": field.type == "registration_field" and field.default is not UNSET,
    }


def policies_shown(catalog: Catalog) -> list[tuple[str, str]]:
    """Who decides what, as lines."""
    policy, limits = catalog.registration, catalog.registration.limits
    ttl = policy.secret_ttl_seconds
    return [
        ("Production access", _decided(policy.production, "when every requirement is met")),
        ("Grants that Clients ask for", _decided(catalog.policies.grants, "at once")),
        ("Changes that wait for an operator", ", ".join(sorted(catalog.policies.field_review)) or "none"),
        ("A client_secret lives", f"{timedelta(seconds=ttl).days} days" if ttl else "until it is replaced"),
        ("For strict OAuth libraries (RFC 7591)", "yes" if policy.rfc7591_compatible else "no"),
        *((f"Limit: {name.replace('_', ' ')}", str(value)) for name, value in limits.items()),
    ]


def _decided(decision: str, automatically: str) -> str:
    return f"automatic, {automatically}" if decision == "automatic" else "an operator decides"


def _details_field_shown(field: AuthorizationDetailsField) -> dict[str, Any]:
    limits = [
        f"{name} {wording.value(value)}"
        for name, value in (("from", field.minimum), ("to", field.maximum))
        if value is not UNSET
    ]
    return {
        "id": field.id,
        "name": field.name,
        "format": field.format,
        "required": field.is_required,
        "default": "" if field.is_required else wording.value(field.default),
        "limits": " ".join(limits),
        "choices": ", ".join(choice.id for choice in field.choices),
    }


routes = [console_route(PATH, GET=show)]
