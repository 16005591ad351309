"""How Client Objects come about: which there are, what they may do, and what stands in a new one.

Source: CDS-WG1-02 4.2, 5.1, 5.2; ambiguities A4, A5, A15, A16, A18, B1.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import UNSET

from app.catalog import CLIENT_ADMIN, GRANT_ADMIN, Catalog, Scope, field_title
from app.domain.context import Context
from app.domain.records import Change
from app.schemas.clients import Client, ClientInternal, ClientStatus
from app.schemas.registrations import Registration, RequirementStatus

_ALWAYS_PRODUCTION = frozenset({CLIENT_ADMIN, GRANT_ADMIN})


def groups(catalog: Catalog, scope_ids: Iterable[str]) -> list[tuple[Scope, ...]]:
    """The scopes of each Client Object: one scope each, or those that the catalog puts into one group.

    Grant admin scopes that a requested scope needs are added once (4.2, A16); the admin scope is left to the caller.
    """
    requested = [catalog.scopes[scope_id] for scope_id in scope_ids]
    needed = [catalog.scopes[scope.grant_admin_scope] for scope in requested if scope.grant_admin_scope]
    every = {scope.id: scope for scope in (*requested, *needed) if scope.type != CLIENT_ADMIN}
    grouped: dict[str, list[Scope]] = {}
    for scope in every.values():
        grouped.setdefault(f"group {scope.group}" if scope.group else scope.id, []).append(scope)
    return [tuple(scopes) for scopes in grouped.values()]


def onboarding_steps(catalog: Catalog, scopes: Iterable[Scope]) -> list[str]:
    """The ids of the registration fields that are done after the registration, in the order of the scopes' lists."""
    ids = dict.fromkeys(field_id for scope in scopes for field_id in scope.registration_requirements)
    return [field_id for field_id in ids if catalog.registration_fields[field_id].type != "registration_field"]


def steps_left(catalog: Catalog, scopes: Iterable[Scope], registration: Registration) -> list[str]:
    """What people call the onboarding steps that a Client still has to take for these scopes; reviews are ours."""
    fields, required = catalog.registration_fields, registration.requirements
    return [
        field_title(step)
        for step in onboarding_steps(catalog, scopes)
        if fields[step].type != "internal_review"
        and step in required
        and required[step].status is not RequirementStatus.MET
    ]


def is_ready_for_production(catalog: Catalog, scopes: Sequence[Scope], registration: Registration) -> bool:
    """Whether a production object may exist without anybody deciding about it (A18, `registration.production`)."""
    if all(scope.type in _ALWAYS_PRODUCTION for scope in scopes):
        return True
    steps = onboarding_steps(catalog, scopes)
    if any(registration.requirements[step].status is not RequirementStatus.MET for step in steps):
        return False
    if catalog.registration.production == "automatic":
        return True
    return not steps and not any(scope.response_types_supported for scope in scopes)


def first_statuses(catalog: Catalog, scopes: Sequence[Scope], registration: Registration) -> list[ClientStatus]:
    """The statuses of the objects that a registration makes for these scopes: sandbox, production or both (A18)."""
    ready = is_ready_for_production(catalog, scopes, registration)
    if any(scope.response_types_supported for scope in scopes):
        return [ClientStatus.SANDBOX, ClientStatus.PRODUCTION] if ready else [ClientStatus.SANDBOX]
    return [ClientStatus.PRODUCTION if ready else ClientStatus.SANDBOX]


def status_options(scope_ids: Iterable[str], status: ClientStatus) -> list[ClientStatus]:
    """What the Client may set `cds_status` to (5.1, B1)."""
    return [status] if CLIENT_ADMIN in scope_ids else [status, ClientStatus.DISABLED]


def create(
    context: Context,
    change: Change,
    registration: Registration,
    client_id: str,
    scopes: Sequence[Scope],
    status: ClientStatus,
    *,
    production_client_id: str = "",
) -> Client:
    """Add a new Client Object to a change, with every field that 5.1 requires.

    It gets the metadata and field values that were submitted with its registration (A4, A5). The scopes share response
    types, grant types and authentication method; the status is `production` or `sandbox`. `production_client_id` is the
    production twin that a sandbox object has from the start.
    """
    client = _new_client(context, registration, client_id, scopes, status, change.now)
    internal = ClientInternal(assigned_scope=client.scope, production_client_id=production_client_id)
    change.create(client, internal)
    change.event("client.created", client_id)
    return client


def _new_client(
    context: Context,
    registration: Registration,
    client_id: str,
    scopes: Sequence[Scope],
    status: ClientStatus,
    now: datetime,
) -> Client:
    first = scopes[0]
    scope = " ".join(one.id for one in scopes)
    metadata = dict(registration.client_metadata)
    return Client(
        client_id=client_id,
        client_id_issued_at=int(now.timestamp()),
        scope=scope,
        redirect_uris=[context.links.receipt] if first.response_types_supported else [],
        response_types=list(first.response_types_supported),
        grant_types=list(first.grant_types_supported),
        token_endpoint_auth_method=next(iter(first.token_endpoint_auth_methods_supported), None),
        authorization_details_types=authorization_details_types(scopes),
        client_name=metadata.pop("client_name", client_id),
        contacts=metadata.pop("contacts", []),
        client_uri=metadata.pop("client_uri", UNSET),
        logo_uri=metadata.pop("logo_uri", UNSET),
        tos_uri=metadata.pop("tos_uri", UNSET),
        policy_uri=metadata.pop("policy_uri", UNSET),
        cds_created=now,
        cds_modified=now,
        cds_client_uri=context.links.client(client_id),
        cds_status=status,
        cds_status_options=status_options(scope.split(), status),
        cds_server_metadata=context.links.server_metadata,
        cds_default_scope=scope if first.response_types_supported else UNSET,
        cds_default_redirect_uri=context.links.receipt if first.response_types_supported else UNSET,
        cds_default_authorization_details=[] if first.response_types_supported else UNSET,
        extra=metadata | _shown_values(context.catalog, scopes, registration.field_values),
    )


def authorization_details_types(scopes: Iterable[Scope]) -> list[str]:
    """The union of what the scopes support (B13)."""
    return list(dict.fromkeys(type_ for scope in scopes for type_ in scope.authorization_details_types_supported))


def listed_fields(scopes: Iterable[Scope]) -> list[str]:
    """The ids of the registration fields that the scopes require or take."""
    both = (
        field_id for scope in scopes for field_id in (*scope.registration_requirements, *scope.registration_optional)
    )
    return list(dict.fromkeys(both))


def _shown_values(catalog: Catalog, scopes: Iterable[Scope], values: Mapping[str, Any]) -> dict[str, Any]:
    """The registration field values that these scopes' objects show (A5)."""
    names = (catalog.registration_fields[field_id].field_name for field_id in listed_fields(scopes))
    return {name: values[name] for name in names if name and name in values}


def scopes_of(catalog: Catalog, scope: str) -> list[Scope]:
    """The catalog's scopes in a scope string; one that the catalog no longer has is left out."""
    return [catalog.scopes[scope_id] for scope_id in scope.split() if scope_id in catalog.scopes]
