"""Faults of Client Objects, Messages, Credentials, Grants and authorization requests."""

import json
from typing import Any

from tests.conformance.faulty import API, Seen, plant

CLIENTS, MESSAGES, CREDENTIALS, GRANTS = (f"{API}/{name}" for name in ("clients", "messages", "credentials", "grants"))
FILES = f"{API}/server-provided-files"
LISTS = ("outstanding", "unread", "read")


def strip(seen: Seen, kind: str, name: str) -> None:
    """Take a member out of every object of a kind."""
    for one in seen.every(kind):
        one.pop(name, None)


def give(seen: Seen, kind: str, **members: Any) -> None:
    """Give members to every object of a kind."""
    for one in seen.every(kind):
        one.update(members)


def remember(seen: Seen) -> None:
    """Answer a read that is refused as it was answered before."""
    if seen.method == "GET" and seen.status == 200:
        seen.memory[seen.path] = seen.content
    elif seen.status == 401 and "authorization" in seen.headers and seen.path in seen.memory:
        seen.answer(200, json.loads(seen.memory[seen.path]))


def cut(seen: Seen, member: str) -> None:
    """Pages of one object each, whose links forget the filters."""
    found = seen.document.get(member)
    if found is None or seen.status != 200:
        return
    place = int(dict(seen.query).get("place", "0"))
    link = f"https://utility.example{seen.path}?place="
    seen.document[member] = found[place : place + 1]
    seen.document["next"] = f"{link}{place + 1}" if place + 1 < len(found) else None
    seen.document["previous"] = f"{link}{place - 1}" if place else None


# Client Objects


@plant("WG1-02-5-02")
def the_clients_api_opens_for_any_token(seen: Seen) -> None:
    if seen.is_at(CLIENTS) and seen.status == 403:
        seen.answer(200, {"clients": [], "next": None, "previous": None})


@plant("WG1-02-5.1-01")
def client_objects_lack_their_contacts(seen: Seen) -> None:
    strip(seen, "client", "contacts")


@plant("WG1-02-5.1-02")
def the_method_of_a_silent_client_object_is_left_out(seen: Seen) -> None:
    for client in seen.every("client"):
        if client.get("token_endpoint_auth_method", "") is None:
            del client["token_endpoint_auth_method"]


@plant("WG1-02-5.1-03")
def a_nameless_client_object_is_called_nothing(seen: Seen) -> None:
    for client in seen.every("client"):
        if client["client_name"] == client["client_id"]:
            client["client_name"] = ""


@plant("WG1-02-5.1-05")
def a_client_object_alone_shows_a_secret(seen: Seen) -> None:
    if seen.is_below(CLIENTS) and "client_id" in seen.document:
        seen.document["client_secret"] = "s" * 40


@plant("WG1-02-5.1-06")
def client_objects_say_when_their_secret_expires(seen: Seen) -> None:
    if seen.path.startswith(CLIENTS):
        give(seen, "client", client_secret_expires_at=0)


@plant("WG1-02-5.1-08")
def client_objects_have_times_in_seconds(seen: Seen) -> None:
    give(seen, "client", cds_created=1790000000)


@plant("WG1-02-5.1-13")
def client_objects_cannot_be_disabled(seen: Seen) -> None:
    for client in seen.every("client"):
        client["cds_status_options"] = [one for one in client["cds_status_options"] if one != "disabled"]


@plant("WG1-02-5.1-21")
def the_default_redirect_uri_is_empty(seen: Seen) -> None:
    for client in seen.every("client"):
        if client.get("cds_default_redirect_uri"):
            client["cds_default_redirect_uri"] = ""


@plant("WG1-02-5.2-01")
def a_status_of_client_objects_is_misspelt(seen: Seen) -> None:
    for client in seen.every("client"):
        client["cds_status"] = client["cds_status"].title()


@plant("WG1-02-5.2-04", before=True)
def a_disabled_client_object_is_not_disabled(seen: Seen) -> None:
    if seen.is_below(CLIENTS, "PUT") and seen.sent.get("cds_status") == "disabled":
        seen.answer(200, seen.sent)


