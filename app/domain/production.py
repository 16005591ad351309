"""How a Client gets from the sandbox into production.

A production Client Object is made next to the sandbox one when a production_request is approved, when an operator
says so without one, or, where the catalog's `registration.production` is `automatic`, when the last onboarding step
is met.

Source: CDS-WG1-02 4.2, 6.3 and 6.9; ambiguities A4, A18, A19.
"""

from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from app.domain import client_objects, credentials
from app.domain.changelog import note_client, note_credential
from app.domain.context import Context
from app.domain.messages_answers import Case
from app.domain.messages_decisions import decide
from app.domain.messages_fields import Related, target_of
from app.domain.records import Access, Change, Listing, Stored, Wanted
from app.domain.retries import until_written
from app.errors import AlreadyDecided, InvalidRequest, NotFound
from app.schemas.clients import Client, ClientInternal, ClientStatus
from app.schemas.messages import Message, MessageStatus, MessageType, RelatedType
from app.schemas.registrations import Registration, RequirementStatus


async def decide_request(
    context: Context, access: Access, message_id: str, status: MessageStatus, description: str = ""
) -> Message:
    """Decide about a production_request; `complete` makes the production Client Object and its Credential.

    Returns:
        The `request_update` that tells the Client.

    Raises:
        As `messages_decisions.decide`.
    """
    return await decide(context, access, message_id, status, description, execute=_execution(context, access))


async def approve(context: Context, access: Access, client_id: str, description: str = "") -> Client:
    """Give a sandbox Client Object its production twin, whatever onboarding steps are open (3.6).

    A production_request for it that waits is completed with it.

    Raises:
        NotFound: The registration has no such Client Object.
        InvalidRequest: It is not a sandbox object.
        AlreadyDecided: It has its production twin.
        Conflict: Others kept changing the same objects.
    """
    waiting = await _waiting_request(context, access, client_id)
    if waiting:
        await decide_request(context, access, waiting.message_id, MessageStatus.COMPLETE, description)
        return await _twin_of(context, access, client_id)

    async def write() -> Client:
        sandbox, registration = await context.records.load(
            access, Wanted(Client, client_id), Wanted(Registration, access.registration_id)
        )
        if sandbox is None or registration is None:
            raise NotFound("There is no such Client Object.")
        change = Change(access.registration_id, access.now)
        now_registered, client = _promote(context, change, registration.object, sandbox)
        change.replace(registration, now_registered)
        await context.records.apply(change)
        return client

    return await until_written(write)


def when_steps_are_met(context: Context, access: Access) -> Callable[[Change, Registration], Awaitable[Registration]]:
    """What `messages_decisions.decide` calls when an onboarding step is met: production objects that are ready now."""

    async def advance(change: Change, registration: Registration) -> Registration:
        for sandbox in await context.records.find(access, Listing(Client)):
            scopes = client_objects.scopes_of(context.catalog, sandbox.internal.assigned_scope)
            is_waiting = _is_sandbox(sandbox) and not sandbox.internal.production_client_id
            if is_waiting and client_objects.is_ready_for_production(context.catalog, scopes, registration):
                registration, _ = _promote(context, change, registration, sandbox)
        return registration

    return advance


def _execution(context: Context, access: Access) -> Callable[[Change, Case, MessageStatus], Awaitable[Related | None]]:
    async def execute(change: Change, case: Case, _: MessageStatus) -> Related | None:
        related_uri = case.request.object.related_uri
        target = target_of(context.links, str(related_uri))
        (sandbox,) = await context.records.load(access, Wanted(Client, target.object_id or ""))
        if sandbox is None or case.registration is None:
            raise InvalidRequest("The Client Object of this request does not exist any more.")
        if sandbox.internal.production_client_id:  # made meanwhile: the request is answered with what there is
            change.unchanged.append(sandbox)
            return context.links.client(sandbox.internal.production_client_id), RelatedType.CLIENT
        registration, client = _promote(context, change, case.registration.object, sandbox)
        change.replace(case.registration, registration)
        return client.cds_client_uri, RelatedType.CLIENT

    return execute


def _promote(
    context: Context, change: Change, registration: Registration, sandbox: Stored[Client]
) -> tuple[Registration, Client]:
    """Add the production twin of a sandbox object, its Credential and their changelog Messages to a change.

    Returns:
        The Registration to store, in which the reviews of these scopes are done, and the new Client Object.
    """
    if not _is_sandbox(sandbox):
        raise InvalidRequest("Only a Client Object of the sandbox can get a production one.")
    if sandbox.internal.production_client_id:
        raise AlreadyDecided(f"The production Client Object exists: {sandbox.internal.production_client_id}.")
    client_id = f"{registration.registration_id}-{registration.next_client}"
    scopes = client_objects.scopes_of(context.catalog, sandbox.internal.assigned_scope)
    client = client_objects.create(context, change, registration, client_id, scopes, ClientStatus.PRODUCTION)
    note_client(context, change, client_id, f"was added: {client.scope} is available in production.")
    if client.token_endpoint_auth_method is not None:
        credential = credentials.issue(context, change, client_id)
        note_credential(context, change, credential.credential_id, f"was added for Client Object {client_id}.")
    internal: ClientInternal = replace(sandbox.internal, production_client_id=client_id)
    change.replace(sandbox, sandbox.object, internal)
    steps = {
        field_id: replace(step, status=RequirementStatus.MET)
        for field_id, step in registration.requirements.items()
        if field_id in client_objects.onboarding_steps(context.catalog, scopes)
        and context.catalog.registration_fields[field_id].type == "internal_review"
    }
    now_registered = replace(
        registration,
        modified=change.now,
        next_client=registration.next_client + 1,
        requirements=registration.requirements | steps,
    )
    return now_registered, client


def _is_sandbox(client: Stored[Client]) -> bool:
    """Also while it is disabled: what counts is the mode it was made for."""
    return ClientStatus.SANDBOX in client.object.cds_status_options or client.object.cds_status is ClientStatus.SANDBOX


async def _waiting_request(context: Context, access: Access, client_id: str) -> Message | None:
    waiting = await context.records.find(access, Listing(Message, filters=((("outstanding", ""),),)))
    uri = context.links.client(client_id)
    return next(
        (
            one.object
            for one in waiting
            if one.object.type is MessageType.PRODUCTION_REQUEST and one.object.related_uri == uri
        ),
        None,
    )


async def _twin_of(context: Context, access: Access, client_id: str) -> Client:
    (sandbox,) = await context.records.load(access, Wanted(Client, client_id))
    twin_id = sandbox.internal.production_client_id if sandbox else ""
    (twin,) = await context.records.load(access, Wanted(Client, twin_id))
    if twin is None:
        raise NotFound("There is no such Client Object.")
    client: Client = twin.object
    return client
