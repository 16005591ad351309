"""The operator API for webhooks and what is sent to them (DESIGN.md section 5).

A secret is in the answer to the request that made it, and nowhere else.
"""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from app.domain import deliveries, webhooks
from app.domain.deliveries import DeliveryStatus
from app.domain.operators import ADMINISTERING, VIEWING
from app.domain.webhooks import Webhook
from app.errors import InvalidRequest
from app.operator.reading import API, created_answer, refuse_other_parameters
from app.schemas.documents import document_of
from app.web.answers import empty_answer, json_answer
from app.web.bodies import read_json
from app.web.operators import acting
from app.web.paging import cursor, link
from app.web.routing import Route
from app.web.state import State

PATH: Final = f"{API}/webhooks"
DELIVERIES: Final = f"{API}/deliveries"


async def list_webhooks(request: Request[State]) -> Response:
    """GET: all of them; there are never so many that they would need pages."""
    await acting(request, VIEWING, "webhooks.list")
    return json_answer({"webhooks": await request.state["webhooks"].list(), "next": None, "previous": None})


async def post_webhook(request: Request[State]) -> Response:
    """POST: a new one, with its secret."""
    operator = await acting(request, ADMINISTERING, "webhooks.create")
    state = request.state
    made = await webhooks.create(
        state["webhooks"],
        state["context"].randomness,
        operator.actor,
        await read_json(request),
        now=state["now"](),
    )
    return created_answer(request, f"{PATH}/{made[0].webhook_id}", _with_secret(*made))


async def get_webhook(request: Request[State]) -> Response:
    """GET: one of them."""
    await acting(request, VIEWING, "webhooks.get")
    return json_answer(await webhooks.get(request.state["webhooks"], request.path_params["webhook_id"]))


async def patch_webhook(request: Request[State]) -> Response:
    """PATCH: another URL, other events, another description; off and on."""
    operator = await acting(request, ADMINISTERING, "webhooks.modify")
    state = request.state
    webhook_id = request.path_params["webhook_id"]
    submitted = await read_json(request)
    return json_answer(
        await webhooks.modify(state["webhooks"], operator.actor, webhook_id, submitted, now=state["now"]())
    )


async def delete_webhook(request: Request[State]) -> Response:
    """DELETE: and nothing more is sent to it."""
    operator = await acting(request, ADMINISTERING, "webhooks.delete")
    state = request.state
    await webhooks.delete(state["webhooks"], operator.actor, request.path_params["webhook_id"], now=state["now"]())
    return empty_answer(204)


async def post_test(request: Request[State]) -> Response:
    """POST: an event of type webhook.test, to see that it arrives."""
    await acting(request, ADMINISTERING, "webhooks.test")
    state = request.state
    delivery = await deliveries.send_test(
        state["webhooks"],
        state["deliveries"],
        state["context"].randomness,
        request.path_params["webhook_id"],
        now=state["now"](),
    )
    return created_answer(request, f"{DELIVERIES}/{delivery.delivery_id}", delivery)


async def post_new_secret(request: Request[State]) -> Response:
    """POST: a new secret; the one before it signs as well for a day."""
    operator = await acting(request, ADMINISTERING, "webhooks.rotate_secret")
    state = request.state
    made = await webhooks.rotate_secret(
        state["webhooks"],
        state["context"].randomness,
        operator.actor,
        request.path_params["webhook_id"],
        now=state["now"](),
    )
    return json_answer(_with_secret(*made))


async def list_deliveries(request: Request[State]) -> Response:
    """GET: what was sent to a webhook or is to be, newest first, of one status if asked."""
    await acting(request, VIEWING, "webhooks.deliveries")
    refuse_other_parameters(request, "status", "cursor")
    state, webhook_id = request.state, request.path_params["webhook_id"]
    await webhooks.get(state["webhooks"], webhook_id)
    page = await state["deliveries"].page(webhook_id, _status(request), cursor(request))
    path = f"{PATH}/{webhook_id}/deliveries"
    next_, previous = link(request, path, page.next), link(request, path, page.previous)
    return json_answer({"deliveries": page.items, "next": next_, "previous": previous})


async def post_replay_of_dead(request: Request[State]) -> Response:
    """POST: all dead letters of a webhook again."""
    operator = await acting(request, ADMINISTERING, "webhooks.replay")
    state, webhook_id = request.state, request.path_params["webhook_id"]
    replayed = await deliveries.replay_dead(
        state["webhooks"], state["deliveries"], operator.actor, webhook_id, now=state["now"]()
    )
    return json_answer({"replayed": replayed})


async def get_delivery(request: Request[State]) -> Response:
    """GET: how far one delivery has got."""
    await acting(request, VIEWING, "webhooks.delivery")
    return json_answer(await deliveries.get(request.state["deliveries"], request.path_params["delivery_id"]))


async def post_replay(request: Request[State]) -> Response:
    """POST: one delivery again, whatever became of it."""
    operator = await acting(request, ADMINISTERING, "webhooks.replay")
    state, delivery_id = request.state, request.path_params["delivery_id"]
    return json_answer(
        await deliveries.replay(state["webhooks"], state["deliveries"], operator.actor, delivery_id, now=state["now"]())
    )


def _status(request: Request[State]) -> DeliveryStatus | None:
    """The filter of that name. Raises InvalidRequest."""
    text = request.query_params.get("status")
    if not text:
        return None
    try:
        return DeliveryStatus(text)
    except ValueError:
        raise InvalidRequest(f"status must be one of {', '.join(DeliveryStatus)}.", field="status") from None


def _with_secret(webhook: Webhook, secret: str) -> dict[str, Any]:
    return {**document_of(webhook), "secret": secret}


routes = [
    Route(PATH, {"GET": list_webhooks, "POST": post_webhook}),
    Route(f"{PATH}/{{webhook_id}}", {"GET": get_webhook, "PATCH": patch_webhook, "DELETE": delete_webhook}),
    Route(f"{PATH}/{{webhook_id}}/test", {"POST": post_test}),
    Route(f"{PATH}/{{webhook_id}}/rotate-secret", {"POST": post_new_secret}),
    Route(f"{PATH}/{{webhook_id}}/deliveries", {"GET": list_deliveries}),
    Route(f"{PATH}/{{webhook_id}}/replay", {"POST": post_replay_of_dead}),
    Route(f"{DELIVERIES}/{{delivery_id}}", {"GET": get_delivery}),
    Route(f"{DELIVERIES}/{{delivery_id}}/replay", {"POST": post_replay}),
]
