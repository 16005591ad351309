"""Faults that only show when the staff of the server takes part."""

from tests.conformance.faulty import Seen, plant
from tests.conformance.planting import FILES, GRANTS, LISTS, give


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
