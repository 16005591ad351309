"""What a decision about a Message will do, in words for the operator who is about to take it.

Nothing here changes anything; `app.domain.decisions` carries out what is said here.

Source: CDS-WG1-02 3.6, 4.2, 6.2, 6.3; ambiguities A19, C9 to C13, C24, C25.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import UNSET

from app.catalog import field_title
from app.crypto.tokens import local_id
from app.domain import client_objects
from app.domain.context import Context
from app.domain.exchanges import Exchange
from app.domain.field_changes import updates_in
from app.domain.file_requests import files_scope_asked
from app.domain.messages_fields import target_of
from app.domain.records import Access, Listing, Wanted
from app.domain.texts import listed
from app.schemas.clients import Client
from app.schemas.messages import Message, MessageStatus, MessageType
from app.schemas.registrations import Registration, RequirementStatus

Effects = dict[MessageStatus, str]

_TELLS: Final = "The Client gets a Message with what you write here."

_COMMON: Final[Effects] = {
    MessageStatus.COMPLETE: f"Answers the request with done. {_TELLS}",
    MessageStatus.REJECTED: "Turns the request down, for good. The Client reads your reason.",
    MessageStatus.PENDING: f"Decides nothing yet: the request stays in the inbox. {_TELLS}",
    MessageStatus.OPEN: "Hands the request back to the Client, who has to do something about it first.",
    MessageStatus.ERRORED: "Tells the Client that something went wrong on our side. It can still be decided later.",
}


async def effects(context: Context, access: Access, exchange: Exchange) -> Effects:
    """What each of the exchange's choices will do. At most one round trip.

    What cannot be done as things are is said too; carrying it out will then be refused.
    """
    if exchange.question is None:
        return {}
    question: Message = exchange.question.object
    match question.type:
        case MessageType.PRODUCTION_REQUEST:
            special = await _production(context, access, question, exchange.registration)
        case MessageType.GRANT_REQUEST:
            special = _grants(context, access, question)
        case MessageType.FIELD_CHANGES:
            special = _field_changes(question)
        case _:
            special = await _steps(context, access, exchange)
    every = _COMMON | special
    return {status: every[status] for status in exchange.choices}


async def _production(context: Context, access: Access, question: Message, registration: Registration) -> Effects:
    client_id = target_of(context.links, str(question.related_uri)).object_id or ""
    (sandbox,) = await context.records.load(access, Wanted(Client, client_id))
    if sandbox is None:
        return {MessageStatus.COMPLETE: "Not possible: the Client Object of this request does not exist any more."}
    if twin := sandbox.internal.production_client_id:
        return {MessageStatus.COMPLETE: f"Answers the request with {twin}, the production Client Object there is."}
    made = f"Creates the production Client Object for {sandbox.internal.assigned_scope}"
    if sandbox.object.token_endpoint_auth_method is not None:
        made += " and its first Credential"
    return {
        MessageStatus.COMPLETE: f"{made}, and tells the Client.{_left_open(context, sandbox.internal, registration)}",
        MessageStatus.REJECTED: f"{client_id} stays in the sandbox. The Client reads your reason and may ask again.",
    }


def _left_open(context: Context, internal: object, registration: Registration) -> str:
    """A warning about onboarding steps that the approval passes over."""
    scopes = client_objects.scopes_of(context.catalog, str(getattr(internal, "assigned_scope", "")))
    left = client_objects.steps_left(context.catalog, scopes, registration)
    return f" Onboarding steps that are not met: {listed(left)}." if left else ""


def _grants(context: Context, access: Access, question: Message) -> Effects:
    asked = [] if question.grants_requested is UNSET else question.grants_requested
    count = "one Grant" if len(asked) == 1 else f"{len(asked)} Grants"
    target = target_of(context.links, question.related_uri) if question.related_uri is not UNSET else None
    named = target.object_id if target and target.type == "client" else None
    parts = local_id(named) if named else None
    whose = f" for {named}" if named else ""
    if named and parts and parts.registration_id != access.registration_id:
        whose = f" for {named}, which belongs to another registration"
    users = any(_is_for_users(context, one.scope) for one in asked)
    then = " Those that users authorize begin with needs_authorization." if users else ""
    shares = (
        "Shares the files that are chosen, and creates" if files_scope_asked(context.catalog, question) else "Creates"
    )
    return {
        MessageStatus.COMPLETE: f"{shares} {count}{whose} as it says, and tells the Client.{then}",
        MessageStatus.REJECTED: "No Grant is created. The Client reads your reason.",
    }


def _is_for_users(context: Context, scope: str) -> bool:
    return any(one.response_types_supported for one in client_objects.scopes_of(context.catalog, scope))


def _field_changes(question: Message) -> Effects:
    names = listed(update.field for update in updates_in(question))
    client_id = str(question.related_uri).rpartition("/")[2]
    return {
        MessageStatus.COMPLETE: f"Client Object {client_id} gets the new values of {names}.",
        MessageStatus.REJECTED: f"{names} of {client_id} stay as they are. The Client reads your reason.",
        MessageStatus.ERRORED: "Nothing is changed, and the Client reads that it could not be processed. It can still"
        " be decided later.",
    }


async def _steps(context: Context, access: Access, exchange: Exchange) -> Effects:
    """A request behind which an onboarding step stands; nothing special for any other."""
    field_id = exchange.question.internal.registration_field if exchange.question else ""
    requirement = exchange.registration.requirements.get(field_id)
    if requirement is None:
        return {}
    ready = await _ready_when_met(context, access, exchange.registration, field_id)
    step = field_title(field_id)
    also = f" It is the last one, so the production Client Object for {listed(ready)} is created." if ready else ""
    return {
        MessageStatus.COMPLETE: f"Marks the onboarding step {step} as met, and tells the Client.{also}",
        MessageStatus.REJECTED: f"Marks the onboarding step {step} as rejected. The Client reads your reason.",
        MessageStatus.OPEN: f"Hands the onboarding step {step} back to the Client, who has to take it again.",
    }


async def _ready_when_met(context: Context, access: Access, registration: Registration, field_id: str) -> Sequence[str]:
    """The scopes whose production Client Objects appear by themselves once this step is met."""
    if context.catalog.registration.production != "automatic":
        return []
    missing = [
        name
        for name, step in registration.requirements.items()
        if step.status is not RequirementStatus.MET and name != field_id
    ]
    scopes = []
    for stored in await context.records.find(access, Listing(Client)):
        steps = client_objects.onboarding_steps(
            context.catalog, client_objects.scopes_of(context.catalog, stored.internal.assigned_scope)
        )
        waits = "sandbox" in stored.object.cds_status_options and not stored.internal.production_client_id
        if waits and field_id in steps and not set(steps) & set(missing):
            scopes.append(stored.internal.assigned_scope)
    return scopes
