"""Registration (CDS-WG1-02 section 4 on top of RFC 7591)."""

import asyncio
import base64
from typing import Any

import pytest
from msgspec.structs import replace

from app.catalog import Catalog
from app.domain import production
from app.domain.patterns import WORTH_IT
from app.domain.records import Wanted
from app.errors import AlreadyDecided, StoreUnavailable
from app.schemas.registrations import Registration
from app.store import keys
from tests.conftest import ADMIN_SCOPE, PUBLIC_URL, REQUIRED_FIELDS, MakeServer, Server, changed
from tests.domain.samples import png

EVERYTHING = "cds_client_admin ple_customer_data ple_grid_status ple_interconnection cds_server_provided_files_ple"
REQUIRED_MEMBERS = {
    "client_id": str,
    "client_id_issued_at": int,
    "scope": str,
    "redirect_uris": list,
    "token_endpoint_auth_method": (str, type(None)),
    "grant_types": list,
    "response_types": list,
    "client_name": str,
    "contacts": list,
    "authorization_details_types": list,
    "cds_created": str,
    "cds_modified": str,
    "cds_client_uri": str,
    "cds_status": str,
    "cds_status_options": list,
    "cds_server_metadata": str,
}


@pytest.mark.clause("WG1-02-4-01", "WG1-02-4.1-01", "WG1-02-4.2-01", "RFC7591-3.1-01", "RFC7591-3.2.1-01")
@pytest.mark.clause("WG1-02-11.2-01", "WG1-02-11.2-02", "WG1-02-11.4-01")
async def test_anybody_may_register_with_one_request(server: Server) -> None:
    """One POST, no token, no captcha: 201 and a JSON object."""
    metadata = (await server.http.get("/.well-known/oauth-authorization-server")).json()

    answer = await server.http.post(metadata["registration_endpoint"], json={"scope": ADMIN_SCOPE})

    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.clause("WG1-02-4.2-02", "WG1-02-4.2-03", "WG1-02-4.2-04", "WG1-02-4.2-05", "WG1-02-4.2-06")
@pytest.mark.clause("WG1-02-4.2-07", "WG1-02-5.1-06", "RFC7591-3.2.1-04")
async def test_the_answer_is_the_admin_client_object(server: Server) -> None:
    """With the fixed values of 4.2, whatever else was asked for."""
    body = (await server.register(EVERYTHING)).response.json()

    assert body["scope"] == "cds_client_admin"
    assert body["redirect_uris"] == []
    assert body["response_types"] == []
    assert body["grant_types"] == ["client_credentials"]
    assert body["token_endpoint_auth_method"] == "client_secret_basic"
    assert body["cds_client_uri"] == f"{PUBLIC_URL}/cds-api/v1/clients/{body['client_id']}"
    assert body["cds_status"] == "production"
    assert "client_secret_expires_at" not in body
    assert "registration_access_token" not in body


@pytest.mark.clause("RFC7591-3.2.1-02")
async def test_the_answer_is_not_to_be_cached(server: Server) -> None:
    """It has a secret in it."""
    answer = (await server.register()).response

    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["pragma"] == "no-cache"


async def test_strict_libraries_get_the_expiry_when_the_catalog_says_so(
    make_server: MakeServer, demo_catalog: Catalog
) -> None:
    """`registration.rfc7591_compatible` (ambiguities A2): in this answer and nowhere else."""
    server = await make_server(
        changed(demo_catalog, registration={"rfc7591_compatible": True, "secret_ttl_seconds": None})
    )

    registered = await server.register()

    assert registered.response.json()["client_secret_expires_at"] == 0
    assert "client_secret_expires_at" not in (await registered.clients())[ADMIN_SCOPE]


@pytest.mark.clause("WG1-02-4.2-08", "WG1-02-4.2-09", "WG1-02-4.2-22")
async def test_the_secret_is_that_of_the_admin_objects_credential(server: Server) -> None:
    """What the answer shows is what the Credentials API shows."""
    registered = await server.register()

    credential = await registered.credential_of(registered.client_id)

    assert credential["client_secret"] == registered.client_secret
    assert (await registered.clients())[ADMIN_SCOPE]["client_id"] == registered.client_id


