"""The Grants of a Client Object that is disabled or enabled again (CDS-WG1-02 5.2; ambiguities B14).

They are shown as `suspended` while it is disabled and get back what they were. A Client Object may have very many, so
they are changed in batches: the first one in the change that disables it, the rest directly afterwards. The functions
can be repeated from the start at any time; Grants that are already as they should be are left alone.
"""

from collections.abc import Sequence

from app.catalog import GRANT_ADMIN
from app.crypto.tokens import local_id
from app.domain import changelog
from app.domain.context import Context
from app.domain.grant_states import release, withhold
from app.domain.grant_writing import Edit, carry_out, state_of
from app.domain.records import Access, Change, Cursor, Listing, Stored
from app.schemas.clients import Client
from app.schemas.grants import ENDED, Grant, GrantStatus, Withheld
from app.schemas.messages import RelatedType

BATCH = 500
"""Grants that one change takes along."""

_LIVE = tuple(("status", status.value) for status in GrantStatus if status not in ENDED)


async def withhold_of_client(
    context: Context, access: Access, change: Change, client_id: str, *, cursor: Cursor | None = None
) -> Cursor | None:
    """Suspend the Grants of a Client Object; tokens that depend on them die with the change.

    Returns where to go on with another change, or None when that was all. Two round trips.
    """
    filters = ((("client", _local(client_id)),), _LIVE)
    grants = await context.records.find(access, Listing(Grant, filters=filters, cursor=cursor, limit=BATCH))
    edits = [Edit(one, withhold(state_of(one), Withheld.CLIENT), change.now) for one in grants]
    await _carry_out(context, change, client_id, edits, "suspended with it")
    further = _further(grants)
    if further and cursor is None:
        await _stop_grant_admins(context, access, change)
    return further


async def release_of_client(
    context: Context, access: Access, change: Change, client_id: str, *, cursor: Cursor | None = None
) -> Cursor | None:
    """Give the Grants of a Client Object back what they were before it was disabled.

    Returns where to go on with another change, or None when that was all. Two round trips.
    """
    filters = ((("resume", _local(client_id)),),)
    grants = await context.records.find(access, Listing(Grant, filters=filters, cursor=cursor, limit=BATCH))
    edits = [Edit(one, release(state_of(one), Withheld.CLIENT), change.now) for one in grants]
    await _carry_out(context, change, client_id, edits, "as they were before it was disabled")
    return _further(grants)


async def _carry_out(context: Context, change: Change, client_id: str, edits: list[Edit], what: str) -> None:
    changed = [one for one in edits if one.state.grant != one.before]
    await carry_out(context, change, edits, tell=False)
    if changed:
        changelog.tell(
            context,
            change,
            "Grants changed",
            f"{len(changed)} Grants of Client Object {client_id} are {what}.",
            about=(context.links.grants_of(client_id), RelatedType.GRANT_LIST),
        )


async def _stop_grant_admins(context: Context, access: Access, change: Change) -> None:
    """End all grant admin tokens of the registration, because some may open Grants that later batches suspend.

    New ones are issued after a look at the Client Object of the Grant, which is disabled by then.
    """
    for client in await context.records.find(access, Listing(Client, limit=BATCH)):
        scopes = (context.catalog.scopes.get(scope_id) for scope_id in client.object.scope.split())
        if any(scope and scope.type == GRANT_ADMIN for scope in scopes):
            change.cut_off.append(client.object.client_id)
            change.forget_standing.append(client.object.client_id)


def _further(grants: Sequence[Stored[Grant]]) -> Cursor | None:
    return Cursor(grants[-1].version, newer=False) if len(grants) == BATCH else None


def _local(client_id: str) -> str:
    parts = local_id(client_id)
    return parts.local if parts else ""
