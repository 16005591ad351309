"""Operators of a server in a test, who call the operator API with a key of their own."""

import itertools
from dataclasses import dataclass
from typing import Any

import httpx

from app.crypto.tokens import Randomness
from app.domain import operators
from app.domain.feed import Actor
from app.domain.operators import Role
from tests.conftest import Server

API = "/operator/api/v1"
ROOT = Actor(name="root", role="admin", via="cli")
"""Who makes the operators of tests, as the command `cds-server operator add` does."""

_numbers = itertools.count(1)


@dataclass
class OperatorClient:
    """An operator with a key; paths may be given below the operator API: `get("/messages")`."""

    server: Server
    name: str
    role: Role
    key: str

    async def call(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        """A call with the key."""
        headers = {"Authorization": f"Bearer {self.key}"} | kwargs.pop("headers", {})
        url = path if path.startswith((API, "http")) else API + path
        return await self.server.http.request(method, url, headers=headers, **kwargs)

    async def get(self, path: str, **kwargs: Any) -> httpx.Response:
        """GET with the key."""
        return await self.call("GET", path, **kwargs)

    async def post(self, path: str, json: Any = None, **kwargs: Any) -> httpx.Response:
        """POST with the key."""
        return await self.call("POST", path, json=json, **kwargs)

    async def patch(self, path: str, json: Any = None, **kwargs: Any) -> httpx.Response:
        """PATCH with the key."""
        return await self.call("PATCH", path, json=json, **kwargs)

    async def delete(self, path: str, **kwargs: Any) -> httpx.Response:
        """DELETE with the key."""
        return await self.call("DELETE", path, **kwargs)


async def operator_of(server: Server, role: str = "admin", name: str = "") -> OperatorClient:
    """A new operator of a server; without a name one that nobody else has."""
    assert server.service.state
    store = server.service.state["operators"].store
    named = name or f"{role}-{next(_numbers)}"
    key = await operators.add(store, Randomness(), ROOT, named, Role(role), now=server.clock.now)
    assert key, f"there is an operator {named} already"
    return OperatorClient(server, named, Role(role), key)
