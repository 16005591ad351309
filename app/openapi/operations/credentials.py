"""The Credentials API (CDS-WG1-02 section 7)."""

from typing import Final

from app.errors import Conflict, KeyReused, NotFound
from app.openapi.described import (
    IDEMPOTENCY_KEY,
    Answer,
    Body,
    Link,
    Operation,
    Operations,
    Who,
    cursor,
    in_path,
    listed,
    moment,
)
from app.openapi.shapes.apis import CredentialListing, CredentialUpdate, CredentialWithSecret, NewCredential

TAG: Final = "Credentials"
PATH: Final = "/cds-api/v1/credentials"

_ID: Final = in_path("credential_id", "The id of a Credential.")
_FIRST: Final = {"credential_id": "$response.body#/credentials/0/credential_id"}
_SAME: Final = {"credential_id": "$response.body#/credential_id"}

OPERATIONS: Final[Operations] = {
    ("GET", PATH): Operation(
        "listCredentials",
        "List Credentials",
        "CDS-WG1-02 7.3",
        TAG,
        (Answer(200, "A page.", CredentialListing),),
        who=Who.TOKEN,
        parameters=(
            listed("credential_ids", "Only these."),
            listed("client_ids", "Only those of these Client Objects."),
            moment("after", "Only those that came into being then or later."),
            moment("before", "Only those that came into being then or earlier."),
            cursor(),
        ),
        links=(Link("getCredential", _FIRST), Link("patchCredential", _FIRST)),
    ),
    ("POST", PATH): Operation(
        "postCredential",
        "Create a Credential",
        "CDS-WG1-02 7.5",
        TAG,
        (Answer(201, "The Credential.", CredentialWithSecret),),
        "The older ones go on working, so that secrets can be changed without an interruption.",
        who=Who.TOKEN,
        parameters=(IDEMPOTENCY_KEY,),
        body=Body(NewCredential, {"client_id": "rk2v7m1x9q-1"}),
        refusals=(KeyReused, Conflict),
        links=(Link("getCredential", _SAME, 201), Link("patchCredential", _SAME, 201)),
    ),
    ("GET", f"{PATH}/{{credential_id}}"): Operation(
        "getCredential",
        "Read a Credential",
        "CDS-WG1-02 7.4",
        TAG,
        (Answer(200, "The Credential with its secret.", CredentialWithSecret),),
        who=Who.TOKEN,
        parameters=(_ID,),
        refusals=(NotFound,),
    ),
    ("PATCH", f"{PATH}/{{credential_id}}"): Operation(
        "patchCredential",
        "Change when a Credential expires",
        "CDS-WG1-02 7.6",
        TAG,
        (Answer(200, "The Credential.", CredentialWithSecret),),
        "It can only become earlier. Setting it to now says that the secret has leaked, and ends its tokens.",
        who=Who.TOKEN,
        parameters=(_ID,),
        body=Body(CredentialUpdate, {"client_secret_expires_at": 1811854800}),
        refusals=(NotFound, Conflict),
        links=(Link("getCredential", _SAME),),
    ),
}
