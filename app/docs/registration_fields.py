"""What the page about registration fields shows: what to submit, what to do, what comes back (WG1-02 3.5 to 3.7)."""

from typing import Any, Final
from urllib.parse import urlsplit

from msgspec import UNSET

from app.catalog import Catalog, Form, RegistrationField, field_title
from app.domain.as_metadata import field_ids
from app.domain.onboarding_steps import needs_operator
from app.domain.registration_fields import accepts
from app.settings import Settings
from app.web import words
from app.web.markdown import as_html
from app.web.offers import KINDS

REQUESTS: Final = {
    "payment_required": "payment_request",
    "email_verification": "online_form_request",
    "sso_verification": "online_form_request",
    "pdf_form": "pdf_form_request",
    "online_form": "online_form_request",
}
"""The type of the Message that asks for a step, by the type of its field."""


def contents(catalog: Catalog, _settings: Settings) -> dict[str, Any]:
    """The values of the template: fields that are submitted first, then steps that follow."""
    listed = field_ids(catalog.scopes.values())
    entries = [field_entry(catalog, catalog.registration_fields[field_id]) for field_id in listed]
    lives_seconds = catalog.registration.onboarding_link_ttl_seconds
    return {
        "link_lives": words.period(lives_seconds) if lives_seconds else "",
        "submitted": [entry for entry in entries if entry["type"] == "registration_field"],
        "steps": [entry for entry in entries if entry["type"] != "registration_field"],
    }


def field_entry(catalog: Catalog, field: RegistrationField) -> dict[str, Any]:
    """One registration field."""
    scopes = catalog.scopes.values()
    return {
        "id": field.id,
        "title": field_title(field.id),
        "type": field.type,
        "kind": KINDS[field.type],
        "request": REQUESTS.get(field.type, ""),
        "description": field.description,
        "instructions": field.instructions,
        "name": field.field_name,
        "format": field.format,
        "accepts": accepts(field) if field.format else "",
        "is_file": (field.format or "").startswith(("image", "pdf")),
        "has_default": field.default is not UNSET,
        "default": "" if field.default is UNSET else words.default(field),
        "default_json": "" if field.default is UNSET else words.json_text(field.default),
        "show_to_users": field.show_to_users,
        "amount": f"{field.amount:,.2f}" if field.amount is not None else "",
        "currency": field.currency,
        "form": field.form or Form(text=None, url=None, pdf=None),
        "text": as_html(field.form.text, top=4) if field.form and field.form.text else "",
        "is_reviewed": needs_operator(field),
        "host": urlsplit(field.form.url).hostname if field.form and field.form.url else "",
        "required_by": [scope.id for scope in scopes if field.id in scope.registration_requirements],
        "taken_by": [scope.id for scope in scopes if field.id in scope.registration_optional],
        "elsewhere": field.documentation,
    }
