"""Reading Messages and marking them as read (CDS-WG1-02 6, 6.1, 6.8, 6.10, 6.11)."""

from typing import Any

import pytest

from app.domain.messages_creation import create
from app.domain.records import Access
from tests.conftest import PUBLIC_URL, MakeServer, Registered, Server
from tests.message_objects import (
    EVERYTHING,
    LISTS,
    MESSAGES,
    PRIVATE,
    SUPPORT,
    created,
    operator_posts,
    refused,
    require_listing,
    reread,
)


async def listing_of(client: Registered, path: str = MESSAGES, **parameters: str) -> dict[str, Any]:
    answer = await client.get(path, params=parameters or None)
    assert answer.status_code == 200, answer.text
    listing: dict[str, Any] = answer.json()
    require_listing(listing)
    return listing


@pytest.mark.clause("WG1-02-6-03", "WG1-02-6.4-03")
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_without_a_token_there_is_nothing_to_see(server: Server, method: str) -> None:
    answer = await server.http.request(method, MESSAGES, json=PRIVATE)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_an_unknown_token_is_refused_before_anything_else(server: Server) -> None:
    client = await server.register()
    await client.messages()
    stranger = f"{client.token[:-5]}aaaaa"

    for method, body in (("GET", None), ("POST", {"type": 7}), ("PATCH", {"read": 7})):
        path = f"{MESSAGES}/nonsense" if method == "PATCH" else MESSAGES
        answer = await client.call(method, path, json=body, headers={"Authorization": f"Bearer {stranger}"})
        assert answer.status_code == 401


