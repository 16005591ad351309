"""The operator API for webhooks: who may, what is accepted, what is shown and what never is."""

from typing import Any

import pytest

from app.domain.deliveries import Outcome
from app.domain.events import EVENT_TYPES
from tests.conftest import Server
from tests.operators import OperatorClient, operator_of

URL = "https://hooks.utility.example/cds"


@pytest.fixture
async def admin(server: Server) -> OperatorClient:
    return await operator_of(server)


async def made(admin: OperatorClient, **fields: Any) -> dict[str, Any]:
    answer = await admin.post("/webhooks", {"url": URL, **fields})
    assert answer.status_code == 201, answer.text
    webhook: dict[str, Any] = answer.json()
    return webhook


async def test_a_webhook_is_created_with_a_secret_that_is_shown_once(admin):
    answer = await admin.post("/webhooks", {"url": URL, "events": ["message.created"], "description": "Billing"})

    created = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"].endswith(f"/operator/api/v1/webhooks/{created['webhook_id']}")
    assert answer.headers["cache-control"] == "no-store"
    secret = created.pop("secret")
    assert secret.startswith("whsec_")
    assert created | {"webhook_id": ""} == {
        "webhook_id": "",
        "url": URL,
        "events": ["message.created"],
        "description": "Billing",
        "status": "active",
        "created": "2026-06-01T12:00:00Z",
        "modified": "2026-06-01T12:00:00Z",
    }
    one = await admin.get(f"/webhooks/{created['webhook_id']}")
    every = await admin.get("/webhooks")
    assert one.json() == created
    assert every.json() == {"webhooks": [created], "next": None, "previous": None}
    audit = await admin.get("/audit")
    for answer in (one, every, audit):
        assert "whsec_" not in answer.text


async def test_without_events_a_webhook_is_told_everything(admin):
    assert (await made(admin))["events"] == ["*"]
    assert (await made(admin, events=["*", "message.created"]))["events"] == ["*"]


@pytest.mark.parametrize(
    ("submitted", "field"),
    [
        ({}, "url"),
        ({"url": 7}, "url"),
        ({"url": "hooks.utility.example"}, "url"),
        ({"url": "http://hooks.utility.example/"}, "url"),
        ({"url": "https://user:pass@hooks.utility.example/"}, "url"),
        ({"url": "https://hooks.utility.example/#part"}, "url"),
        ({"url": "file:///etc/passwd"}, "url"),
        ({"url": "https://hooks.utility.example/ x"}, "url"),
        ({"url": URL, "events": []}, "events"),
        ({"url": URL, "events": "message.created"}, "events"),
        ({"url": URL, "events": ["message.exploded"]}, "events"),
        ({"url": URL, "events": ["webhook.test"]}, "events"),
        ({"url": URL, "description": "two\nlines"}, "description"),
        ({"url": URL, "description": "x" * 257}, "description"),
        ({"url": URL, "secret": "mine"}, "secret"),
        ({"url": URL, "status": "disabled"}, "status"),
    ],
)
async def test_what_is_not_acceptable_is_refused_with_its_name(admin, submitted, field):
    answer = await admin.post("/webhooks", submitted)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field
    assert (await admin.get("/webhooks")).json()["webhooks"] == []


async def test_an_unknown_type_is_answered_with_all_that_are_accepted(admin):
    answer = await admin.post("/webhooks", {"url": URL, "events": ["message.exploded"]})

    assert "message.exploded" in answer.json()["detail"]
    assert all(one in answer.json()["detail"] for one in (*EVENT_TYPES, "*"))


async def test_a_loopback_url_may_be_plain_http(admin):
    for url in ("http://127.0.0.1:9000/hooks", "http://localhost/hooks", "http://[::1]:80/"):
        assert (await made(admin, url=url))["url"] == url


