"""The documentation: every link that is published leads to a page, and to the place in it that its anchor names."""

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag, urljoin

import httpx
import pytest
from msgspec.structs import replace
from standardwebhooks import Webhook

from app.catalog import Catalog
from app.docs.errors import FOR_USERS, every_refusal
from app.docs.site import CONTENTS
from app.domain import documentation
from tests.catalogs import a_catalog, load
from tests.conftest import PUBLIC_URL, REQUIRED_FIELDS, MakeServer, Registered, Server, changed
from tests.html_pages import View
from tests.live_server import live_server
from tests.node import TESTS, require_node

EVERYTHING = "cds_client_admin ple_customer_data ple_grid_status ple_interconnection cds_server_provided_files_ple"
SERVER_METADATA = "/.well-known/cds-server-metadata.json"
OAUTH_METADATA = "/.well-known/oauth-authorization-server"
PAGES = [documentation.LANDING_PATH, *(page.path for page in CONTENTS)]
FIELDS = documentation.REGISTRATION_FIELDS_PATH
SIGN_IN_FIRST = ("/oauth/authorizations", "/console")
PROGRAM_SECONDS = 300
OPERATOR_KEY = "an-operator-key-of-this-test-alone-0123456789"
CALLBACK_SECRET = "whsec_" + base64.b64encode(b"a secret of this test alone").decode()


