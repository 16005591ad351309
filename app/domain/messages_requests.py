"""What a Client's requests have to bring with them: production_request, grant_request, client_submission.

Source: CDS-WG1-02 3.6, 6.1, 6.5, 6.6 and 6.9; ambiguities C2, C7, C18 to C20, C24, C25.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from msgspec import UNSET

from app.domain import client_objects
from app.domain.authorization_details import requires_entry, validate
from app.domain.context import Context
from app.domain.messages_fields import read_description, read_entries, read_field_id, read_uri
from app.domain.records import Access, Stored
from app.domain.texts import one_of
from app.errors import InvalidAuthorizationDetails, InvalidRequest
from app.schemas.clients import Client, ClientStatus
from app.schemas.messages import GrantRequest, Message, MessageStatus, MessageType, UpdateRequest
from app.schemas.registrations import Registration

MAX_ENTRIES: Final = 100
"""Entries of `updates_requested` or `grants_requested`."""

MAX_SCOPE_LENGTH: Final = 10_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """What may be asked for in a grant_request: scope ids and types of authorization details."""

    scopes: Collection[str]
    types: Collection[str]


def allowance_of(context: Context, target: Client | None, registration: Registration) -> Allowance:
    """What a grant_request may ask for: what its target has, or without one all that the registration has (C25)."""
    if target:
        return Allowance(target.scope.split(), target.authorization_details_types)
    known = [scope.id for scope in client_objects.scopes_of(context.catalog, registration.scope)]
    scopes = [scope for group in client_objects.groups(context.catalog, known) for scope in group]
    return Allowance([scope.id for scope in scopes], client_objects.authorization_details_types(scopes))


def require_sandbox_object(target: Stored[Client] | None) -> None:
    """Refuse a production_request for anything but a sandbox object of the registration (6.1, C7).

    Raises:
        InvalidRequest: `related_uri` names something else, or nothing.
    """
    if target is None or ClientStatus.SANDBOX not in target.object.cds_status_options:
        raise InvalidRequest(
            "related_uri must be the cds_client_uri of one of your Client Objects with sandbox in its "
            "cds_status_options.",
            field="related_uri",
        )


def read_grants_requested(
    context: Context, access: Access, submitted: object, allowance: Allowance
) -> list[GrantRequest]:
    """The Grants that a grant_request asks for, as they were written.

    Whoever approves one validates its authorization details again: defaults, limits and dates are those of that moment.

    Raises:
        InvalidRequest: An entry is malformed, or asks for a scope or a type that the Client Object does not have.
        InvalidAuthorizationDetails: A field of an authorization details entry is not acceptable.
    """
    entries = read_entries(submitted, "grants_requested", limit=MAX_ENTRIES)
    return [
        _read_grant(context, access, entry, allowance, f"grants_requested.{place}")
        for place, entry in enumerate(entries)
    ]


def _read_grant(
    context: Context, access: Access, entry: Mapping[str, Any], allowance: Allowance, path: str
) -> GrantRequest:
    scope, details = entry.get("scope"), entry.get("authorization_details")
    if not isinstance(scope, str) or len(scope) > MAX_SCOPE_LENGTH or not set(scope.split()) <= set(allowance.scopes):
        raise InvalidRequest(
            f"{path}.scope must be a space-separated string of scopes of the Client Object.", field=f"{path}.scope"
        )
    field = f"{path}.authorization_details"
    if not isinstance(details, list) or not (details or scope.split()):
        raise InvalidRequest(f"{field} must be an array; it may be empty when the scope says everything.", field=field)
    _refuse_other_types(details, allowance, field)
    validate(
        details,
        scopes=context.catalog.scopes,
        allowed_types=allowance.types,
        now=access.now,
        timezone=ZoneInfo(context.catalog.server.timezone),
        field=field,
    )
    _refuse_missing_entries(context, scope, details, field)
    return GrantRequest(scope=scope, authorization_details=details)


def _refuse_other_types(details: Sequence[Any], allowance: Allowance, field: str) -> None:
    """Refuse types beyond the allowance without naming those within: the Client Object may be somebody else's (C24)."""
    for place, one in enumerate(details):
        named = one.get("type") if isinstance(one, dict) else None
        if isinstance(named, str) and named not in allowance.types:
            raise InvalidAuthorizationDetails(
                f"{field}.{place}.type must be in the authorization_details_types of the Client Object.",
                field=f"{field}.{place}.type",
            )


