"""Pages as a user's browser sees them: forms, links and text; and a browser that keeps cookies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import httpx

from tests.conftest import Server
from tests.html_validity import require_valid

VOID = {"meta", "input", "img", "br", "hr", "link"}


@dataclass
class Form:
    """A form with the values that it would be sent with."""

    method: str
    action: str
    values: dict[str, str] = field(default_factory=dict)
    button: str = ""
    buttons: dict[str, dict[str, str]] = field(default_factory=dict)
    """What each button adds to the values, by its text."""
    enctype: str = ""


class View(HTMLParser):
    """What stands in a page, which has to be valid HTML."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__()
        self.response = response
        self.forms: list[Form] = []
        self.links: dict[str, dict[str, str]] = {}
        self.images: list[dict[str, str]] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.title = ""
        self._open: list[str] = []
        self._field = ""
        self._button: dict[str, str] = {}
        self._link: dict[str, str] | None = None
        self.feed(response.text)
        assert not self._open, f"not closed: {self._open}"
        if "x-request-id" in response.headers:  # Pages of identity providers are not ours.
            require_valid(response.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.attributes += list(values.items())
        if tag in {"form", "input", "textarea", "select", "option", "button"}:
            self._note_control(tag, values)
        elif tag == "img":
            self.images.append(values)
        elif tag == "a":
            self._link = values
        if tag not in VOID:
            self._open.append(tag)

    def _note_control(self, tag: str, values: dict[str, str]) -> None:
        """A form, or something in it that has a value."""
        if tag == "form":
            self.forms.append(
                Form(values.get("method", "get"), values.get("action", ""), enctype=values.get("enctype", ""))
            )
        elif tag == "input" and "name" in values:
            if values.get("type") not in {"checkbox", "radio", "file"} or "checked" in values:
                self.forms[-1].values[values["name"]] = values.get("value", "")
        elif tag == "textarea":
            self._field = values["name"]
            self.forms[-1].values[self._field] = ""
        elif tag == "select":
            self._field = values["name"]
        elif tag == "option" and ("selected" in values or self._field not in self.forms[-1].values):
            self.forms[-1].values[self._field] = values.get("value", "")
        elif tag == "button":
            self._button = values

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, f"{tag} is closed out of order"
        if tag == "a":
            self._link = None

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            return
        if "textarea" in self._open:
            form = self.forms[-1]
            form.values[self._field] = (form.values[self._field] + data).removeprefix("\n")
        text = " ".join(data.split())
        if "title" in self._open and "head" in self._open:
            self.title += text
        if self._link is not None and text:
            self.links.setdefault(text, self._link)
            self._link = None
        if "button" in self._open and "form" in self._open and self._button.get("type", "submit") == "submit":
            self._add_to_button(text)
        self.text += f"{text} " if text else ""

    def _add_to_button(self, text: str) -> None:
        """Text of a button that sends its form; a name for the ear alone comes in a second piece."""
        form = self.forms[-1]
        form.button += text
        before = next((name for name, button in form.buttons.items() if button is self._button), "")
        form.buttons.pop(before, None)
        form.buttons[f"{before} {text}".strip()] = self._button

    def form(self, button: str) -> Form:
        """The form that this button sends."""
        return next(one for one in self.forms if button in {one.button, *one.buttons})

    @property
    def policy(self) -> dict[str, list[str]]:
        """The content security policy."""
        parts = (part.split() for part in self.response.headers["content-security-policy"].split(";"))
        return {part[0]: part[1:] for part in parts}


class UserBrowser:
    """A browser with cookies of its own."""

    def __init__(self, server: Server, *, keeps_cookies: bool = True) -> None:
        self.base = server.settings.public_url
        self.keeps_cookies = keeps_cookies
        transport = httpx.ASGITransport(app=server.service, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url=self.base)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.http.aclose()

    async def send(self, method: str, url: str, **kwargs: Any) -> httpx.Response:
        """One request; no redirect is followed."""
        if not self.keeps_cookies:
            self.http.cookies.clear()
        return await self.http.request(method, urljoin(self.base + "/", url), follow_redirects=False, **kwargs)

    async def follow(self, response: httpx.Response) -> httpx.Response:
        """Follow redirects while they stay at the server."""
        while response.status_code in {302, 303} and self._is_own(response.headers["location"]):
            response = await self.send("GET", urljoin(str(response.url), response.headers["location"]))
        return response

    async def open(self, url: str) -> View:
        """Go to an address of the server and end on a page."""
        return View(await self.follow(await self.send("GET", url)))

    async def submit(
        self, view: View, button: str, *, files: Mapping[str, tuple[str, bytes, str]] | None = None, **values: str
    ) -> httpx.Response:
        """Fill in a form and press its button, as a browser does it; no redirect is followed.

        Args:
            files: Name, content and type of files that are chosen, by the name of their input.
        """
        form = view.form(button)
        headers = {"Origin": self.origin, "Sec-Fetch-Site": "same-origin"}
        action = urljoin(str(view.response.url), form.action)
        pressed = form.buttons.get(button, {})
        named = {pressed["name"]: pressed.get("value", "")} if "name" in pressed else {}
        entered = form.values | named | values
        if form.method == "get":
            return await self.send("GET", action, params=entered, headers=headers)
        if form.enctype == "multipart/form-data":
            parts = {name: (None, value.encode(), None) for name, value in entered.items()}
            return await self.send("POST", action, files=parts | dict(files or {}), headers=headers)
        return await self.send(form.method.upper(), action, data=entered, headers=headers)

    async def press(
        self, view: View, button: str, *, files: Mapping[str, tuple[str, bytes, str]] | None = None, **values: str
    ) -> View:
        """Like `submit`, and on to the page that it leads to."""
        return View(await self.follow(await self.submit(view, button, files=files, **values)))

    @property
    def origin(self) -> str:
        """What the browser names as the origin of the server's own pages."""
        parts = urlsplit(self.base)
        return f"{parts.scheme}://{parts.netloc}"

    def _is_own(self, location: str) -> bool:
        return urljoin(self.base, location).startswith(self.origin + "/")
