"""What the server makes of a catalog."""

import time
from datetime import UTC, datetime
from decimal import Decimal

import jsonschema
import pytest
from msgspec import UNSET

from app.catalog import codes, load_catalog
from app.catalog.loader import DEMO
from app.catalog.source import read_yaml
from tests import catalogs
from tests.catalogs import (
    ENTRY,
    REGISTRATION_FIELD,
    SCHEMA,
    SCOPE,
    USER_SCOPE,
    a_catalog,
    accepted_by_schema,
    load,
    plain,
    problems,
)

# The demo utility


def test_the_demo_utility_is_accepted_by_loader_and_schema():
    demo = load_catalog(None)

    assert demo.directory == DEMO.parent
    assert list(jsonschema.Draft7Validator(SCHEMA).iter_errors(plain(read_yaml(DEMO)))) == []


def test_the_schema_is_itself_a_valid_schema():
    jsonschema.Draft7Validator.check_schema(SCHEMA)


def test_the_demo_utility_uses_every_registration_field_type_and_the_three_built_in_scope_types():
    demo = load_catalog(None)

    assert {field.type for field in demo.registration_fields.values()} == set(codes.REGISTRATION_FIELD_TYPES)
    assert {"cds_client_admin", "cds_grant_admin", "cds_server_provided_files"} <= {
        s.type for s in demo.scopes.values()
    }
    assert demo.scopes["cds_grant_admin"].type == "cds_grant_admin"
    assert len(demo.test_accounts) == 2
    assert demo.registration.production == "review"


def test_a_new_client_of_the_demo_utility_can_try_one_scope_at_once():
    demo = load_catalog(None)

    at_once = [
        scope.id
        for scope in demo.scopes.values()
        if scope.grant_types_supported == ("client_credentials",) and not scope.registration_requirements
    ]

    assert "ple_grid_status" in at_once


def test_the_demo_utility_loads_in_a_fraction_of_the_second_that_a_start_may_take():
    load_catalog(None)
    started = time.process_time()
    load_catalog(None)

    assert time.process_time() - started < 0.5


# What is derived


def test_the_client_admin_scope_exists_even_when_the_catalog_leaves_it_out(tmp_path):
    assert list(load(a_catalog(scopes={"usage": SCOPE}), tmp_path).scopes) == ["cds_client_admin", "usage"]


def test_a_user_scope_gets_code_and_s256_from_its_grant_types(tmp_path):
    scope = load(a_catalog(scopes={"usage": USER_SCOPE}), tmp_path).scopes["usage"]

    assert scope.response_types_supported == ("code",)
    assert scope.code_challenge_methods_supported == ("S256",)
    assert scope.token_endpoint_auth_methods_supported == ("client_secret_basic",)
    assert not scope.pkce_required


def test_a_client_credentials_scope_gets_neither(tmp_path):
    scope = load(a_catalog(scopes={"usage": SCOPE}), tmp_path).scopes["usage"]

    assert scope.response_types_supported == ()
    assert scope.code_challenge_methods_supported == ()
    assert scope.authorization_details_types_supported == ()


def test_response_type_code_alone_means_the_code_grant(tmp_path):
    catalog = catalogs.with_scope(grant_types_supported=None, response_types_supported=["code"])

    assert load(catalog, tmp_path).scopes["usage"].grant_types_supported == ("authorization_code",)


def test_a_scope_with_details_fields_has_its_id_as_their_only_type(tmp_path):
    scope = load(catalogs.with_details(), tmp_path).scopes["usage"]

    assert scope.authorization_details_types_supported == ("usage",)
    assert scope.authorization_details_fields_supported[0].for_types == ("usage",)


def test_a_scope_without_details_fields_may_still_name_its_type(tmp_path):
    catalog = catalogs.with_scope(authorization_details_types_supported=["usage"])

    assert load(catalog, tmp_path).scopes["usage"].authorization_details_types_supported == ("usage",)


