"""Modifying Client Objects (CDS-WG1-02 5.5, RFC 7592 2.2; ambiguities B3 to B11, B18, B20 to B22)."""

import hmac
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, NamedTuple

from msgspec import UNSET

from app.crypto.tokens import digest, local_id
from app.domain import client_status, field_changes
from app.domain.changelog import note_client
from app.domain.client_changes import Update, is_same, read_update
from app.domain.client_effects import discard_files, take_over
from app.domain.client_status import State
from app.domain.context import Context
from app.domain.field_changes import Asked, Review
from app.domain.records import Access, Change, Listing, Stored, Wanted
from app.domain.registration_files import new_key
from app.domain.retries import until_written
from app.errors import InvalidClientMetadata, NotFound
from app.schemas.clients import Client, ClientStatus
from app.schemas.credentials import Credential
from app.schemas.registrations import Registration

SECRET_FIELDS = ("client_secret", "client_secret_expires_at")

SetStatus = Callable[[Change, State], Awaitable[State]]
"""Gives a Client Object its new status, and adds to the change what goes with it; the same state when it stays."""


class Modified(NamedTuple):
    """A Client Object after a PUT; `is_pending` when something of it waits for an operator."""

    client: Client
    is_pending: bool


class Plan(NamedTuple):
    """A modification taken apart: what changes at once, and what has to wait."""

    update: Update
    fields: dict[str, Any]
    """New values that apply at once."""
    files: dict[str, str]
    """New files that apply at once: their keys in the file store by `field_name`, "" for a file that goes."""
    review: Review

    def changes_nothing(self, client: Client) -> bool:
        """Whether everything is as it is, or waits already (B18)."""
        return not (self.fields or self.files or self.review.asked or self.update.status != client.cds_status)


async def modify(context: Context, access: Access, client_id: str, submitted: Mapping[str, Any]) -> Modified:
    """Apply a PUT to a Client Object: at once what needs no review, the rest when an operator has agreed (B20).

    Two round trips; more when `cds_status` or a reviewed field changes, or a scope is lost.

    Raises:
        NotFound: The registration has no such Client Object.
        InvalidClientMetadata, InvalidRedirectUri: A field is the Server's and differs, or has a value that is not
            acceptable. Nothing is changed then.
        Conflict: Others kept changing it meanwhile.
    """
    return await until_written(lambda: _modify(context, access, client_id, submitted))


async def _modify(context: Context, access: Access, client_id: str, submitted: Mapping[str, Any]) -> Modified:
    stored, registration = await context.records.load(
        access, Wanted(Client, client_id), Wanted(Registration, access.registration_id)
    )
    if stored is None or registration is None:
        raise NotFound("There is no such object.")
    own = Access(access.registration_id, access.now)
    if stored.internal.unfinished:
        stored = await client_status.finish(context, own, client_id)
    await _refuse_other_secret(context, own, client_id, submitted)
    update = read_update(context, stored, registration.object, submitted, now=access.now)
    waiting = field_changes.to_review(context.catalog, stored.object, update.fields, update.files, access.now)
    plan = await plan_update(context, own, stored, update, waiting)
    if plan.changes_nothing(stored.object):
        return Modified(stored.object, plan.review.is_pending)

    async def set_status(change: Change, state: State) -> State:
        return await _with_status(context, own, change, state, update.status)

    what = _what(plan, stored.object)
    client = await carry_out(context, own, stored, registration, plan, set_status=set_status, what=what)
    return Modified(client, plan.review.is_pending)


async def plan_update(
    context: Context, access: Access, stored: Stored[Client], update: Update, waiting: Collection[str]
) -> Plan:
    """Take a modification apart; the fields in `waiting` have to be reviewed. One round trip, or none without a review.

    What changes at once ends the review of an earlier change of the same field (B21).
    """
    keys = {
        name: new_key(context.randomness, access.registration_id, name, file) if file else ""
        for name, file in update.files.items()
    }
    asked = {name: Asked(None if value is UNSET else value) for name, value in update.fields.items() if name in waiting}
    for name, file in update.files.items():
        if name in waiting:
            shown = {"mime_type": file.mime_type, "size": len(file.content)} if file else None
            asked[name] = Asked(shown, keys[name])
    fields = {name: value for name, value in update.fields.items() if name not in waiting}
    files = {name: key for name, key in keys.items() if name not in waiting}
    names = [*update.fields, *update.files]
    pending = await field_changes.pending_messages(context, access, stored.internal, names)
    return Plan(update, fields, files, field_changes.plan(stored.internal, pending, {*fields, *files}, asked))


