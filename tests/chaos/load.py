"""Callers at work: Clients, their tokens and Messages, and operators, over all servers in turn.

In front of the servers is what a Service of Kubernetes would be: it asks them several times a second whether they are
ready and sends requests only to those that were. Each caller does one thing after the other. What fails is tried again
at another server, with the same Idempotency-Key, until it is confirmed; how long that takes is the outage that somebody
would have noticed. Callers end after a while and after a number of requests, whatever happens.
"""

import asyncio
import itertools
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import httpx

from tests.chaos.journal import Journal, Made
from tests.chaos.topology import OPERATOR_KEY, House

PAUSE_SECONDS = 0.08
AGAIN_SECONDS = 0.15
ANSWER_SECONDS = 12.0
PATIENCE_SECONDS = 60.0
MOST_REQUESTS = 8000
MOST_SECONDS = 90.0
AS_OPERATOR = {"Authorization": f"Bearer {OPERATOR_KEY}"}
SCOPES = "cds_client_admin ple_grid_status"
OPERATOR_API = "/operator/api/v1"

Ask = Callable[[int], dict[str, Any]]
"""The request of an attempt, by its number."""


class Load:
    """Callers, and what they have seen.

    Args:
        house: Where they send requests to.
        journal: Where they write down what becomes of them.
        callers: How many there are.
    """

    def __init__(self, house: House, journal: Journal, callers: int) -> None:
        self.house = house
        self.journal = journal
        self.over = False
        self.http = httpx.AsyncClient(
            timeout=ANSWER_SECONDS, trust_env=False, limits=httpx.Limits(max_keepalive_connections=50)
        )
        self._callers = [Caller(self, number) for number in range(callers)]
        self._tasks: list[asyncio.Task[None]] = []
        self._turns = itertools.count()
        self._watch: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await asyncio.gather(*(caller.prepare() for caller in self._callers))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.over = True
        for task in (*self._tasks, *([self._watch] if self._watch else [])):
            task.cancel()
        await asyncio.gather(*self._tasks, *([self._watch] if self._watch else []), return_exceptions=True)
        await self.http.aclose()

    def start(self) -> None:
        """Let them begin."""
        deadline = time.monotonic() + MOST_SECONDS
        self._tasks = [asyncio.create_task(caller.work(deadline)) for caller in self._callers]
        self._watch = asyncio.create_task(self._watch_readiness())

    async def finish(self) -> None:
        """Let them end what they are about; raises what went wrong with one of them."""
        self.over = True
        await asyncio.gather(*self._tasks)

    async def quiet(self, seconds: float, limit_seconds: float) -> None:
        """Wait until nothing has failed for a while."""
        deadline = time.monotonic() + limit_seconds
        since = time.monotonic()
        while time.monotonic() < deadline:
            last = max([since, *(one.at for one in self.journal.failures[-1:])])
            if time.monotonic() - last >= seconds:
                return
            await asyncio.sleep(0.05)

    async def ask(self, kind: str, wanted: set[int], request: Ask) -> httpx.Response | None:
        """Send a request until it has one of the wanted answers; None when patience ends or the answer is wrong."""
        began = time.monotonic()
        for attempt in itertools.count():
            answer = await self._attempt(kind, request(attempt))
            if answer is not None and answer.status_code in wanted:
                self.journal.longest_outage = max(self.journal.longest_outage, time.monotonic() - began)
                return answer
            if (answer is not None and self._is_wrong(kind, answer)) or time.monotonic() - began > PATIENCE_SECONDS:
                break
            await asyncio.sleep(AGAIN_SECONDS)
        self.journal.given_up += 1
        return None

    async def _attempt(self, kind: str, request: dict[str, Any]) -> httpx.Response | None:
        """One request to the next server; None when nothing was answered."""
        journal = self.journal
        journal.requests += 1
        journal.sent[kind] += 1
        path = request.pop("path")
        try:
            return await self.http.request(url=self._next_server() + path, **request)
        except httpx.ConnectError:
            journal.failed("no connection", kind)
        except httpx.TimeoutException:
            journal.failed("no answer", kind)
        except httpx.TransportError:
            journal.failed("broken off", kind)
        return None

    def _next_server(self) -> str:
        """The URL of the one whose turn it is, among those that are ready as far as anybody knows."""
        ready = sorted(self.house.ready) or range(len(self.house.urls))
        return self.house.urls[ready[next(self._turns) % len(ready)]]

    def _is_wrong(self, kind: str, answer: httpx.Response) -> bool:
        """Only a 503 that says when to come back, and that it is not for good, is an answer that may come."""
        self.journal.failed(str(answer.status_code), kind)
        told = f"{kind}: {answer.status_code} {answer.text[:200]}"
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            self.journal.wrong.append(told)
            return True
        if not answer.headers.get("retry-after", "").isdecimal() or "temporarily_unavailable" not in answer.text:
            self.journal.wrong.append(f"unclear {told}")
        return False

    async def _watch_readiness(self) -> None:
        """A server that runs says that it is ready, whatever its store does."""
        while True:
            for number, url in enumerate(self.house.urls):
                try:
                    answer = await self.http.get(f"{url}/readyz")
                except httpx.TimeoutException:
                    continue  # it has much to do
                except httpx.TransportError:
                    self.house.ready.discard(number)
                    if number not in self.house.starting:
                        self.journal.wrong.append(f"server {number} does not say whether it is ready")
                else:
                    self.house.ready.add(number)
                    if answer.status_code != httpx.codes.OK:
                        self.journal.wrong.append(f"server {number} is not ready: {answer.status_code}")
            await asyncio.sleep(0.2)


