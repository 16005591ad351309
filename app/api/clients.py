"""The Clients API (CDS-WG1-02 5.3 to 5.5), and the metadata as it applies to a Client Object (5.1)."""

from starlette.requests import Request
from starlette.responses import Response

from app.catalog import CLIENT_ADMIN
from app.domain import clients
from app.domain.as_metadata import as_metadata
from app.domain.records import Listing, Wanted
from app.domain.server_metadata import server_metadata
from app.schemas.clients import Client
from app.schemas.documents import document_of
from app.web.access import bearer
from app.web.answers import json_answer
from app.web.bodies import read_json
from app.web.paging import cursor, link, listing_body, words
from app.web.routing import Route
from app.web.state import State

PATH = "/cds-api/v1/clients"


async def list_clients(request: Request[State]) -> Response:
    """List the Client Objects of a registration (5.3), filtered by `client_ids`."""
    access = bearer(request, CLIENT_ADMIN)
    listing = Listing(Client, ids=words(request, "client_ids"), cursor=cursor(request))
    (page,) = await request.state["context"].records.pages(access, listing)
    body = listing_body(
        "clients", page, next_=link(request, PATH, page.next), previous=link(request, PATH, page.previous)
    )
    return json_answer(body)


async def get_client(request: Request[State]) -> Response:
    """Read one Client Object (5.4)."""
    access = bearer(request, CLIENT_ADMIN)
    return json_answer(await request.state["context"].records.document(access, _wanted(request)))


async def put_client(request: Request[State]) -> Response:
    """Modify a Client Object (5.5): 200, or 202 when something of it waits for an operator."""
    access = bearer(request, CLIENT_ADMIN)
    submitted = await read_json(request, limit_bytes=request.state["settings"].max_attachments_bytes)
    modified = await clients.modify(request.state["context"], access, request.path_params["client_id"], submitted)
    return json_answer(document_of(modified.client), status=202 if modified.is_pending else 200)


async def get_server_metadata(request: Request[State]) -> Response:
    """The CDS server metadata for one Client Object: the public document, because nothing differs (B12)."""
    access = bearer(request, CLIENT_ADMIN)
    context = request.state["context"]
    await context.records.document(access, _wanted(request))
    return json_answer(server_metadata(context.catalog, context.settings))


async def get_as_metadata(request: Request[State]) -> Response:
    """The authorization server metadata for one Client Object: the public document, its `issuer` included (B12)."""
    access = bearer(request, CLIENT_ADMIN)
    context = request.state["context"]
    await context.records.document(access, _wanted(request))
    return json_answer(as_metadata(context.catalog, context.settings))


def _wanted(request: Request[State]) -> Wanted:
    return Wanted(Client, request.path_params["client_id"])


routes = [
    Route(PATH, {"GET": list_clients}),
    Route(PATH + "/{client_id}", {"GET": get_client, "PUT": put_client}),
    Route(PATH + "/{client_id}/cds-server-metadata", {"GET": get_server_metadata}),
    Route(PATH + "/{client_id}/oauth-authorization-server", {"GET": get_as_metadata}),
]
