"""CDS-WG1-02 3.3 to 3.10: the descriptions of scopes, registration fields and authorization details fields."""

import re
from decimal import Decimal
from typing import Any

import pytest

from app.catalog import values
from app.schemas.encoding import decode
from tests import catalogs
from tests.catalogs import REGISTRATION_FIELD, SCOPE, USER_SCOPE, a_catalog, with_details
from tests.conftest import PUBLIC_URL, MakeServer

WELL_KNOWN = "/.well-known/oauth-authorization-server"
DOCS = f"{PUBLIC_URL}/docs/scopes"

SCOPE_KEYS = {
    "id": str,
    "type": str,
    "name": str,
    "description": str,
    "documentation": str,
    "registration_requirements": list,
    "registration_optional": list,
    "response_types_supported": list,
    "grant_types_supported": list,
    "token_endpoint_auth_methods_supported": list,
    "code_challenge_methods_supported": list,
    "coverages_supported": list,
    "grant_admin_scope": str | None,
    "authorization_details_types_supported": list,
    "authorization_details_fields_supported": list,
}
REGISTRATION_FORMATS = {
    f"{base}{suffix}" for base in ("string", "url", "email", "boolean", "image", "pdf") for suffix in ("", "_or_null")
}
DETAILS_FORMATS = {
    "int",
    "decimal",
    "string",
    "string_or_null",
    "string_list",
    "boolean",
    "relative_or_absolute_date",
    "relative_or_absolute_datetime",
    "choice",
    "jwk_or_null",
}
WITH_LIMITS = DETAILS_FORMATS - {"boolean", "choice", "jwk_or_null"}

MANDATED_CLIENT_ADMIN = {
    "id": "cds_client_admin",
    "type": "cds_client_admin",
    "name": "Client Admin",
    "description": "This scope grants administrative access to the Client management APIs.",
    "registration_requirements": [],
    "registration_optional": [],
    "response_types_supported": [],
    "grant_types_supported": ["client_credentials"],
    "token_endpoint_auth_methods_supported": ["client_secret_basic"],
    "code_challenge_methods_supported": [],
    "coverages_supported": [],
    "grant_admin_scope": None,
    "authorization_details_types_supported": [],
    "authorization_details_fields_supported": [],
}


def mandated_field(field_id: str, name: str, description: str, scope_id: str) -> dict[str, Any]:
    """A required identifier, as all three that the specification fixes are."""
    return {
        "id": field_id,
        "name": name,
        "description": description,
        "documentation": f"{DOCS}#{scope_id}-{field_id}",
        "for_types": [scope_id],
        "format": "string",
        "is_required": True,
        "maximum": 1000,
        "minimum": 1,
    }


CLIENT_ID = ("client_id", "Client Object identifier", "The Client Object identifier for which the Grant is issued.")
GRANT_ID = (
    "grant_id",
    "Grant identifier",
    "The Grant identifier for which the returned access_token will be given access.",
)
FILE_ID = (
    "file_id",
    "File identifier",
    "A file provided by the Server that may be accessed by the Client as part of the Grant.",
)


@pytest.fixture
async def metadata(server) -> dict[str, Any]:
    return decode((await server.http.get(WELL_KNOWN)).content)


@pytest.fixture
async def scopes(metadata) -> dict[str, dict[str, Any]]:
    return metadata["cds_scope_descriptions"]


