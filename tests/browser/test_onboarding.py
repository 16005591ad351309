"""People take every kind of onboarding step in a real browser, through to the production Client Objects (3.6)."""

import asyncio
import contextlib
import json
import re
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import uvicorn
from playwright.async_api import Browser

from app.catalog import Catalog, load_catalog
from app.main import Parts, Service
from app.settings import Settings
from app.store.connect import StoreConnection, memory_client
from tests.browser.inspection import inspect
from tests.browser.sites import Site
from tests.browser.users import User, open_user
from tests.conftest import REQUIRED_FIELDS, Clock, Registered, Server
from tests.grant_objects import suspend
from tests.live_server import UNLIMITED, edited_demo, live_server
from tests.mail_server import MailServer, mail_server
from tests.onboarding import CALLBACK, SECRET, code_in, decide, mails, request_of, signed, with_form
from tests.openid_provider import openid_provider, settings
from tests.patience import SECONDS
from tests.ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="session")

SIGN_IN = "Sign in with Prairie & Lake Energy"
SCOPES = "cds_client_admin ple_customer_data ple_interconnection"
OPERATOR_KEY = "cdsop_" + "k" * 43
CHECKOUT = "<!doctype html><html lang=en><title>Pay</title><h1>Checkout</h1><a id=back>Back</a><p id=about></p></html>"


@dataclass
class Utility:
    """The utility, and what stands around it."""

    url: str
    mails: MailServer
    checkout: Site


@dataclass
class Client:
    """A registered Client, which reads its Messages."""

    http: httpx.AsyncClient
    token: str

    @classmethod
    async def register(cls, http: httpx.AsyncClient, **metadata: Any) -> "Client":
        """Register, and get an admin access token."""
        body = {"scope": SCOPES, "client_name": "Meadow Home Energy Coach", **REQUIRED_FIELDS, **metadata}
        answer = (await http.post("/oauth/register", json=body)).raise_for_status().json()
        login = (answer["client_id"], answer["client_secret"])
        form = {"grant_type": "client_credentials", "scope": "cds_client_admin"}
        token = (await http.post("/oauth/token", data=form, auth=login)).raise_for_status().json()["access_token"]
        return cls(http, token)

    async def get(self, path: str) -> dict[str, Any]:
        """What an API of the Client's says."""
        answer = await self.http.get(path, headers={"Authorization": f"Bearer {self.token}"})
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

    async def messages(self) -> list[dict[str, Any]]:
        """Every Message of the first pages."""
        listing = await self.get("/cds-api/v1/messages")
        return list(
            {one["message_id"]: one for name in ("outstanding", "unread", "read") for one in listing[name]}.values()
        )

    async def request(self, field_id: str) -> dict[str, Any]:
        """The Message that asks for a step."""
        return next(one for one in await self.messages() if one["description"].endswith(f"field: {field_id}"))

    async def statuses(self) -> dict[str, set[str]]:
        """The statuses of the Client Objects of each scope."""
        found: dict[str, set[str]] = {}
        for one in (await self.get("/cds-api/v1/clients"))["clients"]:
            found.setdefault(one["scope"], set()).add(one["cds_status"])
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def utility(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Utility]:
    """The demo utility with an identity provider, a mail server, a checkout and an operator."""
    directory, port = tmp_path_factory.mktemp("utility"), free_port()
    pages = {"setup-fee": CHECKOUT}
    with openid_provider(directory, f"http://127.0.0.1:{port}/oauth/oidc/callback") as provider:
        async with mail_server() as letters, Site.open(**pages) as checkout:
            edits = {
                "production: review": "production: automatic",
                "https://pay.prairie-lake.example/setup-fee": f"{checkout.url}/setup-fee?shop=cds",
            }
            around = {
                "CDS_SMTP_URL": f"smtp+plain://127.0.0.1:{letters.port}",
                "CDS_MAIL_FROM": "cds@utility.example",
                "CDS_ONBOARDING_CALLBACK_SECRET": SECRET,
                "CDS_OPERATOR_BOOTSTRAP_KEY": OPERATOR_KEY,
            }
            catalog = edited_demo(directory, edits)
            with live_server(directory, catalog=catalog, port=port, **settings(provider), **around) as url:
                yield Utility(url, letters, checkout)


@pytest_asyncio.fixture(loop_scope="session")
async def http(utility: Utility) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=utility.url, trust_env=False) as client:
        yield client


@contextlib.asynccontextmanager
async def somebody(browser: Browser, url: str, **options: Any) -> AsyncIterator[User]:
    """A person with an empty browser."""
    user = await open_user(browser, url, **options)
    try:
        yield user
    finally:
        await user.leave()


