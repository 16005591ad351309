"""Faults of the public documents, of registering, and of getting tokens."""

import json
from typing import Any
from urllib.parse import urlencode

from tests.conformance.faulty import API, Seen, plant

METADATA = "/.well-known/cds-server-metadata.json"
AS_METADATA = "/.well-known/oauth-authorization-server"
COVERAGE = f"{API}/coverage"
REGISTER = "/oauth/register"
TOKEN = "/oauth/token"


def scope_of(seen: Seen, name: str) -> dict[str, Any]:
    """A scope description of an answer, or an empty object."""
    found: dict[str, Any] = seen.document.get("cds_scope_descriptions", {}).get(name, {})
    return found


def fields_of(seen: Seen) -> dict[str, Any]:
    """The registration fields of an answer."""
    found: dict[str, Any] = seen.document.get("cds_registration_fields", {})
    return found


@plant("WG1-01-3.2-02")
def the_metadata_has_another_version(seen: Seen) -> None:
    if seen.is_at(METADATA):
        seen.document["cds_metadata_version"] = "1.0"


@plant("WG1-01-3.2-01")
def the_metadata_lacks_its_website(seen: Seen) -> None:
    if seen.is_at(METADATA):
        del seen.document["website"]


@plant("WG1-01-2-01")
def a_time_of_the_metadata_has_no_offset(seen: Seen) -> None:
    if seen.is_at(METADATA):
        seen.document["updated"] = "2026-09-15T12:00:00"


@plant("WG1-01-3.2-03")
def the_metadata_names_another_url_as_its_own(seen: Seen) -> None:
    if seen.is_at(METADATA):
        seen.document["cds_metadata_url"] = "https://utility.example/other.json"


@plant("WG1-01-4-02")
def the_coverage_is_answered_with_203(seen: Seen) -> None:
    if seen.is_at(COVERAGE):
        seen.status = 203


@plant("WG1-02-3.1-03")
def the_metadata_lacks_the_capability_oauth(seen: Seen) -> None:
    if seen.is_at(METADATA):
        seen.document["capabilities"].remove("oauth")


@plant("WG1-01-4.1-01")
def the_coverage_listing_lacks_next(seen: Seen) -> None:
    if seen.is_at(COVERAGE):
        del seen.document["next"]


@plant("WG1-01-4.1-03")
def the_coverage_entries_are_sorted_oldest_first(seen: Seen) -> None:
    if seen.is_at(COVERAGE):
        seen.document["coverage_entries"].reverse()


@plant("WG1-01-4.2-02", before=True)
def the_coverage_filter_is_ignored(seen: Seen) -> None:
    if seen.is_at(COVERAGE):
        seen.without_query("ids")


@plant("WG1-01-2-02")
def a_country_has_three_letters(seen: Seen) -> None:
    for entry in seen.document.get("coverage_entries", ()):
        entry["country"] = "USA"


@plant("WG1-01-4.3-09")
def a_map_has_no_media_type(seen: Seen) -> None:
    for entry in seen.document.get("coverage_entries", ()):
        entry.pop("map_content_type", None)


@plant("WG1-02-3.2-01")
def the_authorization_server_has_no_revocation_endpoint(seen: Seen) -> None:
    if seen.is_at(AS_METADATA):
        del seen.document["revocation_endpoint"]


@plant("WG1-02-3.2-17")
def the_timezone_is_an_abbreviation(seen: Seen) -> None:
    if seen.is_at(AS_METADATA):
        seen.document["cds_timezone"] = "Central Time"


@plant("RFC8414-3.3-01")
def the_issuer_is_somebody_else(seen: Seen) -> None:
    if seen.is_at(AS_METADATA):
        seen.document["issuer"] = "https://other.example"


@plant("WG1-02-3.2-03")
def scopes_supported_leaves_out_a_scope(seen: Seen) -> None:
    if seen.is_at(AS_METADATA):
        seen.document["scopes_supported"].remove("ple_grid_status")


@plant("WG1-02-3.3.1-01")
def the_admin_scope_has_another_name(seen: Seen) -> None:
    if scope := scope_of(seen, "cds_client_admin"):
        scope["name"] = "Admin"


@plant("WG1-02-3.4-13")
def a_scope_offers_plain_code_challenges(seen: Seen) -> None:
    if scope := scope_of(seen, "ple_customer_data"):
        scope["code_challenge_methods_supported"].append("plain")


@plant("WG1-02-3.4-06")
def a_scope_requires_a_field_that_is_not_described(seen: Seen) -> None:
    fields_of(seen).pop("company_name", None)


@plant("WG1-02-3.5-03")
def a_field_name_does_not_begin_with_cds(seen: Seen) -> None:
    if "use_case" in fields_of(seen):
        fields_of(seen)["use_case"]["field_name"] = "use_case"


