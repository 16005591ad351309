"""What operators do with one Client Object or Credential: each on a page that says first what it means.

Source: CDS-WG1-02 3.6, 4.2, 5.2, 7.1, 7.5, 7.6; ambiguities B2, B14, B15.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from starlette.requests import Request

from app.catalog import Catalog
from app.console import confirmation
from app.console.confirmation import Question
from app.console.names import title_of
from app.console.registrations import PATH
from app.console.shell import console_route, done, posted, signed_in
from app.crypto.tokens import local_id
from app.domain import client_decisions, client_objects, credentials, production
from app.domain.client_status import State as ClientState
from app.domain.client_status import mode_of
from app.domain.context import Context
from app.domain.onboarding_resending import send_again
from app.domain.operators import ADMINISTERING, SUPPORTING
from app.domain.records import Access, Stored, Wanted
from app.errors import NotFound, Refusal, ServerError, StoreUnavailable
from app.schemas.clients import Client
from app.schemas.credentials import Credential
from app.schemas.registrations import Registration
from app.web.answers import Answer
from app.web.routing import Endpoint, Route
from app.web.state import State

_DISABLING: Final = (
    "All of its access tokens and Credentials stop working now; expired secrets never become valid again.",
    "Its Grants give no access until it is enabled.",
    "The Client cannot enable it again: only an operator can. It gets a Message with your reason.",
)
_EXPIRING: Final = (
    "The secret stops working now, and the access tokens that it gave are revoked.",
    "It never becomes valid again. The Client can create another one, or you can.",
)


@dataclass(frozen=True, slots=True)
class Case:
    """What a question is about: an object with the registration that it belongs to."""

    registration: Registration
    client: Stored[Client] | None = None
    credential: Credential | None = None

    @property
    def home(self) -> str:
        """The page of the registration."""
        return f"{PATH}/{self.registration.registration_id}"

    @property
    def crumbs(self) -> tuple[tuple[str, str], ...]:
        """The pages above."""
        return (("Registrations", PATH), (title_of(self.registration), self.home))


Ask = Callable[[Catalog, Case], Question]
Do = Callable[[Context, Access, str, str], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Step:
    """Something that operators do after they have been asked.

    Args:
        action: What the audit log calls it.
        ask: The question.
        do: Carries it out for an object, with what was written.
        said: What the next page says.
        anchor: Where on the page of the registration.
    """

    action: str
    ask: Ask
    do: Do
    said: str
    anchor: str


async def _create_credential(context: Context, access: Access, client_id: str, _: str) -> object:
    return await credentials.create(context, access, client_id)


async def _set_status(status: str, context: Context, access: Access, client_id: str, reason: str) -> object:
    if status == "enabled":
        (stored,) = await context.records.load(access, Wanted(Client, client_id))
        if stored is None:
            raise NotFound("There is no such Client Object.")
        status = mode_of(ClientState(stored.object, stored.internal))
    return await client_decisions.modify(context, access, client_id, {"cds_status": status, "description": reason})


def _named(case: Case) -> str:
    return case.client.object.client_id if case.client else ""


def _ask_disable(_: Catalog, case: Case) -> Question:
    return Question(
        title=f"Disable {_named(case)}?",
        consequences=_DISABLING,
        yes="Disable",
        back=f"{case.home}#clients",
        crumbs=case.crumbs,
        reason="Reason, for the Client",
        reason_required=True,
    )


def _ask_enable(_: Catalog, case: Case) -> Question:
    return Question(
        title=f"Enable {_named(case)}?",
        consequences=(
            "It gets a new Credential, because those of before have expired for good.",
            "Its Grants give access again as they did before. The Client gets a Message.",
        ),
        yes="Enable",
        back=f"{case.home}#clients",
        crumbs=case.crumbs,
        reason="What the Client reads about it",
        danger=False,
    )


def _ask_approve(catalog: Catalog, case: Case) -> Question:
    internal = case.client.internal if case.client else None
    scopes = client_objects.scopes_of(catalog, internal.assigned_scope if internal else "")
    left = client_objects.steps_left(catalog, scopes, case.registration)
    names = ", ".join(scope.name for scope in scopes)
    passed = (
        f"These onboarding steps are not met, and you pass over them: {', '.join(left)}. They stay open."
        if left
        else "All onboarding steps that the Client has to take are met."
    )
    return Question(
        title=f"Give {_named(case)} production access?",
        consequences=(
            f"A production Client Object for {names} is created, with its first Credential. It works at once.",
            passed,
            "A production request that waits for it is completed. The sandbox object stays as it is.",
        ),
        yes="Give production access",
        back=f"{case.home}#clients",
        crumbs=case.crumbs,
        reason="What the Client reads about it",
        danger=False,
    )


def _ask_credential(_: Catalog, case: Case) -> Question:
    return Question(
        title=f"Create a Credential for {_named(case)}?",
        consequences=(
            "Only the Client can read the new secret: neither this console nor a Message shows it.",
            "Credentials that there are go on working.",
        ),
        yes="Create a Credential",
        back=f"{case.home}#credentials",
        crumbs=case.crumbs,
        danger=False,
    )


def _ask_expire(_: Catalog, case: Case) -> Question:
    credential = case.credential
    named = f"{credential.credential_id} of {credential.client_id}" if credential else ""
    return Question(
        title="Let this Credential expire now?",
        consequences=(f"It is {named}.", *_EXPIRING),
        yes="Expire now",
        back=f"{case.home}#credentials",
        crumbs=case.crumbs,
        reason="Reason, for the Client",
        reason_hint="For instance that the secret was found in public.",
        reason_required=True,
    )


_STEPS: Final[dict[str, Step]] = {
    "disable": Step("clients.modify", _ask_disable, partial(_set_status, "disabled"), "It is disabled.", "clients"),
    "enable": Step("clients.modify", _ask_enable, partial(_set_status, "enabled"), "It is enabled again.", "clients"),
    "approve": Step("clients.approve", _ask_approve, production.approve, "It has production access now.", "clients"),
    "credential": Step(
        "credentials.create", _ask_credential, _create_credential, "The Credential is there.", "credentials"
    ),
}
_EXPIRE: Final = Step(
    "credentials.expire", _ask_expire, credentials.expire_by_operator, "The Credential has expired.", "credentials"
)


def _endpoints(step: Step, parameter: str) -> dict[str, Endpoint]:
    """The page that asks, and the endpoint that does it."""

    async def show(request: Request[State]) -> Answer:
        acting = await signed_in(request, ADMINISTERING)
        _, case = await _case(request, acting.context, parameter)
        return confirmation.ask(request, step.ask(acting.context.catalog, case))

    async def carry_out(request: Request[State]) -> Answer:
        acting, form = await posted(request, ADMINISTERING, step.action)
        access, case = await _case(request, acting.context, parameter)
        reason = form.get("description").replace("\r\n", "\n")
        try:
            await step.do(acting.context, access, request.path_params[parameter], reason)
        except (ServerError, StoreUnavailable, NotFound):
            raise
        except Refusal as refusal:
            question = step.ask(acting.context.catalog, case)
            return confirmation.ask(request, question, form=form, refusal=refusal)
        return done(request, f"{case.home}#{step.anchor}", step.said)

    return {"GET": show, "POST": carry_out}


async def _case(request: Request[State], context: Context, parameter: str) -> tuple[Access, Case]:
    """What the path names. Raises NotFound."""
    object_id: str = request.path_params[parameter]
    parts = local_id(object_id)
    if parts is None:
        raise NotFound("There is no such object.")
    access = Access(parts.registration_id, request.state["now"]())
    kind = Client if parameter == "client_id" else Credential
    stored, registration = await context.records.load(
        access, Wanted(kind, object_id), Wanted(Registration, access.registration_id)
    )
    if stored is None or registration is None:
        raise NotFound("There is no such object.")
    if kind is Client:
        return access, Case(registration.object, client=stored)
    return access, Case(registration.object, credential=stored.object)


async def renew(request: Request[State]) -> Answer:
    """POST: an onboarding request is sent again with a new link."""
    acting, form = await posted(request, SUPPORTING, "messages.post")
    message_id = form.get("message_id")
    parts = local_id(message_id)
    if parts is None or parts.registration_id != request.path_params["registration_id"]:
        raise NotFound("There is no such Message.")
    access = Access(parts.registration_id, request.state["now"]())
    path = f"{PATH}/{access.registration_id}#onboarding"
    await send_again(acting.context, access, message_id)
    return done(request, path, "The Client has a Message with a new link.")


routes: Final[list[Route]] = [
    *(console_route(f"{PATH}/{{client_id}}/{name}", **_endpoints(step, "client_id")) for name, step in _STEPS.items()),
    console_route(f"{PATH}/{{credential_id}}/expire", **_endpoints(_EXPIRE, "credential_id")),
    console_route(f"{PATH}/{{registration_id}}/renew", POST=renew),
]