@pytest.mark.clause("WG1-02-4.2-10", "WG1-02-4.2-12", "WG1-02-5.1-01", "WG1-02-5.1-04", "WG1-02-5.1-08")
async def test_every_scope_gets_a_client_object(server: Server) -> None:
    """One per scope, and one for the grant admin scope that others need although nobody asked for it."""
    registered = await server.register(EVERYTHING)

    clients = await registered.clients()

    assert set(clients) == {*EVERYTHING.split(), "cds_grant_admin"}
    for client in clients.values():
        for member, kind in REQUIRED_MEMBERS.items():
            assert isinstance(client[member], kind), member
    assert clients["cds_grant_admin"]["authorization_details_types"] == ["cds_grant_admin"]
    assert clients["cds_server_provided_files_ple"]["token_endpoint_auth_method"] is None


async def test_asking_for_the_grant_admin_scope_as_well_makes_no_second_object(server: Server) -> None:
    """Exactly one per registration (ambiguities A16)."""
    registered = await server.register("cds_client_admin cds_grant_admin cds_server_provided_files_ple")

    listing = (await registered.get("/cds-api/v1/clients")).json()["clients"]

    assert sorted(one["scope"] for one in listing) == [
        "cds_client_admin",
        "cds_grant_admin",
        "cds_server_provided_files_ple",
    ]


@pytest.mark.clause("WG1-02-4.2-11")
async def test_scopes_of_a_group_share_a_client_object(make_server: MakeServer, demo_catalog: Catalog) -> None:
    """As the catalog says, and only then."""
    scopes = dict(demo_catalog.scopes)
    scopes["ple_grid_status"] = replace(scopes["ple_grid_status"], group="grid")
    scopes["ple_grid_plans"] = replace(scopes["ple_grid_status"], id="ple_grid_plans")
    server = await make_server(changed(demo_catalog, scopes=scopes))

    registered = await server.register("cds_client_admin ple_grid_status ple_grid_plans")

    assert set(await registered.clients()) == {"cds_client_admin", "ple_grid_status ple_grid_plans"}


@pytest.mark.clause("WG1-02-4.2-13")
async def test_every_object_that_authenticates_has_a_credential(server: Server) -> None:
    """And those that do not have none."""
    registered = await server.register(EVERYTHING)
    listing = (await registered.get("/cds-api/v1/credentials")).json()["credentials"]

    owners = [one["client_id"] for one in listing]

    for client in (await registered.clients()).values():
        assert owners.count(client["client_id"]) == (client["token_endpoint_auth_method"] is not None)


@pytest.mark.clause("WG1-02-4.2-14", "WG1-02-4.2-17", "WG1-02-4.2-18", "WG1-02-4.2-20")
async def test_user_authorization_begins_in_the_sandbox(server: Server) -> None:
    """With the receipt page as redirect URI; production waits for the review."""
    registered = await server.register("cds_client_admin ple_customer_data")

    listing = (await registered.get("/cds-api/v1/clients")).json()["clients"]
    (client,) = [one for one in listing if one["scope"] == "ple_customer_data"]

    assert client["cds_status"] == "sandbox"
    assert client["cds_status_options"] == ["sandbox", "disabled"]
    assert client["redirect_uris"] == [f"{PUBLIC_URL}/oauth/receipt"]
    assert client["cds_default_redirect_uri"] == f"{PUBLIC_URL}/oauth/receipt"
    assert client["cds_default_scope"] == "ple_customer_data"
    assert client["cds_default_authorization_details"] == []
    for one in listing:
        assert not {"production", "sandbox"} <= set(one["cds_status_options"])


async def test_without_outstanding_steps_production_comes_at_once_where_the_catalog_lets_it(
    make_server: MakeServer, demo_catalog: Catalog
) -> None:
    """`registration.production: automatic` and a user scope without steps: a sandbox and a production object."""
    scopes = dict(demo_catalog.scopes)
    scopes["ple_customer_data"] = replace(scopes["ple_customer_data"], registration_requirements=())
    server = await make_server(changed(demo_catalog, scopes=scopes, registration={"production": "automatic"}))
    registered = await server.register("cds_client_admin ple_customer_data")

    listing = (await registered.get("/cds-api/v1/clients")).json()["clients"]

    both = {one["cds_status"]: one for one in listing if one["scope"] == "ple_customer_data"}
    assert set(both) == {"sandbox", "production"}
    with pytest.raises(AlreadyDecided):
        await production.approve(server.context, registered.access, both["sandbox"]["client_id"])


