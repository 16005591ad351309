"""An operator in front of the console, and a Client with something on every page of it."""

from typing import Any, Self
from urllib.parse import urljoin

import httpx

from tests.conftest import Server
from tests.html_pages import UserBrowser, View
from tests.operators import operator_of

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'"
"""What a Client writes wherever it may write something."""


class Desk(UserBrowser):
    """An operator who has signed in with a key."""

    name: str

    async def sign_in(self, server: Server, role: str) -> Self:
        """Come with a new key of that role."""
        operator = await operator_of(server, role)
        self.name = operator.name
        page = await self.open("/console/sign-in?next=/console/mails")
        page = await self.press(page, "Sign in", key=operator.key)
        assert page.response.status_code == 200, page.text
        return self

    async def choose(self, view: View, action: str, button: dict[str, str], **values: str) -> httpx.Response:
        """Send the form with this action by a button that says something; no redirect is followed."""
        form = next(one for one in view.forms if one.action.endswith(action))
        return await self.post(urljoin(str(view.response.url), form.action), form.values | values | button)

    async def post(self, url: str, data: dict[str, Any], **kwargs: Any) -> httpx.Response:
        """A form of our own page; no redirect is followed."""
        headers = {"Origin": self.origin, "Sec-Fetch-Site": "same-origin"}
        return await self.send("POST", url, data=data, headers=headers, **kwargs)

    async def send_files(self, url: str, values: dict[str, str], *files: tuple[str, bytes, str]) -> httpx.Response:
        """A form with a field for files, `attachment` or `file`, after its other fields; without any it is empty.

        Args:
            files: Name, bytes and type of each.
        """
        field = "file" if url.endswith("/files") else "attachment"
        parts = [(f'name="{name}"', "", value.encode()) for name, value in values.items()]
        parts += [
            (f'name="{field}"; filename="{name}"', f"Content-Type: {type_}\r\n", content)
            for name, content, type_ in files or [("", b"", "application/octet-stream")]
        ]
        head = "--limit\r\nContent-Disposition: form-data; "
        body = b"".join(f"{head}{name}\r\n{type_}\r\n".encode() + content + b"\r\n" for name, type_, content in parts)
        headers = {
            "Origin": self.origin,
            "Sec-Fetch-Site": "same-origin",
            "Content-Type": "multipart/form-data; boundary=limit",
        }
        return await self.send("POST", url, content=body + b"--limit--\r\n", headers=headers)

    async def after(self, response: httpx.Response) -> View:
        """The page that an answer leads to."""
        return View(await self.follow(response))

    async def token(self) -> str:
        """What every form of this session carries."""
        page = await self.open("/console/mails")
        return next(form.values["form_token"] for form in page.forms if "form_token" in form.values)
