"""People register in a browser, without a program, a script or a captcha (CDS-WG1-02 3.2 `cds_human_registration`)."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from app.catalog import Catalog
from app.domain.directory import RegistrationSearch
from app.domain.records import Wanted
from app.errors import StoreUnavailable
from app.registration_form.pages import REPEAT_SECONDS
from app.schemas.registrations import Registration
from app.web.multipart import MAX_PARTS
from tests.catalogs import a_catalog, load
from tests.conftest import PUBLIC_URL, MakeServer, Registered, Server, changed
from tests.domain.samples import png
from tests.html_pages import UserBrowser, View

PAGE = "/register"
FILLED = {
    "client_name": "Meadow Home",
    "contacts": "mara@meadow.example\r\n\r\n  dev@meadow.example ",
    "cds_company_name": "Meadow Software",
    "cds_privacy_policy": "https://meadow.example/privacy",
    "cds_security_contact": "security@meadow.example",
}


@pytest.fixture
async def browser(server: Server) -> AsyncIterator[UserBrowser]:
    """Somebody without tools."""
    async with UserBrowser(server) as browser:
        yield browser


def fields_of(*scopes: str, form: str = "form-1") -> str:
    """The address of the second step."""
    return f"{PAGE}?{urlencode([*(('scope', one) for one in scopes), ('step', 'fields'), ('form', form)])}"


def shown(view: View, member: str) -> str:
    """The value that the last page shows of a member."""
    return view.response.text.partition(f'id="{member}">')[2].partition("<")[0]


def errors(view: View) -> dict[str, str]:
    """The errors beside the fields of a form, by the name of the field."""
    pieces = view.response.text.split('class="wrong" id="error-')[1:]
    return {piece.partition('"')[0]: piece.partition(">")[2].partition("<")[0] for piece in pieces}


async def register(browser: UserBrowser, *scopes: str, **values: str) -> View:
    """Fill in the form for some scopes and send it."""
    view = await browser.open(fields_of(*scopes, form=values.pop("form", "form-1")))
    return await browser.press(view, "Register", **(FILLED if scopes else {}) | values)


async def registrations(server: Server) -> int:
    """How many there are."""
    assert server.service.state
    sheet = await server.service.state["directory"].registrations(RegistrationSearch(), None)
    return len(sheet.items)


# The way through


@pytest.mark.clause("WG1-02-3.2-16")
async def test_a_person_registers_on_the_page_that_the_metadata_names(server: Server, browser: UserBrowser) -> None:
    """Chooses, fills in, and has a Client whose credentials open the APIs."""
    metadata = (await server.http.get("/.well-known/oauth-authorization-server")).json()
    first = await browser.open(metadata["cds_human_registration"])
    second = await browser.press(first, "Continue", scope="ple_customer_data")
    last = await browser.press(second, "Register", **FILLED)

    assert (first.response.status_code, last.response.status_code) == (200, 201)
    assert "script" not in first.tags + second.tags + last.tags
    registered = Registered(server, last.response, shown(last, "client_id"), shown(last, "client_secret"))
    clients = await registered.clients()
    assert set(clients) == {"cds_client_admin", "ple_customer_data", "cds_grant_admin"}
    client = clients["ple_customer_data"]
    assert client["client_name"] == "Meadow Home"
    assert client["contacts"] == ["mara@meadow.example", "dev@meadow.example"]
    assert client["cds_company_name"] == "Meadow Software"
    for one in clients.values():
        assert one["client_id"] in last.text


async def test_each_scope_says_what_it_takes_and_costs(browser: UserBrowser) -> None:
    view = await browser.open(PAGE)

    for said in (
        "Customer data",
        "Company name, Privacy policy, Security contact",
        "Data terms",
        "Staff review",
        "250.00 USD",
        "Production from the start.",
        "Always included",
    ):
        assert said in view.text
    values = [value for name, value in view.attributes if name == "value"]
    assert {"ple_customer_data", "ple_grid_status", "ple_interconnection", "cds_server_provided_files_ple"} <= {*values}
    assert not {"cds_client_admin", "cds_grant_admin"} & {*values}


async def test_a_link_can_choose_for_somebody(browser: UserBrowser) -> None:
    """Unknown scopes are no obstacle."""
    view = await browser.open(f"{PAGE}?scope=ple_grid_status&scope=other")

    assert view.response.text.count(" checked") == 1
    assert view.forms[0].values["scope"] == "ple_grid_status"


async def test_the_form_asks_for_what_the_chosen_scopes_ask_for(browser: UserBrowser) -> None:
    view = await browser.open(fields_of("ple_customer_data", "ple_grid_status"))
    html = view.response.text

    assert 'name="cds_privacy_policy" type="url"' in html
    assert 'name="cds_security_contact" type="email"' in html
    assert 'name="cds_company_logo" type="file" accept="image/png,image/jpeg"' in html
    assert 'id="cds_newsletter" name="cds_newsletter" type="checkbox"' in html
    assert 'textarea id="cds_use_case"' in html
    assert html.count(" required>") == 3
    assert "Text of at most 200 characters." in view.text
    assert "A PNG or JPEG file of at most 200,000 bytes." in view.text
    assert "Accept" not in view.forms[0].button
    assert "Data terms" in view.text


async def test_nothing_is_stored_before_the_end(server: Server, browser: UserBrowser) -> None:
    await browser.open(PAGE)
    view = await browser.open(fields_of("ple_customer_data"))
    await browser.press(view, "Register", client_name="Meadow")

    assert await registrations(server) == 0


async def test_without_a_scope_there_is_the_admin_object(server: Server, browser: UserBrowser) -> None:
    view = await register(browser)

    registered = Registered(server, view.response, shown(view, "client_id"), shown(view, "client_secret"))
    assert set(await registered.clients()) == {"cds_client_admin"}
    assert "Nothing is left to do" in view.text


async def test_the_result_shows_what_comes_next(server: Server, browser: UserBrowser) -> None:
    """Links of outstanding Messages, reviews that are under way, and where things are explained."""
    view = await register(browser, "ple_customer_data", "ple_interconnection")
    registered = Registered(server, view.response, shown(view, "client_id"), shown(view, "client_secret"))
    outstanding = (await registered.get("/cds-api/v1/messages")).json()["outstanding"]

    links = [value for name, value in view.attributes if name == "href"]
    assert len([one for one in outstanding if one["status"] == "open"]) == 5
    for message in outstanding:
        if message["status"] == "open":
            assert message["related_uri"] in links
            assert message["name"] in view.text
    assert "250.00 USD" in view.text
    assert "Production access: we review it." in view.text
    assert "/docs/getting-started" in links


async def test_files_are_uploaded(server: Server, browser: UserBrowser) -> None:
    view = await browser.open(fields_of("ple_customer_data"))
    logo = {"cds_company_logo": ("logo.png", png(), "image/png")}
    last = await browser.press(view, "Register", files=logo, **FILLED, cds_newsletter="yes")
    registered = Registered(server, last.response, shown(last, "client_id"), shown(last, "client_secret"))

    client = (await registered.clients())["ple_customer_data"]
    stored = await server.context.records.load(registered.access, wanted(registered))
    assert client["cds_newsletter"] is True
    assert stored[0]
    assert await server.context.files.get(stored[0].object.field_files["cds_company_logo"]) == png()


def wanted(registered: Registered) -> Any:
    """The registration itself."""
    return Wanted(Registration, registered.registration_id)


# What is wrong


async def test_errors_stand_beside_their_fields_and_what_was_entered_is_kept(browser: UserBrowser) -> None:
    """All of them at once, by the rules of the registration endpoint."""
    view = await browser.open(fields_of("ple_customer_data"))
    again = await browser.press(
        view,
        "Register",
        files={"cds_company_logo": ("logo.png", b"GIF89a", "image/png")},
        client_name="Meadow <Home>",
        client_uri="meadow",
        contacts="a@meadow.example\nb@meadow.example",
        cds_company_name="m" * 201,
        cds_privacy_policy="ftp://meadow.example",
    )

    assert again.response.status_code == 400
    assert set(errors(again)) == {
        "client_uri",
        "cds_company_name",
        "cds_company_logo",
        "cds_privacy_policy",
        "cds_security_contact",
    }
    assert errors(again)["cds_security_contact"].startswith("Security contact is missing.")
    assert "at most 200 characters" in errors(again)["cds_company_name"]
    assert "5 answers need another look" in again.text
    assert again.forms[0].values["client_name"] == "Meadow <Home>"
    assert again.forms[0].values["contacts"] == "a@meadow.example\nb@meadow.example"
    assert again.forms[0].values["cds_privacy_policy"] == "ftp://meadow.example"
    assert again.response.text.count('aria-invalid="true"') == 5
    corrected = await browser.press(again, "Register", **FILLED, client_uri="https://meadow.example")
    assert corrected.response.status_code == 201


@pytest.mark.parametrize("format_", ["string", "url", "email", "boolean", "image", "pdf"])
@pytest.mark.parametrize("is_nullable", [False, True])
@pytest.mark.parametrize("has_default", [False, True])
async def test_every_format_has_an_input(
    make_server: MakeServer, demo_catalog: Catalog, format_: str, *, is_nullable: bool, has_default: bool
) -> None:
    """Required ones have to be entered; others have their default when they are not."""
    default = {"string": "unknown", "url": "https://a.example/", "email": "a@a.example", "boolean": True}.get(format_)
    field = replace(
        demo_catalog.registration_fields["use_case"],
        format=f"{format_}_or_null" if is_nullable else format_,
        default=(None if is_nullable else default if default is not None else UNSET) if has_default else UNSET,
        max_length=None,
    )
    scope = replace(
        demo_catalog.scopes["ple_grid_status"],
        registration_requirements=("use_case",),
        registration_optional=(),
    )
    catalog = replace(
        demo_catalog,
        registration_fields={**demo_catalog.registration_fields, "use_case": field},
        scopes={**demo_catalog.scopes, scope.id: scope},
    )
    server = await make_server(catalog)
    async with UserBrowser(server) as browser:
        view = await browser.open(fields_of("ple_grid_status"))
        last = await browser.press(view, "Register")

    is_missing = field.default is UNSET and not (format_ == "boolean" and is_nullable)
    assert last.response.status_code == (400 if is_missing else 201), errors(last)
    if not is_missing:
        registered = Registered(server, last.response, shown(last, "client_id"), shown(last, "client_secret"))
        value = (await registered.clients())["ple_grid_status"].get("cds_use_case")
        assert value == (None if is_nullable else default)


async def test_a_form_from_another_site_does_nothing(server: Server, browser: UserBrowser) -> None:
    view = await browser.open(fields_of())
    parts = {name: (None, value.encode(), None) for name, value in view.forms[0].values.items()}
    attacks = [
        {"headers": {"Sec-Fetch-Site": "cross-site"}, "files": parts},
        {"headers": {"Origin": "https://evil.example"}, "files": parts},
        {"headers": {"Sec-Fetch-Site": "same-origin"}, "files": parts | {"form_token": (None, b"guessed", None)}},
    ]

    for attack in attacks:
        answer = await browser.send("POST", PAGE, **attack)
        assert answer.status_code == 403
        assert "client_secret" not in answer.text
    assert await registrations(server) == 0


async def test_who_keeps_no_cookies_loses_nothing(server: Server) -> None:
    async with UserBrowser(server, keeps_cookies=False) as browser:
        view = await register(browser, "ple_customer_data")

    assert view.response.status_code == 400
    assert "Allow cookies for this site" in view.text
    assert view.forms[0].values["client_name"] == "Meadow Home"
    assert await registrations(server) == 0


async def test_a_broken_form_is_refused_with_a_page(browser: UserBrowser) -> None:
    urlencoded = await browser.send("POST", PAGE, data={"form_token": "x"})
    parts = [("p", (None, b"1", None)) for _ in range(MAX_PARTS + 1)]
    many = await browser.send("POST", PAGE, files=parts)

    assert (urlencoded.status_code, many.status_code) == (400, 400)
    assert urlencoded.headers["content-type"].startswith("text/html")


async def test_files_that_are_too_large_are_refused(make_server: MakeServer) -> None:
    server = await make_server(CDS_MAX_ATTACHMENTS="10MiB")
    async with UserBrowser(server) as browser:
        view = await browser.open(fields_of("ple_customer_data"))
        large = {"cds_company_logo": ("logo.png", b"x" * (10 * 1024 * 1024 + 1), "image/png")}
        answer = await browser.submit(view, "Register", files=large, **FILLED)

    assert answer.status_code == 413


# Once


async def test_a_form_that_is_sent_twice_registers_once(server: Server, browser: UserBrowser) -> None:
    """A double click, a reload or a lost answer: the same result, while it is fresh."""
    view = await browser.open(fields_of("ple_customer_data"))
    first, *others = await asyncio.gather(*(browser.press(view, "Register", **FILLED) for _ in range(10)))

    assert {one.response.status_code for one in (first, *others)} == {201}
    assert {shown(one, "client_secret") for one in others} == {shown(first, "client_secret")}
    assert await registrations(server) == 1


async def test_the_secret_is_not_shown_later(server: Server, browser: UserBrowser) -> None:
    view = await browser.open(fields_of("ple_customer_data"))
    first = await browser.press(view, "Register", **FILLED)
    server.clock.advance(seconds=REPEAT_SECONDS + 1)
    later = await browser.press(view, "Register", **FILLED)

    assert later.response.status_code == 409
    assert shown(first, "client_id") in later.text
    assert shown(first, "client_secret") not in later.response.text
    assert await registrations(server) == 1


async def test_a_form_belongs_to_one_browser(server: Server, browser: UserBrowser) -> None:
    """Whoever has the address of a form has a form of their own."""
    first = await register(browser)
    async with UserBrowser(server) as other:
        second = await register(other)

    assert shown(first, "client_id") != shown(second, "client_id")


async def test_another_form_is_another_registration(browser: UserBrowser) -> None:
    first, second = await register(browser, form="a"), await register(browser, form="b")

    assert shown(first, "client_id") != shown(second, "client_id")


async def test_each_choice_begins_a_form_of_its_own(browser: UserBrowser) -> None:
    views = [await browser.open(PAGE) for _ in range(2)]
    leads_to = (await browser.submit(views[0], "Continue")).url

    assert views[0].forms[0].values["form"] != views[1].forms[0].values["form"]
    assert parse_qs(urlsplit(str(leads_to)).query)["form"] == [views[0].forms[0].values["form"]]


# The secret stays where it is


async def test_the_result_can_be_saved_as_json(browser: UserBrowser) -> None:
    """What the registration endpoint would have answered; later, too, for those who have the secret."""
    view = await register(browser, "ple_grid_status")
    saved = await browser.submit(view, "Download as JSON")

    assert saved.status_code == 200
    assert saved.headers["content-type"] == "application/json"
    assert saved.headers["content-disposition"] == f'attachment; filename="client-{shown(view, "client_id")}.json"'
    assert saved.headers["cache-control"] == "no-store"
    document = json.loads(saved.content)
    assert document["client_id"] == shown(view, "client_id")
    assert document["client_secret"] == shown(view, "client_secret")
    assert document["scope"] == "cds_client_admin"


async def test_nobody_saves_what_they_do_not_know(server: Server, browser: UserBrowser) -> None:
    """Neither without the secret, nor for the registration of somebody else."""
    view = await register(browser)
    guessed = await browser.submit(view, "Download as JSON", client_secret="cdscs_guessed")
    other = await browser.submit(view, "Download as JSON", download=(await server.register()).client_id)

    assert (guessed.status_code, other.status_code) == (409, 403)
    assert shown(view, "client_secret") not in guessed.text + other.text


async def test_the_secret_is_in_no_address_no_log_and_no_cache(json_log: io.BytesIO, make_server: MakeServer) -> None:
    server = await make_server()
    async with UserBrowser(server) as browser:
        view = await register(browser, "ple_customer_data")
        saved = await browser.submit(view, "Download as JSON")
    secret = shown(view, "client_secret")

    assert secret.startswith("cdscs_")
    assert view.response.headers["cache-control"] == "no-store"
    assert view.response.headers["referrer-policy"] == "same-origin"
    assert secret not in str(view.response.url) + str(saved.url)
    assert all(secret not in value for name, value in view.attributes if name in {"href", "action", "src"})
    assert secret not in json_log.getvalue().decode()
    assert shown(view, "client_id") in json_log.getvalue().decode()


async def test_pages_are_strict(browser: UserBrowser) -> None:
    """No scripts, nothing from elsewhere, forms that stay here, no frames."""
    for view in (await browser.open(PAGE), await browser.open(fields_of()), await register(browser)):
        assert view.policy["default-src"] == ["'none'"]
        assert view.policy["form-action"] == ["'self'"]
        assert view.policy["frame-ancestors"] == ["'none'"]
        assert "script" not in view.tags
        assert view.response.headers["cache-control"] == "no-store"
        assert len([one for one in view.tags if one == "h1"]) == 1


# Limits


async def test_registrations_are_counted_where_programs_are_counted_too(make_server: MakeServer) -> None:
    """Looking and correcting costs nothing; one too many keeps what was entered."""
    server = await make_server(CDS_RATE_LIMIT_REGISTRATION="2/hour")
    async with UserBrowser(server) as browser:
        for _ in range(5):
            view = await browser.open(fields_of("ple_customer_data"))
            assert (await browser.press(view, "Register")).response.status_code == 400
        assert (await register(browser, form="a")).response.status_code == 201
        assert (await register(browser, form="a")).response.status_code == 201
        assert (await server.http.post("/oauth/register", json={"scope": "cds_client_admin"})).status_code == 201
        refused = await register(browser, form="b", client_name="Meadow Home")
        server.clock.advance(minutes=31)
        accepted = await browser.press(refused, "Register")

    assert refused.response.status_code == 429
    assert int(refused.response.headers["retry-after"]) == 1800
    assert "Send the form again in 30 minutes." in refused.text
    assert refused.forms[0].values["client_name"] == "Meadow Home"
    assert accepted.response.status_code == 201


async def test_a_store_that_is_down_says_so(
    server: Server, browser: UserBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise StoreUnavailable("The store does not answer.")

    view = await browser.open(fields_of())
    monkeypatch.setattr(server.context.records, "apply", fail, raising=False)
    answer = await browser.submit(view, "Register")

    assert answer.status_code == 503
    assert "client_secret" not in answer.text


# Other catalogs


async def test_the_smallest_catalog_can_be_registered_with(make_server: MakeServer, tmp_path: Path) -> None:
    server = await make_server(load(a_catalog(), tmp_path))
    async with UserBrowser(server) as browser:
        view = await browser.open(PAGE)
        assert (await browser.press(await browser.press(view, "Continue"), "Register")).response.status_code == 201


async def test_everything_works_below_a_prefix(make_server: MakeServer) -> None:
    server = await make_server(CDS_PUBLIC_URL=f"{PUBLIC_URL}/energy")
    async with UserBrowser(server) as browser:
        first = await browser.open(f"{PUBLIC_URL}/energy/register")
        second = await browser.press(first, "Continue", scope="ple_grid_status")
        last = await browser.press(second, "Register")
        saved = await browser.submit(last, "Download as JSON")

    assert (last.response.status_code, saved.status_code) == (201, 200)
    assert first.forms[0].action == "/energy/register"


async def test_what_a_catalog_says_is_text(make_server: MakeServer, demo_catalog: Catalog) -> None:
    attack = "<script>alert(1)</script>"
    scope = replace(demo_catalog.scopes["ple_grid_status"], name=attack, description=attack)
    field = replace(demo_catalog.registration_fields["use_case"], description=attack)
    catalog = replace(
        changed(demo_catalog, server={"description": attack}),
        scopes={**demo_catalog.scopes, scope.id: scope},
        registration_fields={**demo_catalog.registration_fields, field.id: field},
    )
    async with UserBrowser(await make_server(catalog)) as browser:
        views = [await browser.open(PAGE), await register(browser, scope.id, client_name=attack)]
        views.append(await browser.open(fields_of(scope.id)))

    for view in views:
        assert "script" not in view.tags
        assert "<script>" in view.text
