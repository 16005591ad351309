"""What belongs to another registration is answered like what never existed, so nobody learns that it does."""

import re

import httpx
import pytest

from tests.conftest import Registered, Server
from tests.guards.test_surface import EVERYTHING, routes

API = "/cds-api/v1/"
NOBODYS = "00zzzzzzzzzzzz"
BODY = {"read": True, "status": "closed", "client_secret_expires_at": 0, "client_name": "Mine now"}
UNTOLD = {"x-request-id", "date", "content-length"}


def told(answer: httpx.Response, *ids: str) -> tuple[object, ...]:
    """All that an answer says, without the ids that the caller sent itself, and those of the request."""
    text = answer.text.replace(answer.headers["x-request-id"], "request")
    for one in ids:
        text = text.replace(one, "id")
    headers = {name: value for name, value in answer.headers.items() if name not in UNTOLD}
    return answer.status_code, headers, text


async def ids_of(owner: Registered) -> dict[str, str]:
    """An object of each kind, by the name that routes have for its id."""
    (grant, *_) = (await owner.get(f"{API}grants")).json()["grants"]
    (message, *_) = await owner.messages()
    return {
        "client_id": owner.client_id,
        "credential_id": (await owner.credential_of(owner.client_id))["credential_id"],
        "grant_id": grant["grant_id"],
        "message_id": message["message_id"],
        "file_id": "f" + "0" * 16,
    }


async def test_on_every_route_an_id_of_somebody_else_is_as_unknown_as_any(server: Server) -> None:
    """Routes come from the table, so one that is added is held to it; the owner finds everything as it was."""
    owner, other = await server.register(EVERYTHING), await server.register()
    ids = await ids_of(owner)
    before = [(await owner.get(f"{API}{name}")).json() for name in ("clients", "credentials", "grants", "messages")]
    with_ids = [route for route in routes(server) if route.path.startswith(API) and "_id}" in route.path]

    assert {name for route in with_ids for name in re.findall(r"\{(\w+)\}", route.path)} == ids.keys()
    for route in with_ids:
        (name,) = re.findall(r"\{(\w+)\}", route.path)
        foreign, unknown = ids[name], ids[name].replace(owner.registration_id, NOBODYS)
        for method in route.endpoints:
            answers = [
                await other.call(method, route.path.replace(f"{{{name}}}", one), json=None if method == "GET" else BODY)
                for one in (foreign, unknown)
            ]
            assert answers[0].status_code in {403, 404}, (method, route.path, answers[0].text)
            assert told(answers[0], foreign) == told(answers[1], unknown), (method, route.path)
    after = [(await owner.get(f"{API}{name}")).json() for name in ("clients", "credentials", "grants", "messages")]
    assert after == before


@pytest.mark.parametrize("listing", ["clients", "credentials", "grants", "messages"])
async def test_no_filter_finds_what_belongs_to_somebody_else(server: Server, listing: str) -> None:
    owner, other = await server.register(EVERYTHING), await server.register()
    ids = await ids_of(owner)
    known = {f"{name}s": value for name, value in ids.items() if name != "file_id"}

    for name, value in known.items():
        foreign = await other.get(f"{API}{listing}", params={name: value})
        unknown = await other.get(f"{API}{listing}", params={name: value.replace(owner.registration_id, NOBODYS)})
        assert foreign.status_code == 200
        assert owner.registration_id not in foreign.text.replace(value, "")
        assert told(foreign, value) == told(unknown, value.replace(owner.registration_id, NOBODYS)), name


async def test_nothing_is_made_for_or_linked_with_what_belongs_to_somebody_else(server: Server) -> None:
    owner, other = await server.register(EVERYTHING), await server.register()
    ids = await ids_of(owner)
    message = {"type": "private_message", "name": "Hello", "description": "Hello"}

    for one in (ids["client_id"], NOBODYS):
        credential = await other.post(f"{API}credentials", json={"client_id": one})
        assert (credential.status_code, credential.json()["error"]) == (400, "invalid_request")
    for one in (ids["message_id"], ids["message_id"].replace(owner.registration_id, NOBODYS)):
        uri = f"{server.settings.public_url}{API}messages/{one}"
        answer = await other.post(f"{API}messages", json={**message, "previous_uri": uri})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
