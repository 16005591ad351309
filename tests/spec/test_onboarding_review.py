"""internal_review, and the way through all six kinds of steps into production (CDS-WG1-02 3.6, 4.2, 6.9)."""

import asyncio

import pytest
from msgspec.structs import replace

from app.catalog import Catalog
from app.domain import production
from app.domain.decisions import decide_message
from app.schemas.messages import MessageStatus
from tests.conftest import Clock, MakeServer, Registered, Server, changed
from tests.forged_provider import ForgedProvider
from tests.html_pages import UserBrowser
from tests.message_objects import reread, updates_of
from tests.onboarding import (
    CONTACTS,
    EVERY_STEP,
    INTERCONNECTION,
    SECRET,
    accept_text,
    decide,
    hand_in_pdf,
    objects_of,
    open_step,
    registration_of,
    report,
    request_of,
    requirement_of,
    verify_email,
)

SIGN_IN = "Sign in with Prairie & Lake Energy"


@pytest.fixture
def provider(clock: Clock) -> ForgedProvider:
    return ForgedProvider(clock)


async def take(client: Registered, field_id: str, provider: ForgedProvider) -> None:
    """Take one step as people do."""
    server = client.server
    server.clock.advance(minutes=2)
    match field_id:
        case "data_terms":
            await accept_text(client)
        case "contact_check":
            await verify_email(client)
        case "portal_account":
            async with UserBrowser(server) as browser:
                view = await open_step(browser, client, field_id)
                there = await browser.send("GET", view.links[SIGN_IN]["href"])
                view = await browser.open(provider.authorize(there.headers["location"]))
                await browser.press(view, "Connect this account")
        case "insurance_form":
            await hand_in_pdf(client)
            await decide(client, field_id, "complete")
        case "setup_fee":
            message_id = (await request_of(client, field_id))["message_id"]
            await report(server, "1", message_id, "pending")
            await report(server, "2", message_id, "complete", amount=250, currency="USD")
        case "staff_review":
            (message,) = await client.messages("production_request")
            await decide_message(server.context, client.access, message["message_id"], MessageStatus.COMPLETE)


@pytest.mark.clause("WG1-02-3.6-05", "WG1-02-6.3-04", "WG1-02-4.2-19")
async def test_a_review_is_told_and_its_approval_opens_production(server: Server) -> None:
    """The Message is there from the start; the operator approves; the production object exists."""
    client = await server.register("cds_client_admin ple_customer_data")
    (request,) = await client.messages("production_request")
    assert (request["status"], request["creator"]) == ("pending", None)
    assert set(await objects_of(client, "ple_customer_data")) == {"sandbox"}

    await decide_message(server.context, client.access, request["message_id"], MessageStatus.COMPLETE, "Welcome.")

    both = await objects_of(client, "ple_customer_data")
    assert set(both) == {"sandbox", "production"}
    (update,) = await updates_of(client, request)
    for message in (update, await reread(client, request)):
        assert (message["status"], message["related_type"]) == ("complete", "client")
        assert message["related_uri"] == both["production"]["cds_client_uri"]
    assert (await requirement_of(client, "staff_review")).status == "met"
    assert (await requirement_of(client, "data_terms")).status == "open"


@pytest.mark.clause("WG1-02-3.6-16", "WG1-02-3.6-24", "WG1-02-3.6-34", "WG1-02-3.6-42", "WG1-02-3.6-54")
@pytest.mark.parametrize("scope", ["ple_interconnection", "ple_customer_data"])
async def test_an_operator_may_open_production_whatever_steps_are_open(server: Server, scope: str) -> None:
    """The requests stay as they are, and their links stay good."""
    client = await server.register(f"cds_client_admin {scope}", contacts=CONTACTS)
    sandbox = (await objects_of(client, scope))["sandbox"]

    await production.approve(server.context, client.access, sandbox["client_id"])

    assert set(await objects_of(client, scope)) == {"sandbox", "production"}
    steps = [one for one in await client.messages() if "Registration field" in one["description"]]
    assert steps
    for request in steps:
        assert request["status"] == "open"
        assert (await server.http.get(request["related_uri"])).status_code in {200, 303}


