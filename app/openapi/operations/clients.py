"""The Clients API (CDS-WG1-02 section 5)."""

from typing import Final

from app.errors import Conflict, InvalidClientMetadata, InvalidRedirectUri, NotFound
from app.openapi.described import Answer, Body, Link, Operation, Operations, Who, cursor, in_path, listed
from app.openapi.shapes.apis import ClientListing, ClientUpdate
from app.openapi.shapes.public import AuthorizationServerMetadata, ServerMetadata
from app.schemas.clients import Client

TAG: Final = "Clients"
PATH: Final = "/cds-api/v1/clients"

_ID: Final = in_path("client_id", "The id of a Client Object.")
_FIRST: Final = {"client_id": "$response.body#/clients/0/client_id"}
_SAME: Final = {"client_id": "$response.body#/client_id"}


OPERATIONS: Final[Operations] = {
    ("GET", PATH): Operation(
        "listClients",
        "List Client Objects",
        "CDS-WG1-02 5.3",
        TAG,
        (Answer(200, "A page.", ClientListing),),
        who=Who.TOKEN,
        parameters=(listed("client_ids", "Only these."), cursor()),
        links=(Link("getClient", _FIRST), Link("putClient", _FIRST), Link("getClientServerMetadata", _FIRST)),
    ),
    ("GET", f"{PATH}/{{client_id}}"): Operation(
        "getClient",
        "Read a Client Object",
        "CDS-WG1-02 5.4",
        TAG,
        (Answer(200, "The Client Object.", Client),),
        who=Who.TOKEN,
        parameters=(_ID,),
        refusals=(NotFound,),
        links=(Link("putClient", _SAME), Link("getClientAuthorizationServerMetadata", _SAME)),
    ),
    ("PUT", f"{PATH}/{{client_id}}"): Operation(
        "putClient",
        "Change a Client Object",
        "CDS-WG1-02 5.5; RFC 7592 2.2",
        TAG,
        (
            Answer(200, "The Client Object as it is now.", Client),
            Answer(202, "As it is now: some of it waits for an operator, which a Message tells about.", Client),
        ),
        "The whole object is sent; what is left out goes back to its default. Fields that the Server sets may be sent "
        "along unchanged.",
        who=Who.TOKEN,
        parameters=(_ID,),
        body=Body(ClientUpdate, {"client_name": "Meadow Software", "contacts": ["dev@meadow.example"]}),
        refusals=(NotFound, InvalidClientMetadata, InvalidRedirectUri, Conflict),
        links=(Link("getClient", _SAME),),
    ),
    ("GET", f"{PATH}/{{client_id}}/cds-server-metadata"): Operation(
        "getClientServerMetadata",
        "Read the server metadata as it applies to a Client Object",
        "CDS-WG1-02 5.1",
        TAG,
        (Answer(200, "The same as the public one: nothing differs here.", ServerMetadata),),
        who=Who.TOKEN,
        parameters=(_ID,),
        refusals=(NotFound,),
    ),
    ("GET", f"{PATH}/{{client_id}}/oauth-authorization-server"): Operation(
        "getClientAuthorizationServerMetadata",
        "Read the authorization server metadata as it applies to a Client Object",
        "CDS-WG1-02 5.1",
        TAG,
        (Answer(200, "The same as the public one: nothing differs here.", AuthorizationServerMetadata),),
        who=Who.TOKEN,
        parameters=(_ID,),
        refusals=(NotFound,),
    ),
}
