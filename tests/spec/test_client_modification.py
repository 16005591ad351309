"""PUT of a Client Object (CDS-WG1-02 5.5, RFC 7592 2.2; ambiguities B3 to B11, B18, B22)."""

import asyncio
import base64
from typing import Any

import pytest
from msgspec.structs import replace

from app.catalog import Catalog
from app.domain.records import Wanted
from app.errors import Conflict
from app.schemas.registrations import Registration
from app.store.connect import StoreConnection, memory_client
from tests.conftest import MakeServer, Registered, Server, changed
from tests.domain.samples import png

EVERYTHING = "cds_client_admin ple_customer_data ple_grid_status ple_interconnection cds_server_provided_files_ple"
NEW_URI = "https://meadow.example/callback"


def grouped(catalog: Catalog) -> Catalog:
    """A catalog without reviews, in which `ple_customer_data` shares its Client Object with `ple_bills`."""
    submitted = ("company_name", "privacy_policy", "security_contact")
    code = replace(catalog.scopes["ple_customer_data"], group="code", registration_requirements=submitted)
    fields = tuple(replace(one, for_types=("ple_bills",)) for one in code.authorization_details_fields_supported)
    bills = replace(
        code,
        id="ple_bills",
        authorization_details_types_supported=("ple_bills",),
        authorization_details_fields_supported=fields,
    )
    scopes = catalog.scopes | {"ple_customer_data": code, "ple_bills": bills}
    return replace(changed(catalog, policies={"field_review": frozenset()}), scopes=scopes)


@pytest.fixture
async def server(make_server: MakeServer, demo_catalog: Catalog) -> Server:
    """A service whose operators do not want to review anything, and whose code objects may have two scopes."""
    return await make_server(grouped(demo_catalog))


@pytest.fixture
async def registered(server: Server) -> Registered:
    """A registration with every kind of Client Object; its code object has two scopes."""
    return await server.register(EVERYTHING + " ple_bills")


@pytest.fixture
async def code(registered: Registered) -> dict[str, Any]:
    """The sandbox object with which users are asked."""
    return (await registered.clients())["ple_customer_data ple_bills"]


@pytest.fixture
async def grid(registered: Registered) -> dict[str, Any]:
    """An object without user authorization."""
    return (await registered.clients())["ple_grid_status"]


async def put(registered: Registered, client: dict[str, Any], body: Any) -> dict[str, Any]:
    """A PUT that is applied at once; what is stored is what was answered."""
    answer = await registered.put(client["cds_client_uri"], body)
    assert answer.status_code == 200, answer.text
    assert (await registered.get(client["cds_client_uri"])).content == answer.content
    new: dict[str, Any] = answer.json()
    return new


async def refused(registered: Registered, client: dict[str, Any], body: Any, *, field: str | None = None) -> Any:
    """A PUT that is refused with 400 and changes nothing."""
    before = (await registered.get(client["cds_client_uri"])).content
    messages = len(await registered.messages())
    answer = await registered.put(client["cds_client_uri"], body)
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await registered.get(client["cds_client_uri"])).content == before
    assert len(await registered.messages()) == messages
    if field:
        assert answer.json()["errors"][0]["field"] == field, answer.text
    return answer.json()


