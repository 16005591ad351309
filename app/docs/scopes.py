"""What the page about scopes shows: scopes, fields of authorization details, choices (WG1-02 3.4, 3.8 to 3.10)."""

from typing import Any

from msgspec import UNSET

from app.catalog import AuthorizationDetailsField, Catalog, Scope
from app.domain import documentation
from app.domain.authorization_details_formats import accepts
from app.settings import Settings
from app.web import offers, words


class Anchors:
    """Gives every anchor of a page away once: ids that contain a `-` may come to the same text."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, anchor: str) -> str:
        """The anchor, or nothing when another part of the page has it."""
        if anchor in self._taken:
            return ""
        self._taken.add(anchor)
        return anchor


def contents(catalog: Catalog, settings: Settings) -> dict[str, Any]:
    """The values of the template."""
    anchors = Anchors()
    # Scopes first: theirs are the anchors that people write by hand.
    scopes = [(scope, anchors.take(documentation.scope_anchor(scope))) for scope in catalog.scopes.values()]
    return {
        "scopes": [scope_entry(catalog, scope, anchor, anchors) for scope, anchor in scopes],
        "timezone": catalog.server.timezone,
        "token_endpoint": settings.public_url + "/oauth/token",
    }


def scope_entry(catalog: Catalog, scope: Scope, anchor: str, anchors: Anchors) -> dict[str, Any]:
    """One scope."""
    names = {entry.id: entry.name for entry in catalog.coverage}
    return {
        "id": scope.id,
        "anchor": anchor,
        "name": scope.name,
        "description": scope.description,
        "access": offers.access(scope),
        "environment": offers.environment(catalog, scope),
        "requirements": scope.registration_requirements,
        "optional": scope.registration_optional,
        "grant_types": scope.grant_types_supported,
        "response_types": scope.response_types_supported,
        "auth_methods": scope.token_endpoint_auth_methods_supported,
        "challenges": scope.code_challenge_methods_supported,
        "pkce_required": scope.pkce_required,
        "coverages": [(entry_id, names.get(entry_id, entry_id)) for entry_id in scope.coverages_supported],
        "grant_admin_scope": scope.grant_admin_scope,
        "fields": [field_entry(scope, field, anchors) for field in scope.authorization_details_fields_supported],
        "elsewhere": scope.documentation,
    }


def field_entry(scope: Scope, field: AuthorizationDetailsField, anchors: Anchors) -> dict[str, Any]:
    """One field of the authorization details of a scope."""
    return {
        "id": field.id,
        "anchor": anchors.take(documentation.details_field_anchor(scope, field)),
        "name": field.name,
        "description": field.description,
        "format": field.format,
        "accepts": accepts(field),
        "limits": words.limits(field),
        "has_default": field.default is not UNSET,
        "default": "" if field.default is UNSET else words.default(field),
        "default_json": "" if field.default is UNSET else words.json_text(field.default),
        "is_required": field.is_required,
        "types": [one for one in field.for_types if one != scope.id],
        "choices": [
            {
                "id": choice.id,
                "anchor": anchors.take(documentation.choice_anchor(scope, field, choice)),
                "name": choice.name,
                "description": choice.description,
                "elsewhere": choice.documentation,
            }
            for choice in field.choices
        ],
        "elsewhere": field.documentation,
    }
