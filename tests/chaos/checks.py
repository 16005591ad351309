"""What is there after a run, held against what was confirmed: nothing is lost, and nothing happened twice."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.chaos.journal import Journal
from tests.chaos.load import AS_OPERATOR, OPERATOR_API
from tests.chaos.topology import House

NEWS_SECONDS = 60.0
"""How long webhooks may take for what happened last."""

SILENCE_SECONDS = 20.0
"""After which nothing comes any more: longer than it takes until somebody takes over what a dead worker had."""

AT_ONCE = 4
EVENT_OF = {"message": "message.created", "registration": "registration.created", "grant": "grant.created"}


@dataclass
class Findings:
    """Each entry is a sentence about one thing."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    news_late: float = 0.0
    """Seconds from a confirmation to its webhook, the longest."""
    told_again: int = 0
    """Webhooks that came more than once, with the same id."""


class Inspection:
    """Reads everything through one server, as an operator and as the Clients.

    Args:
        house: What is inspected.
        journal: What was confirmed.
    """

    def __init__(self, house: House, journal: Journal) -> None:
        self._house = house
        self._journal = journal
        self.findings = Findings()
        self._began = time.monotonic()
        self._http = httpx.AsyncClient(base_url=house.urls[1], timeout=60, trust_env=False)

    async def run(self, webhook_id: str) -> Findings:
        """All checks."""
        async with self._http:
            await self._until_told()
            self._feed(await self._events())
            await self._webhooks(webhook_id)
            registrations = {one.registration_id for one in self._journal.made}
            named = await self._every(f"{OPERATOR_API}/registrations", "registrations")
            self._registrations(named)
            callers = [one["registration_id"] for one in named if _name(one).startswith("Caller")]
            for registration_id in set(callers) & registrations:
                await self._messages(registration_id)
                await self._grants(registration_id)
            await self._logins()
            await self._tokens()
        return self.findings

    async def _get(self, path: str, **params: Any) -> dict[str, Any]:
        answer = await self._http.get(path, params=params or None, headers=AS_OPERATOR)
        body: dict[str, Any] = answer.raise_for_status().json()
        return body

    async def _every(self, path: str, member: str, **params: Any) -> list[dict[str, Any]]:
        """All pages of a list."""
        page = await self._get(path, **params)
        found = list(page[member])
        while page["next"]:
            page = await self._get(page["next"].replace(self._house.urls[0], self._house.urls[1]))
            found += page[member]
        return found

    async def _events(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            after = {"after": found[-1]["id"]} if found else {}
            page = (await self._get(f"{OPERATOR_API}/events", **after))["events"]
            if not page:
                return found
            found += page

    async def _until_told(self) -> None:
        """Wait for the webhooks of what was confirmed. Nobody reads the feed meanwhile: that would help the worker."""
        confirmed = {_event_key(one.kind, one.id) for one in self._journal.made if one.kind in EVENT_OF}
        await self._until_heard(lambda: confirmed <= set(self._first_told()))
        first = self._first_told()
        delays = (first[key] - one.at for one in self._journal.made if (key := _event_key(one.kind, one.id)) in first)
        self.findings.news_late = max(delays, default=0.0)
        self.findings.lost += [f"webhook about {' '.join(one)}" for one in confirmed - set(first)]

    async def _until_heard(self, has_all: Callable[[], bool]) -> None:
        """Wait until the endpoint has all of something; where it may be lost, only while something is still coming."""
        hook, deadline = self._house.hook, time.monotonic() + NEWS_SECONDS
        patience = NEWS_SECONDS if self._house.topology.keeps_promises else SILENCE_SECONDS
        while time.monotonic() < deadline and not has_all():
            latest = max([one.at for one in hook.received[-1:]], default=0.0)
            if time.monotonic() > max(latest, self._began) + patience:
                return
            await asyncio.sleep(0.1)

    def _first_told(self) -> dict[tuple[str, str], float]:
        """When the endpoint heard of what."""
        first: dict[tuple[str, str], float] = {}
        for one in self._house.hook.received:
            first.setdefault((one.body["type"], one.body["data"].get("object_id")), one.at)
        return first

    async def _webhooks(self, webhook_id: str) -> None:
        """Every event comes to the endpoint, under one id, with one content."""
        hook = self._house.hook
        wanted = {f"{one['id']}_{webhook_id}" for one in await self._events()}
        await self._until_heard(lambda: wanted <= set(hook.ids))
        came = Counter(hook.ids)
        self.findings.told_again = sum(came.values()) - len(came)
        self.findings.lost += [f"webhook {one}" for one in wanted - set(came)]
        self.findings.lost += [f"event of webhook {one}" for one in set(came) - wanted]
        contents = {(one.webhook_id, str(one.body)) for one in hook.received}
        if len(contents) != len(came):
            self.findings.doubled.append(f"{len(contents) - len(came)} webhooks with two contents")
        if hook.forged:
            self.findings.wrong.append(f"{hook.forged} webhooks with a wrong signature")

    def _feed(self, events: list[dict[str, Any]]) -> None:
        """What came into being is told once."""
        created = Counter((one["type"], one["object_id"]) for one in events if one["type"].endswith(".created"))
        self._once(
            "event", created, (_event_key(one.kind, one.id) for one in self._journal.made if one.kind in EVENT_OF)
        )

    def _registrations(self, named: list[dict[str, Any]]) -> None:
        names = Counter(_name(one) for one in named)
        self._once("registration", names, (one.name for one in self._journal.of("registration")))

    async def _messages(self, registration_id: str) -> None:
        found = await self._every(f"{OPERATOR_API}/messages", "messages", registration_id=registration_id)
        own = [one for one in found if one["type"] == "support_request"]
        confirmed = [one for one in self._journal.of("message") if one.registration_id == registration_id]
        self._once("Message", Counter(one["name"] for one in own), (one.name for one in confirmed))
        complete = {one["message_id"] for one in own if one["status"] == "complete"}
        decided = {one.id for one in self._journal.of("decision") if one.registration_id == registration_id}
        self.findings.lost += [f"decision about {one}" for one in decided - complete]

    async def _grants(self, registration_id: str) -> None:
        """As many as were confirmed, for each of which there was one key however often it was sent."""
        found = await self._every(f"{OPERATOR_API}/grants", "grants", registration_id=registration_id)
        confirmed = {one.id for one in self._journal.of("grant") if one.registration_id == registration_id}
        there = {one["grant_id"] for one in found}
        self.findings.lost += [f"grant {one}" for one in confirmed - there]
        made_later = [one for one in found if one["grant_id"] not in confirmed and one["scope"] == "ple_grid_status"]
        standing = 1  # what registration itself has made
        if len(made_later) > standing + self._journal.given_up:
            self.findings.doubled.append(f"{len(made_later) - standing} grants of {registration_id}")

    async def _logins(self) -> None:
        """Every registration that was confirmed can be used."""
        made = self._journal.of("registration")
        for some in _batches(made):
            calls = (self._login(one.id, one.secret) for one in some)
            for one, works in zip(some, await asyncio.gather(*calls), strict=True):
                if not works:
                    self.findings.lost.append(f"login of {one.registration_id}")

    async def _login(self, client_id: str, secret: str) -> bool:
        form = {"grant_type": "client_credentials"}
        answer = await self._http.post("/oauth/token", data=form, auth=(client_id, secret))
        return answer.is_success

    async def _tokens(self) -> None:
        """Every access token that was handed out is good."""
        for some in _batches(self._journal.of("token")):
            calls = (
                self._http.get("/cds-api/v1/clients", headers={"Authorization": f"Bearer {one.secret}"}) for one in some
            )
            for one, answer in zip(some, await asyncio.gather(*calls), strict=True):
                if not answer.is_success:
                    self.findings.lost.append(f"token of {one.registration_id}: {answer.status_code}")

    def _once(self, what: str, there: Counter[Any], confirmed: Iterable[Any]) -> None:
        self.findings.lost += [f"{what} {one}" for one in set(confirmed) - set(there)]
        self.findings.doubled += [f"{what} {one} x {times}" for one, times in there.items() if times > 1]


def _name(registration: dict[str, Any]) -> str:
    name: str = registration["client_metadata"]["client_name"]
    return name


def _event_key(kind: str, id_: str) -> tuple[str, str]:
    return EVENT_OF.get(kind, ""), id_


def _batches(every: list[Any]) -> Iterable[list[Any]]:
    return (every[at : at + AT_ONCE] for at in range(0, len(every), AT_ONCE))