async def test_a_scope_without_users_and_steps_is_in_production_at_once(server: Server) -> None:
    """One with steps begins in the sandbox, so that a production_request has a target (ambiguities A18)."""
    clients = await (await server.register(EVERYTHING)).clients()

    assert clients["ple_grid_status"]["cds_status_options"] == ["production", "disabled"]
    assert clients["ple_interconnection"]["cds_status_options"] == ["sandbox", "disabled"]
    assert clients["cds_client_admin"]["cds_status_options"] == ["production"]
    assert clients["cds_grant_admin"]["cds_status"] == "production"


@pytest.mark.clause("WG1-02-4.1-07")
@pytest.mark.parametrize("redirect_uris", [["https://app.example/cb"], "nonsense", [1], None, {}])
async def test_submitted_redirect_uris_are_ignored(server: Server, redirect_uris: Any) -> None:
    """Whatever they are (ambiguities A13)."""
    registered = await server.register("cds_client_admin ple_customer_data", redirect_uris=redirect_uris)

    clients = await registered.clients()

    assert clients["ple_customer_data"]["redirect_uris"] == [f"{PUBLIC_URL}/oauth/receipt"]


@pytest.mark.clause("RFC7591-2-01")
async def test_values_that_the_server_decides_and_unknown_ones_are_ignored(server: Server) -> None:
    """The server's values come back (ambiguities A12, A23)."""
    registered = await server.register(
        "cds_client_admin ple_grid_status",
        grant_types=["implicit"],
        response_types=["token"],
        token_endpoint_auth_method="private_key_jwt",
        client_id="mine",
        cds_status="sandbox",
        cds_unheard_of={"deep": [1]},
        favourite_colour="green",
    )

    client = (await registered.clients())["ple_grid_status"]

    assert client["grant_types"] == ["client_credentials"]
    assert client["token_endpoint_auth_method"] == "client_secret_basic"
    assert client["cds_status"] == "production"
    assert "favourite_colour" not in client
    assert "cds_unheard_of" not in client


@pytest.mark.clause("WG1-02-5.1-03")
async def test_without_a_name_each_object_shows_its_own_client_id(server: Server) -> None:
    """Ambiguities A4."""
    registered = await server.register("cds_client_admin ple_grid_status")

    for client in (await registered.clients()).values():
        assert client["client_name"] == client["client_id"]


@pytest.mark.clause("RFC7591-3.2.1-03")
async def test_what_was_submitted_is_on_every_object(server: Server) -> None:
    """Name, contacts and links; translations and software ids too."""
    about = {
        "client_name": "Meadow",
        "contacts": ["ops@meadow.example"],
        "client_uri": "https://meadow.example/",
        "logo_uri": "https://meadow.example/logo.png",
        "tos_uri": "https://meadow.example/terms",
        "policy_uri": "https://meadow.example/policy",
        "client_name#de": "Wiese",
        "software_id": "4NRB1-0XZABZI9E6-5SM3R",
    }
    registered = await server.register("cds_client_admin ple_grid_status", **about)

    for client in (await registered.clients()).values():
        assert {name: client[name] for name in about} == about
    other = await server.register()
    assert other.client_id != registered.client_id
    assert other.client_secret != registered.client_secret


@pytest.mark.clause("WG1-02-4.1-06", "WG1-02-3.6-01")
async def test_registration_field_values_show_on_the_objects_that_ask_for_them(server: Server) -> None:
    """Not on others, and files never (ambiguities A5)."""
    logo = base64.b64encode(png()).decode()
    registered = await server.register("cds_client_admin ple_customer_data ple_grid_status", cds_company_logo=logo)

    clients = await registered.clients()

    assert clients["ple_customer_data"]["cds_company_name"] == REQUIRED_FIELDS["cds_company_name"]
    assert clients["ple_customer_data"]["cds_newsletter"] is False
    assert "cds_company_name" not in clients["cds_client_admin"]
    assert "cds_company_name" not in clients["ple_grid_status"]
    assert all("cds_company_logo" not in client for client in clients.values())
    wanted = Wanted(Registration, registered.registration_id)
    (registration,) = await server.context.records.load(registered.access, wanted)
    assert registration is not None
    stored = await server.context.files.get(registration.object.field_files["cds_company_logo"])
    assert stored == png()


@pytest.mark.clause("WG1-02-4.1-05", "RFC7591-3.2.2-01")
@pytest.mark.parametrize(
    ("scope", "named"),
    [
        ("cds_client_admin nope", "nope"),
        ("cds_client_admin openid", "openid"),
        ("cds_client_admin CDS_GRANT_ADMIN", "CDS_GRANT_ADMIN"),
        ("cds_client_admin <b>", "cds_scope_descriptions"),
        ("cds_client_admin " + " ".join(f"s{n}" for n in range(1500)), "s0"),
    ],
)
async def test_a_scope_that_is_not_on_offer_is_refused_by_name(server: Server, scope: str, named: str) -> None:
    """400 with the RFC 7591 object, and nothing is created."""
    answer = await server.http.post("/oauth/register", json={"scope": scope})

    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_client_metadata"
    assert named in answer.json()["error_description"]
    assert await registrations_in(server) == 0


