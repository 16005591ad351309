"""Operators and their keys: who may come in, what each role may, who makes and revokes operators."""

import asyncio
import io
import re

import pytest

from app.domain.operators import BOOTSTRAP, CHECK_SECONDS, Role
from app.settings import Settings
from tests.conftest import PUBLIC_URL, MakeServer, Server
from tests.operators import API, OperatorClient, operator_of

PATH = "/operators"
LONG_KEY = "correct-horse-battery-staple-and-more"


async def ask(server: Server, *keys: str, scheme: str = "Bearer"):
    """The list of operators with these keys, each in an Authorization header of its own."""
    headers = [(b"Authorization", f"{scheme} {key}".encode()) for key in keys]
    return await server.http.get(API + PATH, headers=headers)


async def test_without_a_key_the_answer_says_how_to_come_in(server):
    answer = await server.http.get(API + PATH)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="cds"'
    assert answer.headers["content-type"] == "application/problem+json"
    assert "operator key" in answer.json()["detail"]


async def test_no_other_credential_opens_the_operator_api(server):
    client = await server.register()
    await client.get("/cds-api/v1/clients")
    admin = await operator_of(server)

    for keys, scheme in (
        ((client.token,), "Bearer"),
        ((client.client_secret,), "Bearer"),
        ((f"cdsop_{'x' * 43}",), "Bearer"),
        (("é" * 40,), "Bearer"),
        ((admin.key + "x",), "Bearer"),
        ((admin.key,), "Basic"),
        ((admin.key, admin.key), "Bearer"),
    ):
        answer = await ask(server, *keys, scheme=scheme)
        assert answer.status_code == 401, keys
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.json()["error"] == "invalid_token"
    assert (await server.http.get(f"{API}{PATH}?access_token={admin.key}")).status_code == 401


@pytest.mark.parametrize("role", ["viewer", "support", "introspector"])
async def test_who_is_of_another_role_is_told_which_one_is_needed(server, role):
    somebody = await operator_of(server, role)

    answer = await somebody.get(PATH)

    assert answer.status_code == 403
    assert answer.json()["error"] == "insufficient_role"
    assert answer.json()["detail"] == f"This needs an operator of the role admin; yours is {role}."
    assert (await somebody.post(PATH, {"name": "eve", "role": "admin"})).status_code == 403
    assert (await somebody.delete(f"{PATH}/{somebody.name}")).status_code == 403
    assert (await (await operator_of(server)).get(f"{PATH}/eve")).status_code == 404


async def test_resource_servers_see_nothing_that_operators_read(server):
    introspector = await operator_of(server, "introspector")

    answers = [await introspector.get(path) for path in ("/events", "/audit", "/registrations")]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert "viewer, support or admin" in answers[0].json()["detail"]


async def test_keys_that_fail_count_as_failed_authentication(make_server: MakeServer):
    server = await make_server(CDS_RATE_LIMIT_FAILED_AUTH="3/minute")
    admin = await operator_of(server)

    statuses = [(await ask(server, f"cdsop_{number:043}")).status_code for number in range(5)]

    assert statuses == [401, 401, 401, 429, 429]
    assert (await admin.get(PATH)).status_code == 200


async def test_a_new_operator_gets_a_key_once_and_can_use_it(server):
    admin = await operator_of(server, name="root")

    answer = await admin.post(PATH, {"name": "anna@utility.example", "role": "viewer"})
    made = answer.json()
    anna = OperatorClient(server, made["name"], Role.VIEWER, made["key"])

    assert answer.status_code == 201
    assert answer.headers["location"] == f"{PUBLIC_URL}{API}{PATH}/anna@utility.example"
    assert answer.headers["cache-control"] == "no-store"
    assert re.fullmatch(r"cdsop_[A-Za-z0-9_-]{43}", made["key"])
    assert {name: made[name] for name in ("role", "created")} == {"role": "viewer", "created": "2026-06-01T12:00:00Z"}
    assert (await anna.get("/events")).status_code == 200
    listed = await admin.get(PATH)
    assert listed.json() == {
        "operators": [
            {"name": "anna@utility.example", "role": "viewer", "created": "2026-06-01T12:00:00Z"},
            {"name": "root", "role": "admin", "created": "2026-06-01T12:00:00Z"},
        ],
        "next": None,
        "previous": None,
    }
    assert (await admin.get(f"{PATH}/anna@utility.example")).json() == listed.json()["operators"][0]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "an na", "role": "viewer"}, "name"),
        ({"name": BOOTSTRAP, "role": "viewer"}, "name"),
        ({"role": "viewer"}, "name"),
        ({"name": "anna", "role": "boss"}, "role"),
        ({"name": "anna", "role": ["admin"]}, "role"),
        ({"name": "anna"}, "role"),
        ({"name": "anna", "role": "viewer", "key": "x" * 40}, "key"),
    ],
)
async def test_an_operator_that_makes_no_sense_is_refused_by_the_field(server, body, field):
    answer = await (await operator_of(server)).post(PATH, body)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field