@pytest.mark.clause("WG1-02-5.5-04", "WG1-02-5.5-14", "WG1-02-5.5-01", "RFC7592-2.2-06")
@pytest.mark.parametrize(
    ("changes", "also"),
    [
        ({"redirect_uris": [NEW_URI]}, {"cds_default_redirect_uri": NEW_URI}),
        ({"client_name": "Meadow"}, {}),
        ({"client_uri": "https://meadow.example/"}, {}),
        ({"logo_uri": "https://meadow.example/logo.png"}, {}),
        ({"scope": "ple_bills"}, {"cds_default_scope": "ple_bills", "authorization_details_types": ["ple_bills"]}),
        ({"contacts": ["it@meadow.example", "+1 555 0100"]}, {}),
        ({"tos_uri": "https://meadow.example/tos"}, {}),
        ({"policy_uri": "https://meadow.example/privacy"}, {}),
        ({"cds_status": "disabled"}, {}),
        ({"cds_default_scope": "ple_bills"}, {}),
        (
            {"redirect_uris": ["https://utility.example/oauth/receipt", NEW_URI], "cds_default_redirect_uri": NEW_URI},
            {},
        ),
        ({"cds_company_name": "Meadow Ltd"}, {}),
        ({"cds_newsletter": True}, {}),
        ({"software_id": "meadow", "client_name#de": "Wiese"}, {}),
    ],
)
async def test_a_client_can_change(
    registered: Registered, code: dict[str, Any], server: Server, changes: dict[str, Any], also: dict[str, Any]
) -> None:
    """Every field that 5.5 lists, by sending the whole object with another value."""
    server.clock.advance(seconds=10)
    body = {name: value for name, value in code.items() if name not in also} | changes

    new = await put(registered, code, body)

    assert new == code | changes | also | {"cds_modified": "2026-06-01T12:00:10Z"}


@pytest.mark.clause("WG1-02-5.5-04")
async def test_a_client_can_set_default_authorization_details(registered: Registered, code: dict[str, Any]) -> None:
    """Fields that are left out of an entry get their defaults."""
    details = [{"type": "ple_customer_data", "start_date": "P6M", "include_bills": False}]

    new = await put(registered, code, code | {"cds_default_authorization_details": details})

    (entry,) = new["cds_default_authorization_details"]
    assert entry["start_date"] == "P6M"
    assert entry["include_bills"] is False
    assert entry["interval"] == "hourly"
    assert (await put(registered, code, new)) == new


@pytest.mark.clause("RFC7592-2.2-01")
async def test_the_example_of_the_specification_adds_a_redirect_uri(
    registered: Registered, code: dict[str, Any]
) -> None:
    """12.7 sends no client_id and no name, so the name becomes the client_id."""
    body = {
        "scope": code["scope"],
        "redirect_uris": [code["redirect_uris"][0], NEW_URI],
        "authorization_details_types": code["authorization_details_types"],
        "cds_status": "sandbox",
        "cds_default_scope": code["scope"],
        "cds_default_redirect_uri": NEW_URI,
        "cds_default_authorization_details": [],
        "cds_company_name": "My Company Name",
    }

    new = await put(registered, code, body)

    assert new["redirect_uris"] == body["redirect_uris"]
    assert new["cds_default_redirect_uri"] == NEW_URI
    assert new["client_name"] == code["client_id"]
    assert new["cds_company_name"] == "My Company Name"


@pytest.mark.clause("WG1-02-5.5-05", "RFC7592-2.2-02", "RFC7592-2.2-03", "WG1-02-5.5-08")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("client_id", "somebody-else"),
        ("client_id", 7),
        ("client_id_issued_at", 1),
        ("client_id_issued_at", "1780315200"),
        ("client_secret", "chosen-by-the-client"),
        ("client_secret", 7),
        ("client_secret_expires_at", 0),
        ("grant_types", ["client_credentials"]),
        ("grant_types", "authorization_code"),
        ("response_types", []),
        ("response_types", ["token"]),
        ("token_endpoint_auth_method", "none"),
        ("authorization_details_types", ["something"]),
        ("cds_created", "2020-01-01T00:00:00Z"),
        ("cds_client_uri", "https://elsewhere.example"),
        ("cds_server_metadata", "https://elsewhere.example"),
        ("cds_status_options", ["sandbox", "production", "disabled"]),
    ],
)
async def test_a_client_cannot_change(registered: Registered, code: dict[str, Any], field: str, value: Any) -> None:
    """What the Server sets: the answer names the field, and nothing of the request is applied."""
    secret = (await registered.credential_of(code["client_id"]))["client_secret"]

    problem = await refused(registered, code, code | {"contacts": ["x@meadow.example"], field: value}, field=field)

    assert problem["error"] == "invalid_client_metadata"
    assert field in problem["error_description"]
    assert (await registered.credential_of(code["client_id"]))["client_secret"] == secret