@pytest.mark.clause("WG1-02-4.1-03")
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"scope": ""},
        {"scope": "ple_grid_status"},
        {"scope": None},
        {"scope": ["cds_client_admin"]},
        {"scope": 7},
        {"scope": "cds_client_admin\nple_grid_status"},
        {"scope": "cds_client_admin " + "x" * 20_000},
    ],
)
async def test_a_registration_without_the_admin_scope_is_refused(server: Server, body: dict[str, Any]) -> None:
    """The answer says which scope is missing (ambiguities A6)."""
    answer = await server.http.post("/oauth/register", json=body)

    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_client_metadata"
    assert "cds_client_admin" in answer.json()["error_description"]
    assert await registrations_in(server) == 0


async def test_ten_thousand_scopes_are_refused(server: Server) -> None:
    """Quickly, and as a client error."""
    answer = await server.http.post("/oauth/register", json={"scope": " ".join(f"scope_{n}" for n in range(10_000))})

    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cds_company_name", None),
        ("cds_company_name", 5),
        ("cds_company_name", "x" * 201),
        ("cds_privacy_policy", "meadow.example"),
        ("cds_security_contact", "nobody"),
        ("cds_newsletter", "yes"),
        ("cds_company_logo", "bm90IGFuIGltYWdl"),
        ("client_name", 5),
        ("contacts", "me"),
        ("client_uri", "javascript:alert(1)"),
    ],
)
async def test_a_wrong_value_is_refused_by_field(server: Server, field: str, value: Any) -> None:
    """The description begins with the field and says what is accepted; nothing is half-written."""
    body = {"scope": "cds_client_admin ple_customer_data", **REQUIRED_FIELDS, field: value}

    answer = await server.http.post("/oauth/register", json=body)

    assert answer.status_code == 400, answer.text
    assert answer.json()["error"] == "invalid_client_metadata"
    assert field in answer.json()["error_description"]
    assert await registrations_in(server) == 0


@pytest.mark.clause("WG1-02-3.6-01", "WG1-02-3.4-05")
@pytest.mark.parametrize(
    ("scope", "required"),
    [
        ("cds_client_admin ple_grid_status", set()),
        ("cds_client_admin ple_interconnection", {"cds_company_name"}),
        ("cds_client_admin ple_customer_data", set(REQUIRED_FIELDS)),
        ("cds_client_admin ple_customer_data ple_interconnection", set(REQUIRED_FIELDS)),
    ],
)
async def test_what_has_to_be_submitted_follows_from_the_scopes(server: Server, scope: str, required: set[str]) -> None:
    """All that they require, nothing that only others do; what is missing is named (ambiguities A8)."""
    body = {"scope": scope} | {name: REQUIRED_FIELDS[name] for name in required}
    assert (await server.http.post("/oauth/register", json=body)).status_code == 201

    for name in required:
        answer = await server.http.post("/oauth/register", json={key: body[key] for key in body if key != name})
        assert answer.status_code == 400
        assert name in answer.json()["error_description"]


@pytest.mark.clause("WG1-02-3.6-08", "WG1-02-3.6-18", "WG1-02-3.6-26", "WG1-02-3.6-36", "WG1-02-3.6-46")
async def test_onboarding_steps_are_asked_for_at_once(server: Server) -> None:
    """One Message per step, in the registration request itself."""
    registered = await server.register(EVERYTHING)

    messages = await registered.messages()
    by_field = {
        one["description"].rpartition(": ")[2]: one for one in messages if "Registration field" in one["description"]
    }

    expected = {
        "data_terms": ("online_form_request", "online_form"),
        "contact_check": ("online_form_request", "online_form"),
        "portal_account": ("online_form_request", "online_form"),
        "insurance_form": ("pdf_form_request", "pdf_form"),
        "setup_fee": ("payment_request", "payment_form"),
    }
    assert {name: (one["type"], one["related_type"]) for name, one in by_field.items()} == expected
    for message in by_field.values():
        assert message["status"] == "open"
        assert message["read"] is False
        assert message["creator"] is None
        assert message["previous_uri"] is None
    assert by_field["setup_fee"]["amount"] == 250
    assert by_field["setup_fee"]["currency"] == "USD"


