"""Registration of Clients: one request, all Client Objects, Credentials, Grants and Messages that it leads to.

Source: CDS-WG1-02 section 4 on top of RFC 7591; ambiguities A1 to A28.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from app.catalog import CLIENT_ADMIN, Catalog, Scope
from app.domain import client_metadata, client_objects, credentials, onboarding, registration_fields, standing_grants
from app.domain.context import Context
from app.domain.patterns import PatternStore, Said
from app.domain.records import Change
from app.domain.registration_fields import Submitted
from app.domain.registration_files import new_key
from app.domain.registration_patterns import Kind, kind_of
from app.domain.texts import is_name
from app.errors import Conflict, InvalidClientMetadata
from app.schemas.clients import ClientStatus
from app.schemas.documents import document_of
from app.schemas.encoding import encode
from app.schemas.registrations import Registration, RegistrationStatus, Requirement, RequirementStatus

MAX_SCOPE_LENGTH = 10_000
"""Characters of a `scope` string; ids are far shorter and there are few of them."""

_SCOPE = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+(?: +[\x21\x23-\x5B\x5D-\x7E]+)*")


@dataclass(frozen=True, slots=True)
class Registered:
    """What a registration leads to.

    Args:
        client_id: Of the admin Client Object, which is the registration_id.
        answer: JSON (see `answer_of`).
    """

    client_id: str
    answer: bytes


async def register(
    context: Context, metadata: Mapping[str, Any], *, now: datetime, registration_id: str = ""
) -> Registered:
    """Create a registration from a client registration request.

    Args:
        registration_id: Of the registration, for a request that must not make two of them; by default a new one.

    Raises:
        Conflict: There is a registration with that id. Nothing was changed.
        InvalidClientMetadata: A scope is not on offer or the admin scope is missing (A6, A7), or a field is not
        acceptable.
            Nothing was created.
        StoreUnavailable: The store or the file store did not answer.
    """
    scopes = requested_scopes(context.catalog, metadata.get("scope"))
    submitted = registration_fields.validate(
        metadata,
        fields=context.catalog.registration_fields,
        required=[field_id for scope in scopes for field_id in scope.registration_requirements],
        optional=[field_id for scope in scopes for field_id in scope.registration_optional],
    )
    about = client_metadata.validate(metadata).submitted()
    registration_id = registration_id or context.randomness.registration_id()
    said = Said(about, submitted.values)
    if not submitted.files and (kind := _kind(context, scopes, said)):
        filling = kind.fill(context.randomness, registration_id, now, said)
        return Registered(registration_id, await kind.pattern.apply(filling))
    files = await _keep_files(context, registration_id, submitted)
    change = Change(registration_id, now)
    answer = _plan(context, change, scopes, said, files)
    try:
        await context.records.apply(change)
    except Conflict:
        for key in files.values():
            await context.files.delete(key)
        raise
    return Registered(registration_id, answer)


def answer_of(context: Context, admin: dict[str, Any], credential: dict[str, Any]) -> bytes:
    """What a registration is answered with, in JSON: the admin Client Object with its client_secret.

    Args:
        context: The server.
        admin, credential: As they go out.

    Source: CDS-WG1-02 4.3; ambiguities A2.
    """
    body = admin | {"client_secret": credential["client_secret"]}
    if context.catalog.registration.rfc7591_compatible:
        body["client_secret_expires_at"] = credential["client_secret_expires_at"]
    return encode(body)


def requested_scopes(catalog: Catalog, scope: object) -> list[Scope]:
    """The scopes that a registration request names, without repetitions.

    Raises:
        InvalidClientMetadata: It is not a scope string, lacks the admin scope, or has one that cannot be registered.
    """
    if not isinstance(scope, str) or len(scope) > MAX_SCOPE_LENGTH or not _SCOPE.fullmatch(scope):
        raise InvalidClientMetadata(
            f"scope has to be a string of at most {MAX_SCOPE_LENGTH} characters: scopes that include {CLIENT_ADMIN}, "
            "with one space between two of them.",
            field="scope",
        )
    ids = list(dict.fromkeys(scope.split()))
    if CLIENT_ADMIN not in ids:
        raise InvalidClientMetadata(f"scope has to include {CLIENT_ADMIN}.", field="scope")
    for scope_id in ids:
        if scope_id not in catalog.scopes:
            named = f"{scope_id} is" if is_name(scope_id) else "One of the scopes is"
            raise InvalidClientMetadata(
                f"{named} not a key of cds_scope_descriptions, so it cannot be registered here.", field="scope"
            )
    return [catalog.scopes[scope_id] for scope_id in ids]


async def _keep_files(context: Context, registration_id: str, submitted: Submitted) -> dict[str, str]:
    """Put submitted images and PDFs into the file store; their keys by field name."""
    keys = {name: new_key(context.randomness, registration_id, name, file) for name, file in submitted.files.items()}
    for name, key in keys.items():
        await context.files.put(key, submitted.files[name].content)
    return keys


def _kind(context: Context, scopes: Sequence[Scope], said: Said) -> Kind | None:
    """The kind of registrations for these scopes that say the like; None when each has to be planned by itself."""
    if context.patterns is None:
        return None

    def plan(specimen: Context, change: Change, said: Said) -> bytes:
        return _plan(specimen, change, scopes, said, {})

    def make(store: PatternStore) -> Kind | None:
        return kind_of(context, store, said.names, plan)

    return context.patterns.get((*(scope.id for scope in scopes), said.names), make)


def _plan(context: Context, change: Change, scopes: Sequence[Scope], said: Said, files: Mapping[str, str]) -> bytes:
    """Put everything into one change; what it is answered with.

    What comes last is listed first, so the admin object follows the others.
    """
    registration = Registration(
        registration_id=change.registration_id,
        created=change.now,
        modified=change.now,
        status=RegistrationStatus.ACTIVE,
        scope=" ".join(scope.id for scope in scopes),
        client_metadata=dict(said.client_metadata),
        field_values=dict(said.field_values),
        field_files=dict(files),
        requirements=_ask(context, change, scopes),
    )
    number = 1
    for group in client_objects.groups(context.catalog, registration.scope.split()):
        number += _add_clients(context, change, registration, group, number)
    admin_scope = context.catalog.scopes[CLIENT_ADMIN]
    admin = client_objects.create(
        context, change, registration, change.registration_id, [admin_scope], ClientStatus.PRODUCTION
    )
    credential = credentials.issue(context, change, admin.client_id)
    standing_grants.standing_grant(context, change, admin, CLIENT_ADMIN, [])
    change.create(replace(registration, next_client=number))
    onboarding.welcome(context, change)
    change.event("registration.created", change.registration_id)
    return answer_of(context, document_of(admin), document_of(credential))


def _ask(context: Context, change: Change, scopes: Sequence[Scope]) -> dict[str, Requirement]:
    """Open every onboarding step that the scopes need, each with its Message (3.6)."""
    requirements = {}
    for field_id in client_objects.onboarding_steps(context.catalog, scopes):
        message = onboarding.request_step(context, change, context.catalog.registration_fields[field_id])
        status = RequirementStatus.OPEN if message else RequirementStatus.PENDING
        requirements[field_id] = Requirement(status=status, message_id=message.message_id if message else "")
    return requirements


def _add_clients(
    context: Context, change: Change, registration: Registration, scopes: Sequence[Scope], first_number: int
) -> int:
    """Add the Client Objects for these scopes, numbered from `first_number`, with their Credentials; how many they are.

    Of two, the sandbox object comes first and knows its production twin.
    """
    statuses = client_objects.first_statuses(context.catalog, scopes, registration)
    ids = [f"{change.registration_id}-{first_number + place}" for place in range(len(statuses))]
    for client_id, status, twin_id in zip(ids, statuses, [*ids[1:], ""], strict=True):
        client = client_objects.create(
            context, change, registration, client_id, scopes, status, production_client_id=twin_id
        )
        if client.token_endpoint_auth_method is not None:
            credentials.issue(context, change, client_id)
        if status is ClientStatus.SANDBOX and _is_reviewed(context.catalog, scopes):
            onboarding.request_review(context, change, client)
    return len(statuses)


def _is_reviewed(catalog: Catalog, scopes: Sequence[Scope]) -> bool:
    steps = client_objects.onboarding_steps(catalog, scopes)
    return any(catalog.registration_fields[step].type == "internal_review" for step in steps)
