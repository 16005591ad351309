"""Credentials: seen without their secret, made, expired (CDS-WG1-02 section 7)."""

from datetime import UTC, datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from app.crypto.tokens import local_id
from app.domain import credentials
from app.domain.context import Context
from app.domain.operators import ADMINISTERING, VIEWING
from app.domain.records import Listing
from app.domain.stored_pages import stored_page
from app.errors import InvalidRequest
from app.operator import shown
from app.operator.paging import page_answer
from app.operator.reading import (
    API,
    access_of,
    access_to,
    created_answer,
    found,
    make_once,
    read_optional_json,
    refuse_other_fields,
    refuse_other_parameters,
    text,
)
from app.schemas.clients import Client
from app.schemas.credentials import Credential
from app.web.answers import json_answer
from app.web.operators import acting
from app.web.paging import cursor, words
from app.web.routing import Route
from app.web.state import State

PATH: Final = f"{API}/credentials"
WITHOUT_REASON: Final = "an operator has decided so."


async def list_credentials(request: Request[State]) -> Response:
    """GET: the Credentials of the registration in `registration_id`, of some Client Objects in `client_ids`."""
    context = (await acting(request, VIEWING, "credentials.list")).context
    refuse_other_parameters(request, "registration_id", "client_ids", "cursor")
    registration_id = request.query_params.get("registration_id")
    if not registration_id:
        raise InvalidRequest("registration_id must say whose Credentials.", field="registration_id")
    access, client_ids = access_to(request, registration_id), words(request, "client_ids")
    filters = (_of_clients(registration_id, client_ids),) if client_ids else ()
    page = await stored_page(context, access, Listing(Credential, filters=filters, cursor=cursor(request)))
    return page_answer(request, PATH, "credentials", [shown.credential(one.object) for one in page.items], page)


async def get_credential(request: Request[State]) -> Response:
    """GET: a Credential."""
    context = (await acting(request, VIEWING, "credentials.get")).context
    credential_id = request.path_params["credential_id"]
    stored = await found(context, access_of(request, credential_id), Credential, credential_id)
    return json_answer(shown.credential(stored.object))


async def post_credential(request: Request[State]) -> Response:
    """POST: a new Credential for a Client Object; its Client finds the secret in the Credentials API."""
    doing = await acting(request, ADMINISTERING, "credentials.create")
    client_id = request.path_params["client_id"]
    access = access_of(request, client_id)
    submitted = await read_optional_json(request)
    refuse_other_fields(submitted, ("client_id",))
    if text(submitted, "client_id", client_id) != client_id:
        raise InvalidRequest("client_id must be the one in the path; it can be left out.", field="client_id")
    await found(doing.context, access, Client, client_id)

    async def make(context: Context) -> str:
        return (await credentials.create(context, access, client_id)).credential_id

    credential_id = await make_once(request, doing, access, submitted, Credential, make)
    stored = await found(doing.context, access, Credential, credential_id)
    return created_answer(request, f"{PATH}/{credential_id}", shown.credential(stored.object))


async def post_expiry(request: Request[State]) -> Response:
    """POST: let a Credential expire, now or at `client_secret_expires_at`; `description` tells the Client why."""
    context = (await acting(request, ADMINISTERING, "credentials.expire")).context
    credential_id = request.path_params["credential_id"]
    access = access_of(request, credential_id)
    submitted = await read_optional_json(request)
    refuse_other_fields(submitted, (credentials.EXPIRY, "description"))
    reason = text(submitted, "description", "").strip() or WITHOUT_REASON
    expired = await credentials.expire_by_operator(context, access, credential_id, reason, at=_at(submitted))
    return json_answer(shown.credential(expired))


def _of_clients(registration_id: str, client_ids: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Index values for the Client Objects of this registration; ids of others find nothing."""
    parts = [local_id(client_id) for client_id in client_ids]
    return tuple(("client", part.local) for part in parts if part and part.registration_id == registration_id)


def _at(submitted: dict[str, Any]) -> datetime | None:
    value = submitted.get(credentials.EXPIRY)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= credentials.LATEST:
        raise InvalidRequest(
            f"{credentials.EXPIRY} must be a whole number of seconds since 1970.", field=credentials.EXPIRY
        )
    return datetime.fromtimestamp(value, UTC)


routes = [
    Route(PATH, {"GET": list_credentials}),
    Route(PATH + "/{credential_id}", {"GET": get_credential}),
    Route(PATH + "/{credential_id}/expire", {"POST": post_expiry}),
    Route(f"{API}/clients/{{client_id}}/credentials", {"POST": post_credential}),
]
