"""What tests do with onboarding steps: find their Messages, open their links, look at what is known afterwards."""

import json
import re
from base64 import b64encode
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from msgspec.structs import replace
from standardwebhooks import Webhook

from app.catalog import Catalog, Form
from app.domain.decisions import decide_message
from app.domain.mails import KeptMail
from app.domain.records import Wanted
from app.schemas.messages import Message, MessageStatus
from app.schemas.registrations import Registration, Requirement
from tests.conftest import Registered, Server
from tests.html_pages import UserBrowser, View
from tests.message_objects import reread, updates_of

INTERCONNECTION = "cds_client_admin ple_interconnection"
EVERY_STEP = "cds_client_admin ple_customer_data ple_interconnection"
CONTACTS = ["ops@meadow.example", "+1 555 0100", "legal@meadow.example"]
SECRET = "whsec_" + b64encode(bytes(range(32))).decode()
CALLBACK = "/onboarding/callback"


def with_form(catalog: Catalog, field_id: str, **form: Any) -> Catalog:
    """A catalog in which a registration field has another form; `with_form(catalog, "setup_fee")` has none."""
    field = catalog.registration_fields[field_id]
    new = Form(**({"text": None, "url": None, "pdf": None} | form)) if form else None
    return replace(catalog, registration_fields={**catalog.registration_fields, field_id: replace(field, form=new)})


async def request_of(client: Registered, field_id: str) -> dict[str, Any]:
    """The newest Message that asks for a step."""
    found = [one for one in await client.messages() if one["description"].endswith(f"Registration field: {field_id}")]
    replied = {one["previous_uri"] for one in found}
    (newest,) = [one for one in found if one["uri"] not in replied]
    return newest


async def registration_of(client: Registered) -> Registration:
    """What is kept of a registration."""
    wanted = Wanted(Registration, client.registration_id)
    (stored,) = await client.server.context.records.load(client.access, wanted)
    assert stored is not None
    found: Registration = stored.object
    return found


async def requirement_of(client: Registered, field_id: str) -> Requirement:
    """How far a step has got."""
    return (await registration_of(client)).requirements[field_id]


async def internal_of(client: Registered, message: dict[str, Any]) -> Any:
    """What is known about a Message and not shown."""
    (stored,) = await client.server.context.records.load(client.access, Wanted(Message, message["message_id"]))
    assert stored is not None
    return stored.internal


async def statuses(client: Registered, request: dict[str, Any]) -> list[str]:
    """The status of a request, and of its request_updates, oldest first."""
    updates = await updates_of(client, request)
    return [(await reread(client, request))["status"], *(one["status"] for one in reversed(updates))]


async def open_step(browser: UserBrowser, client: Registered, field_id: str) -> View:
    """The page behind the link of a step."""
    return await browser.open((await request_of(client, field_id))["related_uri"])


async def accept_text(client: Registered, field_id: str = "data_terms", name: str = "Ada Kunde") -> View:
    """Somebody reads a text and accepts it; the page that this leads to."""
    async with UserBrowser(client.server) as browser:
        view = await open_step(browser, client, field_id)
        return await browser.press(view, "Accept", name=name, agreed="yes")


async def hand_in_pdf(client: Registered, field_id: str = "insurance_form") -> dict[str, Any]:
    """The Client sends a filled-in form."""
    request = await request_of(client, field_id)
    data = b64encode(b"%PDF-1.7 filled in").decode()
    body = {
        "type": "client_submission",
        "previous_uri": request["uri"],
        "name": "",
        "description": "",
        "attachments": [{"filename": "form.pdf", "mime_type": "application/pdf", "data": data}],
    }
    answer = await client.post("/cds-api/v1/messages", body)
    assert answer.status_code == 201, answer.text
    return request


async def mails(server: Server) -> list[KeptMail]:
    """What is in the outbox, newest first."""
    assert server.service.state
    return await server.service.state["outbox"].latest()


def code_in(mail: KeptMail) -> str:
    """The code in a mail."""
    (code,) = re.findall(r"^ +(\d{4} \d{4})$", mail.mail.text, re.MULTILINE)
    return str(code).replace(" ", "")


async def verify_email(client: Registered, field_id: str = "contact_check") -> View:
    """Somebody has a code sent and types it in; the page that this leads to."""
    async with UserBrowser(client.server) as browser:
        view = await browser.press(await open_step(browser, client, field_id), "Send the code")
        return await browser.press(view, "Verify", code=code_in((await mails(client.server))[0]))


def signed(
    body: bytes, now: datetime, *, secret: str = SECRET, call_id: str = "call-1", at: datetime | None = None
) -> dict[str, str]:
    """The headers of a call that is signed as Standard Webhooks says, by the library's own hand."""
    moment = at or now
    return {
        "webhook-id": call_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(secret).sign(call_id, moment, body.decode()),
        "content-type": "application/json",
    }


async def report(server: Server, call_id: str, message_id: str, status: str, **more: Any) -> httpx.Response:
    """A system elsewhere reports about a step."""
    body = json.dumps({"message_id": message_id, "status": status, **more}).encode()
    return await server.http.post(CALLBACK, content=body, headers=signed(body, server.clock.now, call_id=call_id))


def query_of(url: str) -> dict[str, str]:
    """The query of a URL, each name once."""
    found = parse_qs(urlsplit(url).query, strict_parsing=True)
    assert all(len(values) == 1 for values in found.values()), url
    return {name: values[0] for name, values in found.items()}


async def decide(client: Registered, field_id: str, status: str, description: str = "") -> dict[str, Any]:
    """An operator decides about a step, with all that follows from it; the request_update as the Client sees it."""
    message_id = (await request_of(client, field_id))["message_id"]
    context = client.server.context
    update = await decide_message(context, client.access, message_id, MessageStatus(status), description)
    seen: dict[str, Any] = (await client.get(update.uri)).json()
    return seen


async def objects_of(client: Registered, scope: str) -> dict[str, dict[str, Any]]:
    """The Client Objects of a scope by status."""
    listing = (await client.get("/cds-api/v1/clients")).json()["clients"]
    return {one["cds_status"]: one for one in listing if one["scope"] == scope}
