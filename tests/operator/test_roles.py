"""Who may do what in the operator API: every route, every method, every role."""

import re
from typing import Final

import httpx
import pytest

from tests.conftest import Server
from tests.guards.test_surface import routes
from tests.message_objects import EVERYTHING, PRIVATE, created
from tests.operator.decided import decide, request_production
from tests.operators import API, OperatorClient, operator_of

ROLES: Final = {
    ("GET", "/registrations"): "viewer",
    ("GET", "/registrations/{registration_id}"): "viewer",
    ("PATCH", "/registrations/{registration_id}"): "admin",
    ("POST", "/registrations/{registration_id}/messages"): "support",
    ("GET", "/messages"): "viewer",
    ("GET", "/messages/{message_id}"): "viewer",
    ("POST", "/messages/{message_id}/decision"): "support",
    ("GET", "/attachments/{attachment_id}"): "viewer",
    ("GET", "/field-files/{field_file_id}"): "viewer",
    ("GET", "/clients/{client_id}"): "viewer",
    ("PATCH", "/clients/{client_id}"): "admin",
    ("POST", "/clients/{client_id}/approve"): "admin",
    ("POST", "/clients/{client_id}/credentials"): "admin",
    ("GET", "/credentials"): "viewer",
    ("GET", "/credentials/{credential_id}"): "viewer",
    ("POST", "/credentials/{credential_id}/expire"): "admin",
    ("GET", "/grants"): "viewer",
    ("POST", "/grants"): "admin",
    ("GET", "/grants/{grant_id}"): "viewer",
    ("PATCH", "/grants/{grant_id}"): "admin",
    ("POST", "/grants/{grant_id}/decision"): "admin",
    ("GET", "/files"): "viewer",
    ("POST", "/files"): "admin",
    ("GET", "/files/{file_id}"): "viewer",
    ("PATCH", "/files/{file_id}"): "admin",
    ("DELETE", "/files/{file_id}"): "admin",
    ("GET", "/files/{file_id}/download"): "viewer",
    ("POST", "/files/{file_id}/shares"): "admin",
    ("POST", "/shares"): "admin",
    ("DELETE", "/shares/{grant_id}"): "admin",
    ("GET", "/overview"): "viewer",
}
"""The least role that may. Deciding anything but that a private_message is noted needs an admin all the same."""

ELSEWHERE: Final = ("/audit", "/broadcasts", "/deliveries", "/events", "/operators", "/webhooks")
"""Pinned by the tests of these routes."""


def every_call(server: Server) -> list[tuple[str, str]]:
    """Method and path of all that the operator API has."""
    found = [route for route in routes(server) if route.path.startswith(API)]
    return [(method, route.path.removeprefix(API)) for route in found for method in route.endpoints]


async def send(operator: OperatorClient, method: str, path: str) -> httpx.Response:
    """A call about things that are not there, with an empty body."""
    return await operator.call(method, re.sub(r"\{\w+\}", "00zzzzzzzzzzzz", path), json={})


async def test_every_route_is_pinned(server: Server) -> None:
    own = {call for call in every_call(server) if not call[1].startswith(ELSEWHERE)}

    assert own == set(ROLES)


async def test_the_operator_api_is_closed_to_all_but_operators(server: Server) -> None:
    """A Client's token is none of an operator's keys."""
    client = await server.register()
    token = await server.access_token(client.client_id, client.client_secret)
    operator = await operator_of(server)
    revoked = OperatorClient(server, "nobody", operator.role, "cdsop_" + "x" * 43)

    for method, path in every_call(server):
        for headers in ({"Authorization": ""}, {"Authorization": f"Bearer {token}"}, {"Authorization": "Basic eDp5"}):
            answer = await operator.call(method, path.replace("{", "").replace("}", ""), headers=headers)
            assert answer.status_code == 401, (method, path, headers)
            assert answer.headers["www-authenticate"].startswith("Bearer"), (method, path)
        assert (await send(revoked, method, path)).status_code == 401, (method, path)


async def test_an_introspector_only_introspects(server: Server) -> None:
    introspector = await operator_of(server, "introspector")

    for method, path in every_call(server):
        answer = await send(introspector, method, path)
        assert answer.status_code == 403, (method, path)
        assert answer.json()["error"] == "insufficient_role"


async def test_a_viewer_changes_nothing(server: Server) -> None:
    viewer = await operator_of(server, "viewer")

    for method, path in every_call(server):
        if method != "GET" and not path.endswith("/preview"):
            assert (await send(viewer, method, path)).status_code == 403, (method, path)


@pytest.mark.parametrize("role", ["viewer", "support", "admin"])
async def test_each_role_may_do_what_is_pinned_and_no_more(server: Server, role: str) -> None:
    order = ["viewer", "support", "admin"]
    operator = await operator_of(server, role)

    for (method, path), least in ROLES.items():
        answer = await send(operator, method, path)
        is_allowed = order.index(role) >= order.index(least)
        assert (answer.status_code != 403) is is_allowed, (method, path, answer.text)
        assert answer.status_code in {200, 400, 403, 404}, (method, path, answer.text)


async def test_support_notes_and_does_not_decide(server: Server) -> None:
    client = await server.register(EVERYTHING)
    support = await operator_of(server, "support")
    question, request = await created(client, PRIVATE), await request_production(client)

    refused = await decide(support, request, "complete")

    assert (refused.status_code, refused.json()["error"]) == (403, "insufficient_role")
    assert (await decide(support, question, "complete")).status_code == 200


async def test_an_operator_who_was_revoked_is_out(server: Server) -> None:
    admin, other = await operator_of(server), await operator_of(server, "viewer")
    assert (await other.get("/overview")).status_code == 200

    assert (await admin.delete(f"/operators/{other.name}")).status_code == 204
    server.clock.advance(seconds=6)

    assert (await other.get("/overview")).status_code == 401


async def test_every_list_has_neighbours(server: Server) -> None:
    client = await server.register(EVERYTHING)
    viewer = await operator_of(server, "viewer")
    of_one = {"registration_id": client.registration_id}

    for path, query in (
        ("/registrations", {}),
        ("/messages", {}),
        ("/messages", of_one),
        ("/credentials", of_one),
        ("/grants", {}),
        ("/grants", of_one),
        ("/files", {}),
    ):
        page = (await viewer.get(path, params=query)).json()
        assert set(page) == {path[1:], "next", "previous"}
        assert (page["next"], page["previous"]) == (None, None)
        times = [one.get("modified", one.get("created")) for one in page[path[1:]]]
        assert times == sorted(times, reverse=True)


async def test_who_asks_is_settled_before_what_is_asked(server: Server) -> None:
    """Whatever is wrong with the body, a key that is not good learns nothing else."""
    stranger = OperatorClient(server, "nobody", (await operator_of(server)).role, "cdsop_" + "x" * 43)

    for method, path in every_call(server):
        answer = await stranger.call(method, path.replace("{", "").replace("}", ""), content=b"{nonsense")
        assert answer.status_code == 401, (method, path)
