"""Short ways to ask as a Client and to decide as an operator."""

from typing import Any

import httpx

from tests.conftest import Registered
from tests.message_objects import MESSAGES, created, updates_of
from tests.operators import OperatorClient


async def decide(
    operator: OperatorClient, message: dict[str, Any], status: str, description: str = "", **more: Any
) -> httpx.Response:
    """An operator's decision about a Message."""
    body = {"status": status, "description": description} | more
    return await operator.post(f"/messages/{message['message_id']}/decision", body)


async def decided(operator: OperatorClient, message: dict[str, Any], status: str, text: str = "", **more: Any) -> Any:
    """What a decision that is accepted answers."""
    answer = await decide(operator, message, status, text, **more)
    assert answer.status_code == 200, answer.text
    assert answer.json()["registration_id"] == message["message_id"].partition("-")[0]
    return answer.json()


async def request_production(client: Registered, scope: str = "ple_customer_data") -> dict[str, Any]:
    """A production_request for a sandbox object."""
    sandbox = (await client.clients())[scope]
    return await created(
        client,
        {
            "type": "production_request",
            "name": "",
            "description": "",
            "previous_uri": None,
            "related_uri": sandbox["cds_client_uri"],
        },
    )


async def request_grants(
    client: Registered, *grants: dict[str, Any], of: dict[str, Any] | None = None
) -> dict[str, Any]:
    """A grant_request, perhaps for one Client Object."""
    body: dict[str, Any] = {
        "type": "grant_request",
        "name": "",
        "description": "",
        "previous_uri": None,
        "grants_requested": [{"authorization_details": []} | one for one in grants],
    }
    return await created(client, body | ({"related_uri": of["cds_client_uri"]} if of else {}))


async def answer_to(client: Registered, message: dict[str, Any]) -> dict[str, Any]:
    """The newest request_update about a Message, as its Client sees it."""
    return (await updates_of(client, message))[0]


async def outstanding(client: Registered) -> set[str]:
    """The message_ids that are outstanding for a Client."""
    return {one["message_id"] for one in (await client.get(MESSAGES)).json()["outstanding"]}
