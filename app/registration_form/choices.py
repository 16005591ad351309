"""The first step: which scopes there are to choose from, and what each of them asks for and costs."""

from collections.abc import Iterable
from typing import NamedTuple

from msgspec import UNSET

from app.catalog import CLIENT_ADMIN, GRANT_ADMIN, SERVER_PROVIDED_FILES, Catalog, RegistrationField, Scope, field_title
from app.domain.client_objects import listed_fields, onboarding_steps
from app.domain.documentation import registration_field_documentation, scope_documentation
from app.settings import Settings
from app.web import offers


class Step(NamedTuple):
    """Something to do after the registration.

    Args:
        fee: What it costs, or "".
    """

    title: str
    kind: str
    description: str
    fee: str
    documentation: str


class Card(NamedTuple):
    """A scope to choose.

    Args:
        fields: Titles of what has to be filled in.
        optional: Titles of what may be.
        steps: What is done afterwards, before production.
    """

    id: str
    name: str
    description: str
    access: str
    environment: str
    fields: list[str]
    optional: list[str]
    steps: list[Step]
    documentation: str


def cards(catalog: Catalog, settings: Settings) -> list[Card]:
    """Every scope that can be chosen, in the order of the catalog."""
    return [card(catalog, settings, scope) for scope in offered(catalog)]


def offered(catalog: Catalog) -> list[Scope]:
    """All scopes but those that come by themselves: the admin scope, and grant admin scopes that others bring along.

    The utility's own come first: they are what people come for.
    """
    brought = {scope.grant_admin_scope for scope in catalog.scopes.values()}
    found = [
        scope
        for scope in catalog.scopes.values()
        if scope.type != CLIENT_ADMIN and not (scope.type == GRANT_ADMIN and scope.id in brought)
    ]
    return sorted(found, key=lambda scope: scope.type in {GRANT_ADMIN, SERVER_PROVIDED_FILES})


def chosen(catalog: Catalog, ids: Iterable[str]) -> list[Scope]:
    """The scopes with these ids that can be chosen, in the order of the catalog; others are left out."""
    wanted = set(ids)
    return [scope for scope in offered(catalog) if scope.id in wanted]


def card(catalog: Catalog, settings: Settings, scope: Scope) -> Card:
    """One scope."""
    listed = [catalog.registration_fields[field_id] for field_id in listed_fields([scope])]
    submitted = [field for field in listed if field.type == "registration_field"]
    required = [field for field in submitted if is_required(field, [scope])]
    return Card(
        id=scope.id,
        name=scope.name,
        description=scope.description,
        access=offers.access(scope),
        environment=offers.environment(catalog, scope),
        fields=[field_title(field.id) for field in required],
        optional=[field_title(field.id) for field in submitted if field not in required],
        steps=steps(catalog, settings, [scope]),
        documentation=scope_documentation(scope, settings),
    )


def is_required(field: RegistrationField, scopes: Iterable[Scope]) -> bool:
    """Whether a registration for these scopes has to have a value for the field."""
    return field.default is UNSET and any(field.id in scope.registration_requirements for scope in scopes)


def steps(catalog: Catalog, settings: Settings, scopes: Iterable[Scope]) -> list[Step]:
    """What is to be done after a registration for these scopes (3.6)."""
    return [step(catalog.registration_fields[field_id], settings) for field_id in onboarding_steps(catalog, scopes)]


def step(field: RegistrationField, settings: Settings) -> Step:
    """One of them."""
    return Step(
        title=field_title(field.id),
        kind=offers.KINDS[field.type],
        description=field.description,
        fee=offers.fee(field),
        documentation=registration_field_documentation(field, settings),
    )