@pytest.mark.clause("WG1-02-6-03")
async def test_a_token_of_another_scope_does_not_open_messages(server: Server) -> None:
    client = await server.register("cds_client_admin ple_grid_status")
    other = (await client.clients())["ple_grid_status"]["client_id"]
    credential = await client.credential_of(other)
    token = await server.access_token(other, credential["client_secret"])

    answer = await server.http.get(MESSAGES, headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    assert 'scope="cds_client_admin"' in answer.headers["www-authenticate"]


@pytest.mark.clause("WG1-02-6.8-02", "WG1-02-6.1-01", "WG1-02-6.2-01", "WG1-02-6.3-01", "WG1-02-6.4-01")
async def test_a_listing_has_three_lists_with_two_links_each(server: Server) -> None:
    client = await server.register(EVERYTHING)

    listing = await listing_of(client)

    assert {message["type"] for message in listing["unread"]} >= {
        "notification",
        "online_form_request",
        "pdf_form_request",
        "payment_request",
        "production_request",
    }
    assert all(listing[f"{name}_{end}"] is None for name in LISTS for end in ("next", "previous"))


@pytest.mark.clause("WG1-02-6.8-01")
async def test_messages_of_others_do_not_exist(server: Server) -> None:
    one, other = await server.register(), await server.register()
    message = await created(one, PRIVATE)

    assert message["message_id"] not in str(await listing_of(other))
    assert (await other.get(message["uri"])).status_code == 404
    assert (await other.patch(message["uri"], {"read": False})).status_code == 404
    filtered = await listing_of(other, message_ids=message["message_id"])
    assert not any(filtered[name] for name in LISTS)


@pytest.mark.clause("WG1-02-6.8-03", "WG1-02-6.8-05")
async def test_an_outstanding_message_that_was_read_is_in_two_lists(server: Server) -> None:
    client = await server.register()
    message = await created(client, SUPPORT)

    listing = await listing_of(client)

    assert message in listing["outstanding"]
    assert message in listing["read"]
    assert message not in listing["unread"]


@pytest.mark.clause("WG1-02-6.8-04", "WG1-02-6.1-03")
async def test_what_the_server_writes_is_unread_at_first(server: Server) -> None:
    client = await server.register()
    message = await operator_posts(client)

    listing = await listing_of(client)

    assert message["read"] is False
    assert message["creator"] is None
    assert listing["unread"][0] == message
    assert message not in listing["read"]


@pytest.mark.clause("WG1-02-6.8-10")
async def test_each_list_begins_with_what_changed_last(server: Server) -> None:
    client = await server.register()
    first = await created(client, SUPPORT)
    server.clock.advance(seconds=3)
    second = await created(client, SUPPORT)
    same_second = await created(client, SUPPORT)
    server.clock.advance(seconds=3)
    await client.patch(first["uri"], {"read": False})
    marked = (await client.patch(first["uri"], {"read": True})).json()

    listing = await listing_of(client)

    expected = [marked, same_second, second]
    assert listing["outstanding"] == expected
    assert listing["read"] == expected


@pytest.mark.clause("WG1-02-6.8-07", "WG1-02-6.8-08")
async def test_message_ids_limit_all_three_lists(server: Server) -> None:
    client = await server.register()
    wanted = [await created(client, SUPPORT), await operator_posts(client)]
    await created(client, PRIVATE)
    ids = " ".join(message["message_id"] for message in wanted)

    listing = await listing_of(client, message_ids=f"{ids}  no-such-message {wanted[0]['message_id']}")

    assert listing["outstanding"] == [wanted[0]]
    assert listing["unread"] == [wanted[1]]
    assert listing["read"] == [wanted[0]]


async def test_an_empty_filter_is_no_filter_and_unknown_ones_are_ignored(server: Server) -> None:
    client = await server.register()
    message = await created(client, SUPPORT)

    listing = await listing_of(client, message_ids="", status="complete")

    assert listing["read"] == [message]


async def test_a_filter_may_be_repeated(server: Server) -> None:
    client = await server.register()
    ids = [(await created(client, SUPPORT))["message_id"] for _ in range(2)]

    listing = await listing_of(client, f"{MESSAGES}?message_ids={ids[0]}&message_ids={ids[1]}")

    assert [message["message_id"] for message in listing["read"]] == ids[::-1]


async def create_many(server: Server, client: Registered, count: int) -> None:
    """Through the domain, which is quicker; the lists do not tell."""
    access = Access(client.registration_id, server.clock.now)
    for number in range(count):
        await create(server.context, access, SUPPORT | {"name": f"Number {number}"})
        await operator_posts(client)


async def walk(client: Registered, name: str, direction: str, start: str) -> list[list[dict[str, Any]]]:
    """The pages of one list, from a link onwards; every answer has only this list."""
    pages, link = [], start
    while link:
        assert link.startswith(f"{PUBLIC_URL}{MESSAGES}?")
        listing = await listing_of(client, link)
        for other in set(LISTS) - {name}:
            assert listing[other] == []
            assert listing[f"{other}_next"] is None
            assert listing[f"{other}_previous"] is None
        pages.append(listing[name])
        link = listing[f"{name}_{direction}"]
    return pages


@pytest.mark.clause("WG1-02-6.8-06", "WG1-02-6.8-09", "WG1-02-6.8-10")
async def test_every_list_can_be_walked_both_ways(server: Server) -> None:
    client = await server.register()
    await create_many(server, client, 230)
    start = await listing_of(client)

    for name in LISTS:
        assert len(start[name]) == 100
        assert start[f"{name}_previous"] is None
        pages = [start[name], *await walk(client, name, "next", start[f"{name}_next"])]
        every = [message["message_id"] for page in pages for message in page]
        assert len(every) == len(set(every)) >= 230
        last = await listing_of(client, await last_link(client, name, start))
        back = await walk(client, name, "previous", last[f"{name}_previous"])
        assert [message["message_id"] for page in reversed(back) for message in page] == every[: -len(last[name])]


async def last_link(client: Registered, name: str, listing: dict[str, Any]) -> str:
    link = ""
    while listing[f"{name}_next"]:
        link = listing[f"{name}_next"]
        listing = await listing_of(client, link)
    return link


async def test_page_links_keep_the_filter(server: Server) -> None:
    client = await server.register()
    await create_many(server, client, 120)
    start = await listing_of(client)
    rest = (await listing_of(client, start["read_next"]))["read"]
    ids = [message["message_id"] for message in start["read"] + rest][:110]

    first = await listing_of(client, message_ids=" ".join(ids))
    second = await listing_of(client, first["read_next"])

    assert [message["message_id"] for message in first["read"] + second["read"]] == ids


async def test_a_link_that_is_none_of_ours_is_refused(server: Server) -> None:
    client = await server.register()

    answer = await client.get(MESSAGES, params={"unread_cursor": "7; DROP"})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "unread_cursor"


@pytest.mark.clause("WG1-02-6.10-01", "WG1-02-6.9-18")
async def test_a_message_is_read_at_its_uri_and_stays_unread(server: Server) -> None:
    client = await server.register()
    message = await operator_posts(client)

    for _ in range(2):
        assert await reread(client, message) == message
    assert message in (await listing_of(client))["unread"]


@pytest.mark.parametrize("message_id", ["nonsense", "00000000000000-m0000000000", "..%2F", "%00", "m", "a" * 500])
async def test_what_is_no_message_id_is_not_found(server: Server, message_id: str) -> None:
    client = await server.register()

    assert (await client.get(f"{MESSAGES}/{message_id}")).status_code == 404
    assert (await client.patch(f"{MESSAGES}/{message_id}", {"read": True})).status_code == 404


async def test_another_object_is_no_message(server: Server) -> None:
    client = await server.register()
    credential = await client.credential_of(client.client_id)

    for other in (client.client_id, credential["credential_id"]):
        assert (await client.get(f"{MESSAGES}/{other}")).status_code == 404


@pytest.mark.clause("WG1-02-6.11-01", "WG1-02-6.11-02", "WG1-02-6.11-03", "WG1-02-6.11-10", "RFC5789-2-01")
async def test_a_message_can_be_marked_as_read_and_as_unread(server: Server) -> None:
    client = await server.register()
    message = await operator_posts(client)
    for read in (True, False):
        server.clock.advance(seconds=60)

        answer = await client.patch(message["uri"], {"read": read})

        assert answer.status_code == 200
        assert answer.json() == await reread(client, message)
        changed = {"read": read, "modified": f"{server.clock.now:%Y-%m-%dT%H:%M:%SZ}"}
        assert answer.json() == message | changed
        listing = await listing_of(client)
        assert (answer.json() in listing["read"]) is read
        assert (answer.json() in listing["unread"]) is not read


async def test_marking_as_it_is_changes_nothing(server: Server) -> None:
    client = await server.register()
    message = await operator_posts(client)
    server.clock.advance(seconds=60)

    for body in ({}, {"read": False}):
        answer = await client.patch(message["uri"], body)
        assert answer.status_code == 200
        assert answer.json() == message


@pytest.mark.clause("WG1-02-6.11-09")
async def test_other_fields_of_a_patch_are_ignored(server: Server) -> None:
    client = await server.register()
    message = await created(client, SUPPORT)
    server.clock.advance(seconds=60)

    answer = await client.patch(message["uri"], {"status": "complete", "name": "x", "message_id": 4, "foo": 1})

    assert answer.status_code == 200
    assert answer.json() == message == await reread(client, message)


@pytest.mark.clause("WG1-02-6.11-08")
@pytest.mark.parametrize(
    "body", [{"read": "yes"}, {"read": None}, {"read": 1}, {"read": "true", "name": "x"}, {"read": []}]
)
async def test_read_is_true_or_false(server: Server, body: dict[str, Any]) -> None:
    client = await server.register()
    message = await operator_posts(client)

    answer = await client.patch(message["uri"], body)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "read"
    assert await reread(client, message) == message


@pytest.mark.clause("WG1-02-6.11-08", "WG1-02-6.9-14")
@pytest.mark.parametrize(
    "body", [b"", b"read", b"[]", b'"x"', b"{", b'{"read": tru}', b"\xff\xfe", b'{"a": "\\u0002"}']
)
async def test_a_body_that_is_no_json_object_is_refused(server: Server, body: bytes) -> None:
    client = await server.register()
    message = await operator_posts(client)

    for method, path in (("PATCH", message["uri"]), ("POST", MESSAGES)):
        answer = await client.call(method, path, content=body)
        assert answer.status_code == 400
        assert answer.json()["error"] == "invalid_request"


async def test_other_methods_are_refused(server: Server) -> None:
    client = await server.register()
    message = await operator_posts(client)

    assert (await client.call("DELETE", message["uri"])).status_code == 405
    assert (await client.put(message["uri"], {})).headers["allow"] == "GET, HEAD, OPTIONS, PATCH"
    assert (await client.put(MESSAGES, {})).status_code == 405


async def test_messages_are_not_cached(server: Server) -> None:
    client = await server.register()
    message = await created(client, PRIVATE)

    for answer in (
        await client.get(MESSAGES),
        await client.get(message["uri"]),
        await client.patch(message["uri"], {}),
    ):
        assert answer.headers["cache-control"] == "no-store"


async def test_round_trips_have_a_budget(server: Server) -> None:
    """Reading takes one, changing two; marking as it is already takes one."""
    client = await server.register()
    message = await operator_posts(client)
    budgets: list[tuple[str, str, Any, int]] = [
        ("GET", MESSAGES, None, 1),
        ("GET", message["uri"], None, 1),
        ("POST", MESSAGES, SUPPORT, 2),
        ("POST", MESSAGES, PRIVATE | {"previous_uri": message["uri"]}, 2),
        ("PATCH", message["uri"], {"read": True}, 2),
        ("PATCH", message["uri"], {"read": True}, 1),
    ]
    for method, path, body, budget in budgets:
        before = server.connection.round_trips
        answer = await client.call(method, path, json=body)
        assert answer.is_success
        assert server.connection.round_trips - before == budget, (method, path)


async def test_uris_follow_the_public_url(make_server: MakeServer) -> None:
    server = await make_server(CDS_PUBLIC_URL="https://grid.example/cds")
    client = await server.register()
    answer = await client.post("/cds-api/v1/messages", PRIVATE)

    message = answer.json()

    assert message["uri"] == f"https://grid.example/cds/cds-api/v1/messages/{message['message_id']}"
    assert answer.headers["location"] == message["uri"]
    assert (await client.get(message["uri"])).json() == message
    problem = await client.post("/cds-api/v1/messages", PRIVATE | {"previous_uri": f"{PUBLIC_URL}{MESSAGES}/x"})
    assert problem.status_code == 400


async def test_nothing_is_created_by_a_refused_post(server: Server) -> None:
    client = await server.register()

    await refused(client, PRIVATE | {"name": 5}, field="name")