def urls_in(value: object, prefix: str, name: str = "") -> Iterator[tuple[str, str]]:
    """The URLs below `prefix` in a JSON document, each with the name of the field that has it."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from urls_in(one, prefix, key)
    elif isinstance(value, list):
        for one in value:
            yield from urls_in(one, prefix, name)
    elif isinstance(value, str) and (value == prefix or value.startswith(f"{prefix}/")):
        yield name, value


def anchors(view: View) -> list[str]:
    """All ids in a page."""
    return [value for name, value in view.attributes if name == "id"]


def hrefs(view: View) -> list[str]:
    """Where the links of a page lead."""
    return [value for name, value in view.attributes if name == "href"]


async def page(server: Server, path: str) -> View:
    """A page that is there."""
    answer = await server.http.get(path)
    assert answer.status_code == 200, (path, answer.text)
    return View(answer)


async def require_there(http: httpx.AsyncClient, url: str, **headers: str) -> None:
    """The resource exists, and so does the place in it that the fragment names."""
    address, anchor = urldefrag(url)
    answer = await http.get(address, headers=headers)
    assert answer.status_code == 200, (url, answer.status_code)
    if anchor:
        assert anchor in anchors(View(answer)), url


def section(view: View, anchor: str) -> str:
    """The text of one entry of a page, from its anchor to the next entry."""
    after = view.response.text.partition(f'id="{anchor}"')[2]
    assert after, anchor
    return after.partition('<section class="card"')[0]


async def published(server: Server, registered: Registered) -> set[tuple[str, str]]:
    """Every URL of ours in the metadata documents, the coverage listing and all that a registration can read."""
    documents: list[Any] = [
        (await server.http.get(path)).json() for path in (SERVER_METADATA, OAUTH_METADATA, "/cds-api/v1/coverage")
    ]
    apis = ("clients", "credentials", "grants", "messages")
    documents += [(await registered.get(f"/cds-api/v1/{api}")).json() for api in apis]
    return {found for one in documents for found in urls_in(one, server.settings.public_url)}


@pytest.mark.parametrize("public_url", [PUBLIC_URL, f"{PUBLIC_URL}/energy"])
async def test_every_published_link_leads_somewhere(make_server: MakeServer, public_url: str) -> None:
    """With and without a prefix. Endpoints that take a POST only have to be there."""
    server = await make_server(CDS_PUBLIC_URL=public_url)
    registered = await server.register(EVERYTHING)
    found = await published(server, registered)

    assert {"documentation", "support", "website", "op_tos_uri", "cds_human_registration"} <= {
        name for name, _ in found
    }
    assert f"{public_url}/docs/scopes#ple_customer_data-interval-hourly" in {url for _, url in found}
    for name, url in found:
        if name.endswith("_endpoint"):
            assert (await server.http.post(url)).status_code in {400, 401}, url
        elif name == "cds_server_provided_files_api":
            assert (await registered.get(url)).status_code == 403, "it takes a token that opens a Grant"
        elif name in {"redirect_uris", "cds_default_redirect_uri"}:
            assert (await server.http.get(f"{url}?error=access_denied")).status_code == 200, url
        elif "/onboarding/" in url:
            assert (await server.http.get(url)).status_code in {200, 303}, url
        else:
            await require_there(server.http, url, Authorization=f"Bearer {registered.token}")


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("public_url", [PUBLIC_URL, f"{PUBLIC_URL}/energy"])
async def test_every_link_in_a_page_leads_somewhere(make_server: MakeServer, public_url: str, path: str) -> None:
    server = await make_server(CDS_PUBLIC_URL=public_url)
    view = await page(server, public_url + path)

    links = [urljoin(public_url + path, href) for href in hrefs(view)]
    links += [urljoin(public_url + path, image["src"]) for image in view.images]
    assert len(links) > 3
    within = {link for link in links if urldefrag(link)[0] == public_url + path and "#" in link}
    assert {urldefrag(link)[1] for link in within} <= set(anchors(view))
    for link in set(links) - within:
        assert link.startswith(public_url), link
        if link.endswith(SIGN_IN_FIRST):
            assert "/sign-in" in (await server.http.get(link)).headers["location"], link
        else:
            await require_there(server.http, link)


@pytest.mark.parametrize("path", PAGES)
async def test_pages_are_public_strict_and_may_be_kept(server: Server, path: str) -> None:
    answer = await server.http.get(path)
    view = View(answer)
    again = await server.http.get(path, headers={"If-None-Match": answer.headers["etag"]})
    head = await server.http.head(path)

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert view.policy["default-src"] == ["'none'"]
    assert view.policy["frame-ancestors"] == ["'none'"]
    assert view.policy["img-src"] == ["'self'"]
    assert "script" not in view.tags
    assert len(anchors(view)) == len(set(anchors(view)))
    assert view.tags.count("h1") == 1
    assert "Prairie & Lake Energy" in view.title
    assert (again.status_code, again.content) == (304, b"")
    assert (head.status_code, head.content) == (200, b"")
    wrong = await server.http.post(path)
    assert wrong.status_code == 405
    assert wrong.headers["content-type"].startswith("text/html")


async def test_every_scope_field_and_choice_is_explained(server: Server) -> None:
    """Format, range and default in plain words."""
    view = await page(server, documentation.SCOPES_PATH)

    for scope in server.context.catalog.scopes.values():
        assert scope.name in view.text
        assert scope.id in anchors(view)
        for field in scope.authorization_details_fields_supported:
            assert f"{scope.id}-{field.id}" in anchors(view)
            assert {f"{scope.id}-{field.id}-{choice.id}" for choice in field.choices} <= set(anchors(view))
    assert "From the moment of the authorization to 3 years back" in view.text
    assert "1 year ahead" in view.text
    assert "From 0 to 72" in view.text
    assert "From 0 to 1,000 characters, all strings together" in view.text
    assert "Sums of the recorded intervals." in view.text


async def test_every_registration_field_says_what_to_submit(server: Server) -> None:
    view = await page(server, FIELDS)

    assert "A string of at most 200 characters" in section(view, "company_name")
    assert "it has to be submitted" in section(view, "company_name")
    assert "at most 200000 bytes before encoding, or null" in section(view, "company_logo")
    assert "It is not sent back to you" in section(view, "company_logo")


@pytest.mark.clause("WG1-02-3.6-07")
async def test_payments_are_described_with_fees_methods_and_steps(server: Server) -> None:
    text = section(await page(server, FIELDS), "setup_fee")

    for said in ("250.00 USD", "Methods of payment", "Visa", "ACH bank transfer", "payment_request", "related_uri"):
        assert said in text
    assert "pay.prairie-lake.example" in text


@pytest.mark.clause("WG1-02-3.6-17")
async def test_email_verification_is_described_with_its_syntax_and_steps(server: Server) -> None:
    text = section(await page(server, FIELDS), "contact_check")

    for said in (
        "Syntax",
        "name@example.com",
        "254 characters",
        "online_form_request",
        "a code of eight digits sent to it",
    ):
        assert said in text


@pytest.mark.clause("WG1-02-3.6-25")
async def test_single_sign_on_is_described_with_its_methods_and_providers(server: Server) -> None:
    text = section(await page(server, FIELDS), "portal_account")

    for said in ("OpenID Connect", "Microsoft Entra ID", "account of your company", "online_form_request"):
        assert said in text


@pytest.mark.clause("WG1-02-3.6-35")
async def test_the_blank_pdf_form_can_be_downloaded(server: Server) -> None:
    view = await page(server, FIELDS)
    link = view.links["Download the blank form Insurance form (PDF)"]["href"]
    answer = await server.http.get(link)

    assert link in section(view, "insurance_form")
    assert answer.status_code == 200
    assert answer.content.startswith(b"%PDF-")


@pytest.mark.clause("WG1-02-3.6-45")
async def test_online_forms_are_described_with_what_to_submit_and_the_steps(server: Server) -> None:
    text = section(await page(server, FIELDS), "data_terms")

    for said in ("What is asked for", "Terms for customer data", "Read the text, write your name", "request_update"):
        assert said in text


@pytest.mark.clause("WG1-02-5.1-25")
async def test_additional_fields_of_client_objects_are_described(server: Server) -> None:
    """All that objects have beside the fields of the specifications."""
    registered = await server.register(EVERYTHING, cds_use_case="A dashboard")
    fields = server.context.catalog.registration_fields.values()
    view = await page(server, documentation.EXTENSIONS_PATH)

    named = {field.field_name for field in fields if field.field_name}
    shown = {name for client in (await registered.clients()).values() for name in client if name in named}
    assert shown == {
        "cds_company_name",
        "cds_privacy_policy",
        "cds_security_contact",
        "cds_use_case",
        "cds_newsletter",
    }
    assert all(name in view.text for name in shown)


@pytest.mark.clause("WG1-01-6-02", "WG1-02-10-03")
async def test_every_additional_field_names_its_section_format_and_presence(
    make_server: MakeServer, demo_catalog: Catalog
) -> None:
    """Ours and the catalog's."""
    catalog = changed(demo_catalog, extensions={"server_metadata": {"example_region": "north"}})
    entry = replace(catalog.coverage[0], extra={"example_customers": 12})
    catalog = replace(catalog, coverage=(entry, *catalog.coverage[1:]))
    server = await make_server(catalog, CDS_ACCESS_TOKEN_FORMAT="opaque")
    text = (await page(server, documentation.EXTENSIONS_PATH)).text

    for name, of, format_, presence in (
        ("cds_opened_grant", "Introspection response (RFC 7662 section 2.2)", "object", "OPTIONAL"),
        ("error_description", "Problem details (RFC 9457 section 3.1)", "string", "REQUIRED"),
        ("cds_company_name", "Client Object (CDS-WG1-02 section 5.1)", "string", "OPTIONAL"),
        ("example_region", "CDS server metadata (CDS-WG1-01 section 3.2)", "string", "REQUIRED"),
        ("example_customers", "Coverage entry (CDS-WG1-01 section 4.3)", "integer", "OPTIONAL"),
    ):
        described = text.partition(f" {name} ")[2][:400]
        assert f"Extends {of}. Format: {format_} . {presence}" in described, name


