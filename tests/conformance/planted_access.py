"""Faults of Credentials, Grants and authorization requests."""

import json

from tests.conformance.faulty import Seen, plant
from tests.conformance.planting import CLIENTS, CREDENTIALS, GRANTS, give, remember, strip

# Credentials


@plant("WG1-02-7.1-01")
def credentials_have_no_uri(seen: Seen) -> None:
    strip(seen, "credential", "uri")


@plant("WG1-02-7.1-02")
def a_secret_is_shown_only_once(seen: Seen) -> None:
    if seen.method == "GET":
        strip(seen, "credential", "client_secret")


@plant("WG1-02-7.1-04")
def the_end_of_a_secret_is_a_text(seen: Seen) -> None:
    give(seen, "credential", client_secret_expires_at="never")


@plant("WG1-02-7.1-05")
def secrets_of_a_disabled_client_object_live_on(seen: Seen) -> None:
    give(seen, "credential", client_secret_expires_at=4000000000)


@plant("WG1-02-7.3-08", before=True)
def the_filter_of_credentials_is_ignored(seen: Seen) -> None:
    if seen.is_at(CREDENTIALS):
        seen.without_query("client_ids")


@plant("WG1-02-7.3-09")
def a_malformed_time_is_no_filter(seen: Seen) -> None:
    if seen.is_at(CREDENTIALS) and seen.status == 400:
        seen.answer(200, {"credentials": [], "next": None, "previous": None})


@plant("WG1-02-7.3-11")
def credentials_are_sorted_oldest_first(seen: Seen) -> None:
    for place, one in enumerate(seen.document.get("credentials") or ()):
        one["modified"] = f"2026-01-01T00:00:{place:02}Z"


@plant("WG1-02-7.3-12")
def the_message_of_a_new_credential_has_its_secret(seen: Seen) -> None:
    if seen.is_at(CREDENTIALS, "POST") and seen.status == 201:
        seen.memory["secret"] = seen.document["client_secret"]
    for message in seen.every("message"):
        message["description"] = f"The new secret is {seen.memory.get('secret')}"


@plant("WG1-02-7.5-02")
def a_credential_for_nobody_is_answered_with_404(seen: Seen) -> None:
    if seen.is_at(CREDENTIALS, "POST") and seen.status == 400:
        seen.status = 404


@plant("WG1-02-7.5-03")
def a_new_secret_does_not_work(seen: Seen) -> None:
    if seen.is_at(CREDENTIALS, "POST") and seen.status == 201:
        seen.document["client_secret"] = "x" * 40


@plant("WG1-02-7.6-08")
def an_expired_secret_still_gets_tokens(seen: Seen) -> None:
    if seen.is_at("/oauth/token", "POST"):
        who = seen.headers.get("authorization", "")
        if seen.status == 200:
            seen.memory[who] = seen.content
        elif who in seen.memory:
            seen.answer(200, json.loads(seen.memory[who]))


@plant("WG1-02-7.6-09")
def a_token_outlives_its_secret(seen: Seen) -> None:
    remember(seen)
    if seen.is_at("/oauth/introspect", "POST"):
        seen.document["active"] = True
    if seen.is_at(CLIENTS) and seen.status == 401 and "authorization" in seen.headers:
        seen.answer(200, {"clients": [], "next": None, "previous": None})


@plant("WG1-02-7.6-11")
def a_patch_changes_the_secret(seen: Seen) -> None:
    if seen.is_below(CREDENTIALS, "PATCH") and "client_secret" in seen.document:
        seen.document["client_secret"] = seen.sent.get("client_secret", "y" * 40)


# Grants


@plant("WG1-02-8.1-01")
def grants_have_no_eta(seen: Seen) -> None:
    strip(seen, "grant", "eta")


@plant("WG1-02-8.1-08")
def the_ends_of_a_grant_differ(seen: Seen) -> None:
    give(seen, "grant", not_after="2030-01-01T00:00:00Z", expires=None)


@plant("WG1-02-8.1-13")
def active_grants_have_nothing_enabled(seen: Seen) -> None:
    give(seen, "grant", enabled_scope="")


@plant("WG1-02-8.1-14")
def a_closed_grant_keeps_its_access(seen: Seen) -> None:
    for grant in seen.every("grant"):
        grant["enabled_scope"] = grant["scope"]


@plant("WG1-02-8.2-01")
def a_status_of_grants_is_misspelt(seen: Seen) -> None:
    give(seen, "grant", status="Active")


@plant("WG1-02-8.2-16")
def a_token_outlives_its_grant(seen: Seen) -> None:
    if seen.is_at("/oauth/introspect", "POST"):
        seen.document["active"] = True


@plant("WG1-02-8.4-09", before=True)
def the_filter_of_grants_by_status_is_ignored(seen: Seen) -> None:
    if seen.is_at(GRANTS):
        seen.without_query("statuses")


@plant("WG1-02-8.4-11")
def the_filter_of_grants_by_scope_finds_parts_of_words(seen: Seen) -> None:
    if seen.is_at(GRANTS) and "scopes" in dict(seen.query) and not seen.document.get("grants"):
        seen.document["grants"] = [{"grant_id": "x", "scope": "everything"}]


@plant("WG1-02-8.4-15")
def grants_are_sorted_oldest_first(seen: Seen) -> None:
    for place, one in enumerate(seen.document.get("grants") or ()):
        one["modified"] = f"2026-01-01T00:00:{place:02}Z"


@plant("WG1-02-8.5-01")
def a_grant_of_somebody_else_is_shown(seen: Seen) -> None:
    if seen.is_below(GRANTS):
        if seen.status == 200:
            seen.memory[seen.path] = seen.content
        elif seen.path in seen.memory:
            seen.answer(200, json.loads(seen.memory[seen.path]))


@plant("WG1-02-8.6-03")
def a_client_makes_a_grant_active(seen: Seen) -> None:
    if seen.is_below(GRANTS, "PATCH") and seen.sent.get("status") == "active":
        seen.answer(200, seen.sent)


@plant("WG1-02-8.6-11")
def a_patch_of_a_grant_refuses_what_it_does_not_know(seen: Seen) -> None:
    if seen.is_below(GRANTS, "PATCH") and "conformance_unknown" in seen.sent:
        seen.answer(400, {"error": "invalid_request"})


@plant("WG1-02-8.3-05")
def an_unsuitable_grant_leads_to_the_sign_in(seen: Seen) -> None:
    if seen.is_at("/oauth/authorize") and seen.status in {302, 303}:
        seen.answer(200, None)


@plant("WG1-02-8.3-05")
def an_unsuitable_grant_loses_the_state(seen: Seen) -> None:
    if seen.is_at("/oauth/authorize"):
        seen.answered = [
            (name, value.replace("state=", "lost=") if name.lower() == "location" else value)
            for name, value in seen.answered
        ]


@plant("WG1-02-8.3-06")
def the_grant_is_looked_at_first(seen: Seen) -> None:
    if seen.is_at("/oauth/authorize"):
        seen.answered = [
            (
                name,
                value.replace("invalid_scope", "cds_grant_id_invalid_value") if name.lower() == "location" else value,
            )
            for name, value in seen.answered
        ]
