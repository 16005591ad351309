"""Faults of Client Objects and Messages."""

import json

from tests.conformance.faulty import Seen, plant
from tests.conformance.planting import CLIENTS, LISTS, MESSAGES, cut, give, strip

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