async def carry_out(
    context: Context,
    access: Access,
    stored: Stored[Client],
    registration: Stored[Registration],
    plan: Plan,
    *,
    set_status: SetStatus,
    what: str,
) -> Client:
    """Write what was planned, and the status that `set_status` gives; `what` is what the Message says.

    Two round trips and more, as `modify` says. Raises Conflict when somebody else was quicker.
    """
    change = Change(access.registration_id, access.now)
    state = State(stored.object, stored.internal)
    if plan.fields or plan.files:
        new = await take_over(context, change, state.client, registration, plan.fields, plan.files)
        state = State(new, state.internal)
    state = await set_status(change, state)
    internal = field_changes.add_review(context, change, state.client, state.internal, plan.review)
    change.replace(stored, state.client, internal)
    if state.client is not stored.object:
        change.event("client.modified", state.client.client_id)
        note_client(context, change, state.client.client_id, what)
    await _keep_files(context, plan)
    await context.records.apply(change)
    replaced = [registration.object.field_files.get(name, "") for name in plan.files]
    await discard_files(context, [key for key in replaced if key] + field_changes.abandoned_files(plan.review))
    if internal.unfinished:
        await client_status.finish(context, access, state.client.client_id)
    return state.client


async def _with_status(context: Context, access: Access, change: Change, state: State, status: ClientStatus) -> State:
    if status is state.client.cds_status:
        return state
    if status is ClientStatus.DISABLED:
        return await client_status.disable(context, access, change, state)
    return await client_status.enable(context, access, change, state, status)


async def _keep_files(context: Context, plan: Plan) -> None:
    """Put the new files where the change will say that they are."""
    keys = plan.files | {name: one.key for name, one in plan.review.asked.items() if one.key}
    for name, file in plan.update.files.items():
        if file and name in keys:
            await context.files.put(keys[name], file.content)


async def _refuse_other_secret(context: Context, access: Access, client_id: str, submitted: Mapping[str, Any]) -> None:
    """A PUT may repeat a valid secret, as the answer to a registration has it, and never set one.

    One round trip when there is a secret, else none.

    Raises:
        InvalidClientMetadata: No valid Credential of the Client Object has this secret and this expiry.

    Source: RFC 7592 2.2; CDS-WG1-02 5.5.
    """
    secret, expires_at = (submitted.get(name) for name in SECRET_FIELDS)
    if secret is None and expires_at is None:
        return
    parts = local_id(client_id)
    filters = ((("client", parts.local if parts else ""),),)
    for stored in await context.records.find(access, Listing(Credential, filters=filters)):
        known_until = stored.object.client_secret_expires_at
        is_valid = known_until == 0 or known_until > int(access.now.timestamp())
        has_secret = secret is None or (
            isinstance(secret, str) and hmac.compare_digest(digest(secret), stored.internal.digest)
        )
        if is_valid and has_secret and (expires_at is None or is_same(expires_at, known_until)):
            return
    name = "client_secret_expires_at" if secret is None else "client_secret"
    raise InvalidClientMetadata(f"{name} cannot be set here; Credentials have an API of their own.", field=name)


def _what(plan: Plan, client: Client) -> str:
    """What the Message says: the names of the fields, because their values may be personal."""
    parts = []
    if plan.update.status != client.cds_status:
        if plan.update.status is ClientStatus.DISABLED:
            parts.append("It is disabled: its Credentials have expired and its Grants are suspended.")
        else:
            parts.append(f"It is {plan.update.status} again and its Grants are what they were.")
    names = ", ".join([*plan.fields, *plan.files])
    if names:
        parts.append(f"Changed: {names}.")
    return " ".join(["was modified.", *parts])
