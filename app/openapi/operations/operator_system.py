"""The operator API: the overview, events, webhooks, the audit log, operators."""

from typing import Final

from app.domain.deliveries import Delivery, DeliveryStatus
from app.domain.operators import ADMINISTERING, VIEWING
from app.domain.webhooks import Webhook
from app.errors import Conflict, InvalidRequest, NotFound
from app.openapi.described import Answer, Body, Link, Operation, Operations, Parameter, Who, choice, cursor, in_path
from app.openapi.operations.operator_registrations import API, OF_REGISTRATION, SOURCE
from app.openapi.shapes.operator_system import (
    AuditListing,
    DeliveryListing,
    EventListing,
    NewOperator,
    NewWebhook,
    Operator,
    OperatorListing,
    OperatorWithKey,
    Overview,
    Replayed,
    WebhookChange,
    WebhookListing,
    WebhookWithSecret,
)

TAG: Final = "Operators: system"

_WEBHOOK: Final = in_path("webhook_id", "The id of a webhook.")
_DELIVERY: Final = in_path("delivery_id", "The id of a delivery.")
_NAME: Final = in_path("name", "What the operator is called.")
_SAME_WEBHOOK: Final = {"webhook_id": "$response.body#/webhook_id"}
_SAME_DELIVERY: Final = {"delivery_id": "$response.body#/delivery_id"}
_SAME_OPERATOR: Final = {"name": "$response.body#/name"}
_GONE: Final = (Answer(204, "Done.", None, ""),)


def _after(pattern: str, example: str) -> Parameter:
    text = "Only what comes after this entry; from the beginning without it."
    return Parameter("after", text, {"type": "string", "pattern": pattern}, example=example)


