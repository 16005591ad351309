"""CDS-WG1-02 3.1 and 3.2 on top of RFC 8414: what an OAuth client and a CDS client find in one document."""

from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest

from tests import catalogs
from tests.catalogs import ENTRY, REGISTRATION_FIELD, SCOPE, USER_SCOPE, a_catalog
from tests.conftest import PUBLIC_URL, MakeServer

WELL_KNOWN = "/.well-known/oauth-authorization-server"
URLS = {
    "registration_endpoint",
    "token_endpoint",
    "service_documentation",
    "op_policy_uri",
    "op_tos_uri",
    "revocation_endpoint",
    "introspection_endpoint",
    "cds_human_registration",
    "cds_clients_api",
    "cds_messages_api",
    "cds_credentials_api",
    "cds_grants_api",
}
UNIONS = (
    "response_types_supported",
    "grant_types_supported",
    "token_endpoint_auth_methods_supported",
    "code_challenge_methods_supported",
    "authorization_details_types_supported",
)
OF_USER_AUTHORIZATION = {
    "authorization_endpoint",
    "pushed_authorization_request_endpoint",
    "require_pushed_authorization_requests",
    "response_modes_supported",
    "authorization_response_iss_parameter_supported",
    "cds_test_accounts",
}


@pytest.fixture
async def metadata(server) -> dict[str, Any]:
    return (await server.http.get(WELL_KNOWN)).json()


async def metadata_of(make_server: MakeServer, tmp_path, catalog: dict[str, Any], **environment: str) -> dict[str, Any]:
    server = await make_server(catalogs.load(catalog, tmp_path), **environment)
    return (await server.http.get(WELL_KNOWN)).json()


@pytest.mark.clause("WG1-02-3-01", "WG1-02-3.1-01", "RFC8414-3.2-01")
async def test_the_metadata_is_public_json(server):
    response = await server.http.get(WELL_KNOWN)

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["access-control-allow-origin"] == "*"


@pytest.mark.clause("WG1-02-3-02", "RFC8414-2-01")
async def test_the_fields_that_rfc_8414_requires_are_there(metadata):
    assert metadata["issuer"] == PUBLIC_URL
    assert not urlsplit(metadata["issuer"]).query
    assert not urlsplit(metadata["issuer"]).fragment
    assert metadata["authorization_endpoint"] == f"{PUBLIC_URL}/oauth/authorize"
    assert metadata["token_endpoint"] == f"{PUBLIC_URL}/oauth/token"
    assert metadata["response_types_supported"] == ["code"]


@pytest.mark.clause("RFC8414-3.3-01", "WG1-02-3.1-05")
async def test_the_issuer_is_the_well_known_url_without_its_well_known_part(server, metadata):
    server_metadata = (await server.http.get("/.well-known/cds-server-metadata.json")).json()

    assert server_metadata["oauth_metadata"].replace(WELL_KNOWN, "") == metadata["issuer"]


@pytest.mark.clause("WG1-02-3.2-01", "WG1-02-3.2-14")
async def test_every_required_url_is_an_absolute_one_of_this_server(metadata):
    for name in URLS:
        assert metadata[name].startswith(f"{PUBLIC_URL}/"), name


@pytest.mark.clause("WG1-02-3.2-01", "WG1-02-3.2-14", "RFC8414-3.2-01")
async def test_required_arrays_and_maps_are_there_even_when_they_are_empty(make_server, tmp_path):
    metadata = await metadata_of(make_server, tmp_path, a_catalog())

    assert metadata["scopes_supported"] == ["cds_client_admin"]
    assert metadata["response_types_supported"] == []
    assert metadata["code_challenge_methods_supported"] == []
    assert metadata["authorization_details_types_supported"] == []
    assert metadata["cds_registration_fields"] == {}


@pytest.mark.clause("WG1-02-3.2-15")
async def test_the_version_is_v1(metadata):
    assert metadata["cds_oauth_version"] == "v1"


@pytest.mark.clause("WG1-02-2-05", "WG1-02-3.2-17")
async def test_the_time_zone_is_one_of_iana(metadata):
    assert ZoneInfo(metadata["cds_timezone"]).key == "America/Chicago"


@pytest.mark.clause("WG1-02-3.2-03", "WG1-02-3.2-20")
async def test_scopes_supported_are_the_keys_of_the_scope_descriptions(metadata):
    assert metadata["scopes_supported"] == list(metadata["cds_scope_descriptions"])
    assert "cds_client_admin" in metadata["scopes_supported"]


@pytest.mark.clause(
    "WG1-02-3.2-07", "WG1-02-3.2-09", "WG1-02-3.2-11", "WG1-02-3.2-12", "WG1-02-3.2-13", "WG1-02-3.2-20"
)
async def test_each_list_is_the_union_of_what_the_scopes_say(metadata):
    for name in UNIONS:
        of_scopes = {value for scope in metadata["cds_scope_descriptions"].values() for value in scope[name]}

        assert set(metadata[name]) == of_scopes, name
        assert len(metadata[name]) == len(of_scopes), name


@pytest.mark.clause("WG1-02-3.4-13")
async def test_plain_is_offered_nowhere(metadata):
    lists = [metadata, *metadata["cds_scope_descriptions"].values()]

    assert all("plain" not in one["code_challenge_methods_supported"] for one in lists)


async def test_endpoints_for_users_are_published_when_a_scope_needs_users(metadata):
    assert set(metadata) >= OF_USER_AUTHORIZATION
    assert metadata["pushed_authorization_request_endpoint"] == f"{PUBLIC_URL}/oauth/par"
    assert metadata["require_pushed_authorization_requests"] is False
    assert metadata["authorization_response_iss_parameter_supported"] is True