async def test_every_kind_of_step_leads_to_production(
    make_server: MakeServer, provider: ForgedProvider, demo_catalog: Catalog
) -> None:
    """As soon as the last one is met, where the catalog says so; each scope for itself."""
    server = await make_server(
        changed(demo_catalog, registration={"production": "automatic"}),
        identity_provider=provider.as_seen_by_the_server(),
        CDS_ONBOARDING_CALLBACK_SECRET=SECRET,
    )
    client = await server.register(EVERY_STEP, contacts=CONTACTS, client_name="Meadow Home")

    for field_id in ("contact_check", "portal_account", "insurance_form"):
        await take(client, field_id, provider)
        assert set(await objects_of(client, "ple_interconnection")) == {"sandbox"}
    await take(client, "setup_fee", provider)
    assert set(await objects_of(client, "ple_interconnection")) == {"sandbox", "production"}
    assert set(await objects_of(client, "ple_customer_data")) == {"sandbox"}
    await take(client, "data_terms", provider)
    await take(client, "staff_review", provider)

    assert set(await objects_of(client, "ple_customer_data")) == {"sandbox", "production"}
    registration = await registration_of(client)
    assert {one.status for one in registration.requirements.values()} == {"met"}
    twin = (await objects_of(client, "ple_interconnection"))["production"]
    secret = (await client.credential_of(twin["client_id"]))["client_secret"]
    assert await server.access_token(twin["client_id"], secret)
    assert (await client.get("/cds-api/v1/messages")).json()["outstanding"] == []


@pytest.mark.parametrize("last", ["contact_check", "portal_account", "insurance_form", "setup_fee"])
async def test_whichever_step_comes_last_opens_production(
    make_server: MakeServer, provider: ForgedProvider, demo_catalog: Catalog, last: str
) -> None:
    server = await make_server(
        changed(demo_catalog, registration={"production": "automatic"}),
        identity_provider=provider.as_seen_by_the_server(),
        CDS_ONBOARDING_CALLBACK_SECRET=SECRET,
    )
    client = await server.register(INTERCONNECTION, contacts=CONTACTS)
    steps = ["contact_check", "portal_account", "insurance_form", "setup_fee"]
    for field_id in sorted(steps, key=lambda one: one == last):
        await take(client, field_id, provider)

    assert set(await objects_of(client, "ple_interconnection")) == {"sandbox", "production"}


async def test_where_staff_decides_steps_alone_do_not_open_production(
    make_server: MakeServer, provider: ForgedProvider
) -> None:
    """The demo utility has somebody look at it; then it takes two clicks."""
    server = await make_server(
        identity_provider=provider.as_seen_by_the_server(), CDS_ONBOARDING_CALLBACK_SECRET=SECRET
    )
    client = await server.register(INTERCONNECTION, contacts=CONTACTS)
    for field_id in ("contact_check", "portal_account", "insurance_form", "setup_fee"):
        await take(client, field_id, provider)

    sandbox = (await objects_of(client, "ple_interconnection"))["sandbox"]
    await production.approve(server.context, client.access, sandbox["client_id"])

    assert set(await objects_of(client, "ple_interconnection")) == {"sandbox", "production"}


async def test_two_last_steps_at_once_open_production_once(
    make_server: MakeServer, demo_catalog: Catalog, provider: ForgedProvider
) -> None:
    scope = replace(demo_catalog.scopes["ple_interconnection"], registration_requirements=("data_terms", "setup_fee"))
    catalog = changed(
        replace(demo_catalog, scopes={**demo_catalog.scopes, scope.id: scope}), registration={"production": "automatic"}
    )
    server = await make_server(catalog, CDS_ONBOARDING_CALLBACK_SECRET=SECRET)
    client = await server.register(INTERCONNECTION)
    message_id = (await request_of(client, "setup_fee"))["message_id"]

    await asyncio.gather(accept_text(client), report(server, "1", message_id, "complete", amount=250, currency="USD"))

    listing = (await client.get("/cds-api/v1/clients")).json()["clients"]
    assert len([one for one in listing if one["scope"] == "ple_interconnection"]) == 2
