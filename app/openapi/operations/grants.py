"""The Grants API (CDS-WG1-02 section 8)."""

from typing import Final

from app.errors import Conflict, InvalidAuthorizationDetails, InvalidScope, NotFound
from app.openapi.described import Answer, Body, Link, Operation, Operations, Who, cursor, in_path, listed, moment
from app.openapi.shapes.apis import GrantListing, GrantUpdate
from app.schemas.grants import Grant

TAG: Final = "Grants"
PATH: Final = "/cds-api/v1/grants"

_ID: Final = in_path("grant_id", "The id of a Grant.")
_FIRST: Final = {"grant_id": "$response.body#/grants/0/grant_id"}
_SAME: Final = {"grant_id": "$response.body#/grant_id"}

FILTERS: Final = (
    listed("grant_ids", "Only these."),
    listed("parents", "Only the parts of these Grants."),
    listed("statuses", "Only those of these statuses."),
    listed("client_ids", "Only those of these Client Objects."),
    listed("scopes", "Only those with one of these scopes."),
    listed("receipt_confirmations", "Only those with one of these codes on a receipt."),
    moment("after", "Only those that came into being then or later."),
    moment("before", "Only those that came into being then or earlier."),
)

OPERATIONS: Final[Operations] = {
    ("GET", PATH): Operation(
        "listGrants",
        "List Grants",
        "CDS-WG1-02 8.4",
        TAG,
        (Answer(200, "A page.", GrantListing),),
        who=Who.TOKEN,
        parameters=(*FILTERS, cursor()),
        links=(Link("getGrant", _FIRST), Link("patchGrant", _FIRST)),
    ),
    ("GET", f"{PATH}/{{grant_id}}"): Operation(
        "getGrant",
        "Read a Grant",
        "CDS-WG1-02 8.5",
        TAG,
        (Answer(200, "The Grant.", Grant),),
        who=Who.TOKEN,
        parameters=(_ID,),
        refusals=(NotFound,),
        links=(Link("patchGrant", _SAME),),
    ),
    ("PATCH", f"{PATH}/{{grant_id}}"): Operation(
        "patchGrant",
        "Close a Grant, or change what it is for",
        "CDS-WG1-02 8.6",
        TAG,
        (
            Answer(200, "The Grant as it is now.", Grant),
            Answer(202, "As it is now: an operator looks at the change.", Grant),
        ),
        who=Who.TOKEN,
        parameters=(_ID,),
        body=Body(GrantUpdate, {"status": "closed"}),
        refusals=(NotFound, InvalidScope, InvalidAuthorizationDetails, Conflict),
        links=(Link("getGrant", _SAME),),
    ),
}
