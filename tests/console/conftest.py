"""Operators of every role."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from tests.conftest import Server
from tests.console.desk import Desk


@pytest.fixture
async def desks(server: Server) -> AsyncIterator[dict[str, Desk]]:
    """An admin, somebody of support and a viewer, each in front of a browser."""
    async with AsyncExitStack() as stack:
        yield {
            role: await (await stack.enter_async_context(Desk(server))).sign_in(server, role)
            for role in ("admin", "support", "viewer")
        }


@pytest.fixture
def admin(desks: dict[str, Desk]) -> Desk:
    """Who may do everything."""
    return desks["admin"]


@pytest.fixture
def support(desks: dict[str, Desk]) -> Desk:
    """Who may read and write Messages."""
    return desks["support"]


@pytest.fixture
def viewer(desks: dict[str, Desk]) -> Desk:
    """Who may read."""
    return desks["viewer"]
