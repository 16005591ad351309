"""The operator API: the inbox, decisions, Messages and broadcasts."""

from typing import Final

from app.domain.broadcasts import Broadcast
from app.domain.operators import SUPPORTING, VIEWING
from app.errors import (
    AlreadyDecided,
    Conflict,
    InvalidAuthorizationDetails,
    InvalidClientMetadata,
    InvalidRedirectUri,
    InvalidRequest,
    InvalidScope,
    KeyReused,
    NotFound,
    RangeNotSatisfiable,
)
from app.openapi.described import (
    IDEMPOTENCY_KEY,
    Answer,
    Body,
    Link,
    Operation,
    Operations,
    Who,
    choice,
    cursor,
    in_path,
)
from app.openapi.operations.files import BYTES_OF_FILE, DOWNLOAD
from app.openapi.operations.operator_registrations import API, OF_REGISTRATION, SOURCE
from app.openapi.shapes.operator import (
    Decision,
    MessageFromServer,
    OperatorMessage,
    OperatorMessageDetails,
    OperatorMessageDocument,
    OperatorMessageListing,
)
from app.openapi.shapes.operator_system import BroadcastListing, BroadcastPreview, NewBroadcast
from app.schemas.messages import MessageType

TAG: Final = "Operators: messages"

_MESSAGE: Final = in_path("message_id", "The id of a Message.")
_FIRST: Final = {"message_id": "$response.body#/messages/0/message_id"}
_SAME: Final = {"message_id": "$response.body#/message_id"}
_SAME_BROADCAST: Final = {"broadcast_id": "$response.body#/broadcast_id"}
_BROADCAST: Final = {
    "name": "Maintenance on Sunday",
    "description": "The API is read-only from 6 to 7 in the morning.",
    "scopes": [],
}

_MESSAGES: Final[Operations] = {
    ("GET", f"{API}/messages"): Operation(
        "listOperatorMessages",
        "List Messages",
        SOURCE,
        TAG,
        (Answer(200, "A page; of one registration and type it may be short although there are more.",
                OperatorMessageListing),),
        "`outstanding` are open or pending, `waiting` wait for an operator; of one registration there are also `all`, "
        "`unread` and `read`.",
        who=Who.OPERATOR,
        roles=VIEWING,
        parameters=(
            choice("status", "Which of them; `outstanding`, or `all` of one registration, by default.",
                   ("outstanding", "waiting", "all", "unread", "read")),
            choice("type", "Only those of this type.", MessageType),
            OF_REGISTRATION,
            cursor(),
        ),
        refusals=(NotFound,),
        links=(Link("getOperatorMessage", _FIRST), Link("decideMessage", _FIRST)),
    ),
    ("GET", f"{API}/messages/{{message_id}}"): Operation(
        "getOperatorMessage",
        "Read a Message and the exchange that it belongs to",
        SOURCE,
        TAG,
        (Answer(200, "The Message.", OperatorMessageDetails),),
        who=Who.OPERATOR,
        roles=VIEWING,
        parameters=(_MESSAGE,),
        refusals=(NotFound,),
        links=(Link("decideMessage", _SAME),),
    ),
    ("POST", f"{API}/messages/{{message_id}}/decision"): Operation(
        "decideMessage",
        "Decide about a Message",
        f"{SOURCE}; CDS-WG1-02 6.2, 6.3",
        TAG,
        (Answer(200, "The `request_update` about it; the Message itself for `field_changes` and `private_message`.",
                OperatorMessageDocument),),
        "With all that its type implies. A rejection needs a `description`. Support may note a `private_message` "
        "(`complete`); everything else needs an admin.",
        who=Who.OPERATOR,
        roles=SUPPORTING,
        parameters=(_MESSAGE,),
        body=Body(Decision, {"status": "complete", "description": "All set."}),
        refusals=(NotFound, InvalidClientMetadata, InvalidRedirectUri, InvalidScope, InvalidAuthorizationDetails,
                  AlreadyDecided, Conflict),
        links=(Link("getOperatorMessage", _SAME),),
    ),
    ("POST", f"{API}/registrations/{{registration_id}}/messages"): Operation(
        "postOperatorMessage",
        "Write a Message to the Client of a registration",
        f"{SOURCE}; CDS-WG1-02 6.2",
        TAG,
        (Answer(201, "The Message.", OperatorMessage, headers=("Location",)),),
        who=Who.OPERATOR,
        roles=SUPPORTING,
        parameters=(in_path("registration_id", "The id of a registration."), IDEMPOTENCY_KEY),
        body=Body(
            MessageFromServer,
            {"type": "private_message", "name": "Your question", "description": "Yes, they are final by noon."},
        ),
        refusals=(NotFound, KeyReused, Conflict),
        links=(Link("getOperatorMessage", _SAME, 201),),
    ),
    ("GET", f"{API}/attachments/{{attachment_id}}"): Operation(
        "downloadAttachment",
        "Download an attachment",
        SOURCE,
        TAG,
        BYTES_OF_FILE,
        who=Who.OPERATOR,
        roles=VIEWING,
        parameters=(in_path("attachment_id", "As in `download_uri`."), *DOWNLOAD),
        refusals=(NotFound, RangeNotSatisfiable),
    ),
    ("GET", f"{API}/field-files/{{field_file_id}}"): Operation(
        "downloadFieldFile",
        "Download an image or a PDF in a registration field",
        SOURCE,
        TAG,
        BYTES_OF_FILE,
        who=Who.OPERATOR,
        roles=VIEWING,
        parameters=(in_path("field_file_id", "As in `download_uri`."), *DOWNLOAD),
        refusals=(NotFound, RangeNotSatisfiable),
    ),
}  # fmt: skip
_BROADCASTS: Final[Operations] = {
    ("GET", f"{API}/broadcasts"): Operation(
        "listBroadcasts",
        "List broadcasts",
        SOURCE,
        TAG,
        (Answer(200, "A page.", BroadcastListing),),
        who=Who.OPERATOR,
        roles=VIEWING,
        parameters=(cursor(),),
        refusals=(InvalidRequest,),
        links=(Link("getBroadcast", {"broadcast_id": "$response.body#/broadcasts/0/broadcast_id"}),),
    ),
    ("POST", f"{API}/broadcasts"): Operation(
        "postBroadcast",
        "Begin a broadcast",
        SOURCE,
        TAG,
        (Answer(201, "The broadcast, which is being sent.", Broadcast, headers=("Location",)),),
        who=Who.OPERATOR,
        roles=SUPPORTING,
        parameters=(IDEMPOTENCY_KEY,),
        body=Body(NewBroadcast, _BROADCAST),
        refusals=(KeyReused, Conflict),
        links=(Link("getBroadcast", _SAME_BROADCAST, 201),),
    ),
    ("POST", f"{API}/broadcasts/preview"): Operation(
        "previewBroadcast",
        "See what a broadcast would do",
        SOURCE,
        TAG,
        (Answer(200, "How many would get it, and what.", BroadcastPreview),),
        who=Who.OPERATOR,
        roles=SUPPORTING,
        body=Body(NewBroadcast, _BROADCAST),
    ),
    ("GET", f"{API}/broadcasts/{{broadcast_id}}"): Operation(
        "getBroadcast",
        "Read how far a broadcast has got",
        SOURCE,
        TAG,
        (Answer(200, "The broadcast.", Broadcast),),
        who=Who.OPERATOR,
        roles=VIEWING,
        parameters=(in_path("broadcast_id", "The id of a broadcast."),),
        refusals=(NotFound,),
    ),
}

OPERATIONS: Final[Operations] = {**_MESSAGES, **_BROADCASTS}