@pytest.mark.clause("WG1-02-5.5-05", "RFC7592-2.2-03")
async def test_an_out_of_date_cds_modified_is_ignored(registered: Registered, code: dict[str, Any]) -> None:
    """Because it is out of date as soon as somebody else has changed something (ambiguities B4)."""
    new = await put(registered, code, code | {"cds_modified": "2020-01-01T00:00:00Z"})

    assert new == code


async def test_server_set_values_may_be_spelled_differently(registered: Registered, code: dict[str, Any]) -> None:
    """Another order of a list, another spelling of the same moment, null as if left out."""
    body = code | {
        "grant_types": list(reversed(code["grant_types"])),
        "cds_created": "2026-06-01T13:00:00.000+01:00",
        "client_id": None,
        "cds_status": None,
    }

    assert await put(registered, code, body) == code


@pytest.mark.clause("RFC7592-2.2-04", "WG1-02-5.5-06")
async def test_the_answer_to_the_registration_can_be_put_back(server: Server, registered: Registered) -> None:
    """It has the client_secret, which a PUT may repeat as long as it is a valid one."""
    admin = registered.response.json()
    assert admin["client_secret"]

    new = await put(registered, admin, admin | {"client_name": "Meadow"})
    assert new["client_name"] == "Meadow"
    assert "client_secret" not in new
    await refused(registered, admin, admin | {"client_secret": "other"}, field="client_secret")
    credential = await registered.credential_of(registered.client_id)
    expiry = {"client_secret_expires_at": credential["client_secret_expires_at"]}
    await put(registered, admin, admin | expiry)
    await refused(registered, admin, admin | {"client_secret_expires_at": 7}, field="client_secret")
    second = (await registered.post("/cds-api/v1/credentials", {"client_id": registered.client_id})).json()
    now = int(server.clock.now.timestamp())
    await registered.patch(second["uri"], {"client_secret_expires_at": now})
    await refused(registered, admin, admin | {"client_secret": second["client_secret"]}, field="client_secret")


@pytest.mark.clause("WG1-02-5.5-08")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("redirect_uris", ["not a uri"]),
        ("redirect_uris", "https://meadow.example/"),
        ("redirect_uris", ["http://meadow.example/"]),
        ("redirect_uris", ["https://meadow.example/#part"]),
        ("redirect_uris", ["https://meadow.example/", "https://meadow.example/"]),
        ("redirect_uris", ["meadow:/callback"]),
        ("redirect_uris", [7]),
        ("client_name", 5),
        ("client_name", "a\nb"),
        ("contacts", "x"),
        ("contacts", [1]),
        ("client_uri", "javascript:alert(1)"),
        ("logo_uri", "//meadow.example"),
        ("tos_uri", ["https://meadow.example"]),
        ("policy_uri", {}),
        ("scope", "ple_grid_status"),
        ("scope", "ple_bills ple_interconnection"),
        ("scope", ["ple_bills"]),
        ("scope", "cds_client_admin"),
        ("cds_status", "bogus"),
        ("cds_status", "production"),
        ("cds_status", ["disabled"]),
        ("cds_default_scope", "ple_grid_status"),
        ("cds_default_scope", 7),
        ("cds_default_redirect_uri", "https://meadow.example/unlisted"),
        ("cds_default_redirect_uri", 7),
        ("cds_default_authorization_details", [{"type": "ple_grid_status"}]),
        ("cds_default_authorization_details", [{"type": "ple_bills", "interval": "never"}]),
        ("cds_default_authorization_details", "P1Y"),
        ("cds_default_authorization_details", {}),
        ("cds_company_name", None),
        ("cds_company_name", "x" * 201),
        ("cds_privacy_policy", "nowhere"),
        ("cds_security_contact", "nobody"),
        ("cds_newsletter", 1),
        ("cds_newsletter", "true"),
        ("cds_company_logo", "bm90IGFuIGltYWdl"),
    ],
)
async def test_values_that_are_not_acceptable_are_refused(
    registered: Registered, code: dict[str, Any], field: str, value: Any
) -> None:
    """As a whole: a valid change in the same request is not applied either."""
    problem = await refused(registered, code, code | {"contacts": ["new@meadow.example"], field: value})

    assert problem["errors"][0]["field"].split(".")[0] == field
    expected = "invalid_redirect_uri" if field == "redirect_uris" else "invalid_client_metadata"
    assert problem["error"] == expected


