"""The two ASGI applications that our figures are compared with; `STORE_SOCKET` names the Valkey of the second."""

import os

from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

redis = Redis(unix_socket_path=os.environ["STORE_SOCKET"])


async def bare(_: Request) -> JSONResponse:
    """A JSON object, encoded each time."""
    return JSONResponse({"status": "ok", "items": [1, 2, 3]})


async def one_get(_: Request) -> JSONResponse:
    """The same with one Redis GET, redis-py as it comes."""
    value = await redis.get("yardstick")
    return JSONResponse({"status": "ok", "value": str(value, "utf-8") if isinstance(value, bytes) else None})


app = Starlette(routes=[Route("/bare", bare), Route("/get", one_get)])
