"""The Credentials API (CDS-WG1-02 section 7)."""

from collections.abc import Callable
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from app.api.repeating import make_once
from app.catalog import CLIENT_ADMIN
from app.crypto.tokens import local_id
from app.domain import credentials
from app.domain.records import Listing, Wanted
from app.domain.times import parse_datetime, whole_seconds, whole_seconds_from
from app.schemas.credentials import Credential
from app.schemas.documents import document_of
from app.web.access import bearer
from app.web.answers import json_answer
from app.web.bodies import read_json
from app.web.paging import cursor, link, listing_body, words
from app.web.routing import Route
from app.web.state import State

PATH = "/cds-api/v1/credentials"


async def list_credentials(request: Request[State]) -> Response:
    """List Credentials (7.3), filtered by `credential_ids`, `client_ids`, `after` and `before`."""
    access = bearer(request, CLIENT_ADMIN)
    client_ids = words(request, "client_ids")
    listing = Listing(
        Credential,
        filters=(_of_clients(access.registration_id, client_ids),) if client_ids else (),
        ids=words(request, "credential_ids"),
        created_after=_moment(request, "after", whole_seconds_from),
        created_before=_moment(request, "before", whole_seconds),
        cursor=cursor(request),
    )
    (page,) = await request.state["context"].records.pages(access, listing)
    body = listing_body(
        "credentials", page, next_=link(request, PATH, page.next), previous=link(request, PATH, page.previous)
    )
    return json_answer(body)


async def get_credential(request: Request[State]) -> Response:
    """Read one Credential with its secret (7.4)."""
    access = bearer(request, CLIENT_ADMIN)
    wanted = Wanted(Credential, request.path_params["credential_id"])
    return json_answer(await request.state["context"].records.document(access, wanted))


async def post_credential(request: Request[State]) -> Response:
    """Create a Credential (7.5): 201 with the whole object. With an Idempotency-Key it is the same one each time."""
    access = bearer(request, CLIENT_ADMIN)
    submitted = await read_json(request)
    client_id = submitted.get("client_id")
    credential = await make_once(
        request, access, submitted, Credential, lambda guarded: credentials.create(guarded, access, client_id)
    )
    if isinstance(credential, str):
        return json_answer(
            await request.state["context"].records.document(access, Wanted(Credential, credential)), status=201
        )
    return json_answer(document_of(credential), status=201)


async def patch_credential(request: Request[State]) -> Response:
    """Change when a Credential expires (7.6)."""
    access = bearer(request, CLIENT_ADMIN)
    submitted = await read_json(request)
    credential_id = request.path_params["credential_id"]
    credential = await credentials.modify(request.state["context"], access, credential_id, submitted)
    return json_answer(document_of(credential))


def _of_clients(registration_id: str, client_ids: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Index values for the Client Objects of this registration; ids of others find nothing."""
    parts = [local_id(client_id) for client_id in client_ids]
    return tuple(("client", part.local) for part in parts if part and part.registration_id == registration_id)


def _moment(request: Request[State], name: str, rounded: Callable[[datetime], datetime]) -> datetime | None:
    """A date-time filter in whole seconds (D10). Raises InvalidRequest when it is none."""
    text = request.query_params.get(name)
    return rounded(parse_datetime(text, field=name)) if text else None


routes = [
    Route(PATH, {"GET": list_credentials, "POST": post_credential}),
    Route(PATH + "/{credential_id}", {"GET": get_credential, "PATCH": patch_credential}),
]