@plant("WG1-02-5.3-02")
def the_listing_of_client_objects_lacks_next(seen: Seen) -> None:
    if "clients" in seen.document:
        del seen.document["next"]


@plant("WG1-02-5.3-03")
def an_empty_listing_of_client_objects_is_null(seen: Seen) -> None:
    if seen.document.get("clients") == []:
        seen.document["clients"] = None


@plant("WG1-02-5.3-05")
def the_listing_of_client_objects_never_ends(seen: Seen) -> None:
    if "clients" in seen.document:
        seen.document["next"] = f"https://utility.example{CLIENTS}"


@plant("WG1-02-5.3-07", before=True)
def the_filter_of_client_objects_is_ignored(seen: Seen) -> None:
    if seen.is_at(CLIENTS):
        seen.without_query("client_ids")


@plant("WG1-02-5.3-07")
def the_links_of_client_objects_lose_the_filter(seen: Seen) -> None:
    cut(seen, "clients")


@plant("WG1-02-5.3-04")
def client_objects_come_one_by_one(seen: Seen) -> None:
    cut(seen, "clients")


@plant("WG1-02-5.3-08")
def client_objects_are_sorted_oldest_first(seen: Seen) -> None:
    for place, client in enumerate(seen.document.get("clients") or ()):
        client["cds_modified"] = f"2026-01-01T00:00:{place:02}Z"


@plant("WG1-02-5.3-09")
def no_message_tells_of_a_changed_client_object(seen: Seen) -> None:
    for name in LISTS:
        found = seen.document.get(name)
        if isinstance(found, list):
            found[:] = [one for one in found if one.get("related_type") != "client"]


@plant("WG1-02-5.4-01")
def a_client_object_of_somebody_else_is_answered_with_500(seen: Seen) -> None:
    if seen.is_below(CLIENTS) and seen.status == 404:
        seen.answer(500, {"error": "server_error"})


@plant("WG1-02-5.5-05")
def a_client_chooses_its_grant_types(seen: Seen) -> None:
    chosen = ["urn:example:conformance"]
    if seen.is_below(CLIENTS, "PUT") and seen.sent.get("grant_types") == chosen:
        seen.memory["path"] = seen.path
        seen.answer(200, seen.sent)
    elif seen.is_below(CLIENTS) and seen.memory.get("path") == seen.path:
        seen.document["grant_types"] = chosen


@plant("WG1-02-5.5-08")
def an_invalid_change_is_answered_with_200(seen: Seen) -> None:
    if seen.is_below(CLIENTS, "PUT") and seen.status == 400:
        seen.answer(200, seen.sent)


@plant("WG1-02-5.5-09", before=True)
def what_a_put_leaves_out_is_kept(seen: Seen) -> None:
    if seen.is_below(CLIENTS, "PUT"):
        seen.memory.update(seen.sent)
        seen.body = json.dumps(seen.memory | seen.sent).encode()


@plant("WG1-02-5.5-11")
def a_change_under_review_shows_at_once(seen: Seen) -> None:
    if seen.status == 202:
        seen.document.update(seen.sent)


@plant("WG1-02-5.5-10")
def a_change_under_review_stays_secret(seen: Seen) -> None:
    if seen.status == 202:
        seen.document.update({"cds_status": None, "contacts": None})


# Messages


@plant("WG1-02-6.1-01")
def messages_have_no_previous_uri(seen: Seen) -> None:
    strip(seen, "message", "previous_uri")


@plant("WG1-02-6.1-04")
def messages_of_the_server_are_of_a_client_object(seen: Seen) -> None:
    for message in seen.every("message"):
        message["creator"] = message["creator"] or "utility"


@plant("WG1-02-6.1-17")
def related_uris_have_no_type(seen: Seen) -> None:
    strip(seen, "message", "related_type")


@plant("WG1-02-6.1-18")
def payments_have_their_amount_as_a_text(seen: Seen) -> None:
    for message in seen.every("message"):
        if "amount" in message:
            message["amount"] = str(message["amount"])


