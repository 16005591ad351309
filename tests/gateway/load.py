"""Clients that ask all the while: each registers, gets a token, writes a Message and looks, again and again."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import httpx

CLIENTS = 4
PAUSE_SECONDS = 0.05
ANSWER_SECONDS = 60.0


@dataclass
class Load:
    """What was asked, and what went wrong.

    Args:
        http: Sends to the gateway.
    """

    http: httpx.AsyncClient
    requests: int = 0
    failures: list[str] = field(default_factory=list)
    registration_ids: list[str] = field(default_factory=list)
    message_ids: list[str] = field(default_factory=list)
    _goes_on: bool = True
    _awake: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Go on until `stop`."""
        self._awake.set()
        await asyncio.gather(*(self._client() for _ in range(CLIENTS)))

    def stop(self) -> None:
        """Finish what is under way."""
        self._goes_on = False
        self._awake.set()

    def rest(self) -> None:
        """Ask nothing for a while: what takes long elsewhere is not to cost requests."""
        self._awake.clear()

    def go_on(self) -> None:
        """Ask again."""
        self._awake.set()

    async def until(self, requests: int) -> None:
        """Wait for so many more answers."""
        goal = self.requests + requests
        async with asyncio.timeout(ANSWER_SECONDS):
            while self.requests < goal:  # noqa: ASYNC110 -- an event for every answer would be one for nobody
                await asyncio.sleep(PAUSE_SECONDS)

    async def _client(self) -> None:
        while self._goes_on:
            await self._life()

    async def _life(self) -> None:
        """One registration; given up at the first answer that is not as it should be."""
        registered = await self._ask(201, "POST", "/oauth/register", json={"scope": "cds_client_admin"})
        if not registered:
            return
        self.registration_ids.append(registered["client_id"])
        token = await self._ask(
            200,
            "POST",
            "/oauth/token",
            data={"grant_type": "client_credentials"},
            auth=(registered["client_id"], registered["client_secret"]),
        )
        if not token:
            return
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        letter = {"previous_uri": None, "type": "support_request", "name": "Help", "description": "Still there?"}
        for _ in range(3):
            message = await self._ask(201, "POST", "/cds-api/v1/messages", json=letter, headers=headers)
            if message:
                self.message_ids.append(message["message_id"])
            await self._ask(200, "GET", "/cds-api/v1/clients", headers=headers)

    async def _ask(self, status: int, method: str, path: str, **kwargs: Any) -> dict[str, Any] | None:
        await asyncio.sleep(PAUSE_SECONDS)
        await self._awake.wait()
        try:
            answer = await self.http.request(method, path, **kwargs)
        except httpx.HTTPError as error:
            self.failures.append(f"{method} {path}: {error!r}")
            return None
        finally:
            self.requests += 1
        if answer.status_code != status:
            self.failures.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
            return None
        body: dict[str, Any] = answer.json()
        return body
