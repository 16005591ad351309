"""The first page of the console: what waits, and how the server is doing."""

from starlette.requests import Request

from app.console.shell import CONSOLE, console_page, console_route, signed_in
from app.web.answers import Answer
from app.web.state import State


async def show(request: Request[State]) -> Answer:
    """GET."""
    await signed_in(request)
    return console_page(request, "overview.html", title="Overview")


routes = [console_route(CONSOLE, GET=show)]