@pytest.mark.clause("WG1-01-6-03", "WG1-02-10-04")
async def test_every_additional_string_names_its_list_and_section(
    make_server: MakeServer, demo_catalog: Catalog
) -> None:
    entry = replace(demo_catalog.coverage[0], capabilities=("example_outages",))
    server = await make_server(replace(demo_catalog, coverage=(entry,)))
    text = (await page(server, documentation.EXTENSIONS_PATH)).text

    assert "choice_list A list of ids of choices" in text
    assert "Extends Authorization Details Field Formats (CDS-WG1-02 section 3.9)" in text
    assert "example_outages A capability of this utility" in text
    assert "Extends Server Capabilities (CDS-WG1-01 section 3.4)" in text


@pytest.mark.clause("WG1-02-8.2-08")
async def test_each_scope_says_which_sub_grants_are_sufficient(server: Server) -> None:
    text = (await page(server, documentation.EXTENSIONS_PATH)).text

    for scope_id in set(server.context.catalog.scopes) - {"cds_client_admin"}:
        assert f"{scope_id} : active , delayed or stopped" in text
    assert "3 days after the request" in text


async def test_every_error_code_is_in_the_reference(server: Server) -> None:
    view = await page(server, documentation.ERRORS_PATH)

    assert {refusal.code for refusal in every_refusal()} - FOR_USERS <= set(anchors(view))