@pytest.mark.clause("WG1-02-5.5-09", "RFC7592-2.2-05", "RFC7592-2.2-01")
@pytest.mark.parametrize("way", ["left out", "null"])
async def test_fields_that_are_left_out_or_null_go_back_to_their_defaults(
    registered: Registered, code: dict[str, Any], way: str
) -> None:
    """Except `cds_status` and fields without a default, which stay (ambiguities B5)."""
    full = await put(
        registered,
        code,
        code
        | {
            "client_name": "Meadow",
            "contacts": ["it@meadow.example"],
            "client_uri": "https://meadow.example/",
            "logo_uri": "https://meadow.example/logo.png",
            "tos_uri": "https://meadow.example/tos",
            "policy_uri": "https://meadow.example/privacy",
            "software_id": "meadow",
            "client_name#de": "Wiese",
            "redirect_uris": [NEW_URI],
            "cds_default_redirect_uri": NEW_URI,
            "scope": "ple_bills",
            "cds_default_scope": "ple_bills",
            "cds_default_authorization_details": [{"type": "ple_bills"}],
            "cds_newsletter": True,
            "cds_company_name": "Meadow Ltd",
        },
    )
    body = {} if way == "left out" else {name: None for name in full if not name.startswith("cds_comp")}
    body = {name: value for name, value in body.items() if name not in registration_fields}

    new = await put(registered, code, body)

    assert new == code | {"cds_company_name": "Meadow Ltd"}


registration_fields = {"cds_newsletter", "cds_company_name", "cds_privacy_policy", "cds_security_contact"}


@pytest.mark.clause("WG1-02-5.5-09")
async def test_leaving_the_status_out_does_not_enable_a_disabled_object(
    registered: Registered, code: dict[str, Any]
) -> None:
    """Omission must not switch anything on or off (ambiguities B5)."""
    disabled = await put(registered, code, code | {"cds_status": "disabled"})
    del disabled["cds_status"]

    assert (await put(registered, code, disabled))["cds_status"] == "disabled"


async def test_an_empty_list_of_redirect_uris_restores_the_receipt_page(
    registered: Registered, code: dict[str, Any]
) -> None:
    """Because the default redirect URI needs one of them (ambiguities B6)."""
    only = await put(registered, code, code | {"redirect_uris": [NEW_URI], "cds_default_redirect_uri": NEW_URI})
    assert only["redirect_uris"] == [NEW_URI]

    new = await put(registered, code, only | {"redirect_uris": [], "cds_default_redirect_uri": None})

    assert new["redirect_uris"] == [new["cds_default_redirect_uri"]] == code["redirect_uris"]


async def test_the_first_redirect_uri_is_the_default_where_the_receipt_page_is_gone(
    registered: Registered, code: dict[str, Any]
) -> None:
    """Left out, the default is the receipt page if it is listed (ambiguities B5)."""
    body = {name: value for name, value in code.items() if name != "cds_default_redirect_uri"}
    receipt = code["redirect_uris"][0]

    first = await put(registered, code, body | {"redirect_uris": [NEW_URI, NEW_URI + "2"]})
    second = await put(registered, code, body | {"redirect_uris": [NEW_URI, receipt]})

    assert first["cds_default_redirect_uri"] == NEW_URI
    assert second["cds_default_redirect_uri"] == receipt