async def test_a_name_is_given_once_and_free_again_after_a_revocation(server):
    admin = await operator_of(server)
    body = {"name": "anna", "role": "viewer"}
    first = await admin.post(PATH, body)

    assert (await admin.post(PATH, body)).status_code == 409
    assert (await admin.delete(f"{PATH}/anna")).status_code == 204
    again = await admin.post(PATH, body)

    assert again.status_code == 201
    assert again.json()["key"] != first.json()["key"]


async def test_a_revoked_key_is_worthless_at_once_here_and_soon_elsewhere(server, make_server):
    other = await make_server(store=server.service.parts.store)
    admin, eve = await operator_of(server), await operator_of(server, "viewer", "eve")
    elsewhere = OperatorClient(other, "eve", Role.VIEWER, eve.key)
    for one in (eve, elsewhere):
        assert (await one.get("/events")).status_code == 200

    assert (await admin.delete(f"{PATH}/eve")).status_code == 204

    assert (await eve.get("/events")).status_code == 401
    server.clock.advance(seconds=CHECK_SECONDS)
    assert (await elsewhere.get("/events")).status_code == 401
    assert (await admin.delete(f"{PATH}/eve")).status_code == 404


async def test_nobody_revokes_themselves_so_there_is_always_an_admin(server):
    admin = await operator_of(server)

    answer = await admin.delete(f"{PATH}/{admin.name}")

    assert answer.status_code == 409
    assert (await admin.get(PATH)).status_code == 200


async def test_making_and_revoking_operators_is_in_the_audit_log_and_in_the_feed(server):
    admin = await operator_of(server, name="root")
    key = (await admin.post(PATH, {"name": "anna", "role": "support"})).json()["key"]
    await admin.delete(f"{PATH}/anna")

    log = (await admin.get("/audit")).json()["audit"]
    events = (await admin.get("/events")).json()["events"]

    assert [(one["action"], one["actor"]["name"], one["actor"]["via"]) for one in log] == [
        ("operators.add", "root", "cli"),
        ("operators.add", "root", "api"),
        ("operators.revoke", "root", "api"),
    ]
    assert log[1]["registration_id"] is None
    assert log[1]["changes"] == [{"object": "operator", "id": "anna", "before": None, "after": {"role": "support"}}]
    assert log[2]["changes"] == [{"object": "operator", "id": "anna", "before": {"role": "support"}, "after": None}]
    told = [(one["type"], one["object_id"]) for one in events]
    assert told == [("operator.created", "root"), ("operator.created", "anna"), ("operator.revoked", "anna")]
    assert key not in str(log) + str(events)


@pytest.mark.parametrize("key", [LONG_KEY, f"cdsop_{'k' * 43}"])
async def test_the_operator_of_the_settings_is_an_admin_from_the_start(make_server: MakeServer, key):
    server = await make_server(CDS_OPERATOR_BOOTSTRAP_KEY=key)
    bootstrap = OperatorClient(server, BOOTSTRAP, Role.ADMIN, key)

    made = await bootstrap.post(PATH, {"name": "anna", "role": "admin"})
    anna = OperatorClient(server, "anna", Role.ADMIN, made.json()["key"])
    listed = (await anna.get(PATH)).json()["operators"]
    introspected = await server.http.post(
        "/oauth/introspect", data={"token": "x"}, headers={"Authorization": f"Bearer {key}"}
    )

    assert listed[0] == {"name": BOOTSTRAP, "role": "admin", "created": None}
    assert (await anna.delete(f"{PATH}/{BOOTSTRAP}")).status_code == 409
    assert (await bootstrap.delete(f"{PATH}/anna")).status_code == 204
    assert (introspected.status_code, introspected.json()) == (200, {"active": False})
    assert (await ask(server, key[:-1])).status_code == 401


async def test_without_the_setting_nobody_is_called_bootstrap(server):
    assert (await ask(server, LONG_KEY)).status_code == 401
    assert (await (await operator_of(server)).delete(f"{PATH}/{BOOTSTRAP}")).status_code == 404


def test_the_bootstrap_key_is_not_shown_when_settings_are_printed():
    settings = Settings.from_environment({"CDS_OPERATOR_BOOTSTRAP_KEY": LONG_KEY})

    assert LONG_KEY not in repr(settings)


async def test_the_log_names_the_operator_and_has_no_key(json_log: io.BytesIO, make_server: MakeServer):
    server = await make_server(CDS_OPERATOR_BOOTSTRAP_KEY=LONG_KEY)
    admin, viewer = OperatorClient(server, BOOTSTRAP, Role.ADMIN, LONG_KEY), await operator_of(server, "viewer", "vera")
    key = (await admin.post(PATH, {"name": "anna", "role": "viewer"})).json()["key"]
    await viewer.get("/events")
    await viewer.get(PATH)
    await asyncio.sleep(0)  # lines are written a few at a time
    lines = json_log.getvalue().decode()

    assert f'"operator":"{BOOTSTRAP}"' in lines
    assert '"operator":"vera"' in lines
    for secret in (LONG_KEY, viewer.key, key):
        assert secret not in lines
