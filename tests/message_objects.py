"""What tests say about Messages: their shape, small valid ones, and what operators do with them."""

import re
from base64 import b64encode
from typing import Any

from app.domain.messages_decisions import decide
from app.domain.messages_from_server import post_from_server
from app.schemas.messages import Message, MessageStatus
from tests.conftest import PUBLIC_URL, Registered

MESSAGES = "/cds-api/v1/messages"
LISTS = ("outstanding", "unread", "read")

EVERYTHING = "cds_client_admin ple_customer_data ple_grid_status ple_interconnection cds_server_provided_files_ple"

_REQUIRED = {
    "message_id": str,
    "uri": str,
    "previous_uri": (str, type(None)),
    "type": str,
    "read": bool,
    "creator": (str, type(None)),
    "created": str,
    "modified": str,
    "status": str,
    "name": str,
    "description": str,
}
_ANY = {"complete", "open", "pending", "rejected", "errored"}
_STATUSES = {
    "notification": {"complete"},
    "private_message": {"complete"},
    "client_submission": {"complete"},
    "support_request": {"pending", "complete"},
    "production_request": {"pending", "complete", "rejected"},
    "grant_request": {"pending", "complete", "rejected"},
    "field_changes": {"pending", "complete", "rejected", "errored"},
    "server_request": _ANY,
    "payment_request": _ANY,
    "online_form_request": _ANY,
    "pdf_form_request": _ANY,
    "request_update": _ANY,
}
_RELATED_TYPES = {
    "more_info", "documentation", "support", "online_form", "pdf_form", "payment_form", "payment_receipt",
    "client_list", "client", "grant_list", "grant", "message_list", "message", "credential_list", "credential",
}  # fmt: skip
_DATETIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

SUPPORT = {"previous_uri": None, "type": "support_request", "name": "Help", "description": "It does not work."}
PRIVATE = {"previous_uri": None, "type": "private_message", "name": "Hello", "description": "How are you?"}


def require_message(message: dict[str, Any]) -> None:
    """A Message has the shape of 6.1, a status that its type knows (6.3), and says what its link is (6.4)."""
    for field, types in _REQUIRED.items():
        assert isinstance(message[field], types), field
    assert message["uri"] == f"{PUBLIC_URL}{MESSAGES}/{message['message_id']}"
    assert _DATETIME.fullmatch(message["created"])
    assert _DATETIME.fullmatch(message["modified"])
    assert message["created"] <= message["modified"]
    assert message["status"] in _STATUSES[message["type"]]
    assert ("related_uri" in message) == ("related_type" in message)
    assert message.get("related_type", "client") in _RELATED_TYPES
    if message["type"] in {"field_changes", "server_request"}:
        assert message["updates_requested"]
    assert ("grants_requested" in message) == (message["type"] == "grant_request")


def require_listing(listing: dict[str, Any]) -> None:
    """A listing has the nine members of 6.8, sorted, each Message where it belongs."""
    assert set(listing) == {name + end for name in LISTS for end in ("", "_next", "_previous")}
    for name in LISTS:
        for message in listing[name]:
            require_message(message)
        times = [message["modified"] for message in listing[name]]
        assert times == sorted(times, reverse=True)
    assert all(message["status"] in {"open", "pending"} for message in listing["outstanding"])
    assert not any(message["read"] for message in listing["unread"])
    assert all(message["read"] for message in listing["read"])


def attachment(content: bytes = b"%PDF-1.7 filled in", **changes: Any) -> dict[str, Any]:
    """An attachment as 6.7 has it."""
    encoded = b64encode(content).decode()
    return {"filename": "form.pdf", "mime_type": "application/pdf", "data": encoded} | changes


async def created(client: Registered, body: dict[str, Any]) -> dict[str, Any]:
    """The Message that a Client creates."""
    answer = await client.post(MESSAGES, body)
    assert answer.status_code == 201, answer.text
    message: dict[str, Any] = answer.json()
    require_message(message)
    return message


async def refused(client: Registered, body: Any, status: int = 400, field: str | None = None) -> dict[str, Any]:
    """The problem that the Server has with a Message; nothing was created."""
    before = len(await client.messages())
    answer = await client.post(MESSAGES, body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    if field:
        assert problem["errors"][0]["field"] == field
    assert len(await client.messages()) == before
    return problem


async def reread(client: Registered, message: dict[str, Any] | Message) -> dict[str, Any]:
    """A Message as GET on its uri shows it now."""
    uri = message.uri if isinstance(message, Message) else message["uri"]
    answer = await client.get(uri)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    require_message(found)
    return found


async def updates_of(client: Registered, message: dict[str, Any]) -> list[dict[str, Any]]:
    """The request_updates that answer a Message, newest first."""
    updates = await client.messages("request_update")
    found = [one for one in updates if one["previous_uri"] == message["uri"]]
    return sorted(found, key=lambda one: one["created"], reverse=True)


async def operator_posts(client: Registered, **fields: Any) -> dict[str, Any]:
    """A Message that an operator writes to a Client, as the Client sees it."""
    body = {"type": "private_message", "name": "A word", "description": "From us to you."} | fields
    message = await post_from_server(client.server.context, client.access, body)
    return await reread(client, message)


async def operator_asks(client: Registered, *fields: str, **changes: Any) -> dict[str, Any]:
    """A server_request for some fields."""
    asked = [{"field": one, "name": one.title(), "description": f"Please tell us {one}."} for one in fields]
    return await operator_posts(client, **({"type": "server_request", "updates_requested": asked} | changes))


async def operator_decides(
    client: Registered, message: dict[str, Any], status: str, description: str = "", **how: Any
) -> dict[str, Any]:
    """The request_update by which an operator decides, as the Client sees it."""
    context = client.server.context
    update = await decide(context, client.access, message["message_id"], MessageStatus(status), description, **how)
    return await reread(client, update)