async def test_http_to_the_own_machine_is_for_the_sandbox_only(server: Server, make_server: MakeServer) -> None:
    """Where developers try things out (ambiguities B22)."""
    catalog = server.context.catalog
    automatic = replace(catalog, registration=replace(catalog.registration, production="automatic"))
    other = await make_server(automatic)
    registered = await other.register("cds_client_admin ple_customer_data")
    listing = (await registered.get("/cds-api/v1/clients")).json()["clients"]
    objects = {one["cds_status"]: one for one in listing if one["response_types"]}
    local = {"redirect_uris": ["http://127.0.0.1:9000/callback"], "cds_default_redirect_uri": None}

    assert (await put(registered, objects["sandbox"], objects["sandbox"] | local))["redirect_uris"] == local[
        "redirect_uris"
    ]
    await refused(registered, objects["production"], objects["production"] | local, field="redirect_uris.0")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("redirect_uris", [NEW_URI]),
        ("cds_default_scope", "ple_grid_status"),
        ("cds_default_redirect_uri", NEW_URI),
        ("cds_default_authorization_details", [{"type": "ple_grid_status"}]),
    ],
)
async def test_objects_without_user_authorization_take_no_fields_for_it(
    registered: Registered, grid: dict[str, Any], field: str, value: Any
) -> None:
    """Empty values are as good as none."""
    await refused(registered, grid, grid | {field: value}, field=field)
    empty = {"redirect_uris": [], "cds_default_scope": "", "cds_default_authorization_details": []}
    assert await put(registered, grid, grid | empty) == grid


@pytest.mark.clause("WG1-02-5.5-07")
async def test_the_scope_can_shrink_and_come_back(registered: Registered, code: dict[str, Any]) -> None:
    """What the Server derives from the scope follows it (ambiguities B8, B13)."""
    less = {"scope": "ple_customer_data", "cds_default_scope": "ple_customer_data"}
    small = await put(registered, code, code | less)
    assert small["authorization_details_types"] == ["ple_customer_data"]
    assert small["grant_types"] == code["grant_types"]

    again = await put(registered, code, small | {"scope": "ple_bills ple_customer_data", "cds_default_scope": None})
    assert again["scope"] == code["scope"]
    assert again["authorization_details_types"] == code["authorization_details_types"]
    none = await put(registered, code, again | {"scope": "", "cds_default_scope": ""})
    assert (none["scope"], none["authorization_details_types"]) == ("", [])


@pytest.mark.parametrize("default", ["cds_default_scope", "cds_default_authorization_details"])
async def test_defaults_have_to_stay_within_the_scope(
    registered: Registered, code: dict[str, Any], default: str
) -> None:
    """Otherwise requests that rely on them would fail later (ambiguities B7)."""
    details = [{"type": "ple_bills"}]
    full = await put(registered, code, code | {"cds_default_authorization_details": details})
    small = {"scope": "ple_customer_data", "cds_default_scope": "ple_customer_data"}
    small["cds_default_authorization_details"] = full["cds_default_authorization_details"]
    body = full | (small if "details" in default else {"scope": "ple_customer_data"})

    problem = await refused(registered, code, body)

    assert problem["errors"][0]["field"].startswith(default)


@pytest.mark.parametrize("scope", ["", "ple_grid_status", "cds_client_admin ple_grid_status"])
async def test_the_scope_of_the_admin_object_is_fixed(registered: Registered, scope: str) -> None:
    """A Client must not lock itself out (ambiguities B8)."""
    admin = (await registered.clients())["cds_client_admin"]

    await refused(registered, admin, admin | {"scope": scope}, field="scope")


async def is_active(server: Server, client_id: str, secret: str, token: str) -> bool:
    """What introspection says."""
    answer = await server.http.post("/oauth/introspect", data={"token": token}, auth=(client_id, secret))
    active: bool = answer.json()["active"]
    return active


async def test_tokens_for_a_scope_that_is_given_up_end_at_once(
    server: Server, registered: Registered, grid: dict[str, Any]
) -> None:
    """And no new one is issued for it until it comes back (ambiguities B8)."""
    secret = (await registered.credential_of(grid["client_id"]))["client_secret"]
    token = await server.access_token(grid["client_id"], secret)
    assert await is_active(server, grid["client_id"], secret, token)

    await put(registered, grid, grid | {"scope": ""})

    assert not await is_active(server, grid["client_id"], secret, token)
    refusal = await server.token_response(grid["client_id"], secret, scope="ple_grid_status")
    assert (refusal.status_code, refusal.json()["error"]) == (400, "invalid_scope")
    await put(registered, grid, grid)
    assert await server.access_token(grid["client_id"], secret, scope="ple_grid_status")


