"""A Client's grant_request is approved: the Grants that it asks for are made (CDS-WG1-02 6.2, 6.3, 6.6).

Grants of scopes that users authorize begin with `needs_authorization`, all others give access at once. For a Client
Object of the same registration the Grants and the answer are one change. Those for somebody else's Client Object
(ambiguities C24) belong to another registration and are made first; they remember the request, so that a repeated
decision after a crash finds them and makes no others.
"""

from collections.abc import Sequence

from msgspec import UNSET
from msgspec.structs import replace

from app.catalog import SERVER_PROVIDED_FILES
from app.crypto.tokens import local_id
from app.domain.client_objects import scopes_of
from app.domain.context import Context
from app.domain.grant_creation import add
from app.domain.grant_states import State
from app.domain.grant_terms import Terms, new_state
from app.domain.messages_answers import Case
from app.domain.messages_decisions import Execute, decide
from app.domain.messages_fields import Related, target_of
from app.domain.records import Access, Change, Listing, Stored, Wanted
from app.errors import InvalidRequest, NotFound
from app.schemas.clients import Client, ClientStatus
from app.schemas.grants import Grant, GrantStatus
from app.schemas.messages import GrantRequest, Message, MessageStatus, RelatedType

_MADE_HERE = "It was asked for in a grant_request."
_MADE_ELSEWHERE = "Another registered Client asked for it."


async def approve_requested(
    context: Context, access: Access, message_id: str, description: str = "", *, shared: Sequence[str] = ()
) -> Message:
    """Approve a grant_request: make its Grants and complete it. Returns the `request_update`.

    `shared` are the grant_ids of files that were shared because of it: the Grants of files scopes are made by sharing
    (3.3.3), and the answer lists them with the others.

    Raises:
        NotFound: The registration has no such Message, or the Client Object is gone.
        AlreadyDecided: It has its final answer.
        InvalidRequest, InvalidScope, InvalidAuthorizationDetails: What it asks for cannot be granted as things are.
        Conflict: The Client Object is disabled, or others kept changing the same objects.
    """
    execute = making(context, access, shared=shared)
    return await decide(context, access, message_id, MessageStatus.COMPLETE, description, execute=execute)


def making(context: Context, access: Access, *, shared: Sequence[str] = ()) -> Execute:
    """What an approval adds to the change that completes a grant_request; see `approve_requested`."""

    async def execute(change: Change, case: Case, _status: MessageStatus) -> Related:
        message: Message = case.request.object
        named = await _named_client(context, access, message)
        if named and not named.object.client_id.startswith(access.registration_id):
            made = await _make_elsewhere(context, access, message, named)
        else:
            clients = [named] if named else await context.records.find(access, Listing(Client))
            made = _make(context, change, _wanted(context, message, shared), clients, "", _MADE_HERE)
        return context.links.grants([*made, *shared]), RelatedType.GRANT_LIST

    return execute


async def approve_automatically(context: Context, access: Access, message: Message) -> bool:
    """Approve a grant_request that nobody has to look at; whether it was.

    That is one for the Client Objects of the same registration when the catalog says `policies.grants: automatic`, and
    never one for files, which only an operator shares.
    """
    if context.catalog.policies.grants != "automatic" or message.grants_requested is UNSET:
        return False
    own = Access(access.registration_id, access.now)
    named = await _named_client(context, own, message)
    foreign = named is not None and not named.object.client_id.startswith(own.registration_id)
    if foreign or any(_is_for_files(context, one) for one in message.grants_requested):
        return False
    await approve_requested(context, own, message.message_id)
    return True


async def _named_client(context: Context, access: Access, message: Message) -> Stored[Client] | None:
    """The Client Object that a request names, of whatever registration; None when it names none.

    Raises:
        NotFound: It is gone.
    """
    if message.related_uri is UNSET:
        return None
    wanted = target_of(context.links, message.related_uri).wanted
    parts = local_id(wanted.object_id) if wanted and wanted.kind is Client else None
    if parts is None:
        raise NotFound("The Client Object of this request is gone.")
    there = Access(parts.registration_id, access.now)
    (client,) = await context.records.load(there, wanted or Wanted(Client, ""))
    if client is None:
        raise NotFound("The Client Object of this request is gone.")
    found: Stored[Client] = client
    return found


def _wanted(context: Context, message: Message, shared: Sequence[str]) -> list[GrantRequest]:
    """The Grants to make, without those of files that have been shared."""
    asked = [] if message.grants_requested is UNSET else message.grants_requested
    files = [one for one in asked if _is_for_files(context, one)]
    if files and not shared:
        raise InvalidRequest("Share the files that this request asks for, and approve it with their Grants.")
    return [one for one in asked if one not in files]


def _is_for_files(context: Context, asked: GrantRequest) -> bool:
    return any(scope.type == SERVER_PROVIDED_FILES for scope in scopes_of(context.catalog, _scope_of(asked)))


def _scope_of(asked: GrantRequest) -> str:
    types = (entry["type"] for entry in asked.authorization_details)
    return " ".join(dict.fromkeys([*asked.scope.split(), *types]))


def _make(
    context: Context,
    change: Change,
    asked: Sequence[GrantRequest],
    clients: Sequence[Stored[Client]],
    request: str,
    reason: str,
) -> list[str]:
    """Add the Grants to `change`; their ids in the order in which they were asked for."""
    made = []
    for one in asked:
        client = _holder(clients, _scope_of(one))
        grant_id = context.randomness.object_id(change.registration_id, "g")
        terms = Terms(
            scope=one.scope,
            authorization_details=one.authorization_details,
            status=_first_status(context, one),
        )
        grant, internal = new_state(context, client.object, grant_id, terms, change.now)
        add(context, change, client, State(grant, replace(internal, request=request)), reason)
        made.append(grant_id)
    return made


def _first_status(context: Context, asked: GrantRequest) -> GrantStatus:
    by_users = any(scope.response_types_supported for scope in scopes_of(context.catalog, _scope_of(asked)))
    return GrantStatus.NEEDS_AUTHORIZATION if by_users else GrantStatus.ACTIVE


def _holder(clients: Sequence[Stored[Client]], scope: str) -> Stored[Client]:
    """The Client Object that has all of a scope, rather one in production (C25)."""
    able = [one for one in clients if set(scope.split()) <= set(one.object.scope.split())]
    if not able:
        raise InvalidRequest("No Client Object has the whole scope that is asked for.", field="grants_requested")
    usable = [one for one in able if one.object.cds_status is not ClientStatus.DISABLED] or able
    return min(usable, key=lambda one: one.object.cds_status is not ClientStatus.PRODUCTION)


async def _make_elsewhere(context: Context, access: Access, message: Message, client: Stored[Client]) -> list[str]:
    """Make the Grants in the registration of the Client Object, unless that has been done before."""
    parts = local_id(client.object.client_id)
    there = Access(parts.registration_id if parts else "", access.now)
    mark = ("request", message.message_id)
    existing = await context.records.find(there, Listing(Grant, filters=((mark,),)))
    if existing:
        return [one.object.grant_id for one in existing]
    change = Change(there.registration_id, there.now)
    change.vacant.append((Grant, mark))
    made = _make(context, change, _wanted(context, message, ()), [client], message.message_id, _MADE_ELSEWHERE)
    await context.records.apply(change)
    return made
