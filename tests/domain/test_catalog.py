"""What the server makes of a catalog, and what it says about one that is wrong."""

import json
import random
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import TZPATH

import jsonschema
import pytest
import tzdata
from msgspec import UNSET

from app.catalog import codes, load_catalog, values
from app.catalog.loader import DEMO
from app.catalog.source import read_yaml
from app.errors import ConfigurationError
from tests import catalogs
from tests.catalogs import ENTRY, REGISTRATION_FIELD, SCOPE, USER_SCOPE, a_catalog, load, problems

SCHEMA = json.loads((DEMO.parent.parent / "catalog.schema.json").read_text())
POINT = json.dumps({"type": "Point", "coordinates": [-90.5, 43.2]})


def plain(value: Any) -> Any:
    """With floats instead of Decimals, as editors see numbers."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    return float(value) if isinstance(value, Decimal) else value


def accepted_by_schema(catalog: dict[str, Any]) -> bool:
    return jsonschema.Draft7Validator(SCHEMA).is_valid(plain(catalog))


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


# What YAML has in store


def write_text(directory: Path, text: str) -> Path:
    path = directory / "catalog.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_norway_is_a_country(tmp_path):
    path = catalogs.write(catalogs.with_entry(country="NO"), tmp_path)
    path.write_text(path.read_text().replace("country: 'NO'", "country: NO"))

    assert load_catalog(path).coverage[0].country == "NO"


def test_scalars_are_those_of_json(tmp_path):
    path = write_text(tmp_path, "a: yes\nb: 2025-01-01\nc: 1.10\nd: 010\ne: 1_000\nf: 12:30\ng: true\nh: ~\ni: -7\n")

    found = read_yaml(path)

    assert found == {
        "a": "yes", "b": "2025-01-01", "c": Decimal("1.10"), "d": "010", "e": "1_000", "f": "12:30", "g": True,
        "h": None, "i": -7,
    }  # fmt: skip


def test_every_key_that_stands_twice_is_named_with_its_line(tmp_path):
    path = write_text(tmp_path, "server: {name: a, name: b}\nscopes: {}\nserver: {}\n")

    with pytest.raises(ConfigurationError) as refused:
        load_catalog(path)

    assert refused.value.problems == [
        f'{path} line 3: the key "server" stands twice here; keep one.',
        f'{path} line 1: the key "name" stands twice here; keep one.',
    ]


def test_merge_keys_may_be_overridden(tmp_path):
    path = write_text(tmp_path, "a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  x: 3\n")

    assert read_yaml(path)["b"] == {"x": 3, "y": 2}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("server: [", r"line \d, column \d+ is not YAML"),
        ("a: !!python/object/apply:os.system [ls]", "is not YAML"),
        ("", "is not a catalog"),
        ("- a", "is not a catalog"),
        ("a: *b", "is not YAML"),
        ("? [a, b]\n: c", "the keys of a mapping are text"),
        ("{{a}}: b", "the keys of a mapping are text"),
        ("\x00", "is not YAML"),
    ],
)
def test_text_that_is_no_yaml_is_refused_with_its_place(tmp_path, text, said):
    with pytest.raises(ConfigurationError, match=said):
        load_catalog(write_text(tmp_path, text))


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "latin.yaml").write_bytes(b"server: {name: \xe9}")

    with pytest.raises(ConfigurationError, match=r"missing.yaml does not exist; write the path of a catalog"):
        load_catalog(tmp_path / "missing.yaml")
    with pytest.raises(ConfigurationError, match=r"cannot be read"):
        load_catalog(tmp_path)
    with pytest.raises(ConfigurationError, match=r"is not UTF-8 text"):
        load_catalog(tmp_path / "latin.yaml")


# Problems


def test_all_problems_are_reported_at_once_with_place_and_remedy(tmp_path):
    catalog = a_catalog(
        server={"timezone": "America/Chicgo", "updated": "yesterday"},
        coverage=[ENTRY | {"country": "USA"}],
        scopes={"usage": SCOPE | {"registration_requirements": ["compny"], "coverages_supported": ["nort"]}},
        registration_fields={"company": REGISTRATION_FIELD | {"max_size": 3}},
        registration={"production": "manual"},
        polices={},
    )

    found = problems(catalog, tmp_path)

    assert len(found) == 8
    for said in (
        'polices: "polices" is not a key that has a meaning here; did you mean "policies"?',
        'server.timezone: "America/Chicgo" is not a time zone of the IANA database; perhaps it is "America/Chicago".',
        'server.updated: "yesterday" is not a datetime; write one such as',
        'coverage[0].country: "USA" is not a code of ISO 3166-1 alpha-2; perhaps it is "US".',
        'scopes.usage.registration_requirements[0]: there is no registration field "compny"; did you mean "company"?',
        'scopes.usage.coverages_supported[0]: there is no coverage entry "nort"; did you mean "north"?',
        "registration_fields.company.max_size: the format string has none; remove it.",
        'registration.production: "manual" is not known; write one of automatic, review.',
    ):
        assert any(problem.startswith(said) for problem in found), said


BROKEN_EVEN_FOR_THE_SCHEMA = [
    (a_catalog(serverr={}), "serverr: ", "server"),
    ({"scopes": {}}, "server: ", "this part is missing"),
    ({"server": catalogs.SMALLEST["server"]}, "scopes: ", "this part is missing"),
    (a_catalog(server={"name": ""}), "server.name: ", "this text is empty"),
    (a_catalog(server={"name": 7}), "server.name: ", "this is a whole number"),
    (a_catalog(server={"website": "utility.example"}), "server.website: ", "is not a URL"),
    (a_catalog(server={"moved_to": "/new"}), "server.moved_to: ", "is not an absolute URL"),
    (a_catalog(server={"related_metadata": ["/x"]}), "server.related_metadata[0]: ", "absolute URL"),
    (a_catalog(server={"created": "2025-01-01T00:00:00"}), "server.created: ", "is not a datetime"),
    (a_catalog(server={"nmae": "x"}), "server.nmae: ", 'did you mean "name"?'),
    (catalogs.with_entry(country="UK"), "coverage[0].country: ", "is not a code of ISO 3166-1 alpha-2"),
    (catalogs.with_entry(type="area"), "coverage[0].type: ", '"area" is not known'),
    (catalogs.with_entry(role=...), "coverage[0].role: ", "this is missing"),
    (catalogs.with_entry(capabilities=["coverage"]), "coverage[0].capabilities[0]: ", "remove it"),
    (catalogs.with_entry(commodity_types=["steam"]), "coverage[0].commodity_types[0]: ", "not accepted"),
    (catalogs.with_entry(type="geographic"), "coverage[0].type: ", "a geographic entry needs a map"),
    (catalogs.with_entry(map_content_type="image/png"), "coverage[0].map_content_type: ", "there is no map"),
    (catalogs.with_entry(id="a b"), "coverage[0].id: ", "cannot be an id"),
    (a_catalog(coverage={}), "coverage: ", "this is keys"),
    (catalogs.with_field(field_name="company"), "registration_fields.company.field_name: ", "start with cds_"),
    (catalogs.with_field(field_name=...), "registration_fields.company.field_name: ", "this is missing"),
    (catalogs.with_field(format="text"), "registration_fields.company.format: ", "is not known"),
    (catalogs.with_field(max_size=7), "registration_fields.company.max_size: ", "the format string has none"),
    (catalogs.with_field(max_length=0), "registration_fields.company.max_length: ", "above 0"),
    (catalogs.with_field(amount=7), "registration_fields.company.amount: ", "has none"),
    (catalogs.with_field(form={"text": "x"}), "registration_fields.company.form: ", "has none"),
    (
        catalogs.with_field(type="internal_review"),
        "registration_fields.company.field_name: ",
        "a field of type internal_review has none",
    ),
    (
        a_catalog(registration_fields={"fee": {"type": "payment_required", "description": "x", "currency": "USD"}}),
        "registration_fields.fee.amount: ",
        "this is missing",
    ),
    (
        a_catalog(
            registration_fields={
                "fee": {"type": "payment_required", "description": "x", "amount": 1, "currency": "dollar"},
            }
        ),
        "registration_fields.fee.currency: ",
        "ISO 4217",
    ),
    (
        a_catalog(registration_fields={"paper": {"type": "pdf_form", "description": "x"}}),
        "registration_fields.paper.form: ",
        "needs its blank form",
    ),
    (
        a_catalog(
            registration_fields={
                "sign": {
                    "type": "online_form",
                    "description": "x",
                    "form": {"text": "x", "url": "https://sign.example"},
                }
            }
        ),
        "registration_fields.sign.form: ",
        "there are 2 of text, url and pdf",
    ),
    (
        a_catalog(
            registration_fields={"sso": {"type": "sso_verification", "description": "x", "form": {"text": "x"}}},
        ),
        "registration_fields.sso.form.text: ",
        "write one of url",
    ),
    (a_catalog(scopes={"a b": SCOPE}), "scopes.a b: ", "cannot be an id"),
    (catalogs.with_scope(name=None), "scopes.usage.name: ", "this is missing"),
    (catalogs.with_scope(type=None), "scopes.usage.type: ", "this is missing"),
    (catalogs.with_scope(grant_types_supported=[]), "scopes.usage.grant_types_supported: ", "at least one grant type"),
    (
        catalogs.with_scope(grant_types_supported=None),
        "scopes.usage.grant_types_supported: ",
        "at least one grant type",
    ),
    (
        catalogs.with_scope(grant_types_supported=["implicit"]),
        "scopes.usage.grant_types_supported[0]: ",
        "write one of",
    ),
    (
        catalogs.with_scope(grant_types_supported=["refresh_token"]),
        "scopes.usage.grant_types_supported: ",
        "code grant",
    ),
    (catalogs.with_scope(response_types_supported=["code"]), "scopes.usage.response_types_supported: ", "should be []"),
    (
        catalogs.with_scope(code_challenge_methods_supported=["plain"]),
        "scopes.usage.code_challenge_methods_supported: ",
        "should be []",
    ),
    (
        catalogs.with_scope(token_endpoint_auth_methods_supported=["none"]),
        "scopes.usage.token_endpoint_auth_methods_supported: ",
        "cannot use client_credentials",
    ),
    (catalogs.with_scope(pkce="required"), "scopes.usage.pkce: ", "no authorization requests"),
    (
        catalogs.with_scope(authorized_status="pending"),
        "scopes.usage.authorized_status: ",
        "users do not authorize this scope",
    ),
    (
        a_catalog(scopes={"usage": USER_SCOPE | {"authorized_status": "partial"}}),
        "scopes.usage.authorized_status: ",
        "is not known",
    ),
    (
        a_catalog(scopes={"cds_client_admin": SCOPE | {"type": "test_admin"}}),
        "scopes.cds_client_admin.type: ",
        "is not the type of this scope",
    ),
    (
        a_catalog(scopes={"cds_grant_admin": {"type": "cds_grant_admin", "group": "all"}}),
        "scopes.cds_grant_admin.group: ",
        "fixes",
    ),
    (catalogs.with_details(maximum=...), "scopes.usage.authorization_details_fields_supported[0].maximum: ", "missing"),
    (catalogs.with_details(minimum=...), "scopes.usage.authorization_details_fields_supported[0].minimum: ", "missing"),
    (
        catalogs.with_details(maximum="ten"),
        "scopes.usage.authorization_details_fields_supported[0].maximum: ",
        'write a whole number, or "infinite"',
    ),
    (
        catalogs.with_details(format="string", maximum="infinite"),
        "scopes.usage.authorization_details_fields_supported[0].maximum: ",
        "write a length",
    ),
    (
        catalogs.with_details(format="boolean"),
        "scopes.usage.authorization_details_fields_supported[0].maximum: ",
        "the format boolean has none",
    ),
    (
        catalogs.with_details(format="choice", minimum=..., maximum=...),
        "scopes.usage.authorization_details_fields_supported[0].choices: ",
        "needs at least one choice",
    ),
    (
        catalogs.with_details(is_required=True, default=1),
        "scopes.usage.authorization_details_fields_supported[0].default: ",
        "a required field has none",
    ),
    (
        catalogs.with_details(is_required=False),
        "scopes.usage.authorization_details_fields_supported[0].default: ",
        "an optional field needs one",
    ),
    (
        catalogs.with_details(format="string", minimum=0, maximum=9, looks_back=True),
        "scopes.usage.authorization_details_fields_supported[0].looks_back: ",
        "has no direction",
    ),
    (a_catalog(registration={"secret_ttl": "3 months"}), "registration.secret_ttl: ", "90d"),
    (a_catalog(registration={"onboarding_link_ttl": "a month"}), "registration.onboarding_link_ttl: ", "90d"),
    (a_catalog(registration={"onboarding_link_ttl": 60}), "registration.onboarding_link_ttl: ", "at least an hour"),
    (
        a_catalog(
            registration_fields={
                "fee": {
                    "type": "payment_required",
                    "description": "x",
                    "amount": 1,
                    "currency": "USD",
                    "form": {"text": "x", "review": "operator"},
                }
            }
        ),
        "registration_fields.fee.form.review: ",
        "remove it",
    ),
    (
        a_catalog(
            registration_fields={
                "sign": {
                    "type": "online_form",
                    "description": "x",
                    "form": {"url": "https://sign.example", "review": "operator"},
                }
            }
        ),
        "registration_fields.sign.form.review: ",
        "report `pending`",
    ),
    (
        a_catalog(
            registration_fields={"sign": {"type": "online_form", "description": "x", "form": {"review": "operator"}}}
        ),
        "registration_fields.sign.form: ",
        "there are 0 of text, url and pdf",
    ),
    (
        a_catalog(
            registration_fields={
                "sign": {"type": "online_form", "description": "x", "form": {"text": "x", "review": "staff"}}
            }
        ),
        "registration_fields.sign.form.review: ",
        "is not known",
    ),
    (a_catalog(registration={"rfc7591_compatible": "yes"}), "registration.rfc7591_compatible: ", "true or false"),
    (a_catalog(registration={"limits": {"contacts": 0}}), "registration.limits.contacts: ", "above 0"),
    (a_catalog(test_accounts=[{"username": "a"}]), "test_accounts[0].password: ", "this is missing"),
    (a_catalog(policies={"field_review": ["client_nam"]}), "policies.field_review[0]: ", 'did you mean "client_name"?'),
    (a_catalog(extensions={"as_metadata": {}}), "extensions.as_metadata: ", "server_metadata, oauth_metadata"),
    (
        a_catalog(extensions={"oauth_metadata": {"issuer": "https://other.example"}}),
        "extensions.oauth_metadata.issuer: ",
        "the server fills in this field itself",
    ),
    (
        a_catalog(extensions={"server_metadata": {"capabilities": "x"}}),
        "extensions.server_metadata.capabilities: ",
        "not a list",
    ),
]

BROKEN_BEYOND_THE_SCHEMA = [
    (a_catalog(server={"timezone": "Mars/Olympus"}), "server.timezone: ", "IANA"),
    (a_catalog(server={"updated": "2024-01-01"}), "server.updated: ", "before created"),
    (a_catalog(coverage=[ENTRY, ENTRY]), "coverage[1].id: ", "another entry"),
    (catalogs.with_entry(map="missing.png"), "coverage[0].map: ", "there is no file"),
    (catalogs.with_entry(map="../outside.png"), "coverage[0].map: ", "outside the directory"),
    (catalogs.with_entry(map="/etc/hosts.png"), "coverage[0].map: ", "outside the directory"),
    (catalogs.with_entry(map="catalog.yaml"), "coverage[0].map: ", "not of a kind that fits"),
    (catalogs.with_entry(map_resource="https://m.example/map"), "coverage[0].map_content_type: ", "this is missing"),
    (catalogs.with_entry(capabilites=[]), "coverage[0].capabilites: ", 'write "capabilities"'),
    (catalogs.with_scope(registration_requirments=[]), "scopes.usage.registration_requirments: ", "slip of the pen"),
    (catalogs.with_scope(type="cds_grant_admn"), "scopes.usage.type: ", "write cds_grant_admin"),
    (a_catalog(scopes={"usage": SCOPE | {"id": "use"}}), "scopes.usage.id: ", 'write "usage"'),
    (a_catalog(scopes={"admin": {"type": "cds_client_admin"}}), "scopes.admin.type: ", "rename the scope"),
    (
        a_catalog(scopes={"cds_client_admin": {"type": "cds_client_admin", "name": "Boss"}}),
        "scopes.cds_client_admin.name: ",
        "the specification fixes this value",
    ),
    (
        a_catalog(scopes={"files": {"type": "cds_server_provided_files"}}),
        "scopes.files.grant_admin_scope: ",
        "add a scope cds_grant_admin",
    ),
    (
        a_catalog(
            scopes={
                "cds_grant_admin": {"type": "cds_grant_admin"},
                "files": {"type": "cds_server_provided_files", "name": "Papers"},
            }
        ),
        "scopes.files.name: ",
        'write "Server-Provided Files: Papers"',
    ),
    (catalogs.with_scope(grant_admin_scope="cds_grant_admin"), "scopes.usage.grant_admin_scope: ", "there is no scope"),
    (
        a_catalog(scopes={"a": SCOPE | {"group": "g"}, "b": USER_SCOPE | {"group": "g"}}),
        "scopes.b.group: ",
        "make response_types_supported equal in both",
    ),
    (
        catalogs.with_scope(fields={"company": REGISTRATION_FIELD}, registration_optional=["company"]),
        "scopes.usage.registration_optional[0]: ",
        "has no default",
    ),
    (
        catalogs.with_scope(
            fields={"company": REGISTRATION_FIELD | {"default": "-"}}, registration_requirements=["company"]
        ),
        "scopes.usage.registration_requirements[0]: ",
        "has a default",
    ),
    (
        catalogs.with_scope(
            fields={"review": {"type": "internal_review", "description": "x"}}, registration_optional=["review"]
        ),
        "scopes.usage.registration_optional[0]: ",
        "steps are not optional",
    ),
    (
        catalogs.with_scope(
            fields={"company": REGISTRATION_FIELD},
            registration_requirements=["company"],
            registration_optional=["company"],
        ),
        "scopes.usage.registration_optional[0]: ",
        "is required already",
    ),
    (catalogs.with_field(field_name="cds_status"), "registration_fields.company.field_name: ", "every Client Object"),
    (catalogs.with_field(default=None), "registration_fields.company.default: ", "string_or_null"),
    (catalogs.with_field(format="url", default="x"), "registration_fields.company.default: ", "http"),
    (catalogs.with_field(format="email", default="x"), "registration_fields.company.default: ", "mail address"),
    (catalogs.with_field(format="boolean", default="x"), "registration_fields.company.default: ", "true or false"),
    (catalogs.with_field(format="email", show_to_users=True), "registration_fields.company.show_to_users: ", "shown"),
    (catalogs.with_field(format="image", default="x"), "registration_fields.company.default: ", "image_or_null"),
    (
        catalogs.with_field(max_length=1, default="xx"),
        "registration_fields.company.default: ",
        "longer than max_length",
    ),
    (
        a_catalog(registration_fields={"a": REGISTRATION_FIELD, "b": REGISTRATION_FIELD}),
        "registration_fields.b.field_name: ",
        "is the field_name of a too",
    ),
    (
        catalogs.with_details(id="type"),
        "scopes.usage.authorization_details_fields_supported[0].id: ",
        "RFC 9396",
    ),
    (
        catalogs.with_details(minimum=11),
        "scopes.usage.authorization_details_fields_supported[0].minimum: ",
        "beyond maximum",
    ),
    (
        catalogs.with_details(default=11),
        "scopes.usage.authorization_details_fields_supported[0].default: ",
        "not between minimum and maximum",
    ),
    (
        catalogs.with_details(for_types=["other"]),
        "scopes.usage.authorization_details_fields_supported[0].for_types[0]: ",
        "write [usage]",
    ),
    (
        catalogs.with_details(format="relative_or_absolute_date", minimum="PT1H", maximum="P1Y"),
        "scopes.usage.authorization_details_fields_supported[0].minimum: ",
        "a duration of days or more",
    ),
    (
        catalogs.with_details(
            format="choice",
            minimum=...,
            maximum=...,
            default="b",
            choices=[{"id": "a", "name": "A", "description": "A."}],
        ),
        "scopes.usage.authorization_details_fields_supported[0].default: ",
        "choice (a)",
    ),
    (
        a_catalog(test_accounts=[{"username": "a", "password": "p", "name": "A"}] * 2),
        "test_accounts[1].username: ",
        "stands twice",
    ),
    (
        a_catalog(policies={"field_review": ["cds_unknown"]}),
        "policies.field_review[0]: ",
        "not accepted",
    ),
]


@pytest.mark.parametrize(
    ("catalog", "place", "said"),
    [*BROKEN_EVEN_FOR_THE_SCHEMA, *BROKEN_BEYOND_THE_SCHEMA],
    ids=lambda value: str(value)[:60],
)
def test_a_wrong_catalog_is_refused_with_the_place_and_what_to_write(tmp_path, catalog, place, said):
    found = problems(catalog, tmp_path)

    assert any(problem.startswith(place) and said in problem for problem in found), found
    assert all(problem.endswith(".") and "; " in problem for problem in found)


@pytest.mark.parametrize(
    ("catalog", "place"),
    [(catalog, place) for catalog, place, _ in BROKEN_EVEN_FOR_THE_SCHEMA],
    ids=lambda v: str(v)[:60],
)
def test_the_schema_refuses_what_it_can_see(catalog, place):
    assert not accepted_by_schema(catalog)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("no json", "is not JSON"),
        ('{"type": "Map"}', "its type is unknown"),
        ('{"type": "Point", "coordinates": [1, 2], "crs": {"type": "name"}}', "names a coordinate system"),
        ('{"type": "Point", "coordinates": [4321.5, 5432.1]}', "coordinates that are not degrees"),
        ('{"type": "Polygon", "coordinates": [[[1, 2], [3, 95]]]}', "coordinates that are not degrees"),
        ('{"type": "Point", "coordinates": ["1", "2"]}', "coordinates that are not degrees"),
    ],
)
@pytest.mark.clause("WG1-01-4.3-10", "WG1-01-4.3-11")
def test_geojson_that_is_not_in_wgs_84_is_refused(tmp_path, content, said):
    (tmp_path / "north.geojson").write_text(content)

    found = problems(catalogs.with_entry(type="geographic", geojson="north.geojson"), tmp_path)

    assert len(found) == 1
    assert said in found[0]


def test_a_file_that_only_calls_itself_pdf_is_refused(tmp_path):
    (tmp_path / "form.pdf").write_text("hello")
    fields = {"paper": {"type": "pdf_form", "description": "x", "form": {"pdf": "form.pdf"}}}

    assert "does not hold a PDF" in problems(a_catalog(registration_fields=fields), tmp_path)[0]


def test_files_behind_links_within_the_directory_are_fine_as_kubernetes_mounts_them(tmp_path):
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "north.geojson").write_text(POINT)
    (tmp_path / "north.geojson").symlink_to("..data/north.geojson")

    assert problems(catalogs.with_entry(type="geographic", geojson="north.geojson"), tmp_path) == []


def test_a_map_is_a_file_or_a_url_but_not_both(tmp_path):
    (tmp_path / "north.geojson").write_text(POINT)
    catalog = catalogs.with_entry(geojson="north.geojson", geojson_resource="https://maps.example/north.geojson")

    assert problems(catalog, tmp_path)[0].startswith("coverage[0].geojson_resource: there is geojson too")
    assert not accepted_by_schema(catalog)


def test_whatever_stands_in_a_catalog_is_answered_with_problems_and_never_with_a_crash(tmp_path):
    """Any value of the demo utility may be replaced by one of any other kind."""
    rng = random.Random(20260915)  # noqa: S311 -- the same catalogs every time
    strange = [
        None,
        "",
        "x",
        "cds_grant_admin",
        0,
        -1,
        Decimal("1.5"),
        True,
        [],
        [[]],
        [None],
        ["x", "x"],
        {},
        {"id": 1},
    ]

    def shaken(value: Any) -> Any:
        if rng.random() < 0.03:
            return rng.choice(strange)
        if isinstance(value, dict):
            return {key: shaken(entry) for key, entry in value.items()}
        return [shaken(entry) for entry in value] if isinstance(value, list) else value

    for name in ("electric-territory.png", "electric-territory.geojson", "insurance-form.pdf"):
        (tmp_path / name).write_bytes((DEMO.parent / name).read_bytes())
    demo = read_yaml(DEMO)
    for _ in range(60):
        problems(shaken(demo), tmp_path)


# Values


def test_country_codes_are_those_of_the_time_zone_database():
    table = (Path(tzdata.__file__).parent / "zoneinfo" / "iso3166.tab").read_text(encoding="utf-8")

    assert {line[:2] for line in table.splitlines() if line and not line.startswith("#")} == codes.COUNTRIES
    assert isinstance(TZPATH, tuple)


@pytest.mark.parametrize("text", ["P1Y", "P1Y2M", "P1Y2M3D", "P3M", "P4W", "P0D", "infinite", "2025-02-28"])
def test_relative_or_absolute_dates(text):
    assert values.is_relative_or_absolute_date(text)
    assert not values.is_relative_or_absolute_date(text + "T1H")


@pytest.mark.parametrize(
    "text", ["P", "PT", "P1DT", "1Y", "P1H", "P1D2M", "P-1D", "P1.5D", "p1d ", "", "2025-02-30", "PT1H"]
)
@pytest.mark.clause("WG1-02-2-02")
def test_what_is_no_relative_or_absolute_date(text):
    assert not values.is_relative_or_absolute_date(text)


@pytest.mark.parametrize(
    "text", ["PT1H", "P30DT2H", "PT1M30S", "P0S", "PT0S", "P2W", "2025-01-01T00:00:00Z", "infinite"]
)
def test_relative_or_absolute_datetimes(text):
    assert values.is_relative_or_absolute_datetime(text)


@pytest.mark.parametrize(
    "text", ["P1DT", "PT1H30S", "P1S", "2025-01-01", "2025-01-01T00:00:00", "2025-13-01T00:00:00Z"]
)
def test_what_is_no_relative_or_absolute_datetime(text):
    assert not values.is_relative_or_absolute_datetime(text)
