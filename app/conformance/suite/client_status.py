"""CDS-WG1-02 section 5.2, and what of 5.1, 7.1 and 7.6 shows when a Client Object is disabled and enabled again."""

from dataclasses import dataclass
from typing import Final

from app.conformance.apis import BAD_REQUEST, OK, UNAUTHORIZED, require_done, server_time
from app.conformance.checks import Need, Stage, check, require
from app.conformance.formats import shown
from app.conformance.session import ADMIN, Registration, Session
from app.conformance.shapes import differing, listed
from app.conformance.suite.registration import scopes_of
from app.conformance.suite.tokens import introspect
from app.conformance.wire import Answer, Caller, Document

REGISTRATION: Final = (Need.REGISTRATION,)
URI: Final = "cds_client_uri"
CLOCK_SECONDS: Final = 120
"""How far apart the clock of the server and its expiry may be, because the request takes its time."""


@dataclass(frozen=True, slots=True)
class Disabled:
    """A Client Object that was disabled and enabled again, and what was seen on the way."""

    registration: Registration
    client: Document
    caller: Caller
    secret: str
    token: str
    put: Answer
    token_answer: Answer
    introspected: Answer
    credentials: tuple[Document, ...]
    bogus: Answer
    enabled: Answer
    kept: tuple[Document, ...]


@check("WG1-02-5.1-11", needs=REGISTRATION, stage=Stage.CHANGE)
async def a_client_sets_the_statuses_that_it_is_offered_and_no_others(session: Session) -> None:
    """Disabled, and back."""
    seen = await disabled(session)
    require_done(seen.put, OK, "cds_status disabled, which is offered,")
    refuse_other(seen.put, "disabled")
    problem = f"cds_status production, which is not offered, is answered with {seen.bogus.status}, not 400"
    require(seen.bogus.status == BAD_REQUEST, problem, seen.bogus)
    require_done(seen.enabled, OK, f"cds_status {seen.client['cds_status']}, after it was disabled,")
    refuse_other(seen.enabled, str(seen.client["cds_status"]))


@check("WG1-02-5.2-04", needs=REGISTRATION, stage=Stage.CHANGE)
async def a_disabled_client_object_gets_no_tokens_and_those_it_had_are_dead(session: Session) -> None:
    """Neither old nor new ones."""
    seen = await disabled(session)
    require_done(seen.put, OK, "cds_status disabled")
    answer = seen.token_answer
    require(answer.status in {BAD_REQUEST, UNAUTHORIZED}, f"its token request is answered with {answer.status}", answer)
    if seen.introspected.status == OK:
        dead = seen.introspected.find("active") is False
        require(dead, "a token from before it was disabled is still active", seen.introspected)


@check("WG1-02-7.1-05", needs=REGISTRATION, stage=Stage.CHANGE)
async def the_secrets_of_a_disabled_client_object_expire_when_it_is_disabled(session: Session) -> None:
    """Whatever was said before."""
    seen = await disabled(session)
    require_done(seen.put, OK, "cds_status disabled")
    now = server_time(seen.put).timestamp()
    for credential in seen.credentials:
        expires = credential.get("client_secret_expires_at")
        near = isinstance(expires, int) and abs(expires - now) <= CLOCK_SECONDS
        require(near, f"client_secret_expires_at is {shown(expires)}, not about {now:.0f}", seen.put)


@check("WG1-02-7.6-11", needs=REGISTRATION, stage=Stage.CHANGE)
async def a_secret_stays_what_it_is_whatever_becomes_of_its_client_object(session: Session) -> None:
    """After it was disabled and enabled."""
    seen = await disabled(session)
    secrets = [credential.get("client_secret") for credential in seen.kept]
    require(seen.secret in secrets, "after disabling and enabling no Credential has the secret of before", seen.enabled)


async def disabled(session: Session) -> Disabled:
    """A Client Object of a registration of its own, disabled and enabled again."""
    return await session.once("disabled", lambda: _disabled(session))


async def _disabled(session: Session) -> Disabled:
    machine = await session.machine_client()
    own = await session.new_registration("to be disabled and enabled", scopes_of(machine)[:1])
    admin = await session.as_admin(own)
    client = await session.client_for(
        lambda one: ADMIN not in scopes_of(one) and "client_credentials" in listed(one, "grant_types"),
        "for machines",
        own,
    )
    caller, uri = await session.caller_for(client, own), str(client[URI])
    secrets = [str(one.get("client_secret")) for one in await session.credentials(str(client["client_id"]), own)]
    token = await session.token(caller)
    put = await session.wire.ask("PUT", uri, admin, json={**client, "cds_status": "disabled"})
    refused = await session.ask_token(caller)
    introspected = await introspect(session, own.caller, token)
    credentials = await session.credentials(str(client["client_id"]), own)
    now = (await session.wire.get(uri, admin)).object()
    other = "sandbox" if client["cds_status"] == "production" else "production"
    bogus = await session.wire.ask("PUT", uri, admin, json={**now, "cds_status": other})
    enabled = await session.wire.ask("PUT", uri, admin, json={**now, "cds_status": client["cds_status"]})
    kept = await session.credentials(str(client["client_id"]), own)
    return Disabled(
        own,
        client,
        caller,
        secrets[0],
        token,
        put,
        refused,
        introspected,
        tuple(credentials),
        bogus,
        enabled,
        tuple(kept),
    )


def refuse_other(answer: Answer, status: str) -> None:
    """Raises: Violated: The Client Object of an answer has another status."""
    found = differing(answer.object(), {"cds_status": status})
    require(not found, "; ".join(found), answer)
