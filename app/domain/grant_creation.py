"""Grants that the Server makes: on its own, or because a Client asked for them (CDS-WG1-02 3.3.2, 6.3, 6.6, 8.1)."""

from collections.abc import Sequence

from msgspec.structs import replace

from app.domain import changelog
from app.domain.context import Context
from app.domain.grant_states import State, next_due
from app.domain.grant_terms import Terms, new_state
from app.domain.grant_writing import MAX_CHILDREN, Edit, carry_out, state_of
from app.domain.records import Access, Change, Stored, Wanted
from app.domain.retries import until_written
from app.errors import Conflict, InvalidRequest, NotFound
from app.schemas.clients import Client, ClientStatus
from app.schemas.grants import ENDED, Grant


async def create(context: Context, access: Access, client_id: str, terms: Terms) -> Grant:
    """Make a Grant; its parent and the Grants that it replaces are told in the same change.

    Two round trips, and one more for a part of another Grant. Files are shared with `app.domain.files` instead.

    Raises:
        NotFound: The registration has no such Client Object.
        InvalidRequest, InvalidScope, InvalidAuthorizationDetails: A term is not acceptable.
        Conflict: The Client Object is disabled, or others kept changing what the Grant rests on.
    """
    grant_id = context.randomness.object_id(access.registration_id, "g")

    async def attempt() -> Grant:
        related = [Wanted(Grant, one) for one in (*terms.replacing, *([terms.parent] if terms.parent else []))]
        client, *others = await context.records.load(access, Wanted(Client, client_id), *related)
        if client is None:
            raise NotFound("There is no such Client Object.", field="client_id")
        change = Change(access.registration_id, access.now)
        state = new_state(context, client.object, grant_id, terms, access.now)
        replaced = _require_all(others[: len(terms.replacing)], "replacing")
        edits = [_replaced(one, state.grant, change) for one in replaced]
        if terms.parent:
            (parent,) = _require_all(others[-1:], "parent")
            edits.append(_with_child(parent, state.grant, change))
        await carry_out(context, change, edits, created=[state.grant])
        add(context, change, client, state)
        await context.records.apply(change)
        return state.grant

    return await until_written(attempt)


def add(context: Context, change: Change, client: Stored[Client], state: State, reason: str = "") -> None:
    """Add a new Grant to a change that rests on its Client Object, with a Message that ends with `reason`.

    Raises:
        Conflict: The Client Object is disabled.
    """
    if client.object.cds_status is ClientStatus.DISABLED:
        raise Conflict("The Client Object is disabled.", field="client_id")
    grant, internal = state
    change.unchanged.append(client)
    change.create(grant, internal)
    change.event("grant.created", grant.grant_id)
    if due := next_due(state):
        change.due[grant.grant_id] = due
    what = f"was made for Client Object {grant.client_id} with the scope {grant.scope}; it is {grant.status} now."
    changelog.note_grant(context, change, grant.grant_id, f"{what} {reason}".rstrip())


def _require_all(found: Sequence[Stored[Grant] | None], field: str) -> list[Stored[Grant]]:
    present = [one for one in found if one]
    if len(present) < len(found):
        raise InvalidRequest(f"{field} must name Grants of this registration.", field=field)
    return present


def _replaced(stored: Stored[Grant], by: Grant, change: Change) -> Edit:
    """A superseded Grant says by what; whether it still gives access is decided for itself."""
    grant, internal = state_of(stored)
    return Edit(stored, State(replace(grant, replaced_by=[*grant.replaced_by, by.uri]), internal), change.now)


def _with_child(stored: Stored[Grant], child: Grant, change: Change) -> Edit:
    grant, internal = state_of(stored)
    if grant.status in ENDED:
        raise InvalidRequest(f"parent must be a Grant that has not ended; it is {grant.status}.", field="parent")
    if len(grant.children) >= MAX_CHILDREN:
        raise InvalidRequest(f"A Grant has at most {MAX_CHILDREN} sub-Grants.", field="parent")
    return Edit(stored, State(replace(grant, children=[*grant.children, child.grant_id]), internal), change.now)