@pytest.mark.parametrize("role", ["viewer", "support"])
async def test_others_than_admins_look_but_do_not_change(server, admin, role):
    webhook_id = (await made(admin))["webhook_id"]
    other = await operator_of(server, role)

    assert (await other.get("/webhooks")).status_code == 200
    assert (await other.get(f"/webhooks/{webhook_id}/deliveries")).status_code == 200
    delivery_id = (await admin.post(f"/webhooks/{webhook_id}/test")).json()["delivery_id"]
    refused = [
        await other.post("/webhooks", {"url": URL}),
        await other.patch(f"/webhooks/{webhook_id}", {"status": "disabled"}),
        await other.delete(f"/webhooks/{webhook_id}"),
        await other.post(f"/webhooks/{webhook_id}/test"),
        await other.post(f"/webhooks/{webhook_id}/rotate-secret"),
        await other.post(f"/webhooks/{webhook_id}/replay"),
        await other.post(f"/deliveries/{delivery_id}/replay"),
    ]
    assert [one.status_code for one in refused] == [403] * len(refused)
    assert {one.json()["error"] for one in refused} == {"insufficient_role"}


async def test_without_a_key_there_is_nothing(server):
    answer = await server.http.get("/operator/api/v1/webhooks")

    assert answer.status_code == 401


async def test_a_webhook_can_be_changed_and_turned_off_and_on(server, admin):
    webhook_id = (await made(admin))["webhook_id"]
    server.clock.advance(minutes=1)

    changed = await admin.patch(
        f"/webhooks/{webhook_id}", {"url": f"{URL}/2", "events": ["grant.created"], "description": "Grants"}
    )
    off = await admin.patch(f"/webhooks/{webhook_id}", {"status": "disabled"})
    on = await admin.patch(f"/webhooks/{webhook_id}", {"status": "active"})

    assert changed.status_code == 200
    assert (changed.json()["url"], changed.json()["events"]) == (f"{URL}/2", ["grant.created"])
    assert changed.json()["modified"] == "2026-06-01T12:01:00Z"
    assert (off.json()["status"], off.json()["disabled_by"]) == ("disabled", "operator")
    assert on.json()["status"] == "active"
    assert "disabled_by" not in on.json()


@pytest.mark.parametrize(
    ("submitted", "field"),
    [({"status": "paused"}, "status"), ({"url": "http://x.example"}, "url"), ({"webhook_id": "w1"}, "webhook_id")],
)
async def test_a_change_that_is_not_acceptable_changes_nothing(admin, submitted, field):
    created = await made(admin)

    answer = await admin.patch(f"/webhooks/{created['webhook_id']}", {"description": "x", **submitted})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert (await admin.get(f"/webhooks/{created['webhook_id']}")).json()["description"] == ""


async def test_a_deleted_webhook_is_gone(admin):
    webhook_id = (await made(admin))["webhook_id"]

    assert (await admin.delete(f"/webhooks/{webhook_id}")).status_code == 204
    assert (await admin.get(f"/webhooks/{webhook_id}")).status_code == 404
    assert (await admin.delete(f"/webhooks/{webhook_id}")).status_code == 404
    assert (await admin.get(f"/webhooks/{webhook_id}/deliveries")).status_code == 404


@pytest.mark.parametrize("path", ["/webhooks/w0", "/webhooks/..%2Fx", "/webhooks/w0123456789$", "/deliveries/1-0_w0"])
async def test_ids_that_are_none_of_ours_lead_nowhere(admin, path):
    assert (await admin.get(path)).status_code == 404


async def test_a_new_secret_replaces_the_old_one_in_time(admin):
    created = await made(admin)

    rotated = await admin.post(f"/webhooks/{created['webhook_id']}/rotate-secret")

    assert rotated.status_code == 200
    assert rotated.json()["secret"].startswith("whsec_")
    assert rotated.json()["secret"] != created["secret"]