async def mailed_code(letters: MailServer, number: int) -> str:
    """The code in the letter of that number, once it has come."""
    async with asyncio.timeout(SECONDS):
        while len(letters.letters) < number:  # noqa: ASYNC110 -- it comes from another process
            await asyncio.sleep(0.05)
    text = letters.letters[number - 1].get_payload()
    (code,) = re.findall(r"^ +(\d{4} \d{4})\s*$", str(text), re.MULTILINE)
    return str(code)


async def decides(http: httpx.AsyncClient, message: dict[str, Any], status: str, description: str = "") -> None:
    """An operator decides about a Message."""
    answer = await http.post(
        f"/operator/api/v1/messages/{message['message_id']}/decision",
        json={"status": status, "description": description},
        headers={"Authorization": f"Bearer {OPERATOR_KEY}"},
    )
    assert answer.is_success, answer.text


async def checkout_reports(http: httpx.AsyncClient, message_id: str, status: str, **more: Any) -> None:
    """The checkout calls."""
    body = json.dumps({"message_id": message_id, "status": status, **more}).encode()
    headers = signed(body, datetime.now(UTC), call_id=f"{message_id} {status}")
    answer = await http.post(CALLBACK, content=body, headers=headers)
    assert answer.is_success, answer.text


async def accept_terms(user: User, client: Client) -> None:
    """online_form."""
    await user.go((await client.request("data_terms"))["related_uri"])
    await inspect(user.page, "onboarding-text")
    await user.page.get_by_label("Your name").fill("Ada Kunde")
    await user.page.get_by_label("I have read this text").check()
    await user.press("Accept")
    assert "This step is complete" in await user.text()
    await inspect(user.page, "onboarding-text-done")


async def verify_address(user: User, client: Client, letters: MailServer) -> None:
    """email_verification."""
    before = len(letters.letters)
    await user.go((await client.request("contact_check"))["related_uri"])
    await inspect(user.page, "onboarding-email")
    await user.page.get_by_label("l•••@m•••.example").check()
    await user.press("Send the code")
    await inspect(user.page, "onboarding-email-sent")
    code = await mailed_code(letters, before + 1)
    assert letters.envelopes[-1].rcpt_tos == ["legal@meadow.example"]
    await user.page.get_by_label("Code").fill("0000 0001" if code != "0000 0001" else "0000 0002")
    await user.press("Verify")
    assert await user.page.get_by_role("alert").is_visible()
    await inspect(user.page, "onboarding-email-wrong")
    await user.page.get_by_label("Code").fill(code)
    await user.press("Verify")
    assert "This step is complete" in await user.text()
    await inspect(user.page, "onboarding-email-done")


async def connect_account(user: User, client: Client) -> None:
    """sso_verification."""
    await user.go((await client.request("portal_account"))["related_uri"])
    await inspect(user.page, "onboarding-sign-on")
    await user.follow(SIGN_IN)
    await user.follow("[ Cancel ]")
    assert await user.page.get_by_role("alert").is_visible()
    await inspect(user.page, "onboarding-sign-on-stopped")
    await user.follow(SIGN_IN)
    await user.page.get_by_placeholder("Enter any login").fill("ada")
    await user.page.get_by_placeholder("and password").fill("anything")
    await user.press("Sign-in")
    await user.press("Continue")
    assert "You are signed in as Name of ada" in await user.text()
    await inspect(user.page, "onboarding-sign-on-account")
    await user.press("Connect this account")
    assert "This step is complete" in await user.text()
    await inspect(user.page, "onboarding-sign-on-done")
    user.complaints.clear()  # about the provider's own pages


async def hand_in_form(user: User, client: Client) -> None:
    """pdf_form: down with the browser, back through the API, and an operator decides."""
    request = await client.request("insurance_form")
    async with user.page.expect_download() as download:
        with contextlib.suppress(Exception):  # a download is no page to go to
            await user.page.goto(request["related_uri"])
    path = await (await download.value).path()
    blank = await asyncio.to_thread(Path(path).read_bytes)
    assert blank.startswith(b"%PDF-")
    body = {
        "type": "client_submission",
        "previous_uri": request["uri"],
        "name": "",
        "description": "",
        "attachments": [{"filename": "form.pdf", "mime_type": "application/pdf", "data": b64encode(blank).decode()}],
    }
    answer = await client.http.post(
        "/cds-api/v1/messages", json=body, headers={"Authorization": f"Bearer {client.token}"}
    )
    assert answer.status_code == 201
    await decides(client.http, request, "complete")