async def test_endpoints_for_users_are_not_published_when_no_scope_needs_users(make_server, tmp_path):
    metadata = await metadata_of(make_server, tmp_path, a_catalog(scopes={"usage": SCOPE}))

    assert not set(metadata) & OF_USER_AUTHORIZATION


async def test_revocation_and_introspection_say_how_callers_authenticate(metadata):
    assert metadata["revocation_endpoint_auth_methods_supported"] == ["client_secret_basic"]
    assert metadata["introspection_endpoint_auth_methods_supported"] == ["client_secret_basic", "Bearer"]


async def test_there_is_no_jwks_uri_while_access_tokens_are_opaque(metadata):
    assert "jwks_uri" not in metadata


@pytest.mark.clause("WG1-02-3.2-18")
async def test_the_files_api_is_published_exactly_when_there_is_a_files_scope(make_server, tmp_path, metadata):
    without = await metadata_of(make_server, tmp_path, a_catalog())

    assert metadata["cds_server_provided_files_api"] == f"{PUBLIC_URL}/cds-api/v1/server-provided-files"
    assert "cds_server_provided_files_api" not in without


@pytest.mark.clause("WG1-02-3.2-21", "WG1-02-3.4-06")
async def test_every_field_that_a_scope_requires_or_leaves_to_choice_is_described(metadata):
    listed = {
        field_id
        for scope in metadata["cds_scope_descriptions"].values()
        for field_id in (*scope["registration_requirements"], *scope["registration_optional"])
    }

    assert set(metadata["cds_registration_fields"]) == listed


@pytest.mark.clause("WG1-02-3.2-22")
async def test_fields_that_no_scope_names_are_not_described(make_server, tmp_path):
    catalog = a_catalog(registration_fields={"company": REGISTRATION_FIELD}, scopes={"usage": SCOPE})

    assert (await metadata_of(make_server, tmp_path, catalog))["cds_registration_fields"] == {}


@pytest.mark.clause("WG1-02-3.2-24")
async def test_groups_of_coverage_with_other_limits_are_scopes_of_one_type(make_server, tmp_path):
    def history(coverage: str, limit: str) -> dict[str, Any]:
        field = catalogs.DETAILS_FIELD | {
            "format": "relative_or_absolute_date",
            "minimum": "P0D",
            "maximum": limit,
            "looks_back": True,
        }
        return SCOPE | {"coverages_supported": [coverage], "authorization_details_fields_supported": [field]}

    catalog = a_catalog(
        coverage=[ENTRY, ENTRY | {"id": "south"}],
        scopes={"usage_north": history("north", "P24M"), "usage_south": history("south", "P12M")},
    )

    scopes = (await metadata_of(make_server, tmp_path, catalog))["cds_scope_descriptions"]

    north, south = scopes["usage_north"], scopes["usage_south"]
    assert north["type"] == south["type"]
    assert (north["coverages_supported"], south["coverages_supported"]) == (["north"], ["south"])
    limits = [one["authorization_details_fields_supported"][0]["maximum"] for one in (north, south)]
    assert limits == ["P24M", "P12M"]


@pytest.mark.clause("WG1-02-3.2-25", "WG1-02-3.2-08", "WG1-02-3.2-03")
async def test_extensions_add_fields_and_add_to_lists(make_server, tmp_path):
    extension = {
        "scopes_supported": ["openid"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "userinfo_endpoint": "https://utility.example/userinfo",
    }

    metadata = await metadata_of(make_server, tmp_path, a_catalog(extensions={"oauth_metadata": extension}))

    assert metadata["scopes_supported"] == ["cds_client_admin", "openid"]
    assert metadata["token_endpoint_auth_methods_supported"] == ["client_secret_basic", "private_key_jwt"]
    assert metadata["userinfo_endpoint"] == "https://utility.example/userinfo"
    assert list(metadata["cds_scope_descriptions"]) == ["cds_client_admin"]


async def test_the_operator_may_say_where_policy_terms_and_documentation_are(make_server, tmp_path):
    links = {
        "documentation": "https://docs.example/cds",
        "op_policy_uri": "https://utility.example/policy.pdf",
        "op_tos_uri": "/our-terms",
    }

    metadata = await metadata_of(make_server, tmp_path, a_catalog(server=links))

    assert metadata["service_documentation"] == "https://docs.example/cds"
    assert metadata["op_policy_uri"] == "https://utility.example/policy.pdf"
    assert metadata["op_tos_uri"] == f"{PUBLIC_URL}/our-terms"


@pytest.mark.clause("WG1-02-3.1-05", "RFC8414-3.3-01")
@pytest.mark.parametrize("path", [WELL_KNOWN, f"/energy{WELL_KNOWN}", f"{WELL_KNOWN}/energy"])
async def test_below_a_path_prefix_both_ways_of_building_the_well_known_url_work(make_server, tmp_path, path):
    server = await make_server(
        catalogs.load(a_catalog(scopes={"usage": USER_SCOPE}), tmp_path), CDS_PUBLIC_URL=f"{PUBLIC_URL}/energy"
    )

    metadata = (await server.http.get(PUBLIC_URL + path)).json()

    assert metadata["issuer"] == f"{PUBLIC_URL}/energy"
    assert metadata["token_endpoint"] == f"{PUBLIC_URL}/energy/oauth/token"


async def test_who_has_the_document_gets_304(server):
    tag = (await server.http.get(WELL_KNOWN)).headers["etag"]

    assert (await server.http.get(WELL_KNOWN, headers={"If-None-Match": tag})).status_code == 304


async def test_writing_is_405(server):
    assert (await server.http.post(WELL_KNOWN)).status_code == 405