@pytest.mark.clause("WG1-02-5.5-08", "RFC7591-2-01")
async def test_unknown_fields_are_ignored(registered: Registered, code: dict[str, Any]) -> None:
    """Also those of RFC 7592, and registration fields that its scopes do not list."""
    body = code | {"favourite_colour": "green", "jwks": {}, "registration_access_token": "x", "cds_use_case": "none"}

    assert await put(registered, code, body) == code


@pytest.mark.clause("WG1-02-5.3-09")
async def test_a_put_that_changes_nothing_leaves_no_trace(
    registered: Registered, code: dict[str, Any], server: Server
) -> None:
    """Same `cds_modified`, no Message, one reading round trip (ambiguities B18)."""
    server.clock.advance(minutes=1)
    before = server.connection.round_trips

    answer = await registered.put(code["cds_client_uri"], code)

    assert answer.status_code == 200
    assert answer.json() == code
    assert server.connection.round_trips - before == 1
    assert await registered.messages("private_message") == []


async def test_a_put_takes_two_round_trips(registered: Registered, code: dict[str, Any], server: Server) -> None:
    """One to read, one to write."""
    before = server.connection.round_trips

    answer = await registered.put(code["cds_client_uri"], code | {"client_name": "Meadow"})

    assert answer.status_code == 200
    assert server.connection.round_trips - before == 2


@pytest.mark.clause("RFC7592-2.2-07")
async def test_a_put_needs_the_admin_token(registered: Registered, code: dict[str, Any], server: Server) -> None:
    """Without or with a bad one 401, with one of another scope 403."""
    grid = (await registered.clients())["ple_grid_status"]
    secret = (await registered.credential_of(grid["client_id"]))["client_secret"]
    grid_token = await server.access_token(grid["client_id"], secret)

    missing = await server.http.put(code["cds_client_uri"], json=code)
    bad = await server.http.put(code["cds_client_uri"], json=code, headers={"Authorization": "Bearer cdsat_x"})
    wrong = await server.http.put(
        code["cds_client_uri"], json=code | {"client_name": "X"}, headers={"Authorization": f"Bearer {grid_token}"}
    )

    assert [missing.status_code, bad.status_code, wrong.status_code] == [401, 401, 403]
    assert all("www-authenticate" in answer.headers for answer in (missing, bad, wrong))
    assert (await registered.get(code["cds_client_uri"])).json() == code


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b'"x"', b"{", b'{"a":"\xff"}', b'{"client_name":"\\u0000"}', b"[" * 9999]
)
async def test_bodies_that_are_no_json_object_are_refused(
    registered: Registered, code: dict[str, Any], body: bytes
) -> None:
    """Whatever the content type says (ambiguities A14)."""
    answer = await registered.put(code["cds_client_uri"], content=body)

    assert answer.status_code == 400
    assert (await registered.get(code["cds_client_uri"])).json() == code


async def test_the_content_type_does_not_matter(registered: Registered, code: dict[str, Any]) -> None:
    """curl sends JSON as a form unless it is told otherwise (ambiguities A14)."""
    answer = await registered.put(
        code["cds_client_uri"],
        content=b'{"client_name": "Meadow"}',
        headers={"content-type": "application/x-www-form-urlencoded"},
    )

    assert answer.json()["client_name"] == "Meadow"


async def test_a_new_registration_field_value_is_the_registrations_too(
    registered: Registered, code: dict[str, Any], server: Server
) -> None:
    """Objects that are made later take theirs from there (ambiguities A4)."""
    await put(registered, code, code | {"cds_company_name": "Meadow Ltd"})

    (registration,) = await server.context.records.load(
        registered.access, Wanted(Registration, registered.registration_id)
    )
    assert registration
    assert registration.object.field_values["cds_company_name"] == "Meadow Ltd"


