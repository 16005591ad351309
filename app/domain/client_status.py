"""Client Objects that are disabled and enabled again, by the Client or by an operator.

A disabled Client Object has no valid Credential, no token and no Grant with access (CDS-WG1-02 5.2, 7.1; ambiguities
B14, D12). Once enabled it gets a new Credential, because an expired secret never becomes valid again (B15), and its
Grants are what they were before.

It may have very many Credentials and Grants. The first 500 of each change together with the Client Object, the rest
in further changes of 500, each of which rests on the Client Object still having its new status. Tokens and new tokens
do not wait for that: they end with the first change. `ClientInternal.unfinished` stays set until all have followed,
and the next operation on the Client Object finishes what a crash has interrupted.
"""

from datetime import datetime
from functools import partial
from typing import NamedTuple

from msgspec.structs import replace

from app.crypto.tokens import local_id
from app.domain import credentials
from app.domain.changelog import note_credential
from app.domain.context import Context
from app.domain.grant_withholding import release_of_client, withhold_of_client
from app.domain.records import Access, Change, Cursor, Listing, Stored, Wanted
from app.domain.retries import until_written
from app.errors import NotFound
from app.schemas.clients import Client, ClientInternal, ClientStatus
from app.schemas.credentials import Credential

BATCH = 500
"""Credentials that one change takes along; Grants have a batch of the same size."""


class State(NamedTuple):
    """A Client Object with what we do not show of it."""

    client: Client
    internal: ClientInternal


async def disable(context: Context, access: Access, change: Change, state: State) -> State:
    """The Client Object disabled; all that goes with it is added to `change`, the Client Object itself is not.

    It is to be finished in any case: a Credential or a Grant may be made between what is read here and the change.
    """
    client_id, disabled_at = state.client.client_id, int(change.now.timestamp())
    change.cut_off.append(client_id)
    change.forget_standing.append(client_id)
    await _expire_credentials(context, access, change, client_id, disabled_at)
    await withhold_of_client(context, access, change, client_id)
    return State(
        replace(state.client, cds_status=ClientStatus.DISABLED, cds_modified=change.now),
        replace(state.internal, disabled_at=disabled_at, unfinished=True),
    )


async def enable(context: Context, access: Access, change: Change, state: State, status: ClientStatus) -> State:
    """The Client Object enabled again, with a new Credential; all but the Client Object itself is added to `change`."""
    client_id = state.client.client_id
    change.forget_standing.append(client_id)
    further = await release_of_client(context, access, change, client_id)
    if state.client.token_endpoint_auth_method is not None:
        credential = credentials.issue(context, change, client_id)
        what = f"was added for Client Object {client_id}, which is enabled again."
        note_credential(context, change, credential.credential_id, what)
    return State(
        replace(state.client, cds_status=status, cds_modified=change.now),
        replace(state.internal, unfinished=further is not None),
    )


async def finish(context: Context, access: Access, client_id: str) -> Stored[Client]:
    """Let the rest of its Credentials and Grants follow the status of a Client Object; the Client Object as it then is.

    Raises:
        NotFound: The registration has no such Client Object.
        Conflict: Others kept changing it meanwhile.
    """
    cursor: Cursor | None = None
    while True:
        stored = await _load(context, access, client_id)
        if not stored.internal.unfinished:
            return stored
        cursor = await until_written(partial(_follow, context, access, client_id, cursor))


async def _follow(context: Context, access: Access, client_id: str, cursor: Cursor | None) -> Cursor | None:
    """One more batch; where the Grants go on after it."""
    stored = await _load(context, access, client_id)
    if not stored.internal.unfinished:
        return None
    change = Change(access.registration_id, access.now)
    done = True
    if stored.object.cds_status is ClientStatus.DISABLED:
        disabled_at = stored.internal.disabled_at
        done = await _expire_credentials(context, access, change, client_id, disabled_at)
        further = await withhold_of_client(context, access, change, client_id, cursor=cursor)
    else:
        further = await release_of_client(context, access, change, client_id, cursor=cursor)
    change.replace(stored, stored.object, replace(stored.internal, unfinished=not done or further is not None))
    await context.records.apply(change)
    return further


async def _expire_credentials(
    context: Context, access: Access, change: Change, client_id: str, disabled_at: int
) -> bool:
    """Let the Credentials of a disabled Client Object expire, also those that have expired before (D12).

    Returns whether those were all; at most `BATCH` are taken along.
    """
    what = f"has expired, because Client Object {client_id} was disabled."
    parts, cursor, count = local_id(client_id), None, 0
    filters = ((("client", parts.local if parts else ""),),)
    while True:
        listing = Listing(Credential, filters=filters, cursor=cursor, limit=BATCH)
        page = await context.records.find(access, listing)
        for stored in page:
            if stored.object.client_secret_expires_at == disabled_at:
                continue
            if count == BATCH:
                return False
            count += 1
            credentials.set_expiry(context, change, stored, disabled_at, what)
        if len(page) < BATCH:
            return True
        cursor = Cursor(page[-1].version, newer=False)


def mode_of(state: State) -> ClientStatus:
    """What a Client Object is whenever it is not disabled."""
    options = (one for one in state.client.cds_status_options if one is not ClientStatus.DISABLED)
    return state.internal.enabled_status or next(options)


def hold(state: State, now: datetime) -> State:
    """A disabled Client Object that its Client cannot enable (B2)."""
    client = replace(state.client, cds_status_options=[ClientStatus.DISABLED], cds_modified=now)
    return State(client, replace(state.internal, disabled_by_operator=True, enabled_status=mode_of(state)))


def let_go(state: State, now: datetime) -> State:
    """A Client Object that its Client may enable and disable."""
    options = [mode_of(state), ClientStatus.DISABLED]
    client = replace(state.client, cds_status_options=options, cds_modified=now)
    return State(client, replace(state.internal, disabled_by_operator=False, enabled_status=None))


async def _load(context: Context, access: Access, client_id: str) -> Stored[Client]:
    (stored,) = await context.records.load(access, Wanted(Client, client_id))
    if stored is None:
        raise NotFound("There is no such object.")
    return stored