def test_a_details_field_is_required_unless_it_has_a_default(tmp_path):
    required = load(catalogs.with_details(), tmp_path).scopes["usage"].authorization_details_fields_supported[0]
    optional = (
        load(catalogs.with_details(default=3), tmp_path).scopes["usage"].authorization_details_fields_supported[0]
    )

    assert (required.is_required, required.default) == (True, UNSET)
    assert (optional.is_required, optional.default) == (False, 3)


def test_public_applications_always_need_a_code_challenge(tmp_path):
    catalog = a_catalog(scopes={"usage": USER_SCOPE | {"token_endpoint_auth_methods_supported": ["none"]}})

    assert load(catalog, tmp_path).scopes["usage"].pkce_required


def test_pkce_required_is_kept(tmp_path):
    assert load(a_catalog(scopes={"usage": USER_SCOPE | {"pkce": "required"}}), tmp_path).scopes["usage"].pkce_required


def test_a_grant_is_active_once_authorized_unless_the_catalog_says_otherwise(tmp_path):
    scopes = {"usage": USER_SCOPE, "history": USER_SCOPE | {"authorized_status": "pending"}}

    found = load(a_catalog(scopes=scopes), tmp_path).scopes

    assert found["usage"].authorized_status == "active"
    assert found["history"].authorized_status == "pending"


def test_coverage_that_a_scope_names_gets_the_capability_oauth(tmp_path):
    catalog = a_catalog(
        coverage=[ENTRY, ENTRY | {"id": "south"}], scopes={"usage": SCOPE | {"coverages_supported": ["north"]}}
    )

    north, south = load(catalog, tmp_path).coverage

    assert (north.capabilities, south.capabilities) == (("oauth",), ())


def test_the_media_type_of_a_map_follows_from_its_name(tmp_path):
    (tmp_path / "north.JPG").write_bytes(b"\xff\xd8")

    assert load(catalogs.with_entry(map="north.JPG"), tmp_path).coverage[0].map_content_type == "image/jpeg"


@pytest.mark.parametrize(
    ("written", "seconds"), [(3600, 3600), ("90d", 7776000), ("12h", 43200), ("2w", 1209600), ("5m", 300), ("9s", 9)]
)
def test_a_length_of_time_is_seconds_or_a_number_with_a_unit(tmp_path, written, seconds):
    assert load(a_catalog(registration={"secret_ttl": written}), tmp_path).registration.secret_ttl_seconds == seconds


@pytest.mark.parametrize(
    ("registration", "seconds"),
    [
        ({}, 90 * 86400),
        ({"onboarding_link_ttl": "30d"}, 30 * 86400),
        ({"onboarding_link_ttl": 3600}, 3600),
        ({"onboarding_link_ttl": "never"}, None),
    ],
)
def test_links_of_onboarding_steps_live_for_a_while_or_for_ever(tmp_path, registration, seconds):
    catalog = a_catalog(registration=registration)

    assert load(catalog, tmp_path).registration.onboarding_link_ttl_seconds == seconds
    assert accepted_by_schema(catalog)


@pytest.mark.parametrize(
    ("type_", "form", "review"),
    [
        ("online_form", {"text": "x"}, "automatic"),
        ("online_form", {"text": "x", "review": "automatic"}, "automatic"),
        ("online_form", {"text": "x", "review": "operator"}, "operator"),
        ("sso_verification", {"review": "operator"}, "operator"),
        ("sso_verification", {"url": "https://sso.example"}, "automatic"),
    ],
)
def test_a_form_says_who_accepts_what_is_submitted(tmp_path, type_, form, review):
    catalog = a_catalog(registration_fields={"step": {"type": type_, "description": "x", "form": form}})

    loaded = load(catalog, tmp_path).registration_fields["step"].form

    assert loaded is not None
    assert (loaded.review, loaded.text, loaded.url) == (review, form.get("text"), form.get("url"))
    assert accepted_by_schema(catalog)


