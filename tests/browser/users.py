"""A person in front of a browser, with what people do there."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Browser, Dialog, Page, Response

MARA = ("mara.lind@customers.example", "winter-wheat", "Mara Lind")
SCHOOL = ("facilities@lakeside-school.example", "chalk-and-slate", "Lakeside School District")
ACTION_MS = 120_000
EXPECTED = re.compile(r"Failed to load resource: the server responded with a status of 4\d\d")
"""What Chromium says about pages that are errors."""
MAX_STOPS = 30
FOCUSED = """() => {
  const element = document.activeElement, text = element.labels?.[0]?.innerText ?? element.innerText
  return [text.replace(/\\s+/g, ' '), getComputedStyle(element).outlineStyle]
}"""

OpenUser = Callable[..., Awaitable["User"]]


@dataclass
class User:
    """Somebody with a browser window.

    Args:
        page: What Playwright sees in it.
        issuer: The utility that the user is a customer of.
        complaints: What the browser has refused to do, and dialogs that came up.
    """

    page: Page
    issuer: str
    complaints: list[str] = field(default_factory=list)

    async def go(self, url: str) -> Response:
        """Open an address; a path is one of the utility."""
        response = await self.page.goto(url if "://" in url else self.issuer + url)
        assert response
        return response

    async def sign_in(self, account: tuple[str, str, str] = MARA) -> None:
        """Fill in the form in view and send it."""
        await self.page.get_by_label("Username").fill(account[0])
        await self.page.get_by_label("Password").fill(account[1])
        await self.press("Sign in")

    async def press(self, name: str) -> None:
        """Press a button, and wait for the page that it leads to."""
        async with self.page.expect_navigation():
            await self.page.get_by_role("button", name=name, exact=True).click()

    async def press_twice(self, name: str) -> None:
        """Double-click a button. What comes of it is waited for by what it looks like: the second click breaks off the
        navigation of the first, and it depends on the moment which of the two leads on.
        """
        await self.page.get_by_role("button", name=name, exact=True).dblclick(no_wait_after=True)

    async def follow(self, name: str) -> None:
        """Click a link, and wait for its page."""
        async with self.page.expect_navigation():
            await self.page.get_by_role("link", name=name, exact=True).click()

    async def tab_to(self, name: str) -> None:
        """Press Tab until the field or button with that name has the focus; every stop on the way shows an outline."""
        for _ in range(MAX_STOPS):
            await self.page.keyboard.press("Tab")
            name_here, outline = await self.page.evaluate(FOCUSED)
            assert outline != "none", f"nobody sees that {name_here} has the focus"
            if name_here == name:
                return
        raise AssertionError(f"no way to {name}")

    async def authorize(self, url: str, account: tuple[str, str, str] = MARA) -> str:
        """Go through an authorization request: sign in, approve. Where that ends."""
        await self.go(url)
        await self.sign_in(account)
        await self.press("Approve")
        return self.page.url

    async def heading(self) -> str:
        """The main heading of the page in view."""
        return await self.page.locator("h1").inner_text()

    async def text(self) -> str:
        """What can be read in the page in view."""
        return await self.page.locator("body").inner_text()

    async def facts(self) -> dict[str, str]:
        """The terms and descriptions in the page in view."""
        terms = await self.page.locator("dl > div").all()
        texts = [(await one.locator("dt").inner_text(), await one.locator("dd").all_inner_texts()) for one in terms]
        return {term: "\n".join(descriptions) for term, descriptions in texts}

    async def leave(self) -> None:
        """Close the browser, which has had nothing to complain about."""
        await self.page.context.close()
        assert not self.complaints


async def open_user(browser: Browser, issuer: str, **options: Any) -> User:
    """A user with an empty browser; options are those of Playwright's contexts."""
    context = await browser.new_context(**({"locale": "en-US"} | options))
    context.set_default_timeout(ACTION_MS)
    user = User(await context.new_page(), issuer)

    async def dismiss(dialog: Dialog) -> None:
        user.complaints.append(f"{dialog.type}: {dialog.message}")
        await dialog.dismiss()

    def note(kind: str, text: str) -> None:
        if kind == "error" and not EXPECTED.match(text):
            user.complaints.append(text)

    user.page.on("dialog", dismiss)
    user.page.on("console", lambda message: note(message.type, message.text))
    user.page.on("pageerror", lambda error: note("error", str(error)))
    return user