async def test_rate_limits_are_told_as_they_are_set(make_server: MakeServer) -> None:
    server = await make_server(CDS_RATE_LIMIT_ANONYMOUS="77/minute", CDS_CODE_TTL="90")
    text = (await page(server, documentation.RATE_LIMITS_PATH)).text

    assert "per source address 77 per minute" in text
    assert "No limit" in text
    assert "90 seconds" in text


async def test_test_accounts_can_be_read(server: Server) -> None:
    text = (await page(server, documentation.TEST_ACCOUNTS_PATH)).text

    assert "mara.lind@customers.example" in text
    assert "winter-wheat" in text
    assert "A house with solar panels" in text


async def test_texts_of_the_utility_are_linked_and_templates_say_so(
    make_server: MakeServer, demo_catalog: Catalog
) -> None:
    own = await make_server()
    away = await make_server(
        changed(
            demo_catalog,
            server={
                "op_policy_uri": "https://ple.example/privacy",
                "op_tos_uri": "https://ple.example/terms",
                "support": "https://ple.example/help",
            },
        )
    )
    for path, link in (
        (documentation.POLICY_PATH, "https://ple.example/privacy"),
        (documentation.TERMS_PATH, "https://ple.example/terms"),
        (documentation.SUPPORT_PATH, "https://ple.example/help"),
    ):
        assert "This is a template" in (await page(own, path)).text
        there = await page(away, path)
        assert "template" not in there.text
        assert link in hrefs(there)


async def test_the_smallest_catalog_is_documented_too(make_server: MakeServer, tmp_path: Path) -> None:
    """No scope of its own, no users, no fields, no coverage."""
    server = await make_server(load(a_catalog(), tmp_path))

    for path in PAGES:
        await page(server, path)


async def test_ids_that_run_together_are_anchors_once(make_server: MakeServer, demo_catalog: Catalog) -> None:
    """`grid-now` may be a scope, and the field `now` of a scope `grid`."""
    scope = demo_catalog.scopes["ple_grid_status"]
    field = replace(scope.authorization_details_fields_supported[0], id="now")
    one = replace(scope, id="grid", authorization_details_fields_supported=(field,))
    other = replace(scope, id="grid-now", authorization_details_fields_supported=())
    server = await make_server(replace(demo_catalog, scopes={**demo_catalog.scopes, "grid": one, "grid-now": other}))
    found = anchors(await page(server, documentation.SCOPES_PATH))

    assert found.count("grid-now") == 1


async def test_what_a_catalog_says_is_text(make_server: MakeServer, demo_catalog: Catalog) -> None:
    attack = "<script>alert(1)</script>"
    scope = replace(demo_catalog.scopes["ple_grid_status"], name=attack, description=attack)
    field = replace(demo_catalog.registration_fields["setup_fee"], description=attack, instructions=attack)
    catalog = changed(demo_catalog, server={"description": attack})
    catalog = replace(
        catalog,
        scopes={**catalog.scopes, scope.id: scope},
        registration_fields={**catalog.registration_fields, field.id: field},
    )
    server = await make_server(catalog)

    for path in PAGES:
        assert "script" not in (await page(server, path)).tags


