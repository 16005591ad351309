"""A new Grant for a Client Object: which one, which scope, which terms.

Source: CDS-WG1-02 3.8 to 3.10, 8.1, 8.2; ambiguities E4 to E7.
"""

from typing import Any, Final, NamedTuple

from starlette.requests import Request

from app.catalog import AuthorizationDetailsField, Scope
from app.console import entered
from app.console.entered import DETAIL, JSON_DETAILS
from app.console.grants import PATH
from app.console.names import title_of
from app.console.shell import Acting, Form, console_page, console_route, done, posted, signed_in
from app.crypto.tokens import local_id
from app.domain import grant_creation
from app.domain.authorization_details_formats import OR_NULL, accepts
from app.domain.client_objects import scopes_of
from app.domain.context import Context
from app.domain.grant_terms import INITIAL, MADE_OTHERWISE, Terms
from app.domain.operators import ADMINISTERING
from app.domain.records import Access, Wanted
from app.errors import InvalidRequest, NotFound, Refusal, ServerError, StoreUnavailable
from app.schemas.clients import Client
from app.schemas.grants import GrantStatus
from app.schemas.registrations import Registration
from app.web.answers import Answer
from app.web.routing import Route
from app.web.state import State

_ENTRY: Final = "authorization_details.0."
"""Where the domain finds fault with the one entry that the fields of the form make."""

_OWN: Final = ("status", "not_before", "expires", "eta", "parent", "replacing", "client_id", "scope", JSON_DETAILS)
"""Fields of the form with a place of their own for what is wrong with them."""


class Input(NamedTuple):
    """One field of the authorization details."""

    name: str
    title: str
    hint: str
    value: str
    options: tuple[tuple[str, str], ...]
    is_long: bool
    required: bool
    error: str


async def show(request: Request[State]) -> Answer:
    """GET: the form, once it is clear for whom and for what."""
    acting = await signed_in(request, ADMINISTERING)
    return await _page(request, acting, Form(list(request.query_params.multi_items())))


async def create(request: Request[State]) -> Answer:
    """POST: make it."""
    acting, form = await posted(request, ADMINISTERING, "grants.create")
    client_id = form.get("client_id")
    parts = local_id(client_id)
    if parts is None:
        raise NotFound("There is no such Client Object.")
    access = Access(parts.registration_id, request.state["now"]())
    try:
        grant = await grant_creation.create(acting.context, access, client_id, _terms(acting.context, form))
    except (ServerError, StoreUnavailable):
        raise
    except Refusal as refusal:
        return await _page(request, acting, form, refusal=refusal)
    return done(request, f"{PATH}/{grant.grant_id}", "The Grant is there, and the Client has been told.")


def _terms(context: Context, form: Form) -> Terms:
    catalog, scope = context.catalog, context.catalog.scopes.get(form.get("scope"))
    if scope is None:
        raise InvalidRequest("Choose a scope.", field="scope")
    status = form.get("status", GrantStatus.ACTIVE)
    if status not in INITIAL:
        raise InvalidRequest("Choose one of the statuses.", field="status")
    return Terms(
        scope=scope.id,
        authorization_details=entered.details(form, scope),
        status=GrantStatus(status),
        not_before=entered.moment(form, "not_before", catalog),
        expires=entered.moment(form, "expires", catalog),
        eta=entered.moment(form, "eta", catalog),
        parent=form.get("parent") or None,
        replacing=entered.ids(form, "replacing"),
    )


async def _page(request: Request[State], acting: Acting, form: Form, *, refusal: Refusal | None = None) -> Answer:
    client_id = form.get("client_id")
    found = await _client(request, acting.context, client_id) if client_id else None
    offered = _offered(acting.context, found[0]) if found else []
    scope = next((one for one in offered if one.id == form.get("scope")), offered[0] if len(offered) == 1 else None)
    crumbs: list[tuple[str, str]] = [("Grants", PATH)]
    if found:
        crumbs.append((title_of(found[1]), f"/console/registrations/{found[1].registration_id}"))
    inputs = _inputs(scope, form, refusal) if scope else []
    placed = {*_OWN, *(DETAIL + field.id for field in (scope.authorization_details_fields_supported if scope else ()))}
    return console_page(
        request,
        "grant_new.html",
        status=refusal.status if refusal else (404 if client_id and found is None else 200),
        title="Create a Grant",
        crumbs=crumbs,
        client=found[0] if found else None,
        client_id=client_id,
        unknown=bool(client_id) and found is None,
        offered=offered,
        scope=scope,
        inputs=inputs,
        statuses=_statuses(scope),
        timezone=acting.context.catalog.server.timezone,
        form=form,
        refusal=refusal,
        problem=refusal.description if refusal and _place(refusal) not in placed else "",
        json_problem=refusal.description if refusal and _place(refusal) == JSON_DETAILS else "",
    )


async def _client(request: Request[State], context: Context, client_id: str) -> tuple[Client, Registration] | None:
    parts = local_id(client_id)
    if parts is None:
        return None
    access = Access(parts.registration_id, request.state["now"]())
    client, registration = await context.records.load(
        access, Wanted(Client, client_id), Wanted(Registration, access.registration_id)
    )
    return (client.object, registration.object) if client and registration else None


def _offered(context: Context, client: Client) -> list[Scope]:
    """The scopes of a Client Object whose Grants are made by hand."""
    return [one for one in scopes_of(context.catalog, client.scope) if one.type not in MADE_OTHERWISE]


def _statuses(scope: Scope | None) -> list[tuple[str, str]]:
    by_users = bool(scope and scope.response_types_supported)
    return [
        (one.value, one.value.replace("_", " "))
        for one in INITIAL
        if by_users or one is not GrantStatus.NEEDS_AUTHORIZATION
    ]


def _place(refusal: Refusal) -> str:
    """The input that a refusal is about."""
    field = refusal.field or ""
    return DETAIL + field.removeprefix(_ENTRY) if field.startswith(_ENTRY) else field


def _inputs(scope: Scope, form: Form, refusal: Refusal | None) -> list[Input]:
    wrong = _place(refusal) if refusal and not form.get(JSON_DETAILS) else ""
    return [
        Input(
            name=DETAIL + field.id,
            title=field.name,
            hint=f"{field.description} It has to be {accepts(field)}.{_default(field)}",
            value=form.get(DETAIL + field.id),
            options=_options(field),
            is_long=field.format.removesuffix(OR_NULL) in {"string_list", "choice_list", "jwk"},
            required=field.is_required,
            error=refusal.description if refusal and wrong == DETAIL + field.id else "",
        )
        for field in scope.authorization_details_fields_supported
    ]


def _default(field: AuthorizationDetailsField) -> str:
    known: Any = field.default
    is_plain = isinstance(known, str | int) and not isinstance(known, bool) and known != ""
    return f" Left empty: {known}." if is_plain else ""


def _options(field: AuthorizationDetailsField) -> tuple[tuple[str, str], ...]:
    match field.format.removesuffix(OR_NULL):
        case "choice":
            return (("", "As the catalog says"), *((one.id, one.name) for one in field.choices))
        case "boolean":
            return (("", "As the catalog says"), ("true", "Yes"), ("false", "No"))
        case _:
            return ()


routes: Final[list[Route]] = [console_route(f"{PATH}/new", GET=show, POST=create)]
