"""A day of an operator in a real browser: from the sandbox to production, answers, files, a broadcast."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.browser.inspection import inspect
from tests.browser.users import OpenUser, User
from tests.live_server import live_server
from tests.patience import SECONDS

pytestmark = pytest.mark.asyncio(loop_scope="session")

KEY = "cdsop_" + "w" * 43
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"
LONG = (
    "The Consortium for Distributed Energy Resource Aggregation and Demand Flexibility of the Greater Lake Region Inc."
)
EVERYTHING = "cds_client_admin ple_customer_data ple_grid_status ple_interconnection cds_server_provided_files_ple"
FIELDS = {
    "cds_company_name": "Meadow Software",
    "cds_privacy_policy": "https://meadow.example/privacy",
    "cds_security_contact": "security@meadow.example",
}
MESSAGES = "/cds-api/v1/messages"


@dataclass
class Client:
    """A Client that calls the APIs."""

    http: httpx.Client
    client_id: str
    headers: dict[str, str]

    @classmethod
    def register(cls, http: httpx.Client, name: str) -> "Client":
        """Ask for everything."""
        body = FIELDS | {"scope": EVERYTHING, "client_name": name, "contacts": ["ops@meadow.example"]}
        made = http.post("/oauth/register", json=body).raise_for_status().json()
        login = (made["client_id"], made["client_secret"])
        answer = http.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=login).raise_for_status()
        return cls(http, made["client_id"], {"Authorization": f"Bearer {answer.json()['access_token']}"})

    def get(self, path: str) -> Any:
        """What the API answers."""
        return self.http.get(path, headers=self.headers).raise_for_status().json()

    def write(self, **fields: Any) -> dict[str, Any]:
        """Create a Message."""
        body = {"previous_uri": None, "name": "Help", "description": "It does not work."} | fields
        sent: dict[str, Any] = self.http.post(MESSAGES, json=body, headers=self.headers).raise_for_status().json()
        return sent

    def messages(self, kind: str) -> list[dict[str, Any]]:
        """Its Messages of a type."""
        listing = self.get(MESSAGES)
        every = {one["message_id"]: one for name in ("outstanding", "unread", "read") for one in listing[name]}
        return [one for one in every.values() if one["type"] == kind]

    def hand_in_the_form(self) -> dict[str, Any]:
        """Answer the request for a PDF form; that request."""
        (request,) = self.messages("pdf_form_request")
        data = b64encode(b"%PDF-1.7 filled in").decode()
        file = {"filename": "insurance.pdf", "mime_type": "application/pdf", "data": data}
        self.write(type="client_submission", previous_uri=request["uri"], name="", description="", attachments=[file])
        return request

    @property
    def statuses(self) -> set[str]:
        """Of its Client Objects for customer data."""
        clients = self.get("/cds-api/v1/clients")["clients"]
        return {one["cds_status"] for one in clients if one["scope"] == "ple_customer_data"}


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A utility with an operator."""
    with live_server(tmp_path_factory.mktemp("work"), CDS_OPERATOR_BOOTSTRAP_KEY=KEY) as url:
        yield url


@pytest.fixture(scope="module")
def client(issuer: str) -> Iterator[Client]:
    """A Client with a name that is meant to break pages, among others."""
    with httpx.Client(base_url=issuer, trust_env=False, timeout=SECONDS) as http:
        for name in (LONG, "Lakeside"):
            Client.register(http, name).write(type="support_request", name=name, description=name)
        yield Client.register(http, f"Meadow {HOSTILE}")


@pytest_asyncio.fixture(loop_scope="session")
async def operator(users: OpenUser, client: Client) -> User:
    """Somebody at work."""
    user = await users()
    await user.go("/console/registrations")
    await user.page.get_by_label("Operator key").fill(KEY)
    await user.press("Sign in")
    return user


async def test_a_registration_goes_from_the_sandbox_to_production(operator: User, client: Client) -> None:
    request = client.hand_in_the_form()
    assert client.statuses == {"sandbox"}
    home = f"/console/registrations/{client.client_id}"

    await operator.go(home)
    await inspect(operator.page, "registration")
    await operator.press("Mark as met Data terms")
    assert "1 of 6 met" in await operator.text()

    await operator.go(f"/console/messages/{request['message_id']}")
    await inspect(operator.page, "form")
    await operator.press("Reject")
    assert "A rejection needs a description that says why." in await operator.text()
    await inspect(operator.page, "form-without-a-reason")
    await operator.page.get_by_label("What the Client reads").fill("The second page is missing.")
    await operator.press("Reject")
    assert "The second page is missing." in await operator.text()
    await inspect(operator.page, "form-rejected")

    await operator.go("/console/messages?type=production_request")
    await operator.page.get_by_role("row", name="Meadow").get_by_role("link").first.click()
    await operator.page.wait_for_load_state()
    assert "Creates the production Client Object" in await operator.text()
    await inspect(operator.page, "production-request")
    await operator.press("Approve")

    assert client.statuses == {"sandbox", "production"}
    await operator.go(f"{home}#clients")
    assert "in production as" in await operator.text()