def _refuse_missing_entries(context: Context, scope: str, details: Sequence[Mapping[str, Any]], field: str) -> None:
    named = {one["type"] for one in details}
    for scope_id in scope.split():
        known = context.catalog.scopes.get(scope_id)
        if known and scope_id not in named and requires_entry(known):
            raise InvalidAuthorizationDetails(
                f"{field} must have an entry of type {scope_id}, because that has required fields.", field=field
            )


def require_answerable(request: Stored[Message] | None) -> Stored[Message]:
    """The request that a client_submission answers (6.9, C2).

    Raises:
        InvalidRequest: `previous_uri` names no server_request or pdf_form_request of this registration, or one that is
            complete (C20).
    """
    if request is None or request.object.type not in {MessageType.SERVER_REQUEST, MessageType.PDF_FORM_REQUEST}:
        raise InvalidRequest(
            "previous_uri must be the uri of the server_request or pdf_form_request that this answers.",
            field="previous_uri",
        )
    if request.object.status is MessageStatus.COMPLETE:
        raise InvalidRequest("previous_uri names a request that is complete already.", field="previous_uri")
    return request


def refuse_texts(submitted: Mapping[str, Any]) -> None:
    """Refuse a client_submission whose `name` or `description` says something (6.9, C18). Raises InvalidRequest."""
    for field in ("name", "description"):
        if submitted.get(field) != "":
            raise InvalidRequest(
                f'{field} must be "" in a client_submission; answers go into updates_requested.', field=field
            )


def read_submission(request: Message, submitted: object, *, has_attachments: bool) -> list[UpdateRequest]:
    """The answers of a client_submission (6.9, C2, C19).

    To a server_request that is one per field at most, to a pdf_form_request a link to the form unless it is attached.

    Raises:
        InvalidRequest: An answer is missing, empty, malformed or was not asked for.
    """
    is_form = request.type is MessageType.PDF_FORM_REQUEST
    if is_form and has_attachments and submitted in (None, []):
        return []
    entries = read_entries(submitted, "updates_requested", limit=MAX_ENTRIES)
    answers = [_read_answer(entry, f"updates_requested.{place}") for place, entry in enumerate(entries)]
    if is_form:
        if not has_attachments and all(answer.uri is UNSET for answer in answers):
            raise InvalidRequest(
                "The form goes into attachments, or its URL into uri of an updates_requested entry.",
                field="updates_requested",
            )
    else:
        _refuse_unasked(answers, [asked.field for asked in request.updates_requested or ()])
    return answers


def _read_answer(entry: Mapping[str, Any], path: str) -> UpdateRequest:
    description = entry.get("description")
    answer = UpdateRequest(
        field=read_field_id(entry.get("field"), f"{path}.field"),
        description=UNSET if description is None else read_description(description, f"{path}.description"),
        uri=read_uri(entry.get("uri"), f"{path}.uri"),
    )
    if answer.description is UNSET and answer.uri is UNSET:
        raise InvalidRequest(f"{path} must have the answer as description or as uri.", field=path)
    return answer


def _refuse_unasked(answers: Sequence[UpdateRequest], asked: Sequence[str]) -> None:
    seen: set[str] = set()
    for place, answer in enumerate(answers):
        if answer.field not in asked or answer.field in seen:
            raise InvalidRequest(
                f"updates_requested.{place}.field must be {one_of(asked)}, each at most once.",
                field=f"updates_requested.{place}.field",
            )
        seen.add(answer.field)