_FOLLOWED: Final[Operations] = {
    ("GET", f"{API}/overview"): Operation(
        "getOverview",
        "Read what waits, how much there is, what happened last",
        SOURCE,
        TAG,
        (Answer(200, "The numbers.", Overview),),
        who=Who.OPERATOR,
        roles=VIEWING,
    ),
    ("GET", f"{API}/events"): Operation(
        "listEvents",
        "Follow what happens",
        SOURCE,
        TAG,
        (Answer(200, "Oldest first; `next` is null at the end: go on after the last id, later.", EventListing),),
        "About the last million are kept.",
        who=Who.OPERATOR,
        roles=VIEWING,
        parameters=(_after("^[0-9]{1,15}(-[0-9]{1,15})?$", "1780315200000-0"), OF_REGISTRATION),
    ),
    ("GET", f"{API}/audit"): Operation(
        "listAudit",
        "Read the audit log",
        SOURCE,
        TAG,
        (Answer(200, "Oldest first.", AuditListing),),
        "Everything that operators have changed, kept for ever.",
        who=Who.OPERATOR,
        roles=VIEWING,
        parameters=(_after("^[0-9]{1,15}$", "42"), OF_REGISTRATION),
    ),
}
_OPERATORS: Final[Operations] = {
    ("GET", f"{API}/operators"): Operation(
        "listOperators",
        "List operators",
        SOURCE,
        TAG,
        (Answer(200, "All of them.", OperatorListing),),
        who=Who.OPERATOR,
        roles=ADMINISTERING,
        links=(Link("getOperator", {"name": "$response.body#/operators/0/name"}),),
    ),
    ("POST", f"{API}/operators"): Operation(
        "postOperator",
        "Add an operator",
        SOURCE,
        TAG,
        (Answer(201, "The operator, and the key: nobody sees it again.", OperatorWithKey, headers=("Location",)),),
        who=Who.OPERATOR,
        roles=ADMINISTERING,
        body=Body(NewOperator, {"name": "dana", "role": "support"}),
        refusals=(Conflict,),
        links=(Link("getOperator", _SAME_OPERATOR, 201), Link("deleteOperator", _SAME_OPERATOR, 201)),
    ),
    ("GET", f"{API}/operators/{{name}}"): Operation(
        "getOperator",
        "Read who an operator is",
        SOURCE,
        TAG,
        (Answer(200, "The operator.", Operator),),
        who=Who.OPERATOR,
        roles=ADMINISTERING,
        parameters=(_NAME,),
        refusals=(NotFound,),
    ),
    ("DELETE", f"{API}/operators/{{name}}"): Operation(
        "deleteOperator",
        "Revoke the key of an operator",
        SOURCE,
        TAG,
        _GONE,
        who=Who.OPERATOR,
        roles=ADMINISTERING,
        parameters=(_NAME,),
        refusals=(NotFound, InvalidRequest, Conflict),
    ),
}
_WEBHOOKS: Final[Operations] = {
    ("GET", f"{API}/webhooks"): Operation(
        "listWebhooks",
        "List webhooks",
        SOURCE,
        TAG,
        (Answer(200, "All of them.", WebhookListing),),
        who=Who.OPERATOR,
        roles=VIEWING,
        links=(Link("getWebhook", {"webhook_id": "$response.body#/webhooks/0/webhook_id"}),),
    ),
    ("POST", f"{API}/webhooks"): Operation(
        "postWebhook",
        "Add a webhook",
        f"{SOURCE}; Standard Webhooks",
        TAG,
        (Answer(201, "The webhook with its secret.", WebhookWithSecret, headers=("Location",)),),
        who=Who.OPERATOR,
        roles=ADMINISTERING,
        body=Body(NewWebhook, {"url": "https://crm.utility.example/hooks/cds", "events": ["registration.created"]}),
        refusals=(Conflict,),
        links=(
            Link("getWebhook", _SAME_WEBHOOK, 201),
            Link("patchWebhook", _SAME_WEBHOOK, 201),
            Link("rotateWebhookSecret", _SAME_WEBHOOK, 201),
            Link("listDeliveries", _SAME_WEBHOOK, 201),
            Link("deleteWebhook", _SAME_WEBHOOK, 201),
        ),
    ),
    ("GET", f"{API}/webhooks/{{webhook_id}}"): Operation(
        "getWebhook",
        "Read a webhook",
        SOURCE,
        TAG,
        (Answer(200, "The webhook.", Webhook),),
        who=Who.OPERATOR,
        roles=VIEWING,
        parameters=(_WEBHOOK,),
        refusals=(NotFound,),
    ),
    ("PATCH", f"{API}/webhooks/{{webhook_id}}"): Operation(
        "patchWebhook",
        "Change a webhook, turn it off or on",
        SOURCE,
        TAG,
        (Answer(200, "The webhook.", Webhook),),
        who=Who.OPERATOR,
        roles=ADMINISTERING,
        parameters=(_WEBHOOK,),
        body=Body(WebhookChange, {"status": "disabled"}),
        refusals=(NotFound, Conflict),
    ),
    ("DELETE", f"{API}/webhooks/{{webhook_id}}"): Operation(
        "deleteWebhook",
        "Forget a webhook",
        SOURCE,
        TAG,
        _GONE,
        who=Who.OPERATOR,
        roles=ADMINISTERING,
        parameters=(_WEBHOOK,),
        refusals=(NotFound,),
    ),
    ("POST", f"{API}/webhooks/{{webhook_id}}/rotate-secret"): Operation(
        "rotateWebhookSecret",
        "Give a webhook a new secret",
        SOURCE,
        TAG,
        (Answer(200, "The webhook with its secret; the one before it signs as well for a day.", WebhookWithSecret),),
        who=Who.OPERATOR,
        roles=ADMINISTERING,
        parameters=(_WEBHOOK,),
        refusals=(NotFound, Conflict),
    ),
}
_DELIVERIES: Final[Operations] = {
    ("POST", f"{API}/webhooks/{{webhook_id}}/test"): Operation(
        "testWebhook",
        "Send an event of the type webhook.test",
        SOURCE,
        TAG,
        (Answer(201, "The delivery.", Delivery, headers=("Location",)),),
        who=Who.OPERATOR,
        roles=ADMINISTERING,
        parameters=(_WEBHOOK,),
        refusals=(NotFound, Conflict),
        links=(Link("getDelivery", _SAME_DELIVERY, 201),),
    ),
    ("GET", f"{API}/webhooks/{{webhook_id}}/deliveries"): Operation(
        "listDeliveries",
        "List what was sent to a webhook, or is to be",
        SOURCE,
        TAG,
        (Answer(200, "A page.", DeliveryListing),),
        who=Who.OPERATOR,
        roles=VIEWING,
        parameters=(_WEBHOOK, choice("status", "Only those of this status.", DeliveryStatus), cursor()),
        refusals=(NotFound,),
    ),
    ("POST", f"{API}/webhooks/{{webhook_id}}/replay"): Operation(
        "replayDeadLetters",
        "Send all dead letters of a webhook again",
        SOURCE,
        TAG,
        (Answer(200, "How many there were.", Replayed),),
        who=Who.OPERATOR,
        roles=ADMINISTERING,
        parameters=(_WEBHOOK,),
        refusals=(NotFound, Conflict),
    ),
    ("GET", f"{API}/deliveries/{{delivery_id}}"): Operation(
        "getDelivery",
        "Read how far a delivery has got",
        SOURCE,
        TAG,
        (Answer(200, "The delivery.", Delivery),),
        who=Who.OPERATOR,
        roles=VIEWING,
        parameters=(_DELIVERY,),
        refusals=(NotFound,),
    ),
    ("POST", f"{API}/deliveries/{{delivery_id}}/replay"): Operation(
        "replayDelivery",
        "Send a delivery again",
        SOURCE,
        TAG,
        (Answer(200, "The delivery.", Delivery),),
        who=Who.OPERATOR,
        roles=ADMINISTERING,
        parameters=(_DELIVERY,),
        refusals=(NotFound, Conflict),
    ),
}

OPERATIONS: Final[Operations] = {**_FOLLOWED, **_OPERATORS, **_WEBHOOKS, **_DELIVERIES}