async def test_every_change_is_in_the_audit_log_and_no_secret(admin):
    webhook_id = (await made(admin))["webhook_id"]
    await admin.patch(f"/webhooks/{webhook_id}", {"description": "Billing"})
    await admin.post(f"/webhooks/{webhook_id}/rotate-secret")
    delivery_id = (await admin.post(f"/webhooks/{webhook_id}/test")).json()["delivery_id"]
    await admin.post(f"/deliveries/{delivery_id}/replay")
    await admin.delete(f"/webhooks/{webhook_id}")

    records = (await admin.get("/audit")).json()["audit"]

    records = [one for one in records if one["action"].startswith("webhooks.")]
    assert [one["action"] for one in records] == [
        "webhooks.create",
        "webhooks.modify",
        "webhooks.rotate_secret",
        "webhooks.replay",
        "webhooks.delete",
    ]
    assert {one["actor"]["name"] for one in records} == {admin.name}
    assert records[0]["changes"][0]["after"]["url"] == URL
    (change,) = records[1]["changes"]
    assert change == {
        "object": "webhook",
        "id": webhook_id,
        "before": {"description": ""},
        "after": {"description": "Billing"},
    }


async def test_a_test_waits_to_be_sent_and_can_be_looked_at(admin):
    webhook_id = (await made(admin))["webhook_id"]

    answer = await admin.post(f"/webhooks/{webhook_id}/test")

    delivery = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"].endswith(f"/operator/api/v1/deliveries/{delivery['delivery_id']}")
    assert delivery["type"] == "webhook.test"
    assert (delivery["status"], delivery["attempts"]) == ("waiting", 0)
    assert (await admin.get(answer.headers["location"].partition("utility.example")[2])).json() == delivery
    listed = (await admin.get(f"/webhooks/{webhook_id}/deliveries", params={"status": "waiting"})).json()
    assert listed == {"deliveries": [delivery], "next": None, "previous": None}
    assert (await admin.get(f"/webhooks/{webhook_id}/deliveries?status=dead")).json()["deliveries"] == []


async def test_deliveries_have_pages_and_only_known_statuses(admin):
    webhook_id = (await made(admin))["webhook_id"]
    for _ in range(60):
        await admin.post(f"/webhooks/{webhook_id}/test")

    first = (await admin.get(f"/webhooks/{webhook_id}/deliveries?status=waiting")).json()
    second = (await admin.get(first["next"])).json()

    assert (len(first["deliveries"]), len(second["deliveries"])) == (50, 10)
    assert "status=waiting" in first["next"]
    assert (first["previous"], second["next"]) == (None, None)
    assert (await admin.get(second["previous"])).json() == first
    wrong = await admin.get(f"/webhooks/{webhook_id}/deliveries?status=lost")
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (400, "status")


async def test_dead_letters_are_replayed_unless_the_webhook_is_disabled(server, admin):
    webhook_id = (await made(admin))["webhook_id"]
    for _ in range(3):
        await admin.post(f"/webhooks/{webhook_id}/test")
    queue = server.service.state["deliveries"]
    for taken in await queue.take(server.clock.now, limit=10, each=10, others={}):
        await queue.settle(taken, Outcome(status="dead", last_error="no"), server.clock.now)
    dead = (await admin.get(f"/webhooks/{webhook_id}/deliveries?status=dead")).json()["deliveries"]
    assert [one["last_error"] for one in dead] == ["no"] * 3

    await admin.patch(f"/webhooks/{webhook_id}", {"status": "disabled"})
    refused = [
        await admin.post(f"/deliveries/{dead[0]['delivery_id']}/replay"),
        await admin.post(f"/webhooks/{webhook_id}/replay"),
        await admin.post(f"/webhooks/{webhook_id}/test"),
    ]
    assert [one.status_code for one in refused] == [409] * 3
    await admin.patch(f"/webhooks/{webhook_id}", {"status": "active"})
    one = await admin.post(f"/deliveries/{dead[0]['delivery_id']}/replay")
    every = await admin.post(f"/webhooks/{webhook_id}/replay")

    assert (one.json()["status"], one.json()["attempts"]) == ("waiting", 0)
    assert every.json() == {"replayed": 2}
    assert (await admin.post("/webhooks/w0000000000/replay")).status_code == 404