@dataclass
class Caller:
    """A Client and the operator who looks after it."""

    load: Load
    number: int
    client_id: str = ""
    secret: str = ""
    token: str = ""
    grid_client_id: str = ""
    own: list[Made] = field(default_factory=list)
    """Messages that were confirmed."""
    decided: int = 0
    used: int = 0
    """How many names."""
    chance: random.Random = field(default_factory=random.Random)

    @property
    def bearer(self) -> dict[str, str]:
        """Who calls."""
        return {"Authorization": f"Bearer {self.token}"}

    async def prepare(self) -> None:
        """Register, before anything fails."""
        self.chance.seed(self.number)
        body = {"scope": SCOPES, "client_name": f"Caller {self.number}"}
        answer = await self._must("POST", "/oauth/register", json=body)
        self.client_id, self.secret = answer["client_id"], answer["client_secret"]
        form = {"grant_type": "client_credentials"}
        answer = await self._must("POST", "/oauth/token", data=form, auth=(self.client_id, self.secret))
        self.token = answer["access_token"]
        clients = (await self._must("GET", "/cds-api/v1/clients", headers=self.bearer))["clients"]
        self.grid_client_id = next(one["client_id"] for one in clients if one["scope"] == "ple_grid_status")

    async def _must(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        url = self.load.house.urls[self.number % len(self.load.house.urls)]
        answer = await self.load.http.request(method, url + path, timeout=60, **request)
        body: dict[str, Any] = answer.raise_for_status().json()
        return body

    async def work(self, deadline: float) -> None:
        """Do one thing after the other until told to end."""
        for step in self._steps():
            if self.load.over or time.monotonic() > deadline or self.load.journal.requests > MOST_REQUESTS:
                return
            await step()
            await asyncio.sleep(PAUSE_SECONDS)

    def _steps(self) -> Iterator[Callable[[], Awaitable[None]]]:
        work = (self.send_message, self.read_message, self.fetch_token, self.decide)
        rare = (self.register, self.make_grant)
        for number in itertools.count():
            yield from work
            yield rare[number % len(rare)]

    async def send_message(self) -> None:
        """A Message to the utility."""
        name = f"Question {self._next()}"
        body = {"type": "support_request", "previous_uri": None, "name": name, "description": "Where is it?"}
        request = {"method": "POST", "path": "/cds-api/v1/messages", "json": body}
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        answer = await self.load.ask("message", {201}, lambda _: {**request, "headers": self.bearer | headers})
        if answer:
            self.load.journal.add("message", self.client_id, answer.json()["message_id"], name)
            self.own.append(self.load.journal.made[-1])

    def _next(self) -> str:
        """A name that nobody else has."""
        self.used += 1
        return f"{self.number}-{self.used}"

    async def read_message(self) -> None:
        """What was confirmed is there: anything but a 200 or a 503 would be a lie."""
        if not self.own:
            return
        wanted = self.own[-1] if self.chance.random() < 0.5 else self.chance.choice(self.own)
        path = f"/cds-api/v1/messages/{wanted.id}"
        await self.load.ask("read", {200}, lambda _: {"method": "GET", "path": path, "headers": self.bearer})

    async def fetch_token(self) -> None:
        """A new access token, which is used from now on."""
        form, login = {"grant_type": "client_credentials"}, (self.client_id, self.secret)
        request = {"method": "POST", "path": "/oauth/token", "data": form, "auth": login}
        answer = await self.load.ask("token", {200}, lambda _: dict(request))
        if answer:
            self.token = answer.json()["access_token"]
            self.load.journal.add("token", self.client_id, "", "", self.token)

    async def register(self) -> None:
        """A new registration."""
        name = f"Client {self._next()}"
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        body = {"scope": SCOPES, "client_name": name}
        request = {"method": "POST", "path": "/oauth/register", "json": body, "headers": headers}
        answer = await self.load.ask("registration", {201}, lambda _: dict(request))
        if answer:
            made = answer.json()
            self.load.journal.add("registration", made["client_id"], made["client_id"], name, made["client_secret"])

    async def decide(self) -> None:
        """An operator completes the oldest open Message.

        After a failure a 409 says that this has happened, but not that it will last.
        """
        if self.decided >= len(self.own):
            return
        message, tried = self.own[self.decided], False
        path = f"{OPERATOR_API}/messages/{message.id}/decision"

        def request(attempt: int) -> dict[str, Any]:
            nonlocal tried
            tried = attempt > 0
            return {"method": "POST", "path": path, "json": {"status": "complete"}, "headers": AS_OPERATOR}

        answer = await self.load.ask("decision", {200, 409}, request)
        if answer and answer.status_code == httpx.codes.CONFLICT and not tried:
            self.load.journal.wrong.append(f"decision: 409 at the first attempt {answer.text[:200]}")
        self.decided += 1
        if answer and answer.is_success:
            self.load.journal.add("decision", self.client_id, message.id, message.name)

    async def make_grant(self) -> None:
        """An operator makes a Grant, once, however often it is asked for."""
        body = {"client_id": self.grid_client_id, "scope": "ple_grid_status"}
        headers = AS_OPERATOR | {"Idempotency-Key": str(uuid.uuid4())}
        request = {"method": "POST", "path": f"{OPERATOR_API}/grants", "json": body, "headers": headers}
        answer = await self.load.ask("grant", {201}, lambda _: dict(request))
        if answer:
            self.load.journal.add("grant", self.client_id, answer.json()["grant_id"], "")