async def pay(user: User, client: Client, checkout: Site) -> None:
    """payment_required: at the checkout, and back."""
    request = await client.request("setup_fee")
    before = len(checkout.asked)
    await user.go(request["related_uri"])
    assert await user.heading() == "Checkout"
    asked = checkout.asked[before]
    assert asked.startswith(f"/setup-fee?shop=cds&message_id={request['message_id']}&return_url=")
    assert checkout.referers == [], "the key of the link goes nowhere"
    back = str(httpx.URL(asked).params["return_url"])
    await user.go(back)
    await inspect(user.page, "onboarding-returned")
    assert "Nothing has arrived yet" in await user.text()
    await checkout_reports(client.http, request["message_id"], "pending")
    await user.go(back)
    assert "We have it" in await user.text()
    await checkout_reports(
        client.http,
        request["message_id"],
        "complete",
        amount=250,
        currency="USD",
        receipt_uri=f"{checkout.url}/receipts/7",
    )
    await user.go(back)
    assert "This step is complete" in await user.text()
    await user.go(request["related_uri"])
    assert (await user.facts())["For"] == "Setup fee"
    await inspect(user.page, "onboarding-receipt")


async def test_every_step_is_taken_and_production_appears(
    browser: Browser, utility: Utility, http: httpx.AsyncClient
) -> None:
    client = await Client.register(http, contacts=["ops@meadow.example", "+1 555 0100", "legal@meadow.example"])
    assert (await client.statuses())["ple_interconnection"] == {"sandbox"}
    async with somebody(browser, utility.url) as user:
        await verify_address(user, client, utility.mails)
        await connect_account(user, client)
        await hand_in_form(user, client)
        assert (await client.statuses())["ple_interconnection"] == {"sandbox"}
        await pay(user, client, utility.checkout)
        assert (await client.statuses())["ple_interconnection"] == {"sandbox", "production"}
        await accept_terms(user, client)
    (review,) = [one for one in await client.messages() if one["type"] == "production_request"]
    await decides(http, review, "complete", "Welcome.")

    assert (await client.statuses())["ple_customer_data"] == {"sandbox", "production"}
    assert (await client.get("/cds-api/v1/messages"))["outstanding"] == []


async def test_without_scripts_and_without_a_mouse(browser: Browser, utility: Utility, http: httpx.AsyncClient) -> None:
    """Keys alone, in a browser that runs no script; every stop shows where it is."""
    client = await Client.register(http, contacts=["ops@meadow.example"])
    async with somebody(browser, utility.url) as user:
        await user.go((await client.request("data_terms"))["related_uri"])
        await user.tab_to("Your name")
        await user.page.keyboard.type("Ada Kunde")
        await user.tab_to("I have read this text and accept it, and I may do so for Meadow Home Energy Coach.")
        await user.page.keyboard.press("Space")
        async with user.page.expect_navigation():
            await user.page.keyboard.press("Enter")
        assert "Accepted by" in await user.text()
    before = len(utility.mails.letters)
    async with somebody(browser, utility.url, java_script_enabled=False) as user:
        await user.go((await client.request("contact_check"))["related_uri"])
        await user.press("Send the code")
        await user.page.get_by_label("Code").fill(await mailed_code(utility.mails, before + 1))
        async with user.page.expect_navigation():
            await user.page.keyboard.press("Enter")
        assert "This step is complete" in await user.text()


async def test_what_clients_write_runs_nowhere(browser: Browser, utility: Utility, http: httpx.AsyncClient) -> None:
    """A name that is a script, and a name that is as long as names may be."""
    attack = "<script>alert(1)</script><img src=x onerror=alert(2)>\u202e"
    for name in (attack, "W" * 256):
        client = await Client.register(http, client_name=name, contacts=["ops@meadow.example"])
        async with somebody(browser, utility.url) as user:
            for field_id in ("data_terms", "contact_check", "portal_account"):
                await user.go((await client.request(field_id))["related_uri"])
                assert name.rstrip("\u202e") in await user.text()
                await inspect(
                    user.page, f"onboarding-long-{field_id}" if name != attack else f"onboarding-attack-{field_id}"
                )


async def test_a_form_of_another_site_does_nothing(browser: Browser, utility: Utility, http: httpx.AsyncClient) -> None:
    """Even where the attacker has the link, and the browser its cookie."""
    client = await Client.register(http, contacts=["ops@meadow.example"])
    link = (await client.request("data_terms"))["related_uri"]
    values = {"do": "accept", "name": "Eve", "agreed": "yes", "text_digest": "x", "form_token": "x" * 43}
    inputs = "".join(f'<input name="{name}" value="{value}">' for name, value in values.items())
    page = f'<!doctype html><title>Win</title><form method="post" action="{link}">{inputs}<button>Win</button></form>'
    async with Site.open(win=page) as evil, somebody(browser, utility.url) as user:
        await user.go(link)
        await user.go(f"{evil.url}/win")
        await user.press("Win")
        assert await user.heading() == "Nothing was done"
    assert (await client.request("data_terms"))["status"] == "open"


