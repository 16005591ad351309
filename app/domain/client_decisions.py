"""What operators change about Client Objects: whether they are enabled, and any field that their Clients could change.

An operator's change needs no review, and ends the review of the same field. It is all one change, or none.

Source: CDS-WG1-02 5.1, 5.2, 5.5; ambiguities B2, B14, B15, B20, B21.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from app.catalog import CLIENT_ADMIN
from app.domain import client_status
from app.domain.client_changes import SERVER_SET, read_update
from app.domain.client_metadata import is_metadata
from app.domain.client_objects import listed_fields, scopes_of
from app.domain.client_status import State
from app.domain.clients import Plan, carry_out, plan_update
from app.domain.context import Context
from app.domain.messages_fields import read_description
from app.domain.records import Access, Change, Stored, Wanted
from app.domain.retries import until_written
from app.domain.texts import is_name, one_of
from app.errors import InvalidRequest, NotFound
from app.schemas.clients import Client, ClientStatus
from app.schemas.documents import document_of
from app.schemas.registrations import Registration

REASON: Final = "description"
"""What the Client reads about the change; no field of the Client Object."""

_AVAILABILITY: Final = ("cds_status", "cds_status_options")
_OWN_FIELDS: Final = (
    "scope",
    "redirect_uris",
    "cds_default_scope",
    "cds_default_redirect_uri",
    "cds_default_authorization_details",
    "cds_modified",
)


class _Availability(NamedTuple):
    """Whether a Client Object is enabled, and if not, whether its Client is kept from enabling it."""

    status: ClientStatus
    is_held: bool


async def modify(context: Context, access: Access, client_id: str, submitted: Mapping[str, Any]) -> Client:
    """Change a Client Object as an operator. Two round trips; more as for `clients.modify`.

    Args:
        submitted: Fields of the Client Object, of which those that are left out stay, and null goes back to the
            default. `cds_status` disables and enables. Once disabled so, only an operator can enable it, unless
            `cds_status_options` have its mode as well; `["disabled"]` keeps the Client from enabling what it has
            disabled itself. `description` is told to the Client.

    Raises:
        NotFound: The registration has no such Client Object.
        InvalidRequest: The status is not possible, or there is no such field.
        InvalidClientMetadata, InvalidRedirectUri: A value is not acceptable, or a field cannot be changed.
        Conflict: Others kept changing it meanwhile.
    """
    reason = read_description(submitted.get(REASON) or "")
    fields = {name: value for name, value in submitted.items() if name != REASON}
    return await until_written(lambda: _modify(context, access, client_id, fields, reason))


async def _modify(
    context: Context, access: Access, client_id: str, submitted: Mapping[str, Any], reason: str
) -> Client:
    stored, registration = await context.records.load(
        access, Wanted(Client, client_id), Wanted(Registration, access.registration_id)
    )
    if stored is None or registration is None:
        raise NotFound("There is no such Client Object.")
    if stored.internal.unfinished:
        stored = await client_status.finish(context, access, client_id)
    _refuse_unknown_fields(context, stored, submitted)
    present = State(stored.object, stored.internal)
    wanted = _read_availability(present, submitted)
    update = read_update(context, stored, registration.object, _whole(stored.object, submitted), now=access.now)
    plan = await plan_update(context, access, stored, update, ())
    if not (plan.fields or plan.files) and wanted == _availability_of(present):
        return stored.object

    async def set_status(change: Change, state: State) -> State:
        return await _with_availability(context, access, change, state, wanted)

    what = _what(plan, stored, wanted, reason)
    return await carry_out(context, access, stored, registration, plan, set_status=set_status, what=what)


def _refuse_unknown_fields(context: Context, stored: Stored[Client], submitted: Mapping[str, Any]) -> None:
    """An operator who misspells a field should learn so. Raises InvalidRequest."""
    listed = listed_fields(scopes_of(context.catalog, stored.internal.assigned_scope))
    names = {context.catalog.registration_fields[field_id].field_name for field_id in listed}
    known = {*names, *_OWN_FIELDS, *_AVAILABILITY, *SERVER_SET}
    for name in submitted:
        if name not in known and not is_metadata(name):
            named = name if is_name(name) else None
            raise InvalidRequest("This is no field of the Client Object that can be changed.", field=named)


def _whole(client: Client, submitted: Mapping[str, Any]) -> dict[str, Any]:
    """The object as a PUT would send it: what is submitted, and all else as it is."""
    kept = {name: value for name, value in document_of(client).items() if name not in SERVER_SET}
    return {name: value for name, value in {**kept, **submitted}.items() if name not in _AVAILABILITY}


def _availability_of(state: State) -> _Availability:
    return _Availability(state.client.cds_status, state.internal.disabled_by_operator)


def _read_availability(state: State, submitted: Mapping[str, Any]) -> _Availability:
    """What `cds_status` and `cds_status_options` ask for. Raises InvalidRequest."""
    present = _availability_of(state)
    status, options = (submitted.get(name) for name in _AVAILABILITY)
    mode = client_status.mode_of(state)
    is_admin = CLIENT_ADMIN in state.internal.assigned_scope.split()
    possible = [mode] if is_admin else [mode, ClientStatus.DISABLED]
    if status is not None and status not in possible:
        hint = "; suspend the registration instead" if is_admin else ""
        raise InvalidRequest(f"cds_status must be {one_of(possible)}{hint}.", field="cds_status")
    wanted = present.status if status is None else ClientStatus(status)
    is_disabled = wanted is ClientStatus.DISABLED
    if options is None:
        return _Availability(wanted, is_disabled and (present.is_held or status is not None))
    if not isinstance(options, list) or sorted(map(str, options)) not in _possible_options(possible, is_disabled):
        offered = " or ".join(", ".join(one) for one in _possible_options(possible, is_disabled))
        raise InvalidRequest(f"cds_status_options must be a list of {offered}.", field="cds_status_options")
    return _Availability(wanted, is_disabled and mode not in options)


def _possible_options(possible: list[ClientStatus], is_disabled: bool) -> list[list[str]]:  # noqa: FBT001 -- one of two
    """Sorted, as text."""
    every = sorted(str(one) for one in possible)
    return [every, [str(ClientStatus.DISABLED)]] if is_disabled else [every]


async def _with_availability(
    context: Context, access: Access, change: Change, state: State, wanted: _Availability
) -> State:
    if wanted == _availability_of(state):
        return state
    if wanted.status is not state.client.cds_status:
        if wanted.status is ClientStatus.DISABLED:
            state = await client_status.disable(context, access, change, state)
        else:
            state = await client_status.enable(context, access, change, state, wanted.status)
    return client_status.hold(state, change.now) if wanted.is_held else client_status.let_go(state, change.now)


def _what(plan: Plan, stored: Stored[Client], wanted: _Availability, reason: str) -> str:
    """What the Message says: the names of the fields, because their values may be personal."""
    parts = ["was modified by the Server."]
    if wanted.status is not stored.object.cds_status:
        if wanted.status is ClientStatus.DISABLED:
            parts.append("It is disabled: its Credentials have expired and its Grants are suspended.")
        else:
            parts.append(f"It is {wanted.status} again and its Grants are what they were.")
    elif wanted.is_held is not stored.internal.disabled_by_operator:
        parts.append("Only the Server can enable it again." if wanted.is_held else "You may enable it again.")
    if names := ", ".join([*plan.fields, *plan.files]):
        parts.append(f"Changed: {names}.")
    return " ".join([*parts, reason.strip()]).rstrip()
