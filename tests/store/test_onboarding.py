"""What happens once in an onboarding step happens once, on every kind of store."""

import asyncio

import pytest
from msgspec.structs import replace

from app.domain.email_verification import ATTEMPTS, Verdict, check_code, choice_id, send_code
from app.domain.onboarding_calls import read_report, take_report
from app.domain.onboarding_links import renew
from app.domain.onboarding_steps import accept_text, read_step, text_digest
from app.errors import Conflict, TooManyRequests
from app.store.connect import StoreConnection
from tests.conftest import MakeServer, Registered, changed
from tests.onboarding import (
    EVERY_STEP,
    code_in,
    internal_of,
    mails,
    objects_of,
    request_of,
    requirement_of,
    statuses,
)

CROWD = 50


@pytest.fixture
async def client(make_server: MakeServer, demo_catalog, store: StoreConnection) -> Registered:
    """A Client of a server on that store, where production follows the last step."""
    scope = replace(
        demo_catalog.scopes["ple_interconnection"], registration_requirements=("contact_check", "setup_fee")
    )
    catalog = replace(demo_catalog, scopes={**demo_catalog.scopes, scope.id: scope})
    server = await make_server(changed(catalog, registration={"production": "automatic"}), store=store)
    return await server.register(EVERY_STEP, contacts=["ops@meadow.example"])


async def outcomes(*calls) -> list:
    """What a crowd gets; refusals that tell to try again are results, too."""
    found = await asyncio.gather(*calls, return_exceptions=True)
    assert not [
        one for one in found if isinstance(one, BaseException) and not isinstance(one, Conflict | TooManyRequests)
    ]
    return found


async def sent_code(client: Registered) -> str:
    """The code that has been mailed for the step."""
    request = await request_of(client, "contact_check")
    context, state = client.server.context, client.server.service.state
    step = await read_step(context, client.access, request["message_id"])
    choice = choice_id(step, "ops@meadow.example")
    send = [
        send_code(
            context,
            client.access,
            request["message_id"],
            choice,
            allowances=state["allowances"],
            outbox=state["outbox"],
        )
        for _ in range(CROWD)
    ]
    found = await outcomes(*send)
    assert [one for one in found if isinstance(one, str)] == ["o•••@m•••.example"]
    (mail,) = await mails(client.server)
    return code_in(mail)


async def test_a_link_is_renewed_once_by_a_crowd(client):
    old = await request_of(client, "data_terms")
    client.server.clock.advance(days=91)
    access = client.access

    found = await outcomes(
        *(renew(client.server.context, access.registration_id, old["message_id"], access.now) for _ in range(CROWD))
    )

    new = await request_of(client, "data_terms")
    assert {one.message_id for one in found if not isinstance(one, Conflict)} == {new["message_id"]}
    assert new["previous_uri"] == old["uri"]
    assert len([one for one in await client.messages() if one["name"] == "Data terms"]) == 2


async def test_a_text_is_accepted_once_by_a_crowd(client):
    request = await request_of(client, "data_terms")
    seen = text_digest(client.server.context.catalog.registration_fields["data_terms"].form.text)
    context, access = client.server.context, client.access

    await outcomes(
        *(accept_text(context, access, request["message_id"], name=str(n), seen=seen) for n in range(CROWD)),
        *(renew(context, access.registration_id, request["message_id"], access.now) for _ in range(5)),
    )
    await renew(context, access.registration_id, request["message_id"], access.now)

    assert await statuses(client, request) == ["complete", "complete", "complete"]
    assert len((await requirement_of(client, "data_terms")).evidence) == 1


async def test_a_crowd_guesses_no_oftener_than_one(client):
    code = await sent_code(client)
    request = await request_of(client, "contact_check")
    wrong = [f"{(int(code) + number) % 10**8:08d}" for number in range(1, CROWD)]

    found = await outcomes(
        *(check_code(client.server.context, client.access, request["message_id"], one) for one in wrong)
    )

    left = (await internal_of(client, request)).code.attempts_left
    looked_at = ATTEMPTS - left
    assert 0 < looked_at <= ATTEMPTS
    assert found.count(Verdict.WRONG) == min(looked_at, ATTEMPTS - 1)
    assert Verdict.RIGHT not in found


async def test_the_last_two_steps_at_once_open_production_once(client):
    code = await sent_code(client)
    context, access = client.server.context, client.access
    email, fee = await request_of(client, "contact_check"), await request_of(client, "setup_fee")
    paid = read_report({"message_id": fee["message_id"], "status": "complete", "amount": 250, "currency": "USD"})

    for _ in range(3):  # those who are told to try again do
        await outcomes(
            *(check_code(context, access, email["message_id"], code) for _ in range(10)),
            *(take_report(context, access, paid, call_id="call-1") for _ in range(10)),
        )

    assert set(await objects_of(client, "ple_interconnection")) == {"sandbox", "production"}
    listing = (await client.get("/cds-api/v1/clients")).json()["clients"]
    assert len([one for one in listing if one["scope"] == "ple_interconnection"]) == 2
    assert await statuses(client, email) == ["complete", "complete"]
    assert await statuses(client, fee) == ["complete", "complete"]