@dataclass
class Timely:
    """A utility in the test's own process, whose clock can be moved, with a Client."""

    server: Server
    client: Registered
    url: str

    async def link(self, field_id: str) -> str:
        """Where a step is taken."""
        uri: str = (await request_of(self.client, field_id))["related_uri"]
        return uri


@contextlib.asynccontextmanager
async def timely(catalog: Catalog) -> AsyncIterator[Timely]:
    """Such a utility, on a port of its own."""
    port = free_port()
    url, clock = f"http://127.0.0.1:{port}", Clock()
    environment = {"CDS_PUBLIC_URL": url, "CDS_STORE_URL": "memory:", "CDS_FILES_URL": "memory:", **UNLIMITED}
    store = StoreConnection(memory_client(), is_cluster=False, wait_replicas=0)
    service = Service(
        Settings.from_environment(environment), catalog, Parts(now=clock, clock=clock.monotonic, store=store)
    )
    await service.start()
    web = uvicorn.Server(uvicorn.Config(service, port=port, lifespan="off", log_config=None))
    serving = asyncio.create_task(web.serve())
    try:
        async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
            server = Server(service, http, clock)
            while not web.started:  # noqa: ASYNC110 -- uvicorn says it in no other way
                await asyncio.sleep(0.02)
            yield Timely(server, await server.register(SCOPES, client_name="Meadow Home Energy Coach"), url)
    finally:
        web.should_exit = True
        await serving
        await service.stop()


async def test_pages_of_other_utilities_and_other_times(browser: Browser) -> None:
    """Where an operator looks at everything, there is no checkout and no provider; after a while; when it is shut."""
    demo = load_catalog(None)
    text = demo.registration_fields["data_terms"].form
    assert text
    long_text = (text.text or "") + "\n\n## More\n\n- one\n- two\n\n> Said so.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    catalog = with_form(demo, "data_terms", text=long_text, review="operator")
    catalog = with_form(catalog, "setup_fee")
    async with timely(catalog) as utility, somebody(browser, utility.url) as user:
        await user.go(await utility.link("setup_fee"))
        await inspect(user.page, "onboarding-payment")
        await user.page.get_by_label("Reference of the payment").fill("Transfer 4711")
        await user.press("I have paid")
        await inspect(user.page, "onboarding-payment-waiting")
        await decide(utility.client, "setup_fee", "rejected", "There is no such transfer.")
        await user.go(await utility.link("setup_fee"))
        await inspect(user.page, "onboarding-payment-rejected")
        await decide_after_submission(user, utility)
        await user.go(await utility.link("data_terms"))
        await inspect(user.page, "onboarding-text-long")
        await user.page.get_by_label("Your name").fill("Ada Kunde")
        await user.page.get_by_label("I have read this text").check()
        await user.press("Accept")
        await inspect(user.page, "onboarding-text-waiting")
        await user.go(await utility.link("portal_account"))
        await inspect(user.page, "onboarding-sign-on-none")
        await user.go(await utility.link("contact_check"))
        await inspect(user.page, "onboarding-email-none")
        old = await utility.link("contact_check")
        utility.server.clock.advance(days=91)
        await user.go(old)
        assert await user.heading() == "This link has expired"
        await inspect(user.page, "onboarding-expired")
        await user.go(old.replace("key=", "key=x"))
        await inspect(user.page, "onboarding-nothing")
        await suspend(utility.client)
        await user.go(old)
        await inspect(user.page, "onboarding-suspended")


async def decide_after_submission(user: User, utility: Timely) -> None:
    """A second transfer, which an operator finds."""
    await user.page.get_by_label("Reference of the payment").fill("Transfer 4712")
    await user.press("I have paid")
    await decide(utility.client, "setup_fee", "complete")
    await user.go(await utility.link("setup_fee"))
    assert "Receipt" in await user.text()
    await inspect(user.page, "onboarding-payment-receipt")


async def test_a_code_of_the_outbox_is_the_one_that_counts(browser: Browser) -> None:
    """Without a mail server mails wait, where operators can read them."""
    async with timely(load_catalog(None)) as utility, somebody(browser, utility.url) as user:
        client = await utility.server.register(SCOPES, contacts=["ops@meadow.example"])
        await user.go((await request_of(client, "contact_check"))["related_uri"])
        await user.press("Send the code")
        await user.press("Send another code")
        assert "Please wait" in await user.page.get_by_role("alert").inner_text()
        await inspect(user.page, "onboarding-email-wait")
        kept = await mails(utility.server)
        assert len(kept) == 1
        await user.page.get_by_label("Code").fill(code_in(kept[0]))
        await user.press("Verify")
        assert "This step is complete" in await user.text()