@plant("WG1-02-6.3-02")
def private_messages_are_pending(seen: Seen) -> None:
    for message in seen.every("message"):
        if message["type"] == "private_message":
            message["status"] = "pending"


@plant("WG1-02-6.3-13")
def requests_for_support_are_open(seen: Seen) -> None:
    for message in seen.every("message"):
        message["status"] = "open"


@plant("WG1-02-6.8-02")
def the_listing_of_messages_lacks_a_link(seen: Seen) -> None:
    seen.document.pop("read_previous", None)


@plant("WG1-02-6.8-03")
def nothing_is_outstanding(seen: Seen) -> None:
    if "outstanding" in seen.document:
        seen.document["outstanding"] = []


@plant("WG1-02-6.8-08", before=True)
def the_filter_of_messages_is_ignored(seen: Seen) -> None:
    if seen.is_at(MESSAGES):
        seen.without_query("message_ids")


@plant("WG1-02-6.8-10")
def messages_are_sorted_oldest_first(seen: Seen) -> None:
    for name in LISTS:
        found = seen.document.get(name)
        for place, message in enumerate(found if isinstance(found, list) else ()):
            message["modified"] = f"2026-01-01T00:{place // 60:02}:{place % 60:02}Z"


@plant("WG1-02-6.9-17")
def a_new_message_is_answered_with_200(seen: Seen) -> None:
    if seen.is_at(MESSAGES, "POST") and seen.status == 201:
        seen.status = 200


@plant("WG1-02-6.9-05")
def clients_write_notifications(seen: Seen) -> None:
    if seen.is_at(MESSAGES, "POST") and seen.sent.get("type") == "notification":
        seen.answer(201, seen.sent)


@plant("WG1-02-6.9-19")
def a_new_message_is_unread(seen: Seen) -> None:
    if seen.is_at(MESSAGES, "POST") and seen.status == 201:
        seen.document["read"] = False


@plant("WG1-02-6.9-20")
def a_client_writes_as_somebody_else(seen: Seen) -> None:
    if seen.is_at(MESSAGES, "POST") and "creator" in seen.sent:
        seen.document["creator"] = seen.sent["creator"]


@plant("WG1-02-6.9-14")
def a_malformed_message_is_answered_with_500(seen: Seen) -> None:
    if seen.is_at(MESSAGES, "POST") and seen.status == 400:
        seen.answer(500, {"error": "server_error"})


@plant("WG1-02-6.9-16")
def ten_megabytes_are_too_much(seen: Seen) -> None:
    if seen.is_at(MESSAGES, "POST") and len(seen.body) > 5_000_000:
        seen.answer(413, {"error": "invalid_request"})


@plant("WG1-02-6.9-15")
def too_much_is_answered_with_400(seen: Seen) -> None:
    if seen.status == 413:
        seen.status = 400


@plant("WG1-02-6.11-03", before=True)
def a_message_stays_unread(seen: Seen) -> None:
    if seen.is_below(MESSAGES, "PATCH"):
        seen.body = b"{}"


@plant("WG1-02-6.11-09")
def a_patch_of_a_message_refuses_what_it_does_not_know(seen: Seen) -> None:
    if seen.is_below(MESSAGES, "PATCH") and "conformance_unknown" in seen.sent:
        seen.answer(400, {"error": "invalid_request"})


@plant("WG1-02-3.6-08")
def a_payment_brings_no_message(seen: Seen) -> None:
    for name in LISTS:
        found = seen.document.get(name)
        if isinstance(found, list):
            found[:] = [one for one in found if one["type"] != "payment_request"]


@plant("WG1-02-3.6-09")
def the_link_of_a_payment_opens_once(seen: Seen) -> None:
    if seen.path.startswith("/onboarding/") and seen.method == "GET":
        if seen.path in seen.memory:
            seen.answer(410, {"error": "gone"})
        seen.memory[seen.path] = True


@plant("WG1-02-3.6-38")
def nobody_says_that_a_pdf_has_come(seen: Seen) -> None:
    for name in LISTS:
        found = seen.document.get(name)
        if isinstance(found, list):
            found[:] = [one for one in found if one["type"] != "request_update"]


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


