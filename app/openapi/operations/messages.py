"""The Messages API (CDS-WG1-02 section 6)."""

from typing import Final

from app.errors import Conflict, InvalidAuthorizationDetails, KeyReused, NotFound
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
)
from app.openapi.shapes.apis import MessageListing, MessageUpdate, NewMessage
from app.schemas.messages import Message

TAG: Final = "Messages"
PATH: Final = "/cds-api/v1/messages"

_ID: Final = in_path("message_id", "The id of a Message.")
_FIRST: Final = {"message_id": "$response.body#/unread/0/message_id"}
_SAME: Final = {"message_id": "$response.body#/message_id"}

OPERATIONS: Final[Operations] = {
    ("GET", PATH): Operation(
        "listMessages",
        "List Messages",
        "CDS-WG1-02 6.8",
        TAG,
        (Answer(200, "A page of each list; only one of them has any, when a link to its next page was followed.",
                MessageListing),),
        who=Who.TOKEN,
        parameters=(
            listed("message_ids", "Only these."),
            *(cursor(f"{name}_cursor") for name in ("outstanding", "unread", "read")),
        ),
        links=(Link("getMessage", _FIRST), Link("patchMessage", _FIRST)),
    ),
    ("POST", PATH): Operation(
        "postMessage",
        "Write a Message",
        "CDS-WG1-02 6.9",
        TAG,
        (Answer(201, "The Message.", Message, headers=("Location",)),),
        "Attachments may make the body longer than others may be.",
        who=Who.TOKEN,
        parameters=(IDEMPOTENCY_KEY,),
        body=Body(
            NewMessage,
            {
                "type": "support_request",
                "previous_uri": None,
                "name": "A question about intervals",
                "description": "Are the readings of the same day final?",
            },
        ),
        refusals=(InvalidAuthorizationDetails, KeyReused, Conflict),
        links=(Link("getMessage", _SAME, 201), Link("patchMessage", _SAME, 201)),
    ),
    ("GET", f"{PATH}/{{message_id}}"): Operation(
        "getMessage",
        "Read a Message",
        "CDS-WG1-02 6.10",
        TAG,
        (Answer(200, "The Message. Reading it does not mark it as read.", Message),),
        who=Who.TOKEN,
        parameters=(_ID,),
        refusals=(NotFound,),
        links=(Link("patchMessage", _SAME),),
    ),
    ("PATCH", f"{PATH}/{{message_id}}"): Operation(
        "patchMessage",
        "Mark a Message as read or unread",
        "CDS-WG1-02 6.11",
        TAG,
        (Answer(200, "The Message.", Message),),
        who=Who.TOKEN,
        parameters=(_ID,),
        body=Body(MessageUpdate, {"read": True}),
        refusals=(NotFound, Conflict),
        links=(Link("getMessage", _SAME),),
    ),
}  # fmt: skip