async def test_a_support_request_is_answered_with_a_file(operator: User, client: Client) -> None:
    client.write(type="support_request", name="No readings", description=HOSTILE)
    await operator.go("/console/messages")
    await inspect(operator.page, "inbox")

    await operator.follow("No readings")
    await operator.page.get_by_label("Message", exact=True).fill("See the attached list.")
    file = {"name": "meters.csv", "mimeType": "text/csv", "buffer": b"meter,status\n1,fine\n"}
    await operator.page.get_by_label("Attachments").set_input_files(files=[file])
    await operator.press("Send")
    assert "Sent to the Client." in await operator.text()
    await operator.press("Mark as done")

    (reply,) = [one for one in client.messages("private_message") if one["name"] == "Re: No readings"]
    assert [one["filename"] for one in reply["attachments"]] == ["meters.csv"]
    assert {one["status"] for one in client.messages("support_request")} == {"complete"}
    async with operator.page.expect_download() as download:
        await operator.page.get_by_role("link", name="meters.csv").click()
    assert (await download.value).suggested_filename == "meters.csv"


async def test_a_file_is_brought_in_and_shared(operator: User, client: Client) -> None:
    await operator.go("/console/files")
    await inspect(operator.page, "files-none")
    file = {"name": "study.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7"}
    await operator.page.get_by_label("File", exact=True).set_input_files(files=[file])
    await operator.page.get_by_label("What it is").fill("Hosting capacity")
    await operator.press("Upload")
    await operator.page.locator("#share").get_by_label("Search").fill("Meadow")
    await operator.page.locator("#share").get_by_role("button", name="Search").click()
    await operator.page.wait_for_url("**q=Meadow**")
    await inspect(operator.page, "file-share")
    await operator.page.get_by_role("button", name=f"Share with {client.client_id}").click()
    await operator.page.wait_for_selector(".notice.good")
    await inspect(operator.page, "file-shared")

    grants = client.get("/cds-api/v1/grants?scopes=cds_server_provided_files_ple")["grants"]
    assert [one["status"] for one in grants] == ["active"]
    await operator.page.get_by_role("button", name="Take back").click()
    await operator.page.get_by_role("button", name="Take it back").click()
    await operator.page.wait_for_selector("text=Taken back.")
    grants = client.get("/cds-api/v1/grants?scopes=cds_server_provided_files_ple")["grants"]
    assert [one["status"] for one in grants] == ["disabled"]


async def test_a_broadcast_is_written_looked_at_and_sent(operator: User, client: Client) -> None:
    await operator.go("/console/broadcasts")
    await operator.follow("Write a broadcast")
    await inspect(operator.page, "broadcast-new")
    await operator.page.get_by_label("Subject").fill("Maintenance on Sunday")
    await operator.page.get_by_label("Text").fill("From 2 to 4 in the morning.\nNothing is lost.")
    await operator.press("Look at it")
    assert "3 registrations get it" in await operator.text()
    await inspect(operator.page, "broadcast-look")
    await operator.press("Send it")
    await inspect(operator.page, "broadcast-sent")
    for _ in range(100):
        await operator.page.reload()
        if "3 of 3" in await operator.text():
            break
    assert "Maintenance on Sunday" in {one["name"] for one in client.messages("notification")}
    await operator.go("/console/broadcasts")
    await inspect(operator.page, "broadcasts")


async def test_a_grant_is_made_and_changed(operator: User, client: Client) -> None:
    (grid,) = [one for one in client.get("/cds-api/v1/clients")["clients"] if one["scope"] == "ple_grid_status"]
    await operator.go(f"/console/grants/new?client_id={grid['client_id']}")
    await inspect(operator.page, "grant-new")
    await operator.page.get_by_label("Forecast").fill("a lot")
    await operator.press("Create the Grant")
    await inspect(operator.page, "grant-refused")
    await operator.page.get_by_label("Forecast").fill("36")
    await operator.press("Create the Grant")
    await inspect(operator.page, "grant")
    await operator.page.get_by_label("Status").select_option("suspended")
    await operator.page.get_by_label("What the Client reads about it").fill("Maintenance.")
    await operator.press("Change the Grant")

    grants = client.get(f"/cds-api/v1/grants?client_ids={grid['client_id']}")["grants"]
    assert "suspended" in {one["status"] for one in grants}
    await operator.go("/console/grants")
    await inspect(operator.page, "grants")


async def test_the_other_pages_keep_nobody_out(operator: User, client: Client) -> None:
    home = f"/console/registrations/{client.client_id}"
    pages = {
        "registrations": "/console/registrations",
        "registrations-none": "/console/registrations?q=nobody",
        "registrations-refused": "/console/registrations?status=odd",
        "write": f"{home}/write",
        "question": f"{home}/write?type=server_request",
        "payment": f"{home}/write?type=payment_request",
        "conversation": f"{home}/messages",
        "history": f"{home}/history",
        "suspend": f"{home}/suspend",
        "approve": f"{home}-3/approve",
        "disable": f"{home}-1/disable",
        "outstanding": "/console/messages?show=outstanding",
        "grant-client": "/console/grants/new",
    }
    for name, path in pages.items():
        await operator.go(path)
        await inspect(operator.page, name)