# What only shows when the staff of the server takes part


@plant("WG1-02-9-02", staffed=True)
def files_open_for_an_admin(seen: Seen) -> None:
    if seen.is_at(FILES) and seen.status == 403:
        seen.answer(200, {"files": [], "next": None, "previous": None})


@plant("WG1-02-9.1-01", staffed=True)
def files_have_no_size(seen: Seen) -> None:
    for file in seen.document.get("files") or ():
        del file["size"]


@plant("RFC7009-2.1-02", before=True, staffed=True)
def an_access_token_outlives_its_refresh_token(seen: Seen) -> None:
    if seen.is_at("/oauth/revoke", "POST"):
        seen.answer(200)


@plant("WG1-02-9.1-04", staffed=True)
def a_file_without_a_description_has_null(seen: Seen) -> None:
    for file in seen.document.get("files") or ():
        file["description"] = None


@plant("WG1-02-9.2-07", before=True, staffed=True)
def the_filter_of_files_is_ignored(seen: Seen) -> None:
    if seen.is_at(FILES):
        seen.without_query("file_ids")


@plant("WG1-02-9.4-01", staffed=True)
def a_file_is_cut_short(seen: Seen) -> None:
    if seen.path.startswith(FILES) and seen.path.endswith("/download"):
        seen.content = seen.content[:-1]


@plant("WG1-02-9.3-01", staffed=True)
def a_file_outlives_its_grant(seen: Seen) -> None:
    if seen.is_below(FILES) and seen.status == 401 and "authorization" in seen.headers:
        seen.answer(200, {"file_id": "x"})


@plant("WG1-02-6.9-24", staffed=True)
def a_request_stays_open_whatever_is_submitted(seen: Seen) -> None:
    for message in seen.every("message"):
        if message["type"] == "server_request":
            message["status"] = "open"


@plant("WG1-02-6.3-10", staffed=True)
def a_rejection_has_no_reason(seen: Seen) -> None:
    for message in seen.every("message"):
        if message["status"] == "rejected":
            message["description"] = ""


@plant("WG1-02-6.3-05", staffed=True)
def an_approved_request_leads_nowhere(seen: Seen) -> None:
    for message in seen.every("message"):
        if message.get("related_type") == "grant_list":
            del message["related_uri"], message["related_type"]


@plant("WG1-02-6.9-28", staffed=True)
def nobody_says_that_production_was_approved(seen: Seen) -> None:
    for name in LISTS:
        found = seen.document.get(name)
        if isinstance(found, list):
            found[:] = [one for one in found if one["type"] != "request_update"]


@plant("WG1-02-3.6-13", staffed=True)
def an_accepted_payment_has_no_receipt(seen: Seen) -> None:
    for message in seen.every("message"):
        if message.get("related_type") == "payment_receipt":
            message["related_type"] = "more_info"


@plant("WG1-02-8.1-07", staffed=True)
def a_grant_that_was_pending_keeps_its_eta(seen: Seen) -> None:
    give(seen, "grant", eta="2030-01-01T00:00:00Z")


@plant("WG1-02-8.1-03", staffed=True)
def a_parent_does_not_know_its_children(seen: Seen) -> None:
    give(seen, "grant", children=[])


@plant("WG1-02-8.2-03", staffed=True)
def a_future_grant_has_access_already(seen: Seen) -> None:
    for grant in seen.every("grant"):
        if grant["status"] == "future":
            grant["enabled_scope"] = grant["scope"]


@plant("WG1-02-8.6-09", staffed=True)
def a_larger_value_is_enabled_at_once(seen: Seen) -> None:
    if seen.is_below(GRANTS, "PATCH"):
        seen.document["enabled_authorization_details"] = seen.document.get("authorization_details")


@plant("WG1-02-7.6-12", staffed=True)
def a_credential_that_the_server_ended_looks_alive(seen: Seen) -> None:
    give(seen, "credential", client_secret_expires_at=4000000000)
