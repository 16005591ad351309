"""`/onboarding/callback`: what a checkout or an e-sign service reports, in calls that it signs (Standard Webhooks)."""

from datetime import datetime

from starlette.requests import Request

from app.crypto.signed_calls import BadSignature, verify
from app.domain.audit import acting_as
from app.domain.feed import Actor
from app.domain.onboarding_calls import read_report, require_registration, take_report
from app.domain.records import Access
from app.errors import BadCallSignature, NotFound
from app.web.access import note_client
from app.web.answers import Answer, json_answer
from app.web.bodies import parse_json_object, read_body
from app.web.routing import Limit, Route
from app.web.state import State

ACTOR = Actor(name="onboarding callback", role="system", via="callback")
ACTION = "onboarding.callback"


async def callback(request: Request[State]) -> Answer:
    """POST of a report; the answer says how far the request is then."""
    state = request.state
    secrets = state["settings"].onboarding_callback_secrets
    if not secrets:
        raise NotFound("No system reports here: CDS_ONBOARDING_CALLBACK_SECRET is not set.")
    body = await read_body(request, limit_bytes=state["settings"].max_body_bytes)
    now = state["now"]()
    call_id = _verified(request, secrets, body, now)
    report = read_report(parse_json_object(body))
    registration_id = require_registration(report)
    note_client(request, registration_id)
    context = acting_as(state["context"], ACTOR, ACTION)
    message = await take_report(context, Access(registration_id, now), report, call_id=call_id)
    return json_answer({"message_id": message.message_id, "status": message.status})


def _verified(request: Request[State], secrets: tuple[str, ...], body: bytes, now: datetime) -> str:
    try:
        return verify(secrets, request.headers, body, now=now)
    except BadSignature as error:
        raise BadCallSignature(f"The call is not signed as it should be: {error}.") from error


routes = [Route("/onboarding/callback", {"POST": callback}, limit=Limit.ANONYMOUS)]