@pytest.mark.clause("WG1-02-3.6-05")
async def test_a_review_shows_as_a_production_request(server: Server) -> None:
    """Made by the Server, pending, for the sandbox object (ambiguities A19)."""
    registered = await server.register("cds_client_admin ple_customer_data")
    client = (await registered.clients())["ple_customer_data"]

    (message,) = await registered.messages("production_request")

    assert message["creator"] is None
    assert message["status"] == "pending"
    assert message["related_uri"] == client["cds_client_uri"]
    assert message["related_type"] == "client"


async def test_a_new_client_is_welcomed(server: Server) -> None:
    """With the catalog's words, unread."""
    registered = await server.register()

    (message,) = await registered.messages("notification")

    assert "Welcome" in message["name"]
    assert message["read"] is False
    assert message["related_type"] == "documentation"


@pytest.mark.clause("WG1-02-8-01")
async def test_the_admin_authorization_shows_as_a_grant(server: Server) -> None:
    """From the registration on, as in the example of 12.16."""
    registered = await server.register()

    (grant,) = (await registered.get("/cds-api/v1/grants")).json()["grants"]

    assert grant["client_id"] == registered.client_id
    assert grant["scope"] == grant["enabled_scope"] == "cds_client_admin"
    assert grant["status"] == "active"


async def test_two_registrations_have_nothing_in_common(server: Server) -> None:
    """Registering twice makes two (ambiguities J11)."""
    first, second = await server.register(), await server.register()

    assert first.registration_id != second.registration_id
    assert (await second.get(f"/cds-api/v1/clients/{first.client_id}")).status_code == 404


async def test_a_hundred_registrations_at_once_all_succeed(server: Server) -> None:
    """And all have their own ids."""
    registered = await asyncio.gather(*(server.register() for _ in range(100)))

    assert len({one.client_id for one in registered}) == 100
    assert await registrations_in(server) == 100


async def test_a_registration_takes_one_round_trip(server: Server) -> None:
    """All its objects are one change."""
    before = server.connection.round_trips

    await server.register(EVERYTHING)

    assert server.connection.round_trips == before + 1


async def test_a_store_outage_is_503_and_says_when_to_try_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never a success, and the files that came along are of no consequence."""

    async def down(*_: object) -> None:
        raise StoreUnavailable("The store does not answer.")

    monkeypatch.setattr(server.connection, "run", down)

    answer = await server.http.post("/oauth/register", json={"scope": ADMIN_SCOPE})

    assert answer.status_code == 503
    assert answer.json()["error"] == "temporarily_unavailable"
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "text/plain", None])
async def test_json_is_read_whatever_the_content_type_says(server: Server, content_type: str | None) -> None:
    """As curl sends it (ambiguities A14)."""
    headers = {"content-type": content_type} if content_type else {}

    answer = await server.http.post("/oauth/register", content=b'{"scope":"cds_client_admin"}', headers=headers)

    assert answer.status_code == 201


async def registrations_in(server: Server) -> int:
    """How many registrations the store has."""
    counts = [await server.connection.command("ZCARD", keys.registrations(shard)) for shard in keys.SHARDS]
    return sum(counts)


async def test_a_registration_like_many_before_it_has_nothing_of_theirs(server: Server) -> None:
    """What registrations of a kind have in common is worked out once; everything works in those that follow."""
    made = [await server.register(EVERYTHING, client_name=f"Meadow {number}") for number in range(WORTH_IT + 1)]
    last = made[-1]

    clients = (await last.get("/cds-api/v1/clients")).json()["clients"]
    credentials = (await last.get("/cds-api/v1/credentials")).json()["credentials"]
    others = (await made[-2].get("/cds-api/v1/credentials")).text

    assert {one["client_name"] for one in clients} == {f"Meadow {WORTH_IT}"}
    assert {one["client_id"] for one in clients} == {last.client_id} | {f"{last.client_id}-{n}" for n in range(1, 6)}
    assert len(credentials) == len({one["client_secret"] for one in credentials}) == 5
    for one in credentials:
        assert one["client_secret"] not in others
        assert (await server.token_response(one["client_id"], one["client_secret"])).status_code != 401
    for message in await last.messages():
        assert message["uri"].endswith(f"/cds-api/v1/messages/{message['message_id']}")
        assert (await last.get(f"/cds-api/v1/messages/{message['message_id']}")).json() == message
