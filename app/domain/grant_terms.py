"""The terms of a Grant that the Server makes, and the Grant that they give.

Source: CDS-WG1-02 8.1, 8.2; ambiguities E4 to E7.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from app.catalog import CLIENT_ADMIN, GRANT_ADMIN, SERVER_PROVIDED_FILES, Scope
from app.domain.authorization_details import refuse_missing_entries, validate
from app.domain.context import Context
from app.domain.grant_changes import REVIEW
from app.domain.grant_states import State, withhold
from app.domain.texts import listed, one_of
from app.errors import InvalidRequest, InvalidScope
from app.schemas.clients import Client
from app.schemas.grants import Approved, Grant, GrantInternal, GrantStatus, Withheld

Entry = dict[str, Any]

INITIAL: Final = (
    GrantStatus.ACTIVE,
    GrantStatus.FUTURE,
    GrantStatus.PENDING,
    GrantStatus.NEEDS_AUTHORIZATION,
    GrantStatus.NEEDS_SUB_GRANTS,
)
"""The statuses that a Grant may begin with."""

MAX_RELATED: Final = 100
"""Grants that one Grant replaces, at most."""

MADE_OTHERWISE: Final = {
    CLIENT_ADMIN: "it comes with the registration and with token requests",
    GRANT_ADMIN: "it comes with token requests",
    SERVER_PROVIDED_FILES: "it comes with sharing files",
}
"""The scope types whose Grants nobody makes by hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a Grant is to be.

    Args:
        scope: Within the scope of the Client Object. Entries bring the scope of their type along.
        authorization_details: As submitted; validated here.
        status: One of `INITIAL`. With `not_before` it is what the Grant becomes then, `active` for `future`.
        not_before: When it starts; it is `future` until then. None: at once.
        expires: When it ends; it is the `not_after` too (E4). None: never.
        eta: When `pending` is expected to end; without it in three days.
        parent: The grant_id of the Grant that it is a part of.
        replacing: The grant_ids of the Grants that it supersedes.
    """

    scope: str = ""
    authorization_details: Sequence[Mapping[str, Any]] = ()
    status: GrantStatus = GrantStatus.ACTIVE
    not_before: datetime | None = None
    expires: datetime | None = None
    eta: datetime | None = None
    parent: str | None = None
    replacing: tuple[str, ...] = field(default=())


def new_state(context: Context, client: Client, grant_id: str, terms: Terms, now: datetime) -> State:
    """A new Grant of a Client Object, without its relations to other Grants.

    Raises:
        InvalidScope: The scope is empty or not within that of the Client Object, or Grants of it are made otherwise.
        InvalidAuthorizationDetails: An entry is not acceptable, or a required one is missing.
        InvalidRequest: Status and times do not go together.
    """
    scopes, details = _extent(context, client, terms, now)
    _refuse_contradictions(terms, scopes, now)
    scope = " ".join(scope.id for scope in scopes)
    status = GrantStatus.ACTIVE if terms.status is GrantStatus.FUTURE else terms.status
    opens = status is GrantStatus.ACTIVE
    grant = Grant(
        grant_id=grant_id,
        uri=context.links.grant(grant_id),
        replacing=[context.links.grant(one) for one in terms.replacing],
        replaced_by=[],
        parent=terms.parent,
        children=[],
        created=now,
        modified=now,
        not_before=terms.not_before,
        not_after=terms.expires,
        eta=(terms.eta or now + REVIEW) if status is GrantStatus.PENDING else None,
        expires=terms.expires,
        status=status,
        client_id=client.client_id,
        scope=scope,
        authorization_details=details,
        receipt_confirmations=[],
        enabled_scope=scope if opens else "",
        enabled_authorization_details=details if opens else [],
    )
    internal = GrantInternal()
    if status is GrantStatus.NEEDS_AUTHORIZATION:
        nothing = Approved(status=GrantStatus.ACTIVE, scope="", authorization_details=[])
        internal = replace(internal, approved=nothing)
    state = State(grant, internal)
    return withhold(state, Withheld.START) if terms.not_before else state


def _extent(context: Context, client: Client, terms: Terms, now: datetime) -> tuple[list[Scope], list[Entry]]:
    own = [scope_id for scope_id in client.scope.split() if scope_id in context.catalog.scopes]
    details = validate(
        list(terms.authorization_details),
        scopes=context.catalog.scopes,
        allowed_types=[type_ for type_ in client.authorization_details_types if type_ in own],
        now=now,
        timezone=ZoneInfo(context.catalog.server.timezone),
    )
    ids = list(dict.fromkeys([*terms.scope.split(), *(entry["type"] for entry in details)]))
    if not ids or not set(ids) <= set(own):
        offered = f"one or more of {listed(own)}" if own else "one that the Client Object has, and it has none"
        raise InvalidScope(f"scope must be {offered}.", field="scope")
    refuse_missing_entries(details, " ".join(ids), context.catalog.scopes)
    return [context.catalog.scopes[scope_id] for scope_id in ids], details


def _refuse_contradictions(terms: Terms, scopes: Sequence[Scope], now: datetime) -> None:
    for scope in scopes:
        if scope.type in MADE_OTHERWISE:
            raise InvalidScope(f"A Grant of {scope.id} is not made here: {MADE_OTHERWISE[scope.type]}.", field="scope")
    related = [*terms.replacing, *([terms.parent] if terms.parent else [])]
    if len(set(related)) < len(related) or len(related) > MAX_RELATED:
        raise InvalidRequest(f"replacing must name at most {MAX_RELATED} other Grants, each once.", field="replacing")
    if terms.status not in INITIAL:
        raise InvalidRequest(f"status of a new Grant must be {one_of(INITIAL)}.", field="status")
    if terms.status is GrantStatus.FUTURE and terms.not_before is None:
        raise InvalidRequest("not_before must say when a future Grant starts.", field="not_before")
    if terms.not_before and terms.not_before <= now:
        raise InvalidRequest("not_before must lie in the future; left out, the Grant starts now.", field="not_before")
    if terms.expires and terms.expires <= (terms.not_before or now):
        raise InvalidRequest("expires must be later than the start of the Grant.", field="expires")
    if terms.eta and terms.status is not GrantStatus.PENDING:
        raise InvalidRequest("eta goes with the status pending only.", field="eta")
    if terms.status is GrantStatus.NEEDS_AUTHORIZATION and not any(one.response_types_supported for one in scopes):
        raise InvalidRequest("status needs_authorization needs a scope that users authorize.", field="status")
