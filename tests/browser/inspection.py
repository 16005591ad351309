"""A look at a page from all sides: by axe-core, on screens of several sizes, in the light and in the dark.

`SCREENSHOTS=some/directory` keeps a picture of each page for the eye.
"""

import functools
import os
from pathlib import Path

from playwright.async_api import Page

from tests.node import TESTS, require_node

PROJECT = TESTS / "browser" / "axe"
DESK, PHONE, NARROWEST = (
    {"width": 1280, "height": 800},
    {"width": 390, "height": 844},
    {"width": 320, "height": 640},
)
VIEWS = {"desk-light": DESK, "phone-dark": PHONE}
"""Each size and each colour scheme once: the one is about places, the other about colours."""
MORE_VIEWS = {"desk-dark": DESK, "phone-light": PHONE}
"""For the eye."""
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LOOKS = ["color-contrast", "link-in-text-block", "target-size", "scrollable-region-focusable"]
"""The rules about colours and places. All others find the same as long as the same elements are visible."""
VISIBLE = "() => Array.from(document.querySelectorAll('*'), one => Number(one.checkVisibility())).join('')"
RUN = """async rules => (await axe.run({runOnly: rules, resultTypes: ['violations']})).violations.map(
  one => `${one.impact}: ${one.id}: ${one.nodes.map(node => node.target + ' ' + node.failureSummary).join('; ')}`)"""
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@functools.cache
def axe() -> str:
    """The source of axe-core."""
    require_node(PROJECT)
    return (PROJECT / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


async def inspect(page: Page, name: str) -> None:
    """Fail when the page in view keeps somebody out, or has to be moved sideways to be read on a narrow screen."""
    kept = os.environ.get("SCREENSHOTS")
    await page.evaluate(axe())
    seen = set()
    for view, size in (VIEWS | (MORE_VIEWS if kept else {})).items():
        await page.set_viewport_size(size)
        await page.emulate_media(color_scheme="dark" if "dark" in view else "light")
        visible = await page.evaluate(VISIBLE)
        assert await page.evaluate(RUN, LOOKS if visible in seen else RULES) == [], f"{name}, {view}"
        seen.add(visible)
        if kept:
            await page.screenshot(path=Path(kept) / f"{name}-{view}.png", full_page=True)
    await page.set_viewport_size(NARROWEST)
    assert await page.evaluate(OVERFLOW) <= 0, name
    await page.set_viewport_size(DESK)