@pytest.fixture
async def details_fields(scopes) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Every authorization details field with its scope."""
    return [(scope, field) for scope in scopes.values() for field in scope["authorization_details_fields_supported"]]


async def scopes_of(make_server: MakeServer, tmp_path, catalog: dict[str, Any]) -> dict[str, dict[str, Any]]:
    server = await make_server(catalogs.load(catalog, tmp_path))
    return decode((await server.http.get(WELL_KNOWN)).content)["cds_scope_descriptions"]


# 3.3 Built-in scopes


@pytest.mark.clause("WG1-02-3.3.1-01", "WG1-02-3.3.1-02")
async def test_the_client_admin_scope_is_described_to_the_letter(scopes):
    described = dict(scopes["cds_client_admin"])

    assert described.pop("documentation") == f"{DOCS}#cds_client_admin"
    assert described == MANDATED_CLIENT_ADMIN


@pytest.mark.clause("WG1-02-3.3.2-02", "WG1-02-3.3.2-04", "WG1-02-3.3.2-05", "WG1-02-3.3.2-06")
async def test_the_grant_admin_scope_is_described_to_the_letter(scopes):
    assert scopes["cds_grant_admin"] == {
        **MANDATED_CLIENT_ADMIN,
        "id": "cds_grant_admin",
        "type": "cds_grant_admin",
        "name": "Grant Admin",
        "description": "This scope grants administrative access to previously created Grants.",
        "documentation": f"{DOCS}#cds_grant_admin",
        "authorization_details_types_supported": ["cds_grant_admin"],
        "authorization_details_fields_supported": [
            mandated_field(*CLIENT_ID, "cds_grant_admin"),
            mandated_field(*GRANT_ID, "cds_grant_admin"),
        ],
    }


@pytest.mark.clause("WG1-02-3.3.3-02", "WG1-02-3.3.3-03", "WG1-02-3.3.3-04", "WG1-02-3.3.3-05", "WG1-02-3.3.3-07")
async def test_a_files_scope_is_described_to_the_letter(make_server, tmp_path):
    catalog = a_catalog(
        scopes={
            "cds_grant_admin": {"type": "cds_grant_admin"},
            "cds_server_provided_files_01": {"type": "cds_server_provided_files"},
        }
    )

    described = (await scopes_of(make_server, tmp_path, catalog))["cds_server_provided_files_01"]

    assert described == {
        **MANDATED_CLIENT_ADMIN,
        "id": "cds_server_provided_files_01",
        "type": "cds_server_provided_files",
        "name": "Server-Provided Files",
        "description": "This scope grants access to specific files that the Server wants make available to the Client.",
        "documentation": f"{DOCS}#cds_server_provided_files_01",
        "grant_types_supported": [],
        "token_endpoint_auth_methods_supported": [],
        "grant_admin_scope": "cds_grant_admin",
        "authorization_details_types_supported": ["cds_server_provided_files_01"],
        "authorization_details_fields_supported": [mandated_field(*FILE_ID, "cds_server_provided_files_01")],
    }


@pytest.mark.clause("WG1-02-3.3.2-03", "WG1-02-3.3.2-12", "WG1-02-3.3.2-13", "WG1-02-3.3.3-09")
async def test_there_may_be_several_grant_admin_and_files_scopes(make_server, tmp_path):
    catalog = a_catalog(
        scopes={
            "cds_grant_admin_1": {"type": "cds_grant_admin"},
            "cds_grant_admin_2": {"type": "cds_grant_admin"},
            "cds_server_provided_files_a": {
                "type": "cds_server_provided_files",
                "name": "Server-Provided Files: Tariffs",
                "grant_admin_scope": "cds_grant_admin_1",
            },
            "cds_server_provided_files_b": {
                "type": "cds_server_provided_files",
                "name": "Server-Provided Files: Studies",
                "grant_admin_scope": "cds_grant_admin_2",
            },
        }
    )

    scopes = await scopes_of(make_server, tmp_path, catalog)

    assert scopes["cds_grant_admin_2"]["authorization_details_types_supported"] == ["cds_grant_admin_2"]
    assert scopes["cds_grant_admin_2"]["authorization_details_fields_supported"][0]["for_types"] == [
        "cds_grant_admin_2"
    ]
    assert scopes["cds_server_provided_files_b"]["grant_admin_scope"] == "cds_grant_admin_2"
    assert scopes["cds_server_provided_files_b"]["name"] == "Server-Provided Files: Studies"


@pytest.mark.clause("WG1-02-3.3-01", "WG1-02-3.3-03")
async def test_the_utilitys_own_scopes_carry_its_prefix(scopes):
    own = [scope for scope in scopes.values() if not scope["type"].startswith("cds_")]

    assert own
    assert all(scope["id"].startswith("ple_") and scope["type"].startswith("ple_") for scope in own)


# 3.4 Scope descriptions


@pytest.mark.clause("WG1-02-3.4-01", "WG1-02-3.4-07", "WG1-02-3.4-17", "WG1-02-3.4-19")
async def test_every_description_has_all_fifteen_fields(scopes):
    for scope in scopes.values():
        assert set(scope) == set(SCOPE_KEYS)
        for name, kind in SCOPE_KEYS.items():
            assert isinstance(scope[name], kind), (scope["id"], name)


@pytest.mark.clause("WG1-02-3.4-02")
async def test_the_id_of_a_scope_is_its_key(scopes):
    assert all(key == scope["id"] for key, scope in scopes.items())


@pytest.mark.clause("WG1-02-3.4-09", "WG1-02-3.4-12", "WG1-02-3.4-14")
async def test_response_types_and_s256_are_there_exactly_with_the_code_grant(scopes):
    for scope in scopes.values():
        has_users = "authorization_code" in scope["grant_types_supported"]

        assert scope["response_types_supported"] == (["code"] if has_users else [])
        assert scope["code_challenge_methods_supported"] == (["S256"] if has_users else [])


@pytest.mark.clause("WG1-02-3.4-10")
async def test_every_scope_but_those_for_files_has_a_grant_type(scopes):
    for scope in scopes.values():
        assert bool(scope["grant_types_supported"]) != (scope["type"] == "cds_server_provided_files")


@pytest.mark.clause("WG1-02-3.4-15")
async def test_the_coverage_of_a_scope_is_in_the_coverage_listing(server, scopes):
    listing = (await server.http.get("/cds-api/v1/coverage")).json()["coverage_entries"]

    named = {entry_id for scope in scopes.values() for entry_id in scope["coverages_supported"]}
    assert named
    assert named <= {entry["id"] for entry in listing}


@pytest.mark.clause("WG1-02-3.3.2-13", "WG1-02-3.4-16", "WG1-02-3.4-17")
async def test_a_grant_admin_scope_that_is_named_exists_and_none_is_null(scopes):
    named = [scope["grant_admin_scope"] for scope in scopes.values()]

    assert "cds_grant_admin" in named
    assert None in named
    assert all(scopes[one]["type"] == "cds_grant_admin" for one in named if one is not None)


@pytest.mark.clause("WG1-02-3.4-03")
async def test_several_scopes_may_have_one_type(make_server, tmp_path):
    scopes = await scopes_of(make_server, tmp_path, a_catalog(scopes={"a": SCOPE, "b": USER_SCOPE}))

    assert scopes["a"]["type"] == scopes["b"]["type"] == "test_usage"


async def test_what_steers_our_server_is_not_published(make_server, tmp_path):
    catalog = a_catalog(
        scopes={"usage": USER_SCOPE | {"pkce": "required", "group": "all", "authorized_status": "pending"}}
    )

    described = (await scopes_of(make_server, tmp_path, catalog))["usage"]

    assert set(described) == set(SCOPE_KEYS)


async def test_extension_fields_of_scopes_and_fields_are_published_as_they_stand(make_server, tmp_path):
    catalog = with_details(example_unit="kWh")
    catalog["scopes"]["usage"]["example_tiers"] = {"basic": Decimal("0.10")}

    described = (await scopes_of(make_server, tmp_path, catalog))["usage"]

    assert described["example_tiers"] == {"basic": Decimal("0.10")}
    assert described["authorization_details_fields_supported"][0]["example_unit"] == "kWh"


async def test_documentation_of_the_catalogs_own_is_published(make_server, tmp_path):
    catalog = with_details(documentation="/manual#limit")
    catalog["scopes"]["usage"]["documentation"] = "https://manual.example/usage"

    described = (await scopes_of(make_server, tmp_path, catalog))["usage"]

    assert described["documentation"] == "https://manual.example/usage"
    assert described["authorization_details_fields_supported"][0]["documentation"] == f"{PUBLIC_URL}/manual#limit"


# 3.5 to 3.7 Registration fields


@pytest.mark.clause("WG1-02-3.5-01", "WG1-02-3.5-02", "WG1-02-3.6-02")
async def test_every_registration_field_has_its_key_as_id_and_a_known_type(metadata):
    for key, field in metadata["cds_registration_fields"].items():
        assert field["id"] == key
        assert field["description"]
        assert field["documentation"] == f"{PUBLIC_URL}/docs/registration-fields#{key}"
        assert field["type"] in {
            "registration_field",
            "internal_review",
            "payment_required",
            "email_verification",
            "sso_verification",
            "pdf_form",
            "online_form",
        }


@pytest.mark.clause("WG1-02-3.5-03", "WG1-02-3.6-03", "WG1-02-3.7-01")
async def test_fields_that_are_submitted_have_a_prefixed_name_and_a_known_format(metadata):
    for field in metadata["cds_registration_fields"].values():
        if field["type"] == "registration_field":
            assert field["field_name"].startswith("cds_")
            assert field["format"] in REGISTRATION_FORMATS
        else:
            assert not {"field_name", "format", "default", "max_length", "max_size"} & set(field)


@pytest.mark.clause("WG1-02-3.6-04", "WG1-02-3.6-01")
async def test_a_default_stands_exactly_at_optional_fields(metadata, scopes):
    required = {name for scope in scopes.values() for name in scope["registration_requirements"]}
    optional = {name for scope in scopes.values() for name in scope["registration_optional"]}

    assert not required & optional
    for field_id, field in metadata["cds_registration_fields"].items():
        assert ("default" in field) == (field_id in optional)


@pytest.mark.clause("WG1-02-2-04", "WG1-02-3.5-08", "WG1-02-3.6-06")
async def test_a_payment_has_an_exact_amount_and_a_currency(server, metadata):
    fee = metadata["cds_registration_fields"]["setup_fee"]

    assert (fee["amount"], fee["currency"]) == (Decimal("250.00"), "USD")
    assert b'"amount":250.00' in (await server.http.get(WELL_KNOWN)).content


@pytest.mark.clause("WG1-02-2-04")
async def test_limits_of_registration_fields_are_whole_numbers(metadata):
    for field in metadata["cds_registration_fields"].values():
        assert all(type(field[name]) is int for name in ("max_length", "max_size") if name in field)


@pytest.mark.clause("WG1-02-3.6-44")
async def test_how_a_form_is_offered_is_not_published_and_a_pdf_form_has_its_blank(demo_catalog, metadata):
    assert all("form" not in field for field in metadata["cds_registration_fields"].values())
    assert demo_catalog.registration_fields["insurance_form"].form.pdf == "insurance-form.pdf"


async def test_a_null_default_is_published(make_server, tmp_path):
    field = REGISTRATION_FIELD | {"format": "string_or_null", "default": None}
    catalog = catalogs.with_scope(fields={"company": field}, registration_optional=["company"])
    server = await make_server(catalogs.load(catalog, tmp_path))

    published = (await server.http.get(WELL_KNOWN)).json()["cds_registration_fields"]["company"]

    assert published["default"] is None


# 3.8 to 3.10 Authorization details fields


@pytest.mark.clause("WG1-02-3.8-01", "WG1-02-3.9-01")
async def test_every_details_field_has_the_required_keys_and_a_known_format(details_fields):
    assert details_fields
    for scope, field in details_fields:
        assert all(field[name] for name in ("id", "name", "description"))
        assert field["documentation"] == f"{DOCS}#{scope['id']}-{field['id']}"
        assert field["format"] in DETAILS_FORMATS
        assert isinstance(field["is_required"], bool)


@pytest.mark.clause("WG1-02-3.8-03")
async def test_for_types_are_among_the_types_of_the_scope(details_fields):
    for scope, field in details_fields:
        assert field["for_types"]
        assert set(field["for_types"]) <= set(scope["authorization_details_types_supported"])


@pytest.mark.clause("WG1-02-3.8-07")
async def test_a_required_field_has_no_default_and_an_optional_one_has(details_fields):
    assert all(("default" in field) != field["is_required"] for _, field in details_fields)


@pytest.mark.clause("WG1-02-3.8-08", "WG1-02-3.8-15")
async def test_maximum_and_minimum_are_there_exactly_where_the_format_has_limits(details_fields):
    for _, field in details_fields:
        assert ("maximum" in field) == ("minimum" in field) == (field["format"] in WITH_LIMITS)


@pytest.mark.parametrize(
    ("format_", "minimum", "maximum"),
    [
        ("int", 0, 9),
        ("int", -3, "infinite"),
        ("decimal", Decimal("0.1"), Decimal("12345678901234567890.123456789")),
        ("decimal", 0, "infinite"),
        ("string", 0, 20),
        ("string_or_null", 1, 20),
        ("string_list", 0, 2000),
        ("relative_or_absolute_date", "P0D", "P24M"),
        ("relative_or_absolute_date", "2025-01-01", "infinite"),
        ("relative_or_absolute_datetime", "PT0S", "P30DT2H"),
        ("relative_or_absolute_datetime", "2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
    ],
)
@pytest.mark.clause(
    "WG1-02-3.8-09",
    "WG1-02-3.8-16",
    "WG1-02-2-03",
    "WG1-02-2-04",
)
async def test_limits_are_published_exactly_as_the_format_has_them(make_server, tmp_path, format_, minimum, maximum):
    catalog = with_details(format=format_, minimum=minimum, maximum=maximum)

    scopes = await scopes_of(make_server, tmp_path, catalog)

    [field] = scopes["usage"]["authorization_details_fields_supported"]
    assert (field["minimum"], field["maximum"]) == (minimum, maximum)


@pytest.mark.clause("WG1-02-2-02", "WG1-02-2-03")
async def test_dates_and_durations_are_strict(details_fields):
    checks = {
        "relative_or_absolute_date": values.is_relative_or_absolute_date,
        "relative_or_absolute_datetime": values.is_relative_or_absolute_datetime,
    }
    for _, field in details_fields:
        if check := checks.get(field["format"]):
            assert all(check(field[name]) for name in ("minimum", "maximum", "default") if name in field)


@pytest.mark.clause("WG1-02-2-03")
async def test_a_duration_of_nothing_is_published_in_the_spelling_of_rfc_3339(make_server, tmp_path):
    catalog = with_details(format="relative_or_absolute_datetime", minimum="P0S", maximum="P1D", default="P0S")

    [field] = (await scopes_of(make_server, tmp_path, catalog))["usage"]["authorization_details_fields_supported"]

    assert (field["minimum"], field["default"]) == ("PT0S", "PT0S")


async def test_of_a_field_that_looks_back_the_minimum_is_nearest_to_now_and_the_flag_is_ours(scopes):
    [start] = [
        field
        for field in scopes["ple_customer_data"]["authorization_details_fields_supported"]
        if field["id"] == "start_date"
    ]

    assert (start["minimum"], start["maximum"]) == ("P0D", "P3Y")
    assert "looks_back" not in start


@pytest.mark.clause("WG1-02-3.8-17", "WG1-02-3.10-01")
async def test_a_choice_has_described_choices_and_other_formats_have_none(details_fields):
    for scope, field in details_fields:
        assert ("choices" in field) == (field["format"] == "choice")
        for choice in field.get("choices", ()):
            assert re.fullmatch(r"[A-Za-z0-9_-]+", choice["id"])
            assert choice["name"]
            assert choice["description"]
            assert choice["documentation"] == f"{DOCS}#{scope['id']}-{field['id']}-{choice['id']}"
        if "choices" in field:
            assert field["default"] in [choice["id"] for choice in field["choices"]]
