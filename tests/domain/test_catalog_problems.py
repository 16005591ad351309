"""What the server says about a catalog that is wrong."""

import json
import random
from decimal import Decimal
from typing import Any

import pytest

from app.catalog.loader import DEMO
from app.catalog.source import read_yaml
from tests import catalogs
from tests.catalogs import (
    ENTRY,
    REGISTRATION_FIELD,
    SCOPE,
    USER_SCOPE,
    a_catalog,
    accepted_by_schema,
    problems,
)

POINT = json.dumps({"type": "Point", "coordinates": [-90.5, 43.2]})


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