@plant("WG1-02-3.6-04")
def an_optional_field_has_no_default(seen: Seen) -> None:
    fields_of(seen).get("newsletter", {}).pop("default", None)


@plant("WG1-02-3.6-06")
def a_payment_has_no_currency(seen: Seen) -> None:
    fields_of(seen).get("setup_fee", {}).pop("currency", None)


@plant("WG1-02-3.8-15")
def a_field_with_a_maximum_has_no_minimum(seen: Seen) -> None:
    for field in scope_of(seen, "ple_grid_status").get("authorization_details_fields_supported", ()):
        field.pop("minimum", None)


@plant("RFC7591-3.2.1-01")
def a_registration_is_answered_with_200(seen: Seen) -> None:
    if seen.is_at(REGISTER, "POST") and seen.status == 201:
        seen.status = 200


@plant("RFC7591-3.2.1-02")
def the_answer_to_a_registration_may_be_stored(seen: Seen) -> None:
    if seen.is_at(REGISTER, "POST"):
        seen.without_header("cache-control", "pragma")


@plant("WG1-02-4.2-03")
def the_answer_to_a_registration_has_every_scope(seen: Seen) -> None:
    if seen.is_at(REGISTER, "POST") and seen.status == 201:
        seen.document["scope"] = seen.sent["scope"]


@plant("WG1-02-4.1-07")
def redirect_uris_of_a_registration_are_kept(seen: Seen) -> None:
    if seen.is_at(REGISTER, "POST") and "redirect_uris" in seen.sent and seen.status == 201:
        seen.document["redirect_uris"] = seen.sent["redirect_uris"]


@plant("WG1-02-4.1-05", before=True)
def unknown_scopes_are_left_out_silently(seen: Seen) -> None:
    if seen.is_at(REGISTER, "POST") and isinstance(seen.sent.get("scope"), str):
        known = [name for name in seen.sent["scope"].split() if not name.startswith("no_such")]
        seen.body = json.dumps(seen.sent | {"scope": " ".join(known)}).encode()


@plant("RFC7591-3.2.2-01")
def what_is_wrong_with_a_registration_has_no_code(seen: Seen) -> None:
    if seen.is_at(REGISTER, "POST") and seen.status == 400:
        seen.document.pop("error", None)


@plant("WG1-02-3.4-05", before=True)
def a_required_field_may_be_left_out(seen: Seen) -> None:
    if seen.is_at(REGISTER, "POST") and "ple_customer_data" in str(seen.sent.get("scope")):
        seen.body = json.dumps({"cds_privacy_policy": "https://client.example/"} | seen.sent).encode()


@plant("WG1-02-3.5-06", before=True)
def a_text_that_is_too_long_is_cut(seen: Seen) -> None:
    name = seen.sent.get("cds_company_name")
    if seen.is_at(REGISTER, "POST") and isinstance(name, str):
        seen.body = json.dumps(seen.sent | {"cds_company_name": name[:200]}).encode()


@plant("RFC6749-5.1-02")
def a_token_may_be_stored(seen: Seen) -> None:
    if seen.is_at(TOKEN, "POST"):
        seen.without_header("cache-control", "pragma")


@plant("RFC6749-5.2-01")
def an_error_of_the_token_endpoint_has_no_code(seen: Seen) -> None:
    if seen.is_at(TOKEN, "POST") and seen.status == 400:
        seen.document.pop("error", None)


@plant("RFC6749-4.4-02")
def a_machine_gets_a_refresh_token(seen: Seen) -> None:
    if seen.is_at(TOKEN, "POST") and seen.status == 200:
        seen.document["refresh_token"] = "r" * 40


@plant("RFC6749-5.2-01", before=True)
def an_unknown_scope_gets_a_token(seen: Seen) -> None:
    if seen.is_at(TOKEN, "POST") and seen.form.get("scope", "").startswith("no_such"):
        seen.body = urlencode(seen.form | {"scope": ""}).encode()


@plant("RFC7009-2.1-01", before=True)
def a_revocation_revokes_nothing(seen: Seen) -> None:
    if seen.is_at("/oauth/revoke", "POST"):
        seen.answer(200)


@plant("RFC7662-2.2-02")
def an_unknown_token_is_answered_with_404(seen: Seen) -> None:
    if seen.is_at("/oauth/introspect", "POST") and seen.document.get("active") is False:
        seen.answer(404, {"error": "not_found"})


@plant("RFC6750-3-01")
def there_is_no_challenge_for_who_has_no_token(seen: Seen) -> None:
    if seen.status == 401:
        seen.without_header("www-authenticate")


@plant("RFC9126-2.2-01")
def a_pushed_request_is_answered_with_200(seen: Seen) -> None:
    if seen.is_at("/oauth/par", "POST") and seen.status == 201:
        seen.status = 200