async def test_a_file_is_replaced_kept_and_removed(
    registered: Registered, code: dict[str, Any], server: Server
) -> None:
    """It is never shown; left out it stays, null takes it away, the same one again is no change (ambiguities B5)."""

    async def key() -> str | None:
        wanted = Wanted(Registration, registered.registration_id)
        (registration,) = await server.context.records.load(registered.access, wanted)
        assert registration
        found: str | None = registration.object.field_files.get("cds_company_logo")
        return found

    def logo(width: int) -> dict[str, str]:
        return {"cds_company_logo": base64.b64encode(png(width=width)).decode()}

    assert "cds_company_logo" not in await put(registered, code, code | logo(1))
    first = await key()
    assert first
    assert await server.context.files.get(first) == png(width=1)
    messages = len(await registered.messages())
    await put(registered, code, code | logo(1))
    await put(registered, code, code)
    assert await key() == first
    assert len(await registered.messages()) == messages
    await put(registered, code, code | logo(2))
    second = await key()
    assert second
    assert await server.context.files.get(second) == png(width=2)
    await put(registered, code, code | {"cds_company_logo": None})
    assert await key() is None
    for gone in (first, second):
        with pytest.raises(Exception, match="no"):
            await server.context.files.get(gone)


async def test_a_value_that_the_catalog_would_not_take_any_more_can_be_repeated(
    make_server: MakeServer, demo_catalog: Catalog
) -> None:
    """The present value is always acceptable; another one has to obey the new rule."""
    before = grouped(demo_catalog)
    short = replace(before.registration_fields["company_name"], max_length=3)
    after = replace(before, registration_fields=before.registration_fields | {"company_name": short})
    store = StoreConnection(memory_client(), is_cluster=False, wait_replicas=0)
    registered = await (await make_server(before, store=store)).register(EVERYTHING)
    code = (await registered.clients())["ple_customer_data"]

    registered.server = await make_server(after, store=store)

    assert (await put(registered, code, code | {"client_name": "Meadow"}))["client_name"] == "Meadow"
    await refused(registered, code, code | {"cds_company_name": "Long"}, field="cds_company_name")


async def test_of_many_puts_at_once_each_is_applied_as_a_whole_or_refused(
    registered: Registered, code: dict[str, Any], server: Server
) -> None:
    """What is there in the end is what one of them sent; each 200 has a Message, whoever came too late has a 409."""

    def body(number: int) -> dict[str, Any]:
        return code | {
            "client_name": f"n{number}",
            "contacts": [f"c{number}"],
            "client_uri": f"https://{number}.example/",
        }

    answers = await asyncio.gather(*(registered.put(code["cds_client_uri"], body(number)) for number in range(100)))

    applied = [answer.json() for answer in answers if answer.status_code == 200]
    assert applied
    assert {answer.status_code for answer in answers} <= {200, 409}
    final = (await registered.get(code["cds_client_uri"])).json()
    assert final in applied
    for one in applied:
        number = one["client_name"].removeprefix("n")
        assert (one["contacts"], one["client_uri"]) == ([f"c{number}"], f"https://{number}.example/")
    assert len(await registered.messages("private_message")) == len(applied)


async def test_a_put_that_meets_another_one_starts_again(
    registered: Registered, code: dict[str, Any], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three times at most; then the Client is told with 409."""
    apply, refusals = server.context.records.apply, [2, 3]

    async def contested(change: Any) -> None:
        if refusals[0]:
            refusals[0] -= 1
            raise Conflict("The object was changed meanwhile; read it again and repeat.")
        await apply(change)

    monkeypatch.setattr(server.context.records, "apply", contested)
    assert (await registered.put(code["cds_client_uri"], code | {"client_name": "A"})).status_code == 200
    refusals[0] = 3
    assert (await registered.put(code["cds_client_uri"], code | {"client_name": "B"})).status_code == 409
    assert (await registered.get(code["cds_client_uri"])).json()["client_name"] == "A"