def test_amounts_have_two_decimals_and_are_exact(tmp_path):
    fee = {"type": "payment_required", "description": "A fee.", "amount": 250, "currency": "USD"}

    field = load(a_catalog(registration_fields={"fee": fee}), tmp_path).registration_fields["fee"]

    assert str(field.amount) == "250.00"


def test_durations_are_kept_in_the_spelling_of_rfc_3339(tmp_path):
    catalog = catalogs.with_details(
        format="relative_or_absolute_datetime", minimum="P0S", maximum="infinite", default="P0S"
    )

    field = load(catalog, tmp_path).scopes["usage"].authorization_details_fields_supported[0]

    assert (field.minimum, field.default) == ("PT0S", "PT0S")


def test_datetimes_may_have_an_offset_or_be_a_date(tmp_path):
    server = {"created": "2025-01-01", "updated": "2025-02-01T00:30:00.75+01:00"}

    loaded = load(a_catalog(server=server), tmp_path).server

    assert loaded.created == datetime(2025, 1, 1, tzinfo=UTC)
    assert loaded.updated == datetime(2025, 1, 31, 23, 30, tzinfo=UTC)


def test_extension_fields_are_kept_where_the_specifications_allow_them(tmp_path):
    catalog = a_catalog(
        coverage=[ENTRY | {"example_region": 7}],
        scopes={"usage": SCOPE | {"example_tariffs": ["a", "b"]}},
        registration_fields={"company": REGISTRATION_FIELD | {"example_hint": None}},
    )

    loaded = load(catalog, tmp_path)

    assert loaded.coverage[0].extra == {"example_region": 7}
    assert loaded.scopes["usage"].extra == {"example_tariffs": ["a", "b"]}
    assert loaded.registration_fields["company"].extra == {"example_hint": None}


@pytest.mark.parametrize(
    ("format_", "default"),
    [
        ("string_list_or_null", None),
        ("string_list_or_null", ["a"]),
        ("choice_list", ["x"]),
        ("choice_list_or_null", None),
    ],
)
def test_the_list_formats_of_other_specifications_are_accepted(tmp_path, format_, default):
    choices = [{"id": "x", "name": "X", "description": "X."}] if "choice" in format_ else ...
    limits = {"minimum": ..., "maximum": ...} if "choice" in format_ else {"minimum": 0}
    catalog = catalogs.with_details(format=format_, default=default, choices=choices, **limits)

    assert problems(catalog, tmp_path) == []
    assert accepted_by_schema(catalog)


@pytest.mark.parametrize(
    "changes",
    [
        {"minimum": 0, "maximum": "infinite"},
        {"minimum": -1, "maximum": -90, "looks_back": True, "default": -30},
        {"format": "decimal", "minimum": Decimal("0.5"), "maximum": Decimal("1.5"), "default": 1},
        {"format": "string", "minimum": 0, "maximum": 3, "default": "abc"},
        {"format": "string_list", "minimum": 0, "maximum": 3, "default": ["ab", "c"]},
        {
            "format": "relative_or_absolute_date",
            "minimum": "P0D",
            "maximum": "P3Y",
            "looks_back": True,
            "default": "P2Y",
        },
        {
            "format": "relative_or_absolute_date",
            "minimum": "2025-01-01",
            "maximum": "infinite",
            "default": "2025-03-01",
        },
        {"format": "relative_or_absolute_datetime", "minimum": "PT1H", "maximum": "P1DT2H30M", "default": "P1D"},
        {"format": "boolean", "minimum": ..., "maximum": ..., "default": False},
        {"format": "jwk_or_null", "minimum": ..., "maximum": ..., "default": None},
    ],
)
def test_sensible_details_fields_are_accepted(tmp_path, changes):
    catalog = catalogs.with_details(**changes)

    assert problems(catalog, tmp_path) == []
    assert accepted_by_schema(catalog)