async def test_a_text_that_is_accepted_is_shown_as_it_will_be_shown(server: Server) -> None:
    """Markdown, with headings below that of its entry."""
    assert "<h4>Terms for customer data</h4>" in section(await page(server, FIELDS), "data_terms")


async def test_how_long_links_live_is_said(make_server: MakeServer, demo_catalog: Catalog) -> None:
    assert "It lives for 90 days" in (await page(await make_server(), FIELDS)).text
    forever = changed(demo_catalog, registration={"onboarding_link_ttl_seconds": None})
    assert "It does not expire" in (await page(await make_server(forever), FIELDS)).text


# Examples, as people paste them


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The demo utility on a port of its own."""
    settings = {"CDS_OPERATOR_BOOTSTRAP_KEY": OPERATOR_KEY, "CDS_ONBOARDING_CALLBACK_SECRET": CALLBACK_SECRET}
    with live_server(tmp_path_factory.mktemp("documented"), **settings) as url:
        yield url


def example(url: str, path: str, label: str) -> str:
    """The program in the box with this label."""
    view = Example(httpx.get(url + path, trust_env=False), label)
    assert view.program, label
    return view.program


class Example(View):
    """Picks one program out of a page, with its line ends."""

    def __init__(self, response: httpx.Response, label: str) -> None:
        self.label, self.program, self._within = label, "", False
        super().__init__(response)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        super().handle_starttag(tag, attrs)
        self._within = self._within or (tag == "pre" and dict(attrs).get("aria-label") == self.label)

    def handle_endtag(self, tag: str) -> None:
        super().handle_endtag(tag)
        self._within = self._within and tag != "pre"

    def handle_data(self, data: str) -> None:
        super().handle_data(data)
        self.program += data if self._within else ""


def run(command: list[str], program: str, **variables: str) -> str:
    """What a program prints that is fed to an interpreter, with variables in its environment."""
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")} | variables
    done = subprocess.run(
        command, input=program, capture_output=True, text=True, timeout=PROGRAM_SECONDS, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("/docs", "Example for curl"),
        ("/docs/getting-started", "Example for curl"),
    ],
)
@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_the_shell_examples_work_as_they_stand(live: str, path: str, label: str, shell: str) -> None:
    printed = run([shell, "-eu"], example(live, path, label))

    assert json.loads(printed.partition("\n")[0])["client_secret"]
    if label == "Example for curl":
        assert '"scope":"ple_grid_status"' in printed
        assert '"outstanding"' in printed


def test_a_support_request_works_as_it_stands(live: str) -> None:
    """After the first example, in the same terminal."""
    first = example(live, "/docs", "Example for curl")
    printed = run(["sh", "-eu"], first + example(live, "/docs/support", "Example of a support request"))

    assert '"type":"support_request"' in printed


def test_the_python_example_works_as_it_stands(live: str) -> None:
    printed = run([sys.executable, "-"], example(live, "/docs/getting-started", "Example in Python"))

    assert "production cds_client_admin" in printed
    assert "ple_grid_status: cdsat_" in printed


def test_the_javascript_example_works_as_it_stands(live: str) -> None:
    node = require_node(TESTS / "oauth4webapi")
    program = example(live, "/docs/getting-started", "Example in JavaScript")
    printed = run([node, "--input-type=module", "-"], program)

    assert "production cds_client_admin" in printed
    assert "ple_grid_status: cdsat_" in printed


def test_the_authorization_example_leads_to_a_page_where_users_sign_in(live: str) -> None:
    label = "Example of an authorization request in Python"
    printed = run([sys.executable, "-"], example(live, "/docs/getting-started", label))
    answer = httpx.get(printed.split()[-1], follow_redirects=True, trust_env=False)

    assert answer.status_code == 200
    assert "My first client" in View(answer).text


# Examples for the engineers of the utility


def test_the_operator_examples_work_as_they_stand(live: str) -> None:
    """What waits, a decision, and a webhook."""
    body = {"scope": "cds_client_admin ple_customer_data", **REQUIRED_FIELDS}
    httpx.post(f"{live}/oauth/register", json=body, trust_env=False).raise_for_status()
    path, key = documentation.OPERATOR_API_PATH, {"OPERATOR_KEY": OPERATOR_KEY}
    printed = run(["sh", "-eu"], example(live, path, "Example of reading what waits"), **key)
    messages = json.JSONDecoder().raw_decode(printed)[0]["messages"]
    request = next(one for one in messages if one["type"] == "online_form_request")["message_id"]

    decided = run(["sh", "-eu"], example(live, path, "Example of a decision"), **key, MESSAGE_ID=request)
    added = run(["sh", "-eu"], example(live, documentation.WEBHOOKS_PATH, "Example of adding a webhook"), **key)

    assert json.loads(decided)["status"] == "complete"
    assert json.loads(added)["secret"].startswith("whsec_")


def test_the_example_of_a_report_works_as_it_stands(live: str) -> None:
    """A checkout reports a payment."""
    if not shutil.which("openssl"):
        pytest.skip("needs openssl")
    body = {"scope": "cds_client_admin ple_interconnection", **REQUIRED_FIELDS}
    admin = httpx.post(f"{live}/oauth/register", json=body, trust_env=False).json()
    login = (admin["client_id"], admin["client_secret"])
    form = {"grant_type": "client_credentials"}
    token = httpx.post(f"{live}/oauth/token", data=form, auth=login, trust_env=False).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    outstanding = httpx.get(f"{live}/cds-api/v1/messages", headers=headers, trust_env=False).json()["outstanding"]
    payment = next(one for one in outstanding if one["type"] == "payment_request")["message_id"]
    program = example(live, documentation.ONBOARDING_CALLBACKS_PATH, "Example of a report")
    variables = {"MESSAGE_ID": payment, "CDS_ONBOARDING_CALLBACK_SECRET": CALLBACK_SECRET}

    assert json.loads(run(["sh", "-eu"], program, **variables)) == {"message_id": payment, "status": "complete"}
    introspect = example(live, documentation.GATEWAYS_PATH, "Example of introspection")
    described = run(["sh", "-eu"], introspect, INTROSPECTOR_KEY=OPERATOR_KEY, ACCESS_TOKEN=token)
    assert json.loads(described)["active"] is True


@pytest.mark.parametrize("language", ["Python", "JavaScript"])
def test_the_examples_of_verification_tell_good_deliveries_from_others(live: str, language: str) -> None:
    """Signed by the library of Standard Webhooks, with the old and the new secret; changed; late."""
    body, now = '{"type": "webhook.test"}', datetime.now(UTC)
    old = "whsec_" + base64.b64encode(b"the secret of the day before").decode()

    def headers(secret: str, at: datetime) -> dict[str, str]:
        signed = " ".join(Webhook(one).sign("id-1", at, body) for one in (old, secret))
        return {"webhook-id": "id-1", "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signed}

    good = headers(CALLBACK_SECRET, now)
    cases = json.dumps(
        [
            [CALLBACK_SECRET, good, body],
            [old, good, body],
            [CALLBACK_SECRET, good, body + " "],
            [CALLBACK_SECRET, headers(old, now), body],
            [CALLBACK_SECRET, headers(CALLBACK_SECRET, now - timedelta(minutes=6)), body],
        ]
    )
    program = example(live, documentation.WEBHOOKS_PATH, f"Verification in {language}")
    if language == "Python":
        call = f"import json\nprint([verify(s, h, b.encode()) for s, h, b in json.loads({cases!r})])"
        printed = run([sys.executable, "-"], f"{program}\n{call}\n")
    else:
        call = f"console.log({cases}.map(([s, h, b]) => verify(s, h, Buffer.from(b))))"
        node = require_node(TESTS / "oauth4webapi")
        printed = run([node, "--input-type=module", "-"], f"{program}\n{call}\n")

    assert json.loads(printed.lower()) == [True, True, False, False, False]
